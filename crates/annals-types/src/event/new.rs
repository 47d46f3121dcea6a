//! An event as it is given to the store, and the limits that it has to keep.

use super::Invalid;
use crate::content::ContentType;
use crate::limits::{DATA_BYTES_MAX, METADATA_BYTES_MAX, TAGS_MAX};
use crate::name::{check_event_type, check_tag};
use crate::payload::Erasure;
use crate::time::Timestamp;
use std::borrow::Cow;
use uuid::Uuid;

/// An event to be appended. Borrows what it is given, so that nothing is copied before it is encoded.
///
/// ```
/// use annals_types::{ContentType, NewEvent};
/// let event = NewEvent::json("deposited", r#"{"cents":500}"#).with_tag("branch:7");
/// assert_eq!(event.content_type, ContentType::JSON);
/// assert!(event.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent<'a> {
    /// The id, if the producer has one; without it the store makes one (a UUID of version 7).
    pub id: Option<Uuid>,
    /// What happened: 1 to 512 bytes of UTF-8.
    pub event_type: Cow<'a, str>,
    /// What the bytes of `data` are.
    pub content_type: ContentType,
    /// The payload: up to 64 MiB.
    pub data: Cow<'a, [u8]>,
    /// What belongs to the event but not to the fact (correlation, user, trace): up to 16 MiB.
    pub metadata: Cow<'a, [u8]>,
    /// Names to find the event by: up to 256 of 1 to 512 bytes each.
    pub tags: Vec<Cow<'a, str>>,
    /// Version of the data's schema; 1 unless the producer says otherwise.
    pub schema_version: u32,
    /// When it happened; `None` means "when it is recorded".
    pub occurred_at: Option<Timestamp>,
    /// What is left of its payload, if that was erased in the store that the event comes from; data and metadata are then
    /// empty. The event is stored as one whose payload was erased.
    pub erased: Option<Erasure>,
}

impl<'a> NewEvent<'a> {
    /// An event with bytes of no stated kind.
    pub fn new(event_type: impl Into<Cow<'a, str>>, data: impl Into<Cow<'a, [u8]>>) -> Self {
        NewEvent {
            id: None,
            event_type: event_type.into(),
            content_type: ContentType::BINARY,
            data: data.into(),
            metadata: Cow::Borrowed(&[]),
            tags: Vec::new(),
            schema_version: 1,
            occurred_at: None,
            erased: None,
        }
    }

    /// An event whose data is JSON text. The text is stored as given and is not parsed.
    pub fn json(event_type: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) -> Self {
        let data = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        NewEvent { content_type: ContentType::JSON, ..NewEvent::new(event_type, data) }
    }

    /// Sets the id, by which a repeated append is recognised.
    #[must_use]
    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<Cow<'a, [u8]>>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<Cow<'a, str>>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets the time at which it happened.
    #[must_use]
    pub fn at(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }

    /// Sets the version of the data's schema.
    #[must_use]
    pub fn with_schema_version(mut self, schema_version: u32) -> Self {
        self.schema_version = schema_version;
        self
    }

    /// Checks the event against the limits.
    ///
    /// # Errors
    /// The first limit that is not kept.
    pub fn check(&self) -> Result<(), Invalid> {
        check_event_type(&self.event_type)?;
        if self.data.len() > DATA_BYTES_MAX {
            return Err(Invalid::Data { bytes: self.data.len() });
        }
        if self.metadata.len() > METADATA_BYTES_MAX {
            return Err(Invalid::Metadata { bytes: self.metadata.len() });
        }
        let possible =
            |erasure: &Erasure| erasure.is_possible() && self.data.is_empty() && self.metadata.is_empty();
        if !self.erased.as_ref().is_none_or(possible) {
            return Err(Invalid::Erased);
        }
        if self.tags.len() > TAGS_MAX {
            return Err(Invalid::TagCount { count: self.tags.len() });
        }
        self.tags.iter().try_for_each(|tag| check_tag(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named_when_it_is_not_kept() {
        assert_eq!(NewEvent::new("", &b""[..]).check(), Err(Invalid::EventType { bytes: 0 }));
        let mut event = NewEvent::new("t", vec![0; DATA_BYTES_MAX + 1]);
        assert_eq!(event.check(), Err(Invalid::Data { bytes: DATA_BYTES_MAX + 1 }));
        event.data = Cow::Borrowed(&[]);
        event.tags = vec![Cow::Borrowed("t"); TAGS_MAX + 1];
        assert_eq!(event.check(), Err(Invalid::TagCount { count: TAGS_MAX + 1 }));
    }
}
