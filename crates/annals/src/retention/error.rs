//! What can go wrong with rules of retention.

use crate::error::{AppendError, ReadError};
use annals_compaction::RuleError;
use annals_types::{Invalid, Version};

/// Why a rule was not set, or a stream not truncated or deleted. Nothing was changed, unless it is
/// [`AppendError::DurabilityUnknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The rule cannot be one, or not of this scope.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// There is nothing to truncate or delete.
    #[error("stream {stream:?} has never had an event, so nothing of it can go")]
    NoStream {
        /// The stream.
        stream: String,
    },
    /// More was truncated before. What is hidden may be gone, so it does not come back.
    #[error("stream {stream:?} begins at version {floor} already, and what was before it does not come back")]
    BelowFloor {
        /// The stream.
        stream: String,
        /// The first version that stays.
        floor: Version,
    },
    /// It cannot be written; a stream that is not as expected is [`AppendError::Conflict`].
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What there is cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<Invalid> for RetentionError {
    fn from(invalid: Invalid) -> Self {
        RetentionError::Append(invalid.into())
    }
}
