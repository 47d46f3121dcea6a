//! Why something is not registered.

use super::dry_run::DryRunFailure;
use crate::error::{AppendError, ReadError};
use crate::upcast::ChainError;
use annals_types::Position;
use std::fmt;

/// Why a schema cannot be registered, or a registration not be tried. Nothing was registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The registration can be none in any store.
    #[error("the registration is not valid: {0}")]
    Invalid(String),
    /// Its upcast does not fit the upcasters of the store and what is registered.
    #[error("the registration contradicts what there is: {0}")]
    Contradicts(#[from] ChainError),
    /// This version of the type is registered already, and otherwise.
    #[error(
        "version {schema_version} of {event_type:?} was registered at position {position}, and otherwise: register the next version"
    )]
    Taken {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: u32,
        /// Where.
        position: Position,
    },
    /// Versions between the known ones and this one are missing.
    #[error(
        "version {schema_version} of {event_type:?} does not follow what is known, which is {first} to {last}: versions are registered one after the other"
    )]
    VersionGap {
        /// The type.
        event_type: String,
        /// The version.
        schema_version: u32,
        /// The first version that is known.
        first: u32,
        /// The last version that is known.
        last: u32,
    },
    /// The schema is not compatible with the one of the version before, as the mode asks.
    #[error("the schema is not {} compatible with version {before}: {}", .differences[0].direction, list(.differences))]
    Incompatible {
        /// The version before.
        before: u32,
        /// All differences that speak against it, at least one.
        differences: Vec<Difference>,
    },
    /// Stored events would not be valid, or could not be upcast.
    #[error(
        "stored events do not fit, the first of them: {}; a dry run lists all of them, and the check can be skipped", .failures[0]
    )]
    History {
        /// The first of them, at least one and at most ten.
        failures: Vec<DryRunFailure>,
    },
    /// This build cannot work with JSON Schemas.
    #[error("{NEEDS_FEATURE}")]
    NeedsFeature,
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The registration could not be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
}

pub(crate) const NEEDS_FEATURE: &str = "there is a JSON Schema, and this program was built without the feature `json-schema` of the crate `annals`: build it with the feature";

/// What speaks against the compatibility of two schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// `"backward"`: data of the version before might not be valid under the new schema. `"forward"`: the other way round.
    pub direction: &'static str,
    /// Where, as a JSON pointer into the schema under which data might not be valid.
    pub pointer: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {:?}, {})", self.what, self.pointer, self.direction)
    }
}

/// The first differences, in a line.
fn list(differences: &[Difference]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<_> = differences.iter().take(SHOWN).map(ToString::to_string).collect();
    if let Some(more) = differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push(format!("and {more} more"));
    }
    text.join("; ")
}

/// An event does not keep to the schema that is registered for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "event {index} (from 0) of the batch, of type {event_type:?} and schema version {schema_version} for stream {stream:?}, does not keep to what is registered{}: {reason}", at(.pointer)
)]
pub struct SchemaViolation {
    /// The stream that it was for.
    pub stream: String,
    /// Its type.
    pub event_type: String,
    /// Its schema version.
    pub schema_version: u32,
    /// Which event of the batch it is, from 0.
    pub index: usize,
    /// Where in its data, as a JSON pointer; empty for the data as a whole.
    pub pointer: String,
    /// What is wrong.
    pub reason: String,
}

pub(crate) fn at(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(", at {pointer:?}") }
}
