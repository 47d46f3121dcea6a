//! Snapshots: saved states of streams, so that a state is read without replaying all of its events.
//!
//! [`Snapshots`] keeps them in files of their own. What is put is appended to the **written** file; full ones are made into
//! **sorted** files in the background ([`Snapshots::step`]), which are merged as they become many. A lookup asks each file:
//! the few written ones through an index in memory, the sorted ones through a mapping of a filter and an index.
//!
//! Snapshots are derived. Whatever is lost or damaged of them costs replay and nothing else, so a put is not synced, a
//! damaged snapshot is passed over for an older one and reported, and any file may be deleted.
//!
//! It is not responsible for what a payload means, for whether a snapshot belongs to the history of its stream (that is
//! decided by whoever compares [`Snapshot::event_id`] with the event at that version), or for when one is taken.

mod cursor;
mod dropping;
mod error;
mod file;
mod files;
mod find;
mod forget;
mod infos;
mod maintenance;
mod merge;
mod model;
mod options;
mod prune;
mod put;
mod read;
mod removal;
mod salvage;
mod sorted;
mod stats;
mod store;
mod syncing;
mod verify;
mod walk;
mod window;
mod written;

pub use dropping::Pruned;
pub use error::SnapshotError;
pub use forget::Forget;
pub use infos::Infos;
pub use model::{Found, NewSnapshot, Snapshot, SnapshotInfo, Unusable, check_schema_tag};
pub use options::{
    FILE_BYTES_DEFAULT, FILE_RECORDS_DEFAULT, MERGED_BYTES_DEFAULT, MERGED_BYTES_MAX, SnapshotOptions,
};
pub use salvage::{Salvage, Salvaged};
pub use stats::SnapshotStats;
pub use store::Snapshots;
pub use verify::{Verified, verify};
