//! A stored event that was copied out of the log.

use super::Invalid;
use crate::content::ContentType;
use crate::name::StreamName;
use crate::numbers::{Position, Version};
use crate::payload::{PayloadError, PlainPayload};
use crate::time::Timestamp;
use uuid::Uuid;

/// A stored event that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number in the whole store.
    pub position: Position,
    /// Name of its stream.
    pub stream: String,
    /// Number within its stream.
    pub version: Version,
    /// Its id.
    pub id: Uuid,
    /// What happened.
    pub event_type: String,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Names to find it by.
    pub tags: Vec<String>,
    /// Version of the data's schema.
    pub schema_version: u32,
    /// What the bytes of the data are.
    pub content_type: ContentType,
    /// Data and metadata, or why they cannot be had.
    pub payload: Result<PlainPayload<'static>, PayloadError>,
}

impl Event {
    /// The data.
    ///
    /// # Errors
    /// That they could not be had when the event was read.
    pub fn data(&self) -> Result<&[u8], PayloadError> {
        self.payload.as_ref().map(|plain| &*plain.data).map_err(|error| *error)
    }

    /// What belongs to the event but not to the fact.
    ///
    /// # Errors
    /// As [`Event::data`].
    pub fn metadata(&self) -> Result<&[u8], PayloadError> {
        self.payload.as_ref().map(|plain| &*plain.metadata).map_err(|error| *error)
    }

    /// The name of its stream, checked as any name from the log is.
    ///
    /// # Errors
    /// [`Invalid::StreamName`] only if the event was not read from a store.
    pub fn stream_name(&self) -> Result<StreamName, Invalid> {
        StreamName::new(self.stream.as_str())
    }
}
