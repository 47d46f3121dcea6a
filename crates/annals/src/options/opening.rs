//! Opening with the options: what they may be, and what the parts of a store take from them.

use super::Options;
use crate::budget::Budget;
use crate::error::OpenError;
use crate::keys::Encryption;
use crate::store::Store;
use annals_snapshot::SnapshotOptions;
use annals_types::limits::{
    INDEX_MEMORY_BYTES_MIN, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
};
use annals_vfs::{Env, MemoryDisk};
use std::path::Path;
use std::sync::Arc;

/// Segment size of a store in memory, which takes it whole for each segment.
const IN_MEMORY_SEGMENT_BYTES: u64 = 1 << 20;

impl Options {
    /// Opens a new store that lies in memory, for tests: the same code on a disk that is none. It is gone with its last handle,
    /// and nothing runs in the background. A store in memory has segments of 1 MiB unless told otherwise.
    ///
    /// ```
    /// use annals::{Expected, NewEvent, Options};
    /// let store = Options::new().open_in_memory()?;
    /// store.append("account-1", Expected::NoStream, &[NewEvent::json("opened", "{}")])?;
    /// assert_eq!(store.last_position().get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::InvalidOption`]. There is nothing else that can go wrong with an empty disk.
    pub fn open_in_memory(self) -> Result<Store, OpenError> {
        let env = Env::system(Arc::new(MemoryDisk::new()));
        let bytes = self.segment_bytes.unwrap_or(IN_MEMORY_SEGMENT_BYTES);
        self.env(env).segment_bytes(bytes).background(false).read_only(false).create(true).open("(memory)")
    }

    /// Opens the store in the directory at `path`.
    ///
    /// # Errors
    /// As [`OpenError`] says. Nothing is created unless a new store is, and nothing is changed if acknowledged data
    /// are damaged.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        if let Some(bytes) = self.segment_bytes
            && !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes)
        {
            return Err(OpenError::InvalidOption(format!(
                "a segment has {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX} bytes, not {bytes}"
            )));
        }
        if self.index_memory < INDEX_MEMORY_BYTES_MIN {
            return Err(OpenError::InvalidOption(format!(
                "the index needs at least {INDEX_MEMORY_BYTES_MIN} bytes of memory, not {}; give it more",
                self.index_memory
            )));
        }
        Store::open_with(&self, path.as_ref())
    }

    pub(crate) fn encryption(&self) -> Result<Option<Encryption>, OpenError> {
        match &self.keys {
            Some(keys) => Ok(Some(Encryption::new(keys.clone(), &self.encrypt))),
            None if self.encrypt.is_empty() => Ok(None),
            None => {
                Err(OpenError::InvalidOption("payloads are to be encrypted: say where the keys are".into()))
            }
        }
    }

    pub(crate) fn budget(&self) -> Budget {
        Budget::new(usize::try_from(self.index_memory).unwrap_or(usize::MAX))
    }

    pub(crate) fn snapshot_options(&self, writing: bool) -> SnapshotOptions {
        let mut options = if writing { SnapshotOptions::writing() } else { SnapshotOptions::reading() };
        options.keep_last = self.snapshots_kept;
        options.payload_bytes_max = self.snapshot_bytes;
        options
    }

    pub(crate) fn new_segment_bytes(&self) -> u64 {
        self.segment_bytes.unwrap_or(SEGMENT_BYTES_DEFAULT)
    }
}
