//! The ids of all sources: their hashes, as far as they are known anywhere, with their positions in the new run.

use super::error::MergeError;
use crate::run::{ReadAhead, Run};
use crate::write::{HashOrder, Pair, bucket_bits, bucket_of};
use annals_format::Damage;
use annals_format::run::{ID_HASH_BITS, TableShape};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::sync::Arc;

/// Entries that are looked at at a time.
const PIECE_ENTRIES: u64 = 512;
/// The bits of a hash that are zero in every table.
const UNKNOWN: u64 = u64::MAX >> ID_HASH_BITS;

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
    /// Buckets of the table that were entered. The last one of them goes up to, and without, entry `end`.
    entered: u64,
    end: u64,
    /// The entry that comes next.
    next: u64,
    directory_ahead: ReadAhead,
    ahead: ReadAhead,
}

impl MergedIds {
    pub(super) fn new(sources: &[Arc<Run>], first_position: Position, memory_bytes: usize) -> Self {
        let ids = sources.iter().fold(0u64, |ids, run| ids.saturating_add(run.id_count()));
        let table = |run: &Arc<Run>| IdTable {
            run: Arc::clone(run),
            base: if planted(Bug::MergedIdsNotRebased) {
                0
            } else {
                run.first_position().events_since(first_position)
            },
            entered: 0,
            end: 0,
            next: 0,
            directory_ahead: ReadAhead::default(),
            ahead: ReadAhead::default(),
        };
        MergedIds { bits: bucket_bits(ids, memory_bytes), tables: sources.iter().map(table).collect() }
    }

    /// The shape of the table of all ids.
    pub(super) fn shape(sources: &[Arc<Run>], count: u64) -> TableShape {
        TableShape::of_ids(sources.iter().fold(0u64, |ids, run| ids.saturating_add(run.id_count())), count)
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
            (self.entered, self.end, self.next) = (0, 0, 0);
            (self.directory_ahead, self.ahead) = (ReadAhead::default(), ReadAhead::default());
        }
        let (shape, count) = (self.run.trailer().id_table, self.run.event_count());
        while self.next < shape.entries {
            while self.next == self.end {
                self.enter(&shape)?;
            }
            self.run.read_ids_ahead(&mut self.ahead, self.next);
            let end = self.end.min(self.next + PIECE_ENTRIES);
            for entry in shape.entries_in(self.run.id_entries(self.next..end)?) {
                let (hash, value) = (shape.hash(self.entered - 1, entry), shape.value(entry));
                let found = bucket_of(hash, bits);
                if found > bucket {
                    return Ok(());
                }
                if found < bucket {
                    return Err(self.damage("order of the id table", found as u64, bucket as u64));
                }
                if value >= count {
                    return Err(self.damage("position in the id table", value, count));
                }
                if hash & UNKNOWN != 0 {
                    return Err(self.damage("hash in the id table", hash, hash & !UNKNOWN));
                }
                out.push((hash, self.base + value));
                self.next += 1;
            }
        }
        Ok(())
    }

    /// Goes on to the next bucket of the table.
    fn enter(&mut self, shape: &TableShape) -> Result<(), Damage> {
        let at = self.run.id_directory_at(self.entered);
        if self.entered == shape.buckets() {
            return Err(Damage::new(at, "end of the last bucket", self.end, shape.entries));
        }
        self.run.read_id_directory_ahead(&mut self.directory_ahead, self.entered);
        let entries = self.run.id_bucket(self.entered)?;
        if entries.start != self.end {
            return Err(Damage::new(at, "start of a bucket", entries.start, self.end));
        }
        (self.entered, self.end) = (self.entered + 1, entries.end);
        Ok(())
    }

    #[cold]
    fn damage(&self, what: &'static str, found: u64, expected: u64) -> Damage {
        Damage::new(self.run.id_entry_at(self.next), what, found, expected)
    }
}
