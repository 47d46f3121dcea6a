//! The ids of all sources: their hashes, as far as they are known anywhere, with their positions in the new run.

use super::error::MergeError;
use crate::run::{IDS_TOGETHER, ReadAhead, Run};
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
    /// The first position of the new run.
    first_position: Position,
    /// Buckets of the table that were entered. The last one of them goes up to, and without, entry `end`.
    entered: u64,
    end: u64,
    /// The entry that comes next.
    next: u64,
    directory_ahead: ReadAhead,
    ahead: ReadAhead,
}

impl MergedIds {
    /// `ids` is how many there are.
    pub(super) fn new(sources: &[Arc<Run>], first_position: Position, ids: u64, memory_bytes: usize) -> Self {
        let table = |run: &Arc<Run>| IdTable {
            first_position: if planted(Bug::MergedIdsNotRebased) {
                run.first_position()
            } else {
                first_position
            },
            run: Arc::clone(run),
            entered: 0,
            end: 0,
            next: 0,
            directory_ahead: ReadAhead::default(),
            ahead: ReadAhead::default(),
        };
        MergedIds { bits: bucket_bits(ids, memory_bytes), tables: sources.iter().map(table).collect() }
    }
}

/// Counts the ids of all sources. Of whole runs that is known; of those with a window each id is looked at, a stretch at a time.
pub(super) struct CountedIds {
    ids: u64,
    /// The source that is being counted, and its next entry.
    source: usize,
    next: u64,
}

impl CountedIds {
    pub(super) fn new() -> Self {
        CountedIds { ids: 0, source: 0, next: 0 }
    }

    /// Counts on for a stretch; says how many there are once all are counted.
    pub(super) fn step(&mut self, sources: &[Arc<Run>]) -> Result<Option<u64>, MergeError> {
        let Some(run) = sources.get(self.source) else { return Ok(Some(self.ids)) };
        let (all, end) = (run.id_count(), run.id_count().min(self.next + IDS_TOGETHER));
        let (counted, next) = if run.is_whole() {
            (all, all)
        } else {
            (run.count_ids_of(self.next..end).map_err(MergeError::damage_in(self.source))?, end)
        };
        self.ids = self.ids.saturating_add(counted);
        (self.source, self.next) = if next >= all { (self.source + 1, 0) } else { (self.source, next) };
        Ok(None)
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
        let (shape, count) = (self.run.trailer().id_table, self.run.trailer().count);
        let first = self.run.trailer().first_position;
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
                if self.run.shows(value) {
                    out.push((hash, first.plus(value).events_since(self.first_position)));
                }
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
