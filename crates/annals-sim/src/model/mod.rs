//! What the answers must be: a list of events and the plainest way to ask it. Written without the engine.

mod clauses;
mod judge;
mod picture;
mod question;
mod removal;
mod rules;

pub(crate) use clauses::Clauses;
pub(crate) use judge::Verdict;
pub(crate) use picture::{Picture, Seen, Standing};
pub(crate) use question::{Moment, Question};
pub(crate) use rules::{RETENTION_STREAM, Says};

use crate::world::START;

use annals::{
    Batch, ContentType, Event, Expected, NewEvent, PlainPayload, Position, Timestamp, Uuid, Version,
};
use removal::Removal;
use rules::Rules;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

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
    /// What it says of retention, if it is an event of that.
    pub(crate) says: Option<Box<Says>>,
}

/// A batch: events, what is expected of streams, and what must not have come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposal {
    pub(crate) facts: Vec<Fact>,
    pub(crate) expected: Vec<(String, Expected)>,
    /// None of these may have come after a position.
    pub(crate) conditions: Vec<(Clauses, u64)>,
}

/// Every event that there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) events: Vec<Arc<Event>>,
    /// What the producers gave: an occurred_at that was left out is not one that was said.
    facts: Vec<Arc<Fact>>,
    versions: HashMap<String, u64>,
    /// The positions of each id, ascending.
    ids: HashMap<Uuid, Vec<u64>>,
    /// The last position of each batch.
    ends: Vec<u64>,
    /// Of a store that cannot look up ids that producers gave: the ids that it has made itself, and for which positions.
    made: Option<HashMap<Uuid, u64>>,
    rules: Rules,
    removal: Removal,
    /// What the clock shows, counted from what it showed at first.
    pub(crate) since_start: i64,
}

impl Model {
    /// Of a store that is made without an index of ids.
    pub(crate) fn without_ids() -> Self {
        Model { made: Some(HashMap::new()), ..Model::default() }
    }

    /// The only ids that can be looked up, with their positions; `None` if all can.
    pub(crate) fn made(&self) -> Option<&HashMap<Uuid, u64>> {
        self.made.as_ref()
    }

