//! Dropping the snapshots of states that must not be known any more.

use crate::cursor::{Cursor, START};
use crate::dropping::Pruned;
use crate::error::SnapshotError;
use crate::file::AnyFile;
use crate::merge::Keep;
use crate::sorted::Sorted;
use crate::store::Snapshots;
use annals_format::StoreId;
use annals_format::snapshot::{SnapshotKey, snapshot_hash_seed};
use annals_types::Version;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The snapshots that are to be forgotten: of some streams, of some versions of each. A stream takes about 40 bytes, whatever its name.
#[derive(Clone, Debug)]
pub struct Forget {
    seed: u64,
    /// By the hash of the stream's name: two streams with one hash, which is next to impossible, lose both.
    versions: HashMap<u64, RangeInclusive<Version>>,
}

impl Forget {
    /// Nothing yet, of a store.
    #[must_use]
    pub fn new(store_id: &StoreId) -> Self {
        Forget { seed: snapshot_hash_seed(store_id), versions: HashMap::new() }
    }

    /// The states of a stream at this version and behind it; said again, from the lowest version on.
    pub fn from_on(&mut self, stream: &str, from: Version) {
        self.widen(stream, from, Version::new(u64::MAX));
    }

    /// The states of a stream before this version.
    pub fn before(&mut self, stream: &str, before: Version) {
        if before > Version::FIRST {
            self.widen(stream, Version::FIRST, Version::new(before.get() - 1));
        }
    }

    fn widen(&mut self, stream: &str, from: Version, to: Version) {
        let hash = SnapshotKey::new(stream, "", self.seed).stream;
        let versions = self.versions.entry(hash).or_insert(from..=to);
        *versions = from.min(*versions.start())..=to.max(*versions.end());
    }

    /// Whether there is nothing to forget.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    pub(crate) fn has(&self, key: &SnapshotKey, version: Version) -> bool {
        self.versions.get(&key.stream).is_some_and(|versions| versions.contains(&version))
    }
}

impl Snapshots {
    /// Drops snapshots, and writes the files anew that have them, so that their bytes go from the disk as well. What is put meanwhile
    /// stays: whoever forgets sees to it that nothing of the kind is put any more. Others may read meanwhile; what is done in the
    /// background waits. A file of another store or of a newer program is left as it is.
    ///
    /// # Errors
    /// [`SnapshotError::ReadOnly`], [`SnapshotError::Closed`]; [`SnapshotError::Io`], then some of it may be done. Nothing is found
    /// any more that was dropped, also after a crash, once this has returned without an error.
    pub fn forget(&self, forget: &Forget) -> Result<Pruned, SnapshotError> {
        let keep = Keep { newest: None, forget: Some(Arc::new(forget.clone())) };
        self.drop_all_but(&keep, |snapshots| {
            let files = snapshots.files();
            Ok(files.sorted.iter().filter(|file| has_any(file, forget)).map(|file| file.id).collect())
        })
    }
}

/// Whether a file has a snapshot that is to be forgotten, also one that another one supersedes. Where its index is damaged it may.
fn has_any(file: &Arc<Sorted>, forget: &Forget) -> bool {
    let Ok(mut cursor) = Cursor::at(AnyFile::Sorted(Arc::clone(file)), START) else { return true };
    while let Some(entry) = cursor.current {
        if forget.has(&entry.key, entry.version) {
            return true;
        }
        if cursor.advance().is_err() {
            return true;
        }
    }
    false
}
