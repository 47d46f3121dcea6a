//! Events: as they are given to the store, and as they come back.

use crate::buffer::PayloadBuffer;
use crate::content::ContentType;
use crate::limits::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, CRITERIA_TERMS_MAX, DATA_BYTES_MAX, EVENT_TYPE_BYTES_MAX,
    METADATA_BYTES_MAX, STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX,
};
use crate::name::{StreamName, check_event_type, check_tag};
use crate::numbers::{Position, Version};
use crate::payload::{Erasure, PayloadError, PayloadRef, PlainPayload};
use crate::time::Timestamp;
use std::borrow::Cow;
use std::fmt;
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

/// Why an event or a batch cannot be taken: a limit that it does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The stream name is empty or too long.
    #[error("a stream name has 1 to {STREAM_NAME_BYTES_MAX} bytes, this one has {bytes}")]
    StreamName {
        /// Its length.
        bytes: usize,
    },
    /// The event type is empty or too long.
    #[error("an event type has 1 to {EVENT_TYPE_BYTES_MAX} bytes, this one has {bytes}")]
    EventType {
        /// Its length.
        bytes: usize,
    },
    /// A tag is empty or too long.
    #[error("a tag has 1 to {TAG_BYTES_MAX} bytes, this one has {bytes}")]
    Tag {
        /// Its length.
        bytes: usize,
    },
    /// Too many tags.
    #[error("an event has at most {TAGS_MAX} tags, this one has {count}")]
    TagCount {
        /// How many there are.
        count: usize,
    },
    /// Too much data.
    #[error("an event has at most {DATA_BYTES_MAX} bytes of data, this one has {bytes}")]
    Data {
        /// Its length.
        bytes: usize,
    },
    /// Too much metadata.
    #[error("an event has at most {METADATA_BYTES_MAX} bytes of metadata, this one has {bytes}")]
    Metadata {
        /// Its length.
        bytes: usize,
    },
    /// An event that says that its payload was erased, and has one, or says that it was larger than it can have been.
    #[error(
        "an event whose payload was erased has neither data nor metadata, and they were within the limits"
    )]
    Erased,
    /// The batch takes too many bytes in the log.
    #[error("a batch takes at most {BATCH_BYTES_MAX} bytes in the log, this one would take {bytes}")]
    BatchBytes {
        /// What it would take.
        bytes: usize,
    },
    /// The batch has too many events.
    #[error("a batch has at most {BATCH_EVENTS_MAX} events")]
    BatchEvents,
    /// The batch has no event to append.
    #[error("the batch has no events")]
    BatchEmpty,
    /// Two events of the batch carry the same id.
    #[error("id {id} stands twice in the batch")]
    IdTwice {
        /// The id.
        id: Uuid,
    },
    /// The batch states two different expectations for one stream.
    #[error("the batch states two different expectations for one stream")]
    ExpectedTwice,
    /// Criteria without clauses: nothing would match.
    #[error("the criteria have no clause, so nothing would match: give at least one")]
    CriteriaEmpty,
    /// A clause without types and tags: everything would match.
    #[error(
        "clause {clause} (from 0) names neither types nor tags, so everything would match: name some, or say Criteria::everything if that is meant"
    )]
    ClauseEmpty {
        /// Which one, from 0.
        clause: usize,
    },
    /// Criteria, or all conditions of a batch, name too many types and tags.
    #[error(
        "criteria, and all conditions of a batch, name at most {CRITERIA_TERMS_MAX} types and tags, these name {terms}: split them"
    )]
    CriteriaTerms {
        /// How many there are.
        terms: usize,
    },
    /// An event for a stream of the store's own that the store would not write itself.
    #[error(
        "streams whose names begin with $annals. are the store's own, and take only what the store itself writes: give the stream another name, or use the call or command for what is to be written there"
    )]
    SystemStream,
    /// A stream is to be truncated before a version that it does not have, so what comes there would be hidden unseen.
    #[error(
        "the stream is to begin at version {before}, but its last event has version {last}: give a version that it has, or delete the stream if all of it is to go"
    )]
    TruncateBeyondEnd {
        /// The version that was to be the first one.
        before: Version,
        /// The version of the last event.
        last: Version,
    },
    /// The log is to be truncated through a position that it does not have.
    #[error("the log is to be truncated through position {through}, but ends at position {last}")]
    TruncateLogBeyondEnd {
        /// The position that was to be the last one that goes.
        through: Position,
        /// The last position of the store.
        last: Position,
    },
    /// A condition looks at what comes after a position that the store does not have yet, so it was not seen there.
    #[error(
        "the condition is to look at events after position {after}, but the store ends at position {last}: give a position that was read from this store"
    )]
    ConditionBeyondEnd {
        /// The position of the condition.
        after: Position,
        /// The last position of the store, batches included that are being written.
        last: Position,
    },
}