    /// The position where an id is found.
    fn place_of(&self, id: Uuid) -> Option<u64> {
        let mut there = self.ids.get(&id)?.iter().copied().filter(|position| !self.is_gone(*position));
        let Some(made) = &self.made else { return there.next() };
        let position = *made.get(&id)?;
        there.any(|there| there == position).then_some(position)
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> i64 {
        START.saturating_add(self.since_start)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The last position.
    pub(crate) fn last(&self) -> u64 {
        self.events.len() as u64
    }

    /// The version of a stream's last event.
    pub(crate) fn version(&self, stream: &str) -> u64 {
        self.versions.get(stream).copied().unwrap_or(0)
    }

    /// The recorded_at that an event gets which is appended now: never before that of the last one.
    pub(crate) fn recorded_at(&self, now: Timestamp) -> Timestamp {
        self.events.last().map_or(now, |event| now.max(event.recorded_at))
    }

    /// Whether a batch ends at a position, or nothing does.
    pub(crate) fn is_end(&self, position: u64) -> bool {
        position == 0 || self.ends.binary_search(&position).is_ok()
    }

    /// The first position of the batch that an event belongs to.
    pub(crate) fn batch_of(&self, position: u64) -> u64 {
        let before = self.ends.partition_point(|end| *end < position);
        before.checked_sub(1).map_or(1, |index| self.ends[index] + 1)
    }

    /// Takes what was appended. `id_at` is asked for the ids that the store has made; says so if one of them is not new.
    pub(crate) fn append(
        &mut self,
        proposal: &Proposal,
        recorded_at: Timestamp,
        mut id_at: impl FnMut(u64) -> Option<Uuid>,
    ) -> Result<(), String> {
        for fact in &proposal.facts {
            let position = self.last() + 1;
            let made = || id_at(position).ok_or_else(|| format!("there is no event at position {position}"));
            let id = fact.id.map_or_else(made, Ok)?;
            if fact.id.is_none() && self.ids.contains_key(&id) {
                return Err(format!("the store has made the id {id} twice"));
            }
            if let Some(made) = self.made.as_mut().filter(|_| fact.id.is_none()) {
                made.insert(id, position);
            }
            let version = self.versions.entry(fact.stream.clone()).or_default();
            *version += 1;
            self.ids.entry(id).or_default().push(position);
            if let Some(says) = &fact.says {
                self.rules.take(says);
            }
            self.facts.push(Arc::new(fact.clone()));
            self.events.push(Arc::new(Event {
                position: Position::new(position),
                stream: fact.stream.clone(),
                version: Version::new(*version),
                id,
                event_type: fact.event_type.clone(),
                recorded_at,
                occurred_at: fact.occurred.map_or(recorded_at, Timestamp::from_nanos),
                tags: fact.tags.clone(),
                schema_version: fact.schema_version,
                content_type: fact.content_type(),
                payload: Ok(PlainPayload {
                    data: fact.data.clone().into(),
                    metadata: fact.metadata.clone().into(),
                }),
            }));
        }
        self.ends.push(self.last());
        Ok(())
    }

    /// Forgets what came after a position.
    pub(crate) fn truncate(&mut self, last: u64) {
        let kept = usize::try_from(last).unwrap_or(usize::MAX).min(self.events.len());
        for event in self.events.drain(kept..).rev() {
            match event.version.get() {
                1 => drop(self.versions.remove(&event.stream)),
                version => drop(self.versions.insert(event.stream.clone(), version - 1)),
            }
            if let Some(positions) = self.ids.get_mut(&event.id) {
                positions.retain(|position| *position <= last);
            }
        }
        self.ids.retain(|_, positions| !positions.is_empty());
        self.facts.truncate(self.events.len());
        self.ends.retain(|end| *end <= last);
        self.rules = Rules::default();
        self.facts.iter().filter_map(|fact| fact.says.as_ref()).for_each(|says| self.rules.take(says));
        self.removal.truncate(last);
    }
}

impl Fact {
    /// An event that says something of retention, as the store writes it.
    pub(crate) fn saying(says: Says) -> Self {
        let (event_type, data) = says.written();
        Fact {
            stream: RETENTION_STREAM.into(),
            event_type: event_type.into(),
            id: None,
            occurred: None,
            tags: Vec::new(),
            schema_version: 1,
            metadata: Vec::new(),
            data: data.into_bytes(),
            says: Some(Box::new(says)),
        }
    }

    fn content_type(&self) -> ContentType {
        // What else is JSON is written by the store itself.
        if self.says.is_some() { ContentType::JSON } else { ContentType::BINARY }
    }

    pub(crate) fn new_event(&self) -> NewEvent<'_> {
        let mut event = NewEvent::new(self.event_type.as_str(), &self.data[..])
            .with_metadata(&self.metadata[..])
            .with_schema_version(self.schema_version);
        event.content_type = self.content_type();
        event.id = self.id;
        event.occurred_at = self.occurred.map(Timestamp::from_nanos);
        self.tags.iter().fold(event, |event, tag| event.with_tag(tag.as_str()))
    }
}

impl Proposal {
    /// The streams in order of appearance, as [`Proposal::batch`] states expectations first.
    fn streams(&self) -> Vec<&str> {
        let stated = self.expected.iter().map(|(name, _)| name.as_str());
        let mut streams: Vec<&str> = Vec::new();
        for name in stated.chain(self.facts.iter().map(|fact| fact.stream.as_str())) {
            if !streams.contains(&name) {
                streams.push(name);
            }
        }
        streams
    }

    /// The same for the store.
    ///
    /// # Errors
    /// That the store refuses what keeps every limit.
    pub(crate) fn batch(&self) -> Result<Batch, String> {
        let refused = |invalid| format!("a batch within all limits was refused: {invalid}");
        let mut batch = Batch::new();
        for (stream, expected) in &self.expected {
            batch.expect(stream, *expected).map_err(refused)?;
        }
        for fact in &self.facts {
            batch.push(&fact.stream, &fact.new_event()).map_err(refused)?;
        }
        for (clauses, after) in &self.conditions {
            batch.fail_if(clauses.criteria(), Position::new(*after)).map_err(refused)?;
        }
        Ok(batch)
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

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(says) = &self.says {
            return write!(f, "{says:?}");
        }
        write!(f, "{:?} {:?} {} bytes", self.stream, self.event_type, self.data.len())?;
        if let Some(id) = self.id {
            write!(f, " id {}", id.as_u128())?;
        }
        if let Some(occurred) = self.occurred {
            write!(f, " at {occurred}")?;
        }
        if !self.tags.is_empty() {
            write!(f, " tags {:?}", self.tags)?;
        }
        Ok(())
    }
}
