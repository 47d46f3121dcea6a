//! A document as an aggregate: with snapshots, loaded as of any moment.

use super::{Document, data_of, merge};
use crate::aggregate::{Aggregate, DomainEvent, EventError};
use annals_types::{ContentType, EventRef, NewEvent};
use serde_json::Value;

/// An event of any type with JSON data: for states that take events of every kind.
///
/// ```
/// use annals::{DomainEvent, JsonEvent};
/// let event = JsonEvent { event_type: "deposited".into(), data: Some(serde_json::json!({ "cents": 500 })) };
/// assert_eq!(&*event.to_new()?.data, br#"{"cents":500}"#);
/// # Ok::<(), annals::EventError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonEvent {
    /// What happened.
    pub event_type: String,
    /// The data; `None` if there are none, which `null` does not say.
    pub data: Option<Value>,
}

impl DomainEvent for JsonEvent {
    fn to_new(&self) -> Result<NewEvent<'static>, EventError> {
        let data = self.data.as_ref().map(serde_json::to_vec).transpose()?;
        let event = NewEvent::new(self.event_type.clone(), data.unwrap_or_default());
        Ok(NewEvent { content_type: ContentType::JSON, ..event })
    }

    fn from_stored(event: &EventRef<'_>) -> Result<Self, EventError> {
        let data = data_of(event).map_err(EventError::new)?;
        Ok(JsonEvent { event_type: event.event_type.into(), data })
    }
}

/// The state of a stream whose events need no types in Rust.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{Document, Expected, NewEvent, SnapshotPolicy};
/// store.append("order-1", Expected::NoStream, &[NewEvent::json("placed", r#"{"total":25}"#)])?;
/// let documents = store.aggregates::<Document>().with_snapshots("document/1", SnapshotPolicy::every(1000));
/// assert_eq!(documents.load("order-1")?.state().value().unwrap()["total"], 25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Aggregate for Document {
    type Event = JsonEvent;

    fn apply(&mut self, event: JsonEvent) {
        if let Some(patch) = event.data {
            merge::apply(self.value.get_or_insert(Value::Null), patch);
        }
        self.version = self.version.next();
    }

    fn apply_stored(&mut self, event: &EventRef<'_>) -> Result<(), EventError> {
        Document::apply(self, event).map_err(EventError::new)
    }
}
