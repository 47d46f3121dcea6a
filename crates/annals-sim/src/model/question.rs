//! Questions, and what the answers must be.

use super::{Clauses, Picture};
use annals::{AsOf, Clock, Event, Position, Query, ReadError, Timestamp, Version, View, category_of};
use std::fmt;

/// A question, independent of the store's own type for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) stream: Option<String>,
    pub(crate) positions: (Option<u64>, Option<u64>),
    pub(crate) versions: (Option<u64>, Option<u64>),
    pub(crate) types: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) clauses: Option<Clauses>,
    pub(crate) category: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) since: Vec<(Clock, i64)>,
    pub(crate) until: Vec<(Clock, i64)>,
    pub(crate) backwards: bool,
    pub(crate) limit: Option<u64>,
}

/// A moment to ask about: each bound on its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) position: Option<u64>,
    pub(crate) recorded: Option<i64>,
    pub(crate) occurred: Option<i64>,
}

impl Moment {
    /// Whether an event belongs to what there was.
    pub(crate) fn includes(&self, event: &Event) -> bool {
        self.position.is_none_or(|most| event.position.get() <= most)
            && self.recorded.is_none_or(|most| event.recorded_at.as_nanos() <= most)
            && self.occurred.is_none_or(|most| event.occurred_at.as_nanos() <= most)
    }

    /// The store's view from here.
    ///
    /// # Errors
    /// As the store's.
    pub(crate) fn of(&self, view: &View) -> Result<View, ReadError> {
        let mut view = view.clone();
        if let Some(time) = self.occurred {
            view = view.as_of(AsOf::Occurred(Timestamp::from_nanos(time)))?;
        }
        if let Some(position) = self.position {
            view = view.as_of(AsOf::Position(Position::new(position)))?;
        }
        if let Some(time) = self.recorded {
            view = view.as_of(AsOf::Recorded(Timestamp::from_nanos(time)))?;
        }
        Ok(view)
    }
}

impl Question {
    fn means(&self, event: &Event) -> bool {
        let time = |clock: Clock| match clock {
            Clock::Occurred => event.occurred_at.as_nanos(),
            Clock::Recorded => event.recorded_at.as_nanos(),
        };
        let (position, version) = (event.position.get(), event.version.get());
        self.stream.as_ref().is_none_or(|stream| *stream == event.stream)
            && self.positions.0.is_none_or(|least| position >= least)
            && self.positions.1.is_none_or(|most| position <= most)
            && self.versions.0.is_none_or(|least| version >= least)
            && self.versions.1.is_none_or(|most| version <= most)
            && (self.types.is_empty() || self.types.contains(&event.event_type))
            && self.tags.iter().all(|tag| event.tags.contains(tag))
            && self.clauses.as_ref().is_none_or(|clauses| clauses.mean(event))
            && self.category.as_ref().is_none_or(|category| category == category_of(&event.stream))
            && self.prefix.as_ref().is_none_or(|prefix| event.stream.starts_with(prefix.as_str()))
            && self.since.iter().all(|(clock, least)| time(*clock) >= *least)
            && self.until.iter().all(|(clock, end)| time(*clock) < *end)
    }

    /// The answer, given what is seen.
    pub(crate) fn answer<'e>(&self, seen: &[&'e Event]) -> Vec<&'e Event> {
        let mut found: Vec<&Event> = seen.iter().copied().filter(|event| self.means(event)).collect();
        if self.backwards {
            found.reverse();
        }
        found.truncate(self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
        found
    }

    /// The first version of the stream that is asked for, if the question begins at an earlier one.
    pub(crate) fn below(&self, picture: &Picture) -> Option<u64> {
        let (stream, from) = (self.stream.as_ref()?, self.versions.0?);
        let floor = picture.floor(stream);
        (from >= 1 && from < floor).then_some(floor)
    }

    /// The same for the store.
    pub(crate) fn query(&self) -> Query {
        let mut query = self.stream.as_ref().map_or_else(Query::all, Query::stream);
        if let Some(least) = self.positions.0 {
            query = query.from_position(Position::new(least));
        }
        if let Some(most) = self.positions.1 {
            query = query.to_position(Position::new(most));
        }
        if let Some(least) = self.versions.0 {
            query = query.from_version(Version::new(least));
        }
        if let Some(most) = self.versions.1 {
            query = query.to_version(Version::new(most));
        }
        query = self.types.iter().fold(query, Query::of_type);
        query = self.tags.iter().fold(query, Query::tagged);
        query = self.clauses.iter().fold(query, |query, clauses| query.matching(clauses.criteria()));
        query = self.category.iter().fold(query, Query::category);
        query = self.prefix.iter().fold(query, Query::prefix);
        let at = Timestamp::from_nanos;
        query = self.since.iter().fold(query, |query, (clock, time)| query.since(*clock, at(*time)));
        query = self.until.iter().fold(query, |query, (clock, time)| query.until(*clock, at(*time)));
        if self.backwards {
            query = query.backwards();
        }
        match self.limit {
            Some(limit) => query.limit(limit),
            None => query,
        }
    }
}

impl fmt::Display for Question {
    /// Only what it restricts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all")?;
        let Question { stream, positions, versions, types, tags, category, prefix, since, until, .. } = self;
        for (name, value) in [("stream", stream), ("category", category), ("prefix", prefix)] {
            value.iter().try_for_each(|value| write!(f, ", {name} {value:?}"))?;
        }
        for (name, (from, to)) in [("positions", positions), ("versions", versions)] {
            from.iter().try_for_each(|from| write!(f, ", {name} from {from}"))?;
            to.iter().try_for_each(|to| write!(f, ", {name} to {to}"))?;
        }
        for (name, values) in [("types", types), ("tags", tags)] {
            if !values.is_empty() {
                write!(f, ", {name} {values:?}")?;
            }
        }
        self.clauses.iter().try_for_each(|clauses| write!(f, ", {clauses}"))?;
        since.iter().try_for_each(|(clock, time)| write!(f, ", {clock:?} since {time}"))?;
        until.iter().try_for_each(|(clock, time)| write!(f, ", {clock:?} until {time}"))?;
        if self.backwards {
            f.write_str(", backwards")?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, ", at most {limit}"))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moment { position, recorded, occurred } = self;
        f.write_str("as of")?;
        position.map_or(Ok(()), |position| write!(f, " position {position}"))?;
        recorded.map_or(Ok(()), |time| write!(f, " recorded {time}"))?;
        occurred.map_or(Ok(()), |time| write!(f, " occurred {time}"))?;
        if position.is_none() && recorded.is_none() && occurred.is_none() {
            f.write_str(" now")?;
        }
        Ok(())
    }
}
