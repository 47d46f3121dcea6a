//! What can go wrong with upcasting: when a chain is made, and when an event is read.

use annals_types::{EventRef, Invalid, Position};

/// An event cannot be brought to the newest version of its schema. What is stored stays readable as it is, with
/// [`View::read`](crate::View::read).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "the event at position {position} (stream {stream:?}, type {event_type:?}, schema version {schema_version}) cannot be upcast: {reason}"
)]
pub struct UpcastError {
    /// Where the event is.
    pub position: Position,
    /// Its stream.
    pub stream: String,
    /// Its type, as stored.
    pub event_type: String,
    /// The version of its schema, as stored.
    pub schema_version: u32,
    /// At which step, and why.
    pub reason: String,
}

impl UpcastError {
    pub(crate) fn new(event: &EventRef<'_>, reason: String) -> Box<Self> {
        Box::new(UpcastError {
            position: event.position,
            stream: event.stream.to_owned(),
            event_type: event.event_type.to_owned(),
            schema_version: event.schema_version,
            reason,
        })
    }
}

/// Why upcasters do not make a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Two steps begin at the same version of a type, so one event would become two different ones.
    #[error("there are two steps from version {schema_version} of {event_type:?}: leave one out")]
    Twice {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: u32,
    },
    /// Nothing leads from a version of a type to the later ones.
    #[error(
        "nothing leads from version {schema_version} of {event_type:?} on, and there is a version {next}: add the step from {schema_version} to the next version"
    )]
    Gap {
        /// The type.
        event_type: String,
        /// The version that leads nowhere.
        schema_version: u32,
        /// The next version that is known.
        next: u32,
    },
    /// Steps lead back to where they came from.
    #[error("the step from version {schema_version} of {event_type:?} leads back to itself")]
    Cycle {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: u32,
    },
    /// A step within a type leads somewhere else than to the next version.
    #[error(
        "a step within {event_type:?} leads from version {schema_version} to version {to}: within a type it leads to the next version"
    )]
    NotNext {
        /// The type.
        event_type: String,
        /// From where.
        schema_version: u32,
        /// To where.
        to: u32,
    },
    /// A step names the same type twice among those that it leads to.
    #[error(
        "the step from version {schema_version} of {event_type:?} leads to {to:?} twice: name each type once"
    )]
    SameTarget {
        /// From where.
        event_type: String,
        /// From where.
        schema_version: u32,
        /// To where.
        to: String,
    },
    /// A step leads nowhere, without saying that the event is dropped.
    #[error(
        "the step from version {schema_version} of {event_type:?} leads nowhere: say to which type and version, or that the event is dropped"
    )]
    NoTarget {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: u32,
    },
    /// A rule that can mean nothing.
    #[error("rule {rule} (from 0) of the step from version {schema_version} of {event_type:?}: {reason}")]
    Rule {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: u32,
        /// Which rule, from 0.
        rule: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A type of the store's own.
    #[error("{event_type:?} is a type of the store's own, which do not evolve by upcasters")]
    System {
        /// The type.
        event_type: String,
    },
    /// A name that no type can have.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}
