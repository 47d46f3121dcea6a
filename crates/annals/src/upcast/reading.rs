//! Reading events in the newest version of their schemas.

use super::chain::Chain;
use super::event::Changed;
use super::walk::Walked;
use super::widen::{names_types, widen};
use super::{UpcastError, UpcastEvent};
use crate::error::ReadError;
use crate::events::Events;
use crate::query::Query;
use annals_types::{EventRef, Position};
use std::iter::FusedIterator;
use std::sync::Arc;

/// The events of a query in the newest version of their schemas. Made by [`View::read_upcast`](crate::View::read_upcast), and by
/// [`Situation::read_upcast`](crate::Situation::read_upcast).
///
/// Memory is bounded whatever the number of events, but for what a single event becomes. An error ends the iteration.
#[derive(Debug)]
pub struct UpcastEvents<'v> {
    events: Events<'v>,
    /// `None` where there is nothing to upcast.
    upcasting: Option<Box<Upcasting<'v>>>,
}

/// How stored events become those of the query.
#[derive(Debug)]
pub(crate) struct Upcasting<'v> {
    chain: Arc<Chain>,
    /// What the events that are given out have to match by what they became; `None` if every one will do.
    filter: Option<Query>,
    backwards: bool,
    /// How many events may still be given out.
    left: u64,
    /// What is left of a stored event that became several, the next one last.
    rest: Option<(EventRef<'v>, Vec<Changed>)>,
}

impl<'v> Upcasting<'v> {
    /// How a query is read through a chain: the query to read from the log, and what to do with its events.
    pub(crate) fn new(query: Query, chain: Arc<Chain>) -> (Query, Option<Box<Self>>) {
        if chain.is_idle() {
            return (query, None);
        }
        let wide = widen(&query, &chain);
        let (backwards, left) = (query.backwards, query.limit);
        let filter = names_types(&query).then_some(query);
        (wide, Some(Box::new(Upcasting { chain, filter, backwards, left, rest: None })))
    }

    /// The next part of a stored event that became several.
    fn next_part(&mut self) -> Option<UpcastEvent<'v>> {
        let (stored, parts) = self.rest.as_mut()?;
        while let Some(changed) = parts.pop() {
            let event = UpcastEvent::changed(*stored, changed);
            if is_meant(self.filter.as_ref(), &event) {
                return Some(event);
            }
        }
        self.rest = None;
        None
    }

    /// Takes the next stored event; what it becomes, unless that is several or none.
    fn take(&mut self, stored: EventRef<'v>) -> Result<Option<UpcastEvent<'v>>, Box<UpcastError>> {
        match self.chain.walk(&stored)? {
            Walked::Unchanged => {
                let event = UpcastEvent::unchanged(stored);
                Ok(is_meant(self.filter.as_ref(), &event).then_some(event))
            }
            Walked::Changed(mut parts) => {
                if !self.backwards {
                    parts.reverse();
                }
                self.rest = Some((stored, parts));
                Ok(None)
            }
        }
    }
}

fn is_meant(filter: Option<&Query>, event: &UpcastEvent<'_>) -> bool {
    filter.is_none_or(|query| query.matches(&event.event()))
}

impl<'v> UpcastEvents<'v> {
    pub(crate) fn new(events: Events<'v>, upcasting: Option<Box<Upcasting<'v>>>) -> Self {
        UpcastEvents { events, upcasting }
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
        let Some(upcasting) = &mut self.upcasting else {
            return Some(self.events.next()?.map(UpcastEvent::unchanged));
        };
        while upcasting.left > 0 {
            let next = match upcasting.next_part() {
                Some(event) => Ok(Some(event)),
                None => match self.events.next()? {
                    Ok(stored) => upcasting.take(stored).map_err(ReadError::Upcast),
                    Err(error) => Err(error),
                },
            };
            match next {
                Ok(None) => {}
                Ok(Some(event)) => {
                    upcasting.left -= 1;
                    return Some(Ok(event));
                }
                Err(error) => {
                    upcasting.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl FusedIterator for UpcastEvents<'_> {}

/// What one stored event becomes.
pub(crate) fn upcast_one<'v>(
    chain: &Chain,
    stored: EventRef<'v>,
) -> Result<Vec<UpcastEvent<'v>>, Box<UpcastError>> {
    Ok(match chain.walk(&stored)? {
        Walked::Unchanged => vec![UpcastEvent::unchanged(stored)],
        Walked::Changed(parts) => {
            parts.into_iter().map(|changed| UpcastEvent::changed(stored, changed)).collect()
        }
    })
}
