//! What can go wrong with snapshots.

use annals_format::Corruption;
use annals_types::Invalid;
use annals_types::limits::SCHEMA_TAG_BYTES_MAX;
use std::io;

/// An error of the snapshots.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The payload is larger than this store allows. Nothing was put.
    #[error("a snapshot in this store has at most {most} bytes, this one has {bytes}")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// The schema tag is empty or too long.
    #[error("a schema tag has 1 to {SCHEMA_TAG_BYTES_MAX} bytes, this one has {bytes}")]
    SchemaTag {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The name of the stream is empty or too long.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Version or position of the snapshot is 0, or the position is larger than any: no event was folded in.
    #[error("a snapshot is of at least one event: version {version} and position {position} are of none")]
    NoEvent {
        /// The version given.
        version: u64,
        /// The position given.
        position: u64,
    },
    /// The snapshots were opened for reading only.
    #[error("the snapshots are open for reading only")]
    ReadOnly,
    /// The snapshots were closed.
    #[error("the snapshots were closed: open the store again to put more")]
    Closed,
    /// Bytes of a file are not what was written. Only a listing ends a step with this; it goes on behind it.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done, with the file's name.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl SnapshotError {
    /// For `map_err`: what was to be done when the system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> SnapshotError {
        move |source| SnapshotError::Io { what: what.into(), source }
    }
}
