//! Reading events in the newest version of their schemas.

use super::UpcastEvent;
use crate::error::ReadError;
use crate::events::Events;
use annals_types::Position;
use std::iter::FusedIterator;

/// The events of a query in the newest version of their schemas. Made by [`View::read_upcast`](crate::View::read_upcast).
///
/// Memory is bounded whatever the number of events. An error ends the iteration.
#[derive(Debug)]
pub struct UpcastEvents<'v> {
    events: Events<'v>,
}

impl<'v> UpcastEvents<'v> {
    pub(crate) fn new(events: Events<'v>) -> Self {
        UpcastEvents { events }
    }

    /// As [`Events::position`].
    #[must_use]
    pub fn position(&self) -> Position {
        self.events.position()
    }
}

impl<'v> Iterator for UpcastEvents<'v> {
    type Item = Result<UpcastEvent<'v>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.events.next()?.map(UpcastEvent::unchanged))
    }
}

impl FusedIterator for UpcastEvents<'_> {}
