//! Events as values of a Rust enum: each variant is an event type, its content the data.

mod decode;
mod encode;

use annals_types::{ContentType, EventRef, PayloadError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;

/// What an aggregate's events are in Rust. Implemented for every type that serde can write and read, which is meant to be
/// an enum: the name of a variant is the event type, its content the data, as JSON.
///
/// The attributes of serde say the rest: `rename` and `rename_all` the names of types, `alias` a type's earlier name,
/// `other` on a unit variant that events of all other types are to be taken for it. A unit variant has the data `{}`.
/// An enum with the attributes `tag`, `content` or `untagged` is refused: the store keeps type and data apart already.
///
/// ```
/// use annals::DomainEvent;
/// #[derive(serde::Serialize, serde::Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum AccountEvent {
///     Opened { owner: String },
///     Deposited { cents: u64 },
///     Closed,
/// }
/// let event = AccountEvent::Deposited { cents: 500 }.to_new()?;
/// assert_eq!(event.event_type, "deposited");
/// assert_eq!(&*event.data, br#"{"cents":500}"#);
/// # Ok::<(), annals::EventError>(())
/// ```
pub trait DomainEvent: Sized {
    /// The event as it is to be appended: type and data.
    ///
    /// # Errors
    /// That the value is no variant of an enum, or cannot be written as JSON.
    fn to_new(&self) -> Result<annals_types::NewEvent<'static>, EventError>;

    /// The event from what is stored.
    ///
    /// # Errors
    /// That there is no variant for the type, that the data are not what the variant takes, or that they are not there.
    fn from_stored(event: &EventRef<'_>) -> Result<Self, EventError>;
}

impl<T: Serialize + DeserializeOwned> DomainEvent for T {
    fn to_new(&self) -> Result<annals_types::NewEvent<'static>, EventError> {
        let (event_type, json) = encode::type_and_json(self)?;
        Ok(annals_types::NewEvent {
            content_type: ContentType::JSON,
            ..annals_types::NewEvent::new(event_type, json)
        })
    }

    fn from_stored(event: &EventRef<'_>) -> Result<Self, EventError> {
        let data = event.data()?;
        if event.content_type != ContentType::JSON && !data.is_empty() {
            return Err(EventError("its data are not JSON".into()));
        }
        decode::from_type_and_json(event.event_type, &data)
    }
}

/// Why a value is no event, or an event no value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EventError(#[source] Box<dyn Error + Send + Sync>);

impl EventError {
    /// With this reason: for types that implement [`DomainEvent`] by themselves.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        EventError(reason.into())
    }
}

impl From<PayloadError> for EventError {
    fn from(error: PayloadError) -> Self {
        EventError(error.into())
    }
}

impl From<serde_json::Error> for EventError {
    fn from(error: serde_json::Error) -> Self {
        EventError(error.into())
    }
}
