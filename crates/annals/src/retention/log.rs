//! The events that rules are made of, read by their positions.

use super::event::{RETENTION_STREAM, RetentionEvent};
use crate::error::ReadError;
use crate::parts::Parts;
use crate::staged::Staged;
use crate::system_event::SystemEvent;
use annals_index::{TermKey, TermKind};
use annals_types::{EventRef, Position};

/// Where events are read by their positions: also what is staged, for the writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) staged: Option<&'a Staged>,
}

impl Log<'_> {
    pub(crate) fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        match self.staged.map(|staged| staged.event(position)).transpose()?.flatten() {
            Some(event) => Ok(Some(event)),
            None => self.parts.event(position),
        }
    }

    /// What the event at a position says of retention.
    pub(super) fn said_at(&self, position: Position) -> Result<Option<RetentionEvent>, ReadError> {
        match self.event(position)?.filter(|event| event.stream == RETENTION_STREAM) {
            Some(event) => RetentionEvent::of(&event).map_err(|error| self.parts.payload_error(error)),
            None => Ok(None),
        }
    }

    pub(super) fn hash(&self, stream: &str) -> u64 {
        let seed = self.parts.hash_seed;
        TermKey::new(TermKind::Stream, stream, seed).hash(seed)
    }
}