/// A stored event, borrowed from the log without copying. Its payload may have to be made first, or be gone: see
/// [`EventRef::data`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// Number in the whole store.
    pub position: Position,
    /// Name of its stream.
    pub stream: &'a str,
    /// Number within its stream.
    pub version: Version,
    /// Its id.
    pub id: Uuid,
    /// What happened.
    pub event_type: &'a str,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Names to find it by.
    pub tags: Tags<'a>,
    /// Version of the data's schema.
    pub schema_version: u32,
    /// What the bytes of the data are.
    pub content_type: ContentType,
    /// Data and metadata as they are stored: see [`EventRef::data`] and [`EventRef::metadata`].
    pub payload: PayloadRef<'a>,
}

impl<'a> EventRef<'a> {
    /// The data. Borrowed from the log, unless they are stored compressed or encrypted: then they are made anew each time.
    ///
    /// ```
    /// # use annals_types::*;
    /// # fn show(event: EventRef<'_>) -> Result<(), Box<dyn std::error::Error>> {
    /// let text = String::from_utf8(event.data()?.into_owned())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// That they are not there any more or cannot be made, see [`PayloadError`]; never if the store neither erases,
    /// compresses nor encrypts.
    #[inline(always)]
    pub fn data(&self) -> Result<Cow<'a, [u8]>, PayloadError> {
        self.payload.data(self.position)
    }

    /// What belongs to the event but not to the fact. As [`EventRef::data`].
    ///
    /// # Errors
    /// As [`EventRef::data`].
    #[inline(always)]
    pub fn metadata(&self) -> Result<Cow<'a, [u8]>, PayloadError> {
        self.payload.metadata(self.position)
    }

    /// Data and metadata, for whoever wants both: what has to be made is made once.
    ///
    /// # Errors
    /// As [`EventRef::data`].
    #[inline]
    pub fn plain(&self) -> Result<PlainPayload<'a>, PayloadError> {
        self.payload.read(self.position)
    }

    /// The same event with its payload as it is given out, borrowed from the log, or from `buffer` if it has to be made. For whoever reads
    /// many events: compressed payloads then take no memory of their own. What is given out does not tell any more how it was stored.
    ///
    /// ```
    /// # use annals_types::*;
    /// # fn sum(events: &[EventRef<'_>]) -> Result<usize, PayloadError> {
    /// let (mut buffer, mut bytes) = (PayloadBuffer::new(), 0);
    /// for event in events {
    ///     bytes += event.plain_in(&mut buffer)?.data()?.len();
    /// }
    /// # Ok(bytes)
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`EventRef::data`].
    #[inline]
    pub fn plain_in<'b>(&self, buffer: &'b mut PayloadBuffer) -> Result<EventRef<'b>, PayloadError>
    where
        'a: 'b,
    {
        if self.payload.as_plain().is_some() {
            return Ok(*self);
        }
        self.payload.read_in(self.position, buffer)?;
        let (data, metadata) = buffer.parts();
        Ok(EventRef { payload: PayloadRef::plain(data, metadata), ..*self })
    }

    /// Copies the event out of the log, with its payload as far as it can be had.
    #[must_use]
    pub fn to_event(&self) -> Event {
        Event {
            position: self.position,
            stream: self.stream.into(),
            version: self.version,
            id: self.id,
            event_type: self.event_type.into(),
            recorded_at: self.recorded_at,
            occurred_at: self.occurred_at,
            tags: self.tags.iter().map(str::to_owned).collect(),
            schema_version: self.schema_version,
            content_type: self.content_type,
            payload: self.plain().map(PlainPayload::into_owned),
        }
    }

    /// The category of its stream.
    #[must_use]
    pub fn category(&self) -> &str {
        crate::name::category_of(self.stream)
    }

    /// Whether this only stands for an event that was lost to damage: it has a position, perhaps a stream and a
    /// version, and nothing else. No reader gives such a thing out as an event.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        // A stored event has a type, so the empty one is free to say this.
        self.event_type.is_empty()
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} {} {:?}", self.stream, self.version, self.position, self.event_type)
    }
}

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

/// The tags of a stored event: a sequence of strings, each with its length (`u16`, little-endian) in front.
///
/// The bytes were checked when the record was parsed, so walking them cannot fail.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags<'a>(&'a [u8]);

impl<'a> Tags<'a> {
    /// Takes the encoded form if it is whole: lengths that fit, and UTF-8.
    #[inline]
    #[must_use]
    pub fn from_encoded(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() { Some(Tags(bytes)) } else { Tags::check(bytes) }
    }

    fn check(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (tag, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            std::str::from_utf8(tag).ok()?;
            rest = after;
        }
        rest.is_empty().then_some(Tags(bytes))
    }

    /// The tags, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (tag, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = after;
            std::str::from_utf8(tag).ok()
        })
    }

    /// Whether `tag` is among them.
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|own| own == tag)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Tags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_walked_in_order_and_broken_lengths_are_refused() {
        let encoded = b"\x01\x00a\x03\x00b:c";
        let tags = Tags::from_encoded(encoded).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["a", "b:c"]);
        assert!(tags.contains("b:c") && !tags.contains("b"));
        assert!(Tags::from_encoded(&encoded[..6]).is_none());
        assert!(Tags::from_encoded(b"\x01\x00\xff").is_none());
        assert!(Tags::from_encoded(b"\x05").is_none());
    }

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
