//! Why a payload cannot be had.

use super::Erasure;
use crate::numbers::Position;
use crate::time::Timestamp;
use uuid::Uuid;

/// Why the payload of an event cannot be had. The event itself is there, with all that it is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It was erased from the log, for good.
    #[error("the payload of the event at position {position} was erased")]
    Erased {
        /// Position of the event.
        position: Position,
        /// What is known of it.
        erasure: Erasure,
    },
    /// It is being erased: the request is durable, and no reader is given the payload any more. How long it was and its hash are told
    /// once the erasure is finished.
    #[error(
        "the payload of the event at position {position} is being erased: finish that with an erasure or a compaction"
    )]
    BeingErased {
        /// Position of the event.
        position: Position,
    },
    /// It is encrypted, and its key was destroyed: it is as good as erased, for good.
    #[error("the payload of the event at position {position} is gone: its key {key} was destroyed")]
    KeyDestroyed {
        /// Position of the event.
        position: Position,
        /// The id of the key.
        key: Uuid,
        /// When.
        at: Timestamp,
    },
    /// It is encrypted, and the keys that the store was opened with do not have its key.
    #[error(
        "the payload of the event at position {position} is encrypted under key {key}, which is not there: open the store with the key file that has it"
    )]
    KeyMissing {
        /// Position of the event.
        position: Position,
        /// The id of the key.
        key: Uuid,
    },
    /// It is stored in a way that this program was built without.
    #[error(
        "the payload of the event at position {position} is stored with codec {codec}, which this program was built without"
    )]
    Unsupported {
        /// Position of the event.
        position: Position,
        /// The codec.
        codec: u8,
    },
    /// Its bytes are not what they were.
    #[error("the payload of the event at position {position} is damaged: {what}; verify the store")]
    Damaged {
        /// Position of the event.
        position: Position,
        /// What is wrong.
        what: &'static str,
    },
    /// It is not plain, and the record was looked at on its own, without its segment.
    #[error(
        "the payload of the event at position {position} is not plain, and what it takes to read it is not at hand: read it through the store"
    )]
    NoReader {
        /// Position of the event.
        position: Position,
    },
}

impl PayloadError {
    /// Whether the payload is gone for good because somebody wanted that.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        matches!(
            self,
            PayloadError::Erased { .. }
                | PayloadError::BeingErased { .. }
                | PayloadError::KeyDestroyed { .. }
        )
    }

    /// Whether bytes are wrong.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, PayloadError::Damaged { .. })
    }

    /// Position of the event.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            PayloadError::Erased { position, .. }
            | PayloadError::BeingErased { position, .. }
            | PayloadError::KeyDestroyed { position, .. }
            | PayloadError::KeyMissing { position, .. }
            | PayloadError::Unsupported { position, .. }
            | PayloadError::Damaged { position, .. }
            | PayloadError::NoReader { position } => *position,
        }
    }
}
