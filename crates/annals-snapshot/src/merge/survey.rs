//! How much of each sorted file is not wanted any more, found out from the indexes alone, in steps.

use super::group::Group;
use crate::cursor::{Cursor, START};
use crate::file::AnyFile;
use crate::files::Files;
use annals_format::snapshot::SNAPSHOT_ENTRY_BYTES;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A walk over the indexes of all sorted files at once.
///
/// Names are not looked at: two with the same hashes count for one here. Whoever rewrites a file for it looks at them.
#[derive(Debug)]
pub(crate) struct Survey {
    cursors: Vec<Cursor>,
    keep: Option<u64>,
    group: Group,
    superseded: BTreeMap<u64, u64>,
}

impl Survey {
    pub(crate) fn new(files: &Files, keep: Option<u64>) -> Self {
        let sorted = files.sorted.iter().map(|file| AnyFile::Sorted(Arc::clone(file)));
        let cursors = sorted.filter_map(|file| Cursor::at(file, START).ok()).collect();
        Survey { cursors, keep, group: Group::default(), superseded: BTreeMap::new() }
    }

    /// Goes on, until about so many bytes of indexes have been read. Says whether it is done.
    pub(crate) fn step(&mut self, budget: u64) -> bool {
        for _ in 0..budget.div_ceil(SNAPSHOT_ENTRY_BYTES as u64) {
            let places = self.cursors.iter_mut().filter_map(|cursor| Some((cursor.current?, cursor)));
            let Some((entry, cursor)) = places.min_by_key(|(entry, _)| entry.order()) else { return true };
            self.group.enter(entry.key);
            if self.group.wants("", "", entry.version, self.keep) {
                self.group.take("", "", entry.version);
            } else {
                *self.superseded.entry(cursor.file.id()).or_default() += entry.length;
            }
            // Where an index is damaged, what is behind it is not counted: the file is made again anyway.
            cursor.advance().unwrap_or_default();
        }
        false
    }

    /// Bytes of each file that are not wanted any more; files without any are not in it.
    pub(crate) fn superseded(self) -> BTreeMap<u64, u64> {
        self.superseded
    }
}
