//! Why a backup was not made or not restored.

use crate::error::{OpenError, ReadError};
use annals_format::Corruption;
use annals_types::Position;
use annals_wal::LogError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a backup was not made or not restored. The backup that there was before is as it was, unless it is said otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// What is to be copied is damaged.
    #[error("what is to be copied is damaged, and was not")]
    Corrupt(#[source] Corruption),
    /// The copy is not what was written, though the original is sound: the disk that it is on is not to be trusted.
    #[error("the copy at {} is not what was written to it", path.display())]
    BadCopy {
        /// The destination.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        corruption: Corruption,
    },
    /// The store cannot be opened or read.
    #[error(transparent)]
    Open(OpenError),
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The destination is the directory of the store itself, lies within it, or around it.
    #[error(
        "{} is the directory of the store, lies within it or around it; name one that has nothing to do with it",
        path.display()
    )]
    Overlapping {
        /// The destination.
        path: PathBuf,
    },
    /// The destination holds something that is no backup.
    #[error("{} is not empty and no backup ({reason}); name an empty directory or one that does not exist", path.display())]
    NotABackup {
        /// The destination.
        path: PathBuf,
        /// What speaks against it.
        reason: String,
    },
    /// The destination is the backup of another store.
    #[error("{} is a backup of another store; name another directory", path.display())]
    OtherStore {
        /// The destination.
        path: PathBuf,
    },
    /// Somebody has opened the backup for writing since it was made, so it has a history of its own.
    #[error(
        "the backup {} was opened for writing since it was made, and is a store of its own now; name another directory",
        path.display()
    )]
    Written {
        /// The destination.
        path: PathBuf,
    },
    /// The backup has more than the store.
    #[error(
        "the backup {} has events up to position {backup}, and the store up to {store}: the store has lost some or was restored to an earlier moment; keep the backup, and name another directory",
        path.display()
    )]
    Ahead {
        /// The destination.
        path: PathBuf,
        /// The last position of the backup.
        backup: Position,
        /// The last position of the store that is known to be durable.
        store: Position,
    },
    /// The store has another event at the position at which the backup ends.
    #[error(
        "the backup {} and the store have different events up to position {position}: one of them was restored to an earlier moment and went on from there; name another directory",
        path.display()
    )]
    Diverged {
        /// The destination.
        path: PathBuf,
        /// The last position of the backup.
        position: Position,
    },
    /// Another backup or a reader holds the destination's lock.
    #[error("{} is in use: another backup goes there, or it is open for writing; try again when that has ended", path.display())]
    InUse {
        /// The destination.
        path: PathBuf,
    },
    /// A backup is restored to a directory of its own.
    #[error(
        "{} is not empty; restore to a directory that is, or does not exist, and remove this one if it is what an interrupted restore has left",
        path.display()
    )]
    DestinationTaken {
        /// The destination.
        path: PathBuf,
    },
    /// The position to restore to is none of the backup's.
    #[error("the backup has events up to position {last}, not up to {asked}")]
    Beyond {
        /// The position asked for.
        asked: Position,
        /// The last position of the backup.
        last: Position,
    },
    /// Retention has left no batch that ends at the position or before it.
    #[error(
        "the backup cannot be restored to position {asked}: no batch that ends there or before is left, since all events before position {first} were removed before it was made; restore it to a later position, or to 0 for an empty store"
    )]
    Removed {
        /// The position asked for.
        asked: Position,
        /// The first position that is there.
        first: Position,
    },
    /// The files of the store were replaced faster than they could be taken.
    #[error(
        "the files of the store were replaced faster than they could be copied; try again when less is written"
    )]
    Restless,
}

impl BackupError {
    /// Whether bytes are not what was written: of what was to be copied, or of the copy.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            BackupError::Corrupt(_) | BackupError::BadCopy { .. } => true,
            BackupError::Open(error) => error.is_corruption(),
            _ => false,
        }
    }

    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> BackupError {
        move |source| BackupError::Io { what: what.into(), source }
    }

    /// An error of the destination, where damage is none of the original's.
    pub(super) fn of_copy(path: &Path, error: BackupError) -> BackupError {
        match error {
            BackupError::Corrupt(corruption) => BackupError::BadCopy { path: path.to_owned(), corruption },
            other => other,
        }
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Corrupt(corruption) => BackupError::Corrupt(corruption),
            OpenError::Io { what, source } => BackupError::Io { what, source },
            other => BackupError::Open(other),
        }
    }
}

impl From<ReadError> for BackupError {
    fn from(error: ReadError) -> Self {
        OpenError::from(error).into()
    }
}

impl From<LogError> for BackupError {
    fn from(error: LogError) -> Self {
        OpenError::from(error).into()
    }
}
