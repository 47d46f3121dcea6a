//! A written file: records in the order in which they were put, found through an index in memory.

use crate::walk::{Piece, Walk};
use crate::window::Source;
use annals_format::snapshot::{SnapshotEntry, SnapshotFileHeader, SnapshotHead, SnapshotKey};
use annals_format::{Binding, Damage, names};
use annals_types::{Timestamp, Version};
use annals_vfs::File;
use annals_vfs::sync::RwLock;
use annals_vfs::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::ops::{Bound, Range};
use std::sync::Arc;

/// Stretches of damage that are remembered of a file.
const BAD_MAX: usize = 16;

/// What snapshots are sorted by: [`SnapshotEntry::order`].
pub(crate) type Order = (SnapshotKey, Reverse<Version>, Reverse<u64>);

/// A written file. It may still grow: by whoever writes it, or found anew by whoever reads beside.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: u64,
    pub(crate) header: SnapshotFileHeader,
    pub(crate) binding: Binding,
    pub(crate) file: Arc<dyn File>,
    index: RwLock<Index>,
    /// Whether this process wrote all of it and no write or sync has failed, so that a sync says what it says. What another
    /// process left may have a sync behind it that failed, and no later one brings back what that one lost.
    pub(crate) trusted: AtomicBool,
    /// Up to where it is known to be durable.
    pub(crate) durable: AtomicU64,
}

#[derive(Debug, Default)]
struct Index {
    entries: BTreeMap<Order, Place>,
    /// Where the records end.
    end: u64,
    /// Damage that no crash explains: in front of a place up to which the file had been durable.
    bad: Vec<Damage>,
    last_sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    length: u64,
    occurred_max: Timestamp,
}

impl Written {
    /// A new one, with nothing in it yet.
    pub(crate) fn begin(header: SnapshotFileHeader, file: Arc<dyn File>) -> Self {
        let written = Self::new(header, file);
        written.trusted.store(true, Ordering::Relaxed);
        written
    }

    /// One that is there, read up to `length`.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn scan(header: SnapshotFileHeader, file: Arc<dyn File>, length: u64) -> io::Result<Self> {
        let written = Self::new(header, file);
        written.catch_up(length)?;
        Ok(written)
    }

    fn new(header: SnapshotFileHeader, file: Arc<dyn File>) -> Self {
        let end = header.length() as u64;
        Written {
            id: header.file_id,
            binding: header.binding(),
            header,
            file,
            index: RwLock::new(Index { end, ..Index::default() }),
            trusted: AtomicBool::new(false),
            durable: AtomicU64::new(0),
        }
    }

    /// Takes in the records that lie behind those that are known, up to `length`. What ends the file without being a whole
    /// record is the torn tail of a crash, or is being written.
    ///
    /// # Errors
    /// What the system says; then nothing is taken in.
    pub(crate) fn catch_up(&self, length: u64) -> io::Result<()> {
        let start = self.end();
        let mut walk =
            Walk::new(Source::File(Arc::clone(&self.file)), start..length.max(start), self.binding);
        let (mut found, mut bad, mut durable, mut end) = (Vec::new(), Vec::new(), 0, start);
        while let Some(piece) = walk.next()? {
            match piece {
                Piece::Record(offset, head) => {
                    durable = durable.max(head.durable);
                    let entry = entry_of(&head, offset, &self.header);
                    match walk.check_payload(offset, &head)? {
                        // The end of the records moves over damage only together with a record behind it: at the end of
                        // the file this may be a record that is just being written.
                        Err(damage) => bad.push((offset, damage)),
                        Ok(()) => {
                            end = walk.offset();
                            found.push(entry);
                        }
                    }
                }
                Piece::Bad(range, damage) => bad.push((range.start, damage)),
            }
        }
        let mut index = self.index.write();
        if index.end != start {
            // Another thread was faster.
            return Ok(());
        }
        index.end = end;
        bad.retain(|(offset, _)| *offset < durable);
        let room = BAD_MAX.saturating_sub(index.bad.len());
        index.bad.extend(bad.into_iter().take(room).map(|(_, damage)| damage));
        found.iter().for_each(|entry| index.insert(entry));
        Ok(())
    }

    /// Takes in a record that was written.
    pub(crate) fn insert(&self, entry: &SnapshotEntry) {
        let mut index = self.index.write();
        index.insert(entry);
        index.end = entry.offset + entry.length;
    }

    /// The first entry behind, or at, a place in the order.
    pub(crate) fn entry_from(&self, from: Bound<Order>) -> Option<SnapshotEntry> {
        let index = self.index.read();
        let (order, place) = index.entries.range((from, Bound::Unbounded)).next()?;
        Some(SnapshotEntry {
            key: order.0,
            version: order.1.0,
            sequence: order.2.0,
            occurred_max: place.occurred_max,
            offset: place.offset,
            length: place.length,
        })
    }

    /// Where the records end.
    pub(crate) fn end(&self) -> u64 {
        self.index.read().end
    }

    /// How many snapshots there are.
    pub(crate) fn count(&self) -> u64 {
        self.index.read().entries.len() as u64
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.index.read().last_sequence
    }

    /// Damage that no crash explains.
    pub(crate) fn bad(&self) -> Vec<Damage> {
        self.index.read().bad.clone()
    }

    pub(crate) fn records(&self) -> Range<u64> {
        self.header.length() as u64..self.end()
    }

    pub(crate) fn path(&self) -> String {
        names::snapshots(self.id)
    }
}

impl Index {
    fn insert(&mut self, entry: &SnapshotEntry) {
        let place = Place { offset: entry.offset, length: entry.length, occurred_max: entry.occurred_max };
        self.entries.insert(entry.order(), place);
        self.last_sequence = self.last_sequence.max(entry.sequence);
    }
}

/// The entry of a record.
pub(crate) fn entry_of(head: &SnapshotHead<'_>, offset: u64, header: &SnapshotFileHeader) -> SnapshotEntry {
    let seed = annals_format::snapshot::snapshot_hash_seed(&header.store_id);
    SnapshotEntry {
        key: SnapshotKey::new(&head.stream, &head.tag, seed),
        version: head.version,
        sequence: head.sequence,
        occurred_max: head.occurred_max,
        offset,
        length: head.record_length(),
    }
}
