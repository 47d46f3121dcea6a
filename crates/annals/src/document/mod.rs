//! The state of a stream as one JSON document.
//!
//! The state is what the data of all events leave behind when each is taken as a JSON merge patch (RFC 7396) of what was
//! there, in the order in which they were appended. `merge` is the patch, `diff` tells two states apart, `history` follows
//! one value through the events.

mod aggregate;
mod diff;
mod error;
mod history;
mod merge;

pub use aggregate::JsonEvent;
pub use diff::{Change, changes};
pub use error::DocumentError;
pub use history::{History, HistoryEntry};

use crate::query::Query;
use crate::view::View;
use annals_types::{ContentType, EventRef, PayloadBuffer, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The state of a stream as one JSON document: the merge patch (RFC 7396) of the data of its events, in append order.
///
/// Members of objects are set by the event that names them, and removed by one that says `null`; anything that is not an
/// object takes the place of what was there. Events without data change nothing but the version. Numbers are never rounded
/// (with the feature `exact-numbers`, which is on unless turned off), and keys come out in the order of their text.
///
/// A document is a value without a store: it can be kept in a snapshot (it has a form for `serde`, made for JSON and what
/// describes itself like it), and carried on from there.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{Document, Expected, NewEvent};
/// let events = [
///     NewEvent::json("placed", r#"{"status":"placed","total":20.5}"#),
///     NewEvent::json("paid", r#"{"status":"paid"}"#),
/// ];
/// store.append("order-1", Expected::NoStream, &events)?;
/// let order: Document = store.view().document("order-1")?;
/// assert_eq!(order.value().map(ToString::to_string).as_deref(), Some(r#"{"status":"paid","total":20.5}"#));
/// assert_eq!(order.version().get(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    #[serde(with = "number_of_version")]
    version: Version,
    /// `None` until an event has data, which `null` does not say.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    value: Option<Value>,
}

impl Document {
    /// Takes the next event of the stream.
    ///
    /// # Errors
    /// [`DocumentError::NotJson`] or [`DocumentError::Json`] if its data are no JSON, [`DocumentError::Payload`] if they are not
    /// there. The document is as it was before.
    pub fn apply(&mut self, event: &EventRef<'_>) -> Result<(), DocumentError> {
        if let Some(patch) = data_of(event)? {
            merge::apply(self.value.get_or_insert(Value::Null), patch);
        }
        self.version = event.version;
        Ok(())
    }

    /// The state; `None` as long as no event had data.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The state, taken out of the document.
    #[must_use]
    pub fn into_value(self) -> Option<Value> {
        self.value
    }

    /// The version of the last event that was taken; [`Version::ZERO`] if there was none.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }
}

/// The data of an event as a value; `None` if it has none.
fn data_of(event: &EventRef<'_>) -> Result<Option<Value>, DocumentError> {
    let (position, version) = (event.position, event.version);
    let data = event.data()?;
    if data.is_empty() {
        return Ok(None);
    }
    if event.content_type != ContentType::JSON {
        return Err(DocumentError::NotJson { position, version, content_type: event.content_type });
    }
    let parsed = serde_json::from_slice(&data).map(Some);
    parsed.map_err(|source| DocumentError::Json { position, version, source })
}

impl View {
    /// The state of a stream in this view. A stream that has no events in it, or none at all, gives an empty document.
    ///
    /// Reads all events of the stream, in the newest version of their schemas; memory is that of the state. Where rules of retention
    /// hide the first ones, it is the state of what is left: [`View::floor`] tells.
    ///
    /// # Errors
    /// As [`DocumentError`] says.
    pub fn document(&self, stream: &str) -> Result<Document, DocumentError> {
        let (mut document, mut buffer) = (Document::default(), PayloadBuffer::new());
        for event in self.read_upcast(Query::stream(stream))? {
            let event = event?;
            let event = event.event();
            document.apply(&event.plain_in(&mut buffer).unwrap_or(event))?;
        }
        Ok(document)
    }

    /// How one value in the state of a stream came to be what it is: each event of this view that changed it, in append
    /// order, with the value before and after. `pointer` is a JSON pointer (RFC 6901) such as `/items/0/price`, or empty for
    /// the whole state.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent};
    /// let events = ["20", "20", "25", "null"].map(|total| NewEvent::json("set", format!(r#"{{"total":{total}}}"#)));
    /// store.append("order-1", Expected::NoStream, &events)?;
    /// let mut totals = Vec::new();
    /// for entry in store.view().history("order-1", "/total")? {
    ///     let entry = entry?;
    ///     totals.push((entry.version.get(), entry.to.map(|total| total.to_string())));
    /// }
    /// assert_eq!(totals, [(1, Some("20".into())), (3, Some("25".into())), (4, None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DocumentError::Pointer`] if that is no JSON pointer; otherwise as [`DocumentError`] says, also for each entry.
    pub fn history(&self, stream: &str, pointer: &str) -> Result<History<'_>, DocumentError> {
        History::new(self, stream, pointer)
    }
}

/// A value that is there, `null` included, which serde would take for `None`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A version as a number.
mod number_of_version {
    use annals_types::Version;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
        version.get().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        u64::deserialize(deserializer).map(Version::new)
    }
}

#[cfg(test)]
mod tests;
