//! A stored event as it lies in the log.

use super::{Event, Tags};
use crate::buffer::PayloadBuffer;
use crate::content::ContentType;
use crate::numbers::{Position, Version};
use crate::payload::{PayloadError, PayloadRef, PlainPayload};
use crate::time::Timestamp;
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

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
