//! What can go wrong, by what the caller can do about it.

use crate::keys::KeyError;
use crate::schema::SchemaViolation;
use crate::upcast::UpcastError;
use annals_format::{Corruption, FormatError};
use annals_types::{Conflict, Invalid, PayloadError, Position, Uuid, Version};
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

/// Why a batch was not appended, or why it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// A stream was not at the expected version. Nothing was appended.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The name of a stream is closed for good. Nothing was appended.
    #[error("stream {stream:?} was deleted and its name closed for good; append to a stream of another name")]
    Tombstoned {
        /// The stream.
        stream: String,
    },
    /// A condition of the batch looks back to where compaction has removed events, so nobody can tell whether one of them speaks against
    /// it. Nothing was appended.
    #[error(
        "the condition is to look at events after position {after}, and some up to position {removed} were removed: read again and condition on a position from {removed} on, or state that removed events do not count (Batch::despite_removed)"
    )]
    ConditionBelowRemoved {
        /// The position of the condition.
        after: Position,
        /// The highest position of which the event was removed.
        removed: Position,
        /// Which of the conditions, from 0.
        condition: usize,
    },
    /// An event that a condition of the batch excludes is there. Nothing was appended.
    #[error(
        "the event at position {position} is one that must not follow position {after}; read again from there and decide anew"
    )]
    ConditionFailed {
        /// The newest event that the condition excludes.
        position: Position,
        /// The position after which there should be none.
        after: Position,
        /// Which of the batch's conditions it is, from 0, in the order in which they were stated.
        condition: usize,
    },
    /// An id of the batch is stored already, but the batch is not a repetition of what was stored. Nothing was
    /// appended.
    #[error("an event with id {id} is stored already at position {position}, and is not the same event")]
    IdTaken {
        /// The id.
        id: Uuid,
        /// Where it is stored.
        position: Position,
    },
    /// An event does not keep to the schema that is registered for its type and version. Nothing was appended.
    #[error(transparent)]
    SchemaViolation(Box<SchemaViolation>),
    /// The batch does not keep a limit. Nothing was appended.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An earlier write or sync failed, so the store takes no more appends; close it and open it again. Nothing
    /// of this batch was written.
    #[error("an earlier write failed, so the store takes no more appends; close it and open it again")]
    Poisoned,
    /// The write or the sync of this batch failed: it may or may not be there when the store is opened again.
    /// Append it again then with the same ids or the same expected version.
    #[error(
        "the write failed, and whether the batch is durable is not known; open the store again and repeat the append with the same ids or expected version"
    )]
    DurabilityUnknown {
        /// What the system says, if this was the first failure.
        #[source]
        source: Option<io::Error>,
    },
    /// The store was opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The store was called from the closure of [`Store::decide`](crate::Store::decide), which it would have to wait for.
    /// Nothing was done.
    #[error(
        "the call would wait for the decision that it is made from; let the closure return what is to be appended, and do the rest after it"
    )]
    WithinDecide,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A payload of the batch is to be encrypted, and its key cannot be had. Nothing was appended.
    #[error("a payload cannot be encrypted; nothing was appended")]
    Keys(#[source] KeyError),
    /// The operating system refused before anything of the batch was written.
    #[error("cannot {what}; nothing was appended")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// What had to be read to decide on the batch is damaged. Nothing was appended.
    #[error("the store is damaged; nothing was appended")]
    Corrupt(#[source] Corruption),
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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

impl AppendError {
    /// Whether acknowledged data are damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, AppendError::Corrupt(_))
    }
}

impl From<LogError> for OpenError {
    fn from(error: LogError) -> Self {
        ReadError::from(error).into()
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

impl From<ReadError> for AppendError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt(corruption) => AppendError::Corrupt(corruption),
            ReadError::Io { what, source } => AppendError::Io { what, source },
            other => AppendError::Io { what: "read the store".into(), source: io::Error::other(other) },
        }
    }
}
