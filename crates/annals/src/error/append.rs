//! What can go wrong with an append.

use super::ReadError;
use crate::keys::KeyError;
use crate::schema::SchemaViolation;
use annals_format::Corruption;
use annals_types::{Conflict, Invalid, Position, Uuid};
use std::io;

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

impl AppendError {
    /// Whether acknowledged data are damaged.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        matches!(self, AppendError::Corrupt(_))
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
