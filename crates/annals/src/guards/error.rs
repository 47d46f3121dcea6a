//! What can go wrong with guards.

use crate::error::{AppendError, ReadError};
use annals_compaction::Guard;
use annals_types::{Invalid, Position};

/// Why a guard was not set, advanced or removed. Nothing was changed, unless it is [`AppendError::DurabilityUnknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The name cannot be one.
    #[error("the name of a guard has 1 to {} bytes, this one has {bytes}", Guard::NAME_BYTES_MAX)]
    Name {
        /// How many bytes it has.
        bytes: usize,
    },
    /// There is no guard with this name.
    #[error("there is no guard {name:?}")]
    NotFound {
        /// The name.
        name: String,
    },
    /// It stands further on. What it has let go may be gone, so it does not go back; who wants that removes it first.
    #[error(
        "guard {name:?} stands at position {at} already, and does not go back to {asked}: remove it first if it is to"
    )]
    Behind {
        /// The name.
        name: String,
        /// Where it stands.
        at: Position,
        /// Where it was to stand.
        asked: Position,
    },
    /// Nobody has read what is not there.
    #[error("position {asked} is behind the end of the log, which is at {last}")]
    BeyondEnd {
        /// Where it was to stand.
        asked: Position,
        /// The last position.
        last: Position,
    },
    /// There are as many as there may be.
    #[error("there are {most} guards, and no more are possible: remove one that nobody needs")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
    /// It cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What there is cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<Invalid> for GuardError {
    fn from(invalid: Invalid) -> Self {
        GuardError::Append(invalid.into())
    }
}
