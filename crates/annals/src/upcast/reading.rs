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

    /// Keeps what a stored event became, the next part last.
    fn keep(&mut self, stored: EventRef<'v>, mut parts: Vec<Changed>) {
        if !self.backwards {
            parts.reverse();
        }
        self.rest = Some((stored, parts));
    }

    /// An error is the last that is given out.
    fn end<T>(&mut self, error: ReadError) -> Result<T, ReadError> {
        self.left = 0;
        Err(error)
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
        let Some(upcasting) = self.upcasting.as_deref_mut() else {
            if let Some(event) = self.events.next_of_scan() {
                return Some(Ok(UpcastEvent::unchanged(event)));
            }
            return Some(self.events.next()?.map(UpcastEvent::unchanged));
        };
        while upcasting.left > 0 {
            if let Some(event) = upcasting.next_part() {
                upcasting.left -= 1;
                return Some(Ok(event));
            }
            let stored = match self.events.next_of_scan() {
                Some(stored) => stored,
                None => match self.events.next()? {
                    Ok(stored) => stored,
                    Err(error) => return Some(upcasting.end(error)),
                },
            };
            match upcasting.chain.walk(&stored) {
                Ok(Walked::Unchanged) => {
                    if upcasting.filter.as_ref().is_none_or(|query| query.matches(&stored)) {
                        upcasting.left -= 1;
                        return Some(Ok(UpcastEvent::unchanged(stored)));
                    }
                }
                Ok(Walked::Changed(parts)) => upcasting.keep(stored, parts),
                Err(error) => return Some(upcasting.end(ReadError::Upcast(error))),
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
