//! What can go wrong with a store as a whole.

use super::ReadError;
use annals_format::{Corruption, FormatError};
use annals_wal::LogError;
use std::io;
use std::path::PathBuf;

/// Why a store cannot be opened, verified or inspected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is nothing at the path, and it was not to be created.
    #[error("there is no store at {}", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// There is something else at the path.
    #[error("{} is not an Annals store: {reason}", path.display())]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What speaks against it.
        reason: String,
    },
    /// Another handle, in this process or another, has the store open for writing.
    #[error("the store {} is open for writing elsewhere; close it there, or open it read-only", path.display())]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// The store was written by a newer version of the format.
    #[error(
        "{file} was written in format version {found}, this program reads up to version {supported}; use a newer version of Annals"
    )]
    Newer {
        /// The file.
        file: String,
        /// The version found.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// Acknowledged data are damaged. Nothing was changed.
    #[error("the store is damaged")]
    Corrupt(#[source] Corruption),
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// An option is out of its range.
    #[error("{0}")]
    InvalidOption(String),
    /// A repair would write into something that is there already. Nothing was changed.
    #[error(
        "{} is not empty, and a repair needs a directory of its own: name one that does not exist, or remove this one if it is what an interrupted repair has left",
        path.display()
    )]
    DestinationTaken {
        /// The destination.
        path: PathBuf,
    },
    /// A repair would write into the store that it reads. Nothing was changed.
    #[error("{} lies within the store that is to be repaired: name a directory outside it", path.display())]
    DestinationWithin {
        /// The destination.
        path: PathBuf,
    },
}

impl OpenError {
    /// Whether acknowledged data are damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, OpenError::Corrupt(_))
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> OpenError {
        move |source| OpenError::Io { what: what.into(), source }
    }

    pub(crate) fn format(file: &str, error: FormatError) -> OpenError {
        match error {
            FormatError::Damaged(damage) => OpenError::Corrupt(damage.in_file(file)),
            FormatError::Newer { found, supported } => {
                OpenError::Newer { file: file.into(), found, supported }
            }
            FormatError::Foreign { expected } => OpenError::Corrupt(Corruption {
                file: file.into(),
                offset: 0,
                what: format!("magic number: this is not {expected}"),
                found: 0,
                expected: 0,
            }),
        }
    }
}

impl From<LogError> for OpenError {
    fn from(error: LogError) -> Self {
        ReadError::from(error).into()
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt(corruption) => OpenError::Corrupt(corruption),
            ReadError::Newer { file, found, supported } => OpenError::Newer { file, found, supported },
            ReadError::Io { what, source } => OpenError::Io { what, source },
            other => OpenError::Io { what: "read the store".into(), source: io::Error::other(other) },
        }
    }
}
