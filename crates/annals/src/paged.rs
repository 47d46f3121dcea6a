//! What the events of a stream of the store's own come to, given out one by one in memory that is bounded however many there are.

use crate::error::ReadError;
use crate::query::Query;
use crate::view::View;
use annals_types::{EventRef, Version};
use std::collections::VecDeque;

/// Items of such a stream: some events are read at once, and what they come to is given out before the next ones are.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    view: View,
    stream: &'static str,
    /// So many events are read at once.
    page: u64,
    ready: VecDeque<T>,
    /// The version of the next event to read; `None` behind the last one.
    next: Option<Version>,
}

impl<T> Paged<T> {
    /// All of a stream.
    pub(crate) fn new(view: View, stream: &'static str, page: u64) -> Self {
        Paged { view, stream, page, ready: VecDeque::new(), next: Some(Version::FIRST) }
    }

    /// These items, and nothing of a stream.
    pub(crate) fn only(view: View, stream: &'static str, ready: VecDeque<T>) -> Self {
        Paged { view, stream, page: 0, ready, next: None }
    }

    /// The same with these items in front.
    pub(crate) fn behind(mut self, ready: VecDeque<T>) -> Self {
        self.ready = ready;
        self
    }

    /// The next item. What an event comes to, if to anything, is added by `take`. An error ends it.
    pub(crate) fn next_by(
        &mut self,
        mut take: impl FnMut(&View, &EventRef<'_>, &mut VecDeque<T>) -> Result<(), ReadError>,
    ) -> Option<Result<T, ReadError>> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(Ok(ready));
            }
            if let Err(error) = self.fill(self.next?, &mut take) {
                (self.ready, self.next) = (VecDeque::new(), None);
                return Some(Err(error));
            }
        }
    }

    fn fill(
        &mut self,
        from: Version,
        take: &mut impl FnMut(&View, &EventRef<'_>, &mut VecDeque<T>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut last = None;
        for event in self.view.read(Query::stream(self.stream).from_version(from).limit(self.page))? {
            let event = event?;
            last = Some(event.version);
            take(&self.view, &event, &mut self.ready)?;
        }
        self.next = last.map(Version::next);
        Ok(())
    }
}
