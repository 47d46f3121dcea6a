//! What can go wrong with a read.

use super::OpenError;
use crate::upcast::UpcastError;
use annals_format::Corruption;
use annals_types::{PayloadError, Position, Version};
use annals_wal::LogError;
use std::io;

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There was an event at this position. It was lost to damage before the store was repaired, and the position is
    /// kept free for it.
    #[error("the event at position {position} was lost to damage before the store was repaired")]
    Lost {
        /// The position.
        position: Position,
    },
    /// There was an event at this position, and compaction has removed it, since a rule of retention let it go.
    #[error("the event at position {position} was removed; the ledger tells when and why")]
    Removed {
        /// The position.
        position: Position,
    },
    /// There is an event at this position, and a rule of retention hides it. It may be gone by now.
    #[error("the event at position {position} is hidden by a rule of retention")]
    Hidden {
        /// The position.
        position: Position,
    },
    /// Versions were asked for that a rule of retention hides.
    #[error(
        "stream {stream:?} begins at version {floor} by its rules of retention, version {asked} is hidden: read from {floor} on"
    )]
    BelowFloor {
        /// The stream.
        stream: String,
        /// The first version that was asked for.
        asked: Version,
        /// The first version that is not hidden.
        floor: Version,
    },
    /// Acknowledged data are damaged. Other events stay readable.
    #[error("the store is damaged")]
    Corrupt(#[source] Corruption),
    /// A file was written by a newer version of the format.
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
    /// An event cannot be brought to the newest version of its schema. It can be read as it is stored, and so can all others.
    #[error(transparent)]
    Upcast(Box<UpcastError>),
    /// The payload of an event is not there, or cannot be read here: what [`EventRef::data`](crate::EventRef::data) says, for
    /// whoever hands it on with `?`. The store's own reads do not end with it, for they do not look into payloads.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl ReadError {
    /// Whether acknowledged data are damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            ReadError::Corrupt(_) => true,
            ReadError::Payload(error) => error.is_damage(),
            _ => false,
        }
    }
}

impl From<LogError> for ReadError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt(corruption) => ReadError::Corrupt(corruption),
            LogError::Newer { file, found, supported } => ReadError::Newer { file, found, supported },
            LogError::Io { what, source } => ReadError::Io { what, source },
            other => ReadError::Io { what: other.to_string(), source: io::ErrorKind::Other.into() },
        }
    }
}

impl From<OpenError> for ReadError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Corrupt(corruption) => ReadError::Corrupt(corruption),
            OpenError::Newer { file, found, supported } => ReadError::Newer { file, found, supported },
            OpenError::Io { what, source } => ReadError::Io { what, source },
            other => ReadError::Io { what: "open the store again".into(), source: io::Error::other(other) },
        }
    }
}
