//! The ids of all sources: their hashes, as far as the tables know them, with their positions in the new run.

use super::error::MergeError;
use crate::run::{ReadAhead, Run};
use crate::write::{HashOrder, Pair, bucket_bits, bucket_of};
use annals_format::Damage;
use annals_format::run::{TABLE_WORD_BYTES, TableShape};
use annals_types::Position;
use std::sync::Arc;

/// Entries that are looked at at a time.
const PIECE_ENTRIES: u64 = 512;

/// Reads the tables of ids side by side, a stretch of the hashes at a time. They are sorted, so nothing has to be kept.
///
/// A bucket is as large as chance makes it, unless one id was given to very many events: all of its entries are in one.
pub(super) struct MergedIds {
    bits: u32,
    tables: Vec<IdTable>,
}

struct IdTable {
    run: Arc<Run>,
    /// How far its positions lie behind those of the new run.
    base: u64,
    /// The entry that comes next.
    next: u64,
    ahead: ReadAhead,
}

impl MergedIds {
    pub(super) fn new(sources: &[Arc<Run>], first_position: Position, memory_bytes: usize) -> Self {
        let ids = sources.iter().fold(0u64, |ids, run| ids.saturating_add(run.id_count()));
        let table = |run: &Arc<Run>| IdTable {
            run: Arc::clone(run),
            base: run.first_position().events_since(first_position),
            next: 0,
            ahead: ReadAhead::default(),
        };
        MergedIds { bits: bucket_bits(ids, memory_bytes), tables: sources.iter().map(table).collect() }
    }

    /// The shape of the table of all ids.
    pub(super) fn shape(sources: &[Arc<Run>], count: u64) -> TableShape {
        let tables = || sources.iter().map(|run| run.trailer().id_table).filter(|table| table.entries > 0);
        let ids = tables().fold(0u64, |ids, table| ids.saturating_add(table.entries));
        let mut shape = TableShape::new(ids, count);
        // A source may know less of its hashes than it could, though not if this program wrote it.
        shape.value_bits = tables().fold(shape.value_bits, |bits, table| bits.max(table.value_bits));
        shape.bucket_bits = shape.bucket_bits.min(u64::BITS as u8 - shape.value_bits);
        shape
    }
}

impl HashOrder for MergedIds {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn load(&mut self, bucket: usize, out: &mut Vec<Pair>) -> Result<(), MergeError> {
        let bits = self.bits;
        for (number, table) in self.tables.iter_mut().enumerate() {
            table.load(bits, bucket, out).map_err(MergeError::damage_in(number))?;
        }
        Ok(())
    }
}

impl IdTable {
    fn load(&mut self, bits: u32, bucket: usize, out: &mut Vec<Pair>) -> Result<(), Damage> {
        if bucket == 0 {
            (self.next, self.ahead) = (0, ReadAhead::default());
        }
        let (shape, count) = (self.run.trailer().id_table, self.run.event_count());
        while self.next < shape.entries {
            self.run.read_ids_ahead(&mut self.ahead, self.next);
            let end = shape.entries.min(self.next + PIECE_ENTRIES);
            let words = self.run.id_entries(self.next..end)?;
            for word in words.as_chunks::<8>().0 {
                let entry = u64::from_le_bytes(*word);
                let (found, value) = (bucket_of(entry, bits), shape.value(entry));
                if found > bucket {
                    return Ok(());
                }
                let at = self.run.id_entries_start() + self.next * TABLE_WORD_BYTES;
                if found < bucket {
                    return Err(Damage::new(at, "order of the id table", found as u64, bucket as u64));
                }
                if value >= count {
                    return Err(Damage::new(at, "position in the id table", value, count));
                }
                out.push((shape.entry(entry, 0), self.base + value));
                self.next += 1;
            }
        }
        Ok(())
    }
}
