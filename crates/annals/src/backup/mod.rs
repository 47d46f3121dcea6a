//! Copies of a store: backups of one that is in use, and stores made of these as of a moment.
//!
//! A backup is a directory with a store in it, and a file `BACKUP` that says what it holds. Files that do not change any more are
//! taken once; of the segments that are still written, the frames are taken up to a durable position. Nothing that the
//! directory's manifest names is changed before the next manifest is there, with one exception: the open segments of a backup
//! grow, as they do in the store, and `BACKUP` says where they end. So after a crash at any place the directory is the backup
//! that it was, or the next one; see `docs/decisions/0019-backup.md`.

mod check;
mod destination;
mod error;
mod files;
mod head;
mod log;
mod make;
mod mark;
mod options;
mod place;
mod report;
mod restore;
mod scan;
mod snapshots;

pub use error::BackupError;
pub(crate) use make::back_up;
pub(crate) use mark::mark_of;
pub use options::{BackupOptions, RestoreTo};
pub(crate) use place::real_places;
pub use report::{BackupProgress, BackupReport, FileCount, FilesTaken, RestoreReport};
pub use restore::{restore, restore_in};

use crate::parts::Parts;
use annals_format::Manifest;
use annals_types::Position;
use std::sync::Arc;

/// What of a store is taken at one look at it: files may go afterwards, and then it is looked at again.
pub(crate) struct Look {
    /// Everything up to here is durable, and in the files of `manifest`.
    pub(crate) position: Position,
    pub(crate) manifest: Manifest,
    /// Held, so that segments which the store lets go keep their files as long as this is.
    pub(crate) parts: Arc<Parts>,
    /// Whether it is certain that files which `manifest` names as sealed are not written any more, whatever crash follows.
    pub(crate) settled: bool,
}
