//! What can go wrong with aggregates.

use super::typed::EventError;
use crate::error::{AppendError, ReadError};
use crate::keys::KeyError;
use annals_snapshot::SnapshotError;
use annals_types::{Conflict, Invalid, PayloadError, Position, Uuid, Version};
use std::error::Error;

/// Why a state cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Its events cannot be read.
    #[error("the events of the stream cannot be read")]
    Read(#[from] ReadError),
    /// The aggregate does not understand one of its events. The event itself can be read.
    #[error(
        "the aggregate does not understand event {version} of stream {stream:?} (type {event_type:?}, schema version {schema_version}, position {position})"
    )]
    NotUnderstood {
        /// The stream.
        stream: String,
        /// The event's version.
        version: Version,
        /// Its position.
        position: Position,
        /// Its type.
        event_type: String,
        /// The version of its schema.
        schema_version: u32,
        /// What is wrong with it.
        #[source]
        reason: EventError,
    },
    /// Events that the state needs are hidden by rules of retention, or the stream was deleted with them, and no snapshot has what
    /// they did. [`Aggregates::from_floor`](crate::Aggregates::from_floor) allows a state of what is left.
    #[error(
        "the state of stream {stream:?} at version {version} needs events before version {floor}, which rules of retention hide, and no snapshot that can be used ({reason})"
    )]
    BelowFloor {
        /// The stream.
        stream: String,
        /// The version at which the state was to stand.
        version: Version,
        /// The first version that is not hidden.
        floor: Version,
        /// What is with snapshots.
        reason: String,
    },
    /// The payload of one of its events is not there: it was erased, or its key is missing. See
    /// [`Aggregate::apply_erased`](crate::Aggregate::apply_erased) for what was erased.
    #[error("event {version} of stream {stream:?} (type {event_type:?}) cannot be applied")]
    NoPayload {
        /// The stream.
        stream: String,
        /// The event's version.
        version: Version,
        /// Its type.
        event_type: String,
        /// Why the payload is not there, and at which position.
        payload: Box<PayloadError>,
        /// Why the state is nothing without it.
        #[source]
        reason: EventError,
    },
    /// The stream does not have the version that was asked for.
    #[error("stream {stream:?} has not reached version {version}: its last event has version {last}")]
    NotReached {
        /// The stream.
        stream: String,
        /// The version asked for.
        version: Version,
        /// The version of its last event.
        last: Version,
    },
}

/// Why a command was not executed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError<E> {
    /// The aggregate rejects it. Nothing was appended.
    #[error("the command was rejected")]
    Rejected(E),
    /// The state cannot be loaded. Nothing was appended.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An event of the command cannot be written so that it is understood when it is read. Nothing was appended.
    #[error("event {index} (from 0) of the command cannot be stored")]
    Event {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        reason: EventError,
    },
    /// Each time that the command was decided, somebody else's events had come before those of the command. Nothing was
    /// appended.
    #[error("others were faster {attempts} times; execute the command again, or allow more attempts")]
    Contended {
        /// How often it was tried.
        attempts: u32,
        /// What the last append met.
        #[source]
        conflict: Conflict,
    },
    /// The events cannot be appended.
    #[error(transparent)]
    Append(AppendError),
    /// The events were appended and are durable. The state behind them cannot be loaded.
    #[error("the command was executed, up to position {position}, and the state behind it cannot be loaded")]
    Executed {
        /// The position of its last event.
        position: Position,
        /// What went wrong.
        #[source]
        reason: LoadError,
    },
}

impl<E> From<Invalid> for ExecuteError<E> {
    fn from(invalid: Invalid) -> Self {
        ExecuteError::Append(invalid.into())
    }
}

/// Why a state was not saved as a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// Nobody has said how: see [`Aggregates::with_snapshots`](crate::Aggregates::with_snapshots).
    #[error("no schema tag was given for snapshots of this aggregate: say with_snapshots")]
    NoTag,
    /// The store was opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// The state has no events.
    #[error("a state without events needs no snapshot")]
    Empty,
    /// The state lacks events that had not occurred by some time, so it is not that of a version.
    #[error(
        "a state as of a time on the occurred clock is not that of a version: load one as of a version, a position or a recorded time"
    )]
    NotOfAVersion,
    /// The state lacks events that rules of retention hide.
    #[error("the state has no events before version {floor}, so it is not that of the whole history")]
    FromFloor {
        /// The first version that it has.
        floor: Version,
    },
    /// Some of its events were erased since it was loaded, and a snapshot would say what they said.
    #[error("events of the state were erased since it was loaded: load it again")]
    ErasedSince,
    /// Its events are encrypted under several keys, and a snapshot is encrypted under one: it would outlive the others.
    #[error(
        "a state that is made of events under several keys is not saved: it would outlive all but one of them"
    )]
    SeveralKeys,
    /// The key that its events are encrypted under is not there any more, so the snapshot cannot be encrypted under it.
    #[error("the key {key} of the state's events is not there, so a snapshot cannot be encrypted under it")]
    NoKey {
        /// The id of the key.
        key: Uuid,
    },
    /// The key file has no random bytes to give.
    #[error("the snapshot cannot be encrypted")]
    Keys(#[from] KeyError),
    /// The codec cannot write it.
    #[error("the state cannot be written as a snapshot")]
    Encode(#[source] Box<dyn Error + Send + Sync>),
    /// It cannot be put: it is too large, its tag is not one, or the disk refuses.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}
