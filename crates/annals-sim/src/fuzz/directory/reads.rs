//! Everything that a store can be asked, compared with the events that it may have.

use annals::{AsOf, Event, Position, Query, Timestamp, View};
use std::collections::BTreeSet;

/// Events that are read of one query at most, so that a store of nonsense is read in bounded time.
const EVENTS_MAX: usize = 2_000;

/// A view and what it may show.
pub(super) struct Reader<'a> {
    pub(super) view: &'a View,
    /// What is there up to the view's position.
    pub(super) events: &'a [Event],
    /// Whether answers must be exact.
    pub(super) exact: bool,
}

impl Reader<'_> {
    pub(super) fn everything(&self) {
        self.all();
        self.query(Query::all().backwards().of_type("closed"), |event| event.event_type == "closed");
        self.query(Query::stream("account-3"), |event| event.stream == "account-3");
        self.query(Query::stream("log").backwards(), |event| event.stream == "log");
        self.query(Query::all().category("account").tagged("branch:1"), |event| {
            event.stream.starts_with("account-") && event.tags.iter().any(|tag| tag == "branch:1")
        });
        self.names();
        self.single_events();
        self.moments();
    }

    /// Every event, in order.
    pub(super) fn all(&self) {
        self.query(Query::all(), |_| true);
    }

    /// All answers of a query without an error are the events that are meant; those before an error are, too.
    fn query(&self, query: Query, meant: impl Fn(&Event) -> bool) {
        let backwards = query == query.clone().backwards();
        let Ok(answers) = self.view.read(query) else { return };
        let (mut read, mut whole) = (Vec::new(), true);
        for answer in answers.take(EVENTS_MAX) {
            match answer {
                Ok(event) => read.push(event.to_event()),
                Err(_) => whole = false,
            }
        }
        if !self.exact {
            return;
        }
        let mut expected: Vec<&Event> = self.events.iter().filter(|event| meant(event)).collect();
        if backwards {
            expected.reverse();
        }
        let same = read.iter().zip(&expected).all(|(read, expected)| read == *expected);
        assert!(same && (read.len() == expected.len() || !whole && read.len() < expected.len()), "{read:?}");
    }

    fn names(&self) {
        let streams: Result<Vec<_>, _> = self.view.streams("").take(EVENTS_MAX).collect();
        let types = self.view.types();
        if !self.exact {
            return;
        }
        if let Ok(streams) = streams {
            let expected: BTreeSet<&str> = self.events.iter().map(|event| event.stream.as_str()).collect();
            assert!(streams.iter().map(|stream| stream.stream.as_str()).eq(expected));
        }
        if let Ok(types) = types {
            let expected: BTreeSet<&str> =
                self.events.iter().map(|event| event.event_type.as_str()).collect();
            assert!(types.iter().map(|info| info.event_type.as_str()).eq(expected));
        }
        if let Ok(log) = self.view.stream("log") {
            let expected = self.events.iter().filter(|event| event.stream == "log").count() as u64;
            assert_eq!(log.map_or(0, |log| log.events), expected);
        }
    }

    fn single_events(&self) {
        for event in self.events.iter().step_by(13) {
            for answer in [self.view.event_at(event.position), self.view.event(event.id)] {
                if let (true, Ok(answer)) = (self.exact, answer) {
                    assert_eq!(answer.map(|answer| answer.to_event()).as_ref(), Some(event));
                }
            }
        }
        let end = self.view.position().next();
        assert!(matches!(self.view.event_at(end), Ok(None)));
        let _ = self.view.event_at(self.view.position());
        let _ = self.view.event_at(Position::FIRST);
    }

    fn moments(&self) {
        let times = [Timestamp::MIN, Timestamp::from_nanos(crate::world::START + 7_000_000), Timestamp::MAX];
        for time in times {
            if let (Ok(before), true) = (self.view.as_of(AsOf::Recorded(time)), self.exact) {
                let expected = self.events.iter().filter(|event| event.recorded_at <= time).count() as u64;
                assert_eq!(before.position().get(), expected);
            }
        }
        let occurred = self.view.as_of(AsOf::Occurred(Timestamp::EPOCH));
        let _ = occurred.map(|view| view.read(Query::all()).map(|events| events.take(EVENTS_MAX).count()));
    }
}
