//! A place in the order of a file's snapshots, which moves forwards.

use crate::file::AnyFile;
use crate::written::Order;
use annals_format::Damage;
use annals_format::snapshot::{SnapshotEntry, SnapshotKey};
use annals_types::Version;
use std::cmp::Reverse;
use std::ops::Bound;

/// A cursor over the entries of a file.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) file: AnyFile,
    /// In a sorted file: the number of the next entry.
    number: u64,
    pub(crate) current: Option<SnapshotEntry>,
}

/// The first place in the order that a snapshot of a key with at most this version can have.
pub(crate) fn place_of(key: SnapshotKey, at_most: Version) -> Order {
    (key, Reverse(at_most), Reverse(u64::MAX))
}

/// Before everything.
pub(crate) const START: Order =
    (SnapshotKey { stream: 0, tag: 0 }, Reverse(Version::new(u64::MAX)), Reverse(u64::MAX));

impl Cursor {
    /// At the first snapshot at or behind a place.
    ///
    /// # Errors
    /// What is damaged.
    pub(crate) fn at(file: AnyFile, place: Order) -> Result<Self, Damage> {
        let mut cursor = Cursor { file, number: 0, current: None };
        cursor.seek(place)?;
        Ok(cursor)
    }

    /// Goes forwards to the first snapshot at or behind a place.
    ///
    /// # Errors
    /// What is damaged; then the cursor has ended.
    pub(crate) fn seek(&mut self, place: Order) -> Result<(), Damage> {
        self.current = None;
        match &self.file {
            AnyFile::Written(file) => self.current = file.entry_from(Bound::Included(place)),
            AnyFile::Sorted(file) => {
                self.number = file.lower_bound(&place, self.number)?;
                self.current = file.entry(self.number)?;
            }
        }
        Ok(())
    }

    /// Goes to the next snapshot.
    ///
    /// # Errors
    /// What is damaged; then the cursor has ended.
    pub(crate) fn advance(&mut self) -> Result<(), Damage> {
        let Some(last) = self.current.take() else { return Ok(()) };
        match &self.file {
            AnyFile::Written(file) => self.current = file.entry_from(Bound::Excluded(last.order())),
            AnyFile::Sorted(file) => {
                self.number += 1;
                let next = file.entry(self.number)?;
                if let Some(next) = next.filter(|next| next.order() < last.order()) {
                    // A right checksum over an index in the wrong order would otherwise lead in circles.
                    return Err(Damage::new(
                        next.offset,
                        "order of the index of snapshots",
                        self.number,
                        0u64,
                    ));
                }
                self.current = next;
            }
        }
        Ok(())
    }
}
