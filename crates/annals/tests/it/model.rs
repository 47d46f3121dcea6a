//! What the answers must be: a list of events and the plainest way to ask it.

use annals::{AppendError, Appended, Clock, Event, Expected, NewEvent, Timestamp, Uuid, category_of};
use std::collections::BTreeMap;

/// An event to be appended, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    pub(crate) stream: String,
    pub(crate) event_type: String,
    pub(crate) id: Option<Uuid>,
    pub(crate) occurred: Option<i64>,
    pub(crate) tags: Vec<String>,
    pub(crate) schema_version: u32,
    pub(crate) metadata: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// A batch: events, and what is expected of streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposal {
    pub(crate) facts: Vec<Fact>,
    pub(crate) expected: Vec<(String, Expected)>,
}

/// What must come of a proposal.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Appended { first: u64, already: bool, streams: Vec<(String, u64, u64)> },
    Conflict { stream: String, actual: u64 },
    IdTaken,
    Invalid,
}

/// A question, independent of the store's own type for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) stream: Option<String>,
    pub(crate) positions: (Option<u64>, Option<u64>),
    pub(crate) versions: (Option<u64>, Option<u64>),
    pub(crate) types: Vec<String>,
    pub(crate) tags: Vec<String>,
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

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) events: Vec<Event>,
    /// What the producers gave: an occurred_at that was left out is not one that was said.
    facts: Vec<Fact>,
}

impl Fact {
    pub(crate) fn new_event(&self) -> NewEvent<'_> {
        let mut event = NewEvent::new(self.event_type.as_str(), &self.data[..])
            .with_metadata(&self.metadata[..])
            .with_schema_version(self.schema_version);
        event.id = self.id;
        event.occurred_at = self.occurred.map(Timestamp::from_nanos);
        self.tags.iter().fold(event, |event, tag| event.with_tag(tag.as_str()))
    }
}

impl Verdict {
    pub(crate) fn of(result: &Result<Appended, AppendError>) -> Verdict {
        match result {
            Ok(appended) => Verdict::Appended {
                first: appended.first_position.get(),
                already: appended.already_applied,
                streams: (appended.streams.iter())
                    .map(|s| (s.stream.clone(), s.first_version.get(), s.last_version.get()))
                    .collect(),
            },
            Err(AppendError::Conflict(conflict)) => {
                Verdict::Conflict { stream: conflict.stream.to_string(), actual: conflict.actual.get() }
            }
            Err(AppendError::IdTaken { .. }) => Verdict::IdTaken,
            Err(AppendError::Invalid(_)) => Verdict::Invalid,
            Err(other) => panic!("{other:?}"),
        }
    }
}

impl Model {
    pub(crate) fn version(&self, stream: &str) -> u64 {
        self.events.iter().filter(|event| event.stream == stream).count() as u64
    }

