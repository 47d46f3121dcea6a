//! Files of snapshots: saved states of streams.
//!
//! There are two kinds, told apart by the header. A **written** file gets one record behind the other and nothing else; who
//! reads it walks its records. A **sorted** file is made of others in one go: its records lie in the order of their keys,
//! and behind them are an index, a filter, page checksums and a trailer, so that a lookup touches a few cache lines. It names
//! the files whose place it takes, so that no crash brings these back.
//!
//! This module holds the bytes of each part and nothing else: who reads a part verifies it first, and still takes what it
//! says for input.

mod entry;
mod header;
mod key;
mod record;
mod reseal;
mod trailer;

pub use entry::{SNAPSHOT_ENTRY_BYTES, SnapshotEntry};
pub use header::{
    REPLACED_MAX, SNAPSHOT_HEADER_BYTES, SnapshotFileHeader, SnapshotFileKind, SnapshotFilePreamble,
};
pub use key::{SnapshotKey, snapshot_hash_seed};
pub use record::{
    PayloadChecksum, SNAPSHOT_ALIGNMENT, SNAPSHOT_HEAD_BYTES_MAX, SNAPSHOT_RECORD_HEADER_BYTES, SnapshotHead,
    may_be_snapshot, snapshot_head_length,
};
#[doc(hidden)]
pub use reseal::reseal_snapshots;
pub use trailer::{SNAPSHOT_TRAILER_BYTES, SnapshotParts, SnapshotTrailer};
