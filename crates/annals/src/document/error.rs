//! What can go wrong with documents.

use crate::error::ReadError;
use annals_types::{ContentType, PayloadError, Position, Version};

/// Why the state of a stream cannot be told as a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// An event has data of another kind.
    #[error(
        "the data of the event at position {position} (version {version}) are {content_type}, and a document is made of JSON"
    )]
    NotJson {
        /// Its position.
        position: Position,
        /// Its version.
        version: Version,
        /// What its data are.
        content_type: ContentType,
    },
    /// The data of an event say that they are JSON, and are not.
    #[error("the data of the event at position {position} (version {version}) cannot be folded as JSON")]
    Json {
        /// Its position.
        position: Position,
        /// Its version.
        version: Version,
        /// Where and what is wrong.
        source: serde_json::Error,
    },
    /// The data of an event are not there, or cannot be read: what the document would be with them is not known.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// That is no JSON pointer.
    #[error(
        "{pointer:?} is not a JSON pointer: it is empty or begins with a slash, and `~` stands before 0 or 1"
    )]
    Pointer {
        /// What was given.
        pointer: String,
    },
    /// The events of the stream cannot be read.
    #[error("the stream cannot be read")]
    Read(#[from] ReadError),
}
