//! One value of a document through time.

use super::{Document, DocumentError};
use crate::query::Query;
use crate::upcast::UpcastEvents;
use crate::view::View;
use annals_types::{Position, Timestamp, Version};
use serde_json::Value;
use std::iter::FusedIterator;

/// An event that changed a value, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The version of the event in its stream.
    pub version: Version,
    /// Its position in the store.
    pub position: Position,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Its type.
    pub event_type: String,
    /// The value before; `None` if it was not there, which is not the same as `null`.
    pub from: Option<Value>,
    /// The value after; `None` if it is not there any more.
    pub to: Option<Value>,
}

/// The changes of one value in the state of a stream, in append order. Made by [`View::history`].
///
/// Memory is that of the state, whatever the number of events and changes. Two values are the same if their JSON is:
/// `1.0` is another number than `1`. An error ends the iteration.
#[derive(Debug)]
pub struct History<'v> {
    events: UpcastEvents<'v>,
    pointer: String,
    document: Document,
    /// The value as the last entry, if there was one, has left it.
    value: Option<Value>,
    ended: bool,
}

impl<'v> History<'v> {
    pub(super) fn new(view: &'v View, stream: &str, pointer: &str) -> Result<Self, DocumentError> {
        if !is_pointer(pointer) {
            return Err(DocumentError::Pointer { pointer: pointer.to_owned() });
        }
        Ok(History {
            events: view.read_upcast(Query::stream(stream))?,
            pointer: pointer.to_owned(),
            document: Document::default(),
            value: None,
            ended: false,
        })
    }

    fn advance(&mut self) -> Result<Option<HistoryEntry>, DocumentError> {
        for event in &mut self.events {
            let event = event?;
            let event = event.event();
            self.document.apply(&event)?;
            let value = self.document.value().and_then(|value| value.pointer(&self.pointer));
            if value == self.value.as_ref() {
                continue;
            }
            let to = value.cloned();
            return Ok(Some(HistoryEntry {
                version: event.version,
                position: event.position,
                recorded_at: event.recorded_at,
                occurred_at: event.occurred_at,
                event_type: event.event_type.to_owned(),
                from: std::mem::replace(&mut self.value, to.clone()),
                to,
            }));
        }
        Ok(None)
    }
}

impl Iterator for History<'_> {
    type Item = Result<HistoryEntry, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.advance().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl FusedIterator for History<'_> {}

/// Whether a text is a JSON pointer (RFC 6901, section 3).
fn is_pointer(text: &str) -> bool {
    let escapes_are_whole = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_are_whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_pointers_are_taken() {
        for pointer in ["", "/", "/a", "/a/0/b", "/~0~1", "/a~1b//"] {
            assert!(is_pointer(pointer), "{pointer}");
        }
        for text in ["a", "a/b", "/~", "/~2", "/a~/b", " /a"] {
            assert!(!is_pointer(text), "{text}");
        }
    }
}
