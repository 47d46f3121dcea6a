//! Whether a snapshot is one of the history that a view shows.

use crate::error::ReadError;
use crate::view::View;
use annals_index::{TermKey, TermKind};
use annals_snapshot::Snapshot;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position};

impl View {
    /// Whether a snapshot was taken behind an event of this history, be it hidden by now.
    ///
    /// The event says so itself. If it was lost, what holds its place has the same stream and version. Where that is not known any
    /// more, or where the event was removed, there is nothing left to compare with. It was durable when the snapshot was taken, so
    /// that counts if the stream goes on behind it: then no other event can have got the version.
    pub(crate) fn has_behind(&self, stream: &str, snapshot: &Snapshot) -> Result<bool, ReadError> {
        let position = snapshot.position;
        if position < Position::FIRST || position > self.position {
            return Ok(false);
        }
        let is_named = |event: &EventRef<'_>| (event.stream, event.version) == (stream, snapshot.version);
        let is_it = |event: &EventRef<'_>| {
            is_named(event) && (event.id, event.recorded_at) == (snapshot.event_id, snapshot.recorded_at)
        };
        match self.parts.event(position)? {
            Some(_) if planted(Bug::SnapshotOfOtherEvents) => Ok(true),
            Some(event) if !event.is_lost() => Ok(is_it(&event)),
            Some(lost) if !lost.stream.is_empty() => Ok(is_named(&lost)),
            None if position > self.parts.removed => Ok(false),
            _ => {
                let key = TermKey::new(TermKind::Stream, stream, self.parts.hash_seed);
                Ok(self.parts.first_version(&key)?.is_some_and(|first| first > snapshot.version))
            }
        }
    }
}
