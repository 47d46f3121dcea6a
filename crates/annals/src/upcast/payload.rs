//! What an upcaster is given, and what it gives back.

use annals_types::{ContentType, EventRef};
use serde_json::Value;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// An error of the caller's own.
pub(crate) type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// An event on its way through a chain of upcasters: the type, version and data that it has by now, and the event as stored.
#[derive(Clone, Debug)]
pub struct Payload<'e> {
    pub(crate) stored: &'e EventRef<'e>,
    pub(crate) event_type: Cow<'e, str>,
    pub(crate) schema_version: u32,
    pub(crate) content: Content<'e>,
}

#[derive(Clone, Debug)]
pub(crate) enum Content<'e> {
    Bytes(ContentType, Cow<'e, [u8]>),
    Json(Value),
}

/// The data of an event are not JSON, and an upcaster wants JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotJson {
    /// They say so themselves.
    #[error("the data are {0}, not JSON")]
    ContentType(ContentType),
    /// They say that they are JSON.
    #[error("the data are not JSON: {0}")]
    Malformed(#[source] serde_json::Error),
}

impl<'e> Payload<'e> {
    pub(crate) fn new(stored: &'e EventRef<'e>, data: Cow<'e, [u8]>) -> Self {
        Payload {
            stored,
            event_type: Cow::Borrowed(stored.event_type),
            schema_version: stored.schema_version,
            content: Content::Bytes(stored.content_type, data),
        }
    }

    /// The event as it is stored: stream, times, tags, metadata, which upcasting leaves alone.
    #[must_use]
    pub fn stored(&self) -> &EventRef<'e> {
        self.stored
    }

    /// The type that it has by now.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The version of the schema that it has by now.
    #[must_use]
    pub fn schema_version(&self) -> u32 {
        self.schema_version
    }

    /// What kind of bytes the data are by now.
    #[must_use]
    pub fn content_type(&self) -> ContentType {
        match &self.content {
            Content::Bytes(content_type, _) => *content_type,
            Content::Json(_) => ContentType::JSON,
        }
    }

    /// The data as bytes, whatever kind they are.
    #[must_use]
    pub fn into_bytes(self) -> Cow<'e, [u8]> {
        match self.content {
            Content::Bytes(_, bytes) => bytes,
            Content::Json(value) => value.to_string().into_bytes().into(),
        }
    }

    /// The data as JSON; `null` if there are none. With the feature `exact-numbers` (on unless switched off) numbers keep
    /// every digit.
    ///
    /// # Errors
    /// [`NotJson`].
    pub fn into_json(self) -> Result<Value, NotJson> {
        match self.content {
            Content::Json(value) => Ok(value),
            Content::Bytes(_, bytes) if bytes.is_empty() => Ok(Value::Null),
            Content::Bytes(ContentType::JSON, bytes) => {
                serde_json::from_slice(&bytes).map_err(NotJson::Malformed)
            }
            Content::Bytes(content_type, _) => Err(NotJson::ContentType(content_type)),
        }
    }
}

/// The data that an upcaster gives back.
#[derive(Clone, PartialEq)]
pub struct UpcastData(pub(crate) Content<'static>);

impl UpcastData {
    /// Bytes of a stated kind.
    #[must_use]
    pub fn bytes(content_type: ContentType, bytes: impl Into<Vec<u8>>) -> Self {
        UpcastData(Content::Bytes(content_type, Cow::Owned(bytes.into())))
    }
}

impl From<Value> for UpcastData {
    fn from(value: Value) -> Self {
        UpcastData(Content::Json(value))
    }
}

impl fmt::Debug for UpcastData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Content<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Content::Json(one), Content::Json(other)) => one == other,
            (Content::Bytes(one, bytes), Content::Bytes(other, others)) => one == other && bytes == others,
            _ => false,
        }
    }
}

/// What an event becomes by one step: one event, several, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome(pub(crate) Vec<(Option<String>, UpcastData)>);

impl Outcome {
    /// One event, of the type and version that the step leads to. For a step that leads to one type only.
    #[must_use]
    pub fn one(data: impl Into<UpcastData>) -> Self {
        Outcome(vec![(None, data.into())])
    }

    /// Events of some of the types that the step leads to, in this order. They have position, version and id of the stored
    /// event in common, and are told apart by their [part](crate::UpcastEvent::part).
    #[must_use]
    pub fn many<T, D>(parts: impl IntoIterator<Item = (T, D)>) -> Self
    where
        T: Into<String>,
        D: Into<UpcastData>,
    {
        Outcome(parts.into_iter().map(|(event_type, data)| (Some(event_type.into()), data.into())).collect())
    }

    /// No event: it is not read any more.
    #[must_use]
    pub fn nothing() -> Self {
        Outcome(Vec::new())
    }
}