    /// What must come of the proposal; nothing is changed.
    pub(crate) fn judge(&self, proposal: &Proposal) -> Verdict {
        let ids: Vec<Uuid> = proposal.facts.iter().filter_map(|fact| fact.id).collect();
        let twice = ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id));
        if proposal.facts.is_empty() || twice {
            return Verdict::Invalid;
        }
        let streams = proposal.streams();
        let stated = |stream: &String| {
            let stated = proposal.expected.iter().find(|(name, _)| name == stream);
            stated.map_or(Expected::Any, |(_, expected)| *expected)
        };
        let written = |stream: &&String| proposal.facts.iter().any(|fact| fact.stream == **stream);
        let loose = streams.iter().filter(written).any(|stream| !stated(stream).is_exact());
        if loose && let Some(verdict) = self.applied(proposal) {
            return verdict;
        }
        for stream in &streams {
            let actual = self.version(stream);
            if !stated(stream).holds_at(annals::Version::new(actual)) {
                let conflict = Verdict::Conflict { stream: stream.clone(), actual };
                return self.applied(proposal).unwrap_or(conflict);
            }
        }
        let first = self.events.len() as u64 + 1;
        Verdict::Appended { first, already: false, streams: self.ranges(proposal, |name| self.version(name)) }
    }

    fn applied(&self, proposal: &Proposal) -> Option<Verdict> {
        let place = |fact: &Fact| {
            let id = fact.id?;
            self.events.iter().position(|event| event.id == id)
        };
        let places: Vec<_> = proposal.facts.iter().map(place).collect();
        places.iter().flatten().next()?;
        let Some(first) = places[0] else { return Some(Verdict::IdTaken) };
        let same = |(index, fact): (usize, &Fact)| {
            places[index] == Some(first + index) && *fact == self.facts[first + index]
        };
        if !proposal.facts.iter().enumerate().all(same) {
            return Some(Verdict::IdTaken);
        }
        let before =
            |name: &str| self.events[..first].iter().filter(|event| event.stream == name).count() as u64;
        Some(Verdict::Appended {
            first: first as u64 + 1,
            already: true,
            streams: self.ranges(proposal, before),
        })
    }

    fn ranges(&self, proposal: &Proposal, before: impl Fn(&str) -> u64) -> Vec<(String, u64, u64)> {
        let count = |name: &str| proposal.facts.iter().filter(|fact| fact.stream == name).count() as u64;
        let written = proposal.streams().into_iter().filter(|name| count(name) > 0);
        written.map(|name| (name.clone(), before(&name) + 1, before(&name) + count(&name))).collect()
    }

    /// Takes what was appended; `id_at` is asked for the ids that the store has made.
    pub(crate) fn append(
        &mut self,
        proposal: &Proposal,
        recorded_at: Timestamp,
        mut id_at: impl FnMut(u64) -> Uuid,
    ) {
        for fact in &proposal.facts {
            let position = self.events.len() as u64 + 1;
            let id = fact.id.unwrap_or_else(|| id_at(position));
            if fact.id.is_none() {
                assert!(self.events.iter().all(|event| event.id != id), "a made id is new");
            }
            self.facts.push(fact.clone());
            self.events.push(Event {
                position: annals::Position::new(position),
                stream: fact.stream.clone(),
                version: annals::Version::new(self.version(&fact.stream) + 1),
                id,
                event_type: fact.event_type.clone(),
                recorded_at,
                occurred_at: fact.occurred.map_or(recorded_at, Timestamp::from_nanos),
                tags: fact.tags.clone(),
                schema_version: fact.schema_version,
                content_type: annals::ContentType::BINARY,
                data: fact.data.clone(),
                metadata: fact.metadata.clone(),
            });
        }
    }

    /// The events that are seen from a moment.
    pub(crate) fn seen(&self, moment: &Moment) -> Vec<&Event> {
        let seen = |event: &&Event| {
            moment.position.is_none_or(|most| event.position.get() <= most)
                && moment.recorded.is_none_or(|most| event.recorded_at.as_nanos() <= most)
                && moment.occurred.is_none_or(|most| event.occurred_at.as_nanos() <= most)
        };
        self.events.iter().filter(seen).collect()
    }
}

impl Proposal {
    /// The streams in order of appearance: as [`Proposal::batch`] states expectations first.
    fn streams(&self) -> Vec<String> {
        let stated = self.expected.iter().map(|(name, _)| name);
        let mut streams: Vec<String> = Vec::new();
        for name in stated.chain(self.facts.iter().map(|fact| &fact.stream)) {
            if !streams.contains(name) {
                streams.push(name.clone());
            }
        }
        streams
    }

    pub(crate) fn batch(&self) -> annals::Batch {
        let mut batch = annals::Batch::new();
        for (stream, expected) in &self.expected {
            batch.expect(stream, *expected).unwrap();
        }
        for fact in &self.facts {
            batch.push(&fact.stream, &fact.new_event()).unwrap();
        }
        batch
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
            && self.category.as_ref().is_none_or(|category| category == category_of(&event.stream))
            && self.prefix.as_ref().is_none_or(|prefix| event.stream.starts_with(prefix.as_str()))
            && self.since.iter().all(|(clock, least)| time(*clock) >= *least)
            && self.until.iter().all(|(clock, end)| time(*clock) < *end)
    }

    pub(crate) fn answer(&self, seen: &[&Event]) -> Vec<Event> {
        let mut found: Vec<Event> =
            seen.iter().filter(|event| self.means(event)).map(|event| (*event).clone()).collect();
        if self.backwards {
            found.reverse();
        }
        found.truncate(self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()));
        found
    }

    pub(crate) fn query(&self) -> annals::Query {
        use annals::{Position, Query, Version};
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
        query = self.category.iter().fold(query, Query::category);
        query = self.prefix.iter().fold(query, Query::prefix);
        let at = Timestamp::from_nanos;
        query = self.since.iter().fold(query, |query, (clock, time)| query.since(*clock, at(*time)));
        query = self.until.iter().fold(query, |query, (clock, time)| query.until(*clock, at(*time)));
        if self.backwards {
            query = query.backwards();
        }
        self.limit.map_or(query.clone(), |limit| query.limit(limit))
    }
}

/// Streams or types with their counts (and, for streams, last versions), by name.
pub(crate) fn tally<'a>(
    seen: &[&'a Event],
    name: impl Fn(&'a Event) -> &'a str,
) -> BTreeMap<&'a str, (u64, u64)> {
    let mut tally = BTreeMap::new();
    for event in seen {
        let (count, last) = tally.entry(name(event)).or_insert((0, 0));
        *count += 1;
        *last = event.version.get().max(*last);
    }
    tally
}
