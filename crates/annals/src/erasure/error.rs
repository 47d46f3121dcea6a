//! What can go wrong with erasing.

use crate::compaction::CompactError;
use crate::error::{AppendError, ReadError};
use annals_snapshot::SnapshotError;
use annals_types::{Invalid, Position, Uuid, Version};
use annals_wal::LogError;

/// Why payloads were not erased, or not to the end.
///
/// Up to [`EraseError::Unfinished`] nothing was asked for and nothing has happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// Only who writes a store can erase something in it.
    #[error("the store is open for reading only: open it for writing to erase something")]
    ReadOnly,
    /// It is being compacted, or something else is being erased.
    #[error("the store is being compacted, or something else is being erased: try again when that is done")]
    Busy,
    /// Events of the store's own streams say what the store goes by.
    #[error("events of the store's own stream {stream:?} cannot be erased")]
    SystemStream {
        /// The stream.
        stream: String,
    },
    /// There is no event with this id.
    #[error("there is no event with id {id}")]
    NoId {
        /// The id.
        id: Uuid,
    },
    /// There is no event at this position.
    #[error("there is no event at position {position}")]
    NoPosition {
        /// The position.
        position: Position,
    },
    /// The stream has no events.
    #[error("stream {stream:?} has no event that is stored")]
    NoStream {
        /// The stream.
        stream: String,
    },
    /// The name of the tag, the stream, the reason or of who asks is not one.
    #[error("{what} has {bytes} bytes: it must have 1 to {most}")]
    Length {
        /// Of what.
        what: &'static str,
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        most: usize,
    },
    /// It is more than can be asked for at once.
    #[error(
        "these are too many events to be erased at once: name a position or a time up to which, and do it in parts"
    )]
    TooMany,
    /// Below a floor a snapshot is what is left of the state, and it may have what is to be erased.
    #[error(
        "stream {stream:?} begins at version {floor}, and its snapshot at version {version} is what is left of its state, with what is to be erased: delete the stream, or say that its states are to go as well"
    )]
    StateWouldGo {
        /// The stream.
        stream: String,
        /// The version of the snapshot.
        version: Version,
        /// The first version that is left.
        floor: Version,
    },
    /// What there is cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The request cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The request is durable, and the payloads are not shown any more; they are still on the disk. Erasing the same again, or anything
    /// else, or a compaction, goes on with it.
    #[error(
        "what is to be erased is not shown any more, but is still on the disk; it goes with the next erasure or compaction"
    )]
    Unfinished(#[source] Box<Interrupted>),
}

/// What has kept an erasure from being finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Interrupted {
    /// It was told to end, or the store is being closed.
    #[error("it was told to end")]
    Stopped,
    /// Segments were written anew again and again, and something was left each time.
    #[error("events that are to be erased are still there each time that their segments were written anew")]
    StillThere,
    /// A segment cannot be written anew.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// Snapshots cannot be dropped.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl From<Invalid> for EraseError {
    fn from(invalid: Invalid) -> Self {
        EraseError::Append(invalid.into())
    }
}

impl From<LogError> for EraseError {
    fn from(error: LogError) -> Self {
        EraseError::Read(error.into())
    }
}

impl From<ReadError> for Interrupted {
    fn from(error: ReadError) -> Self {
        Interrupted::Compact(error.into())
    }
}

impl From<AppendError> for Interrupted {
    fn from(error: AppendError) -> Self {
        Interrupted::Compact(error.into())
    }
}

impl From<LogError> for Interrupted {
    fn from(error: LogError) -> Self {
        Interrupted::Compact(error.into())
    }
}
