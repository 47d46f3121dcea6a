//! Reading a history through a chain that is not in use yet.

use super::error::at;
use super::registry::{Entry, Registry};
use crate::error::ReadError;
use crate::events::Events;
use crate::query::Query;
use crate::upcast::{Chain, Walked};
use crate::view::View;
use annals_types::{EventRef, PayloadRef, Position};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

/// An event that cannot be upcast, or does not become what the schema asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DryRunFailure {
    /// Where it is.
    pub position: Position,
    /// Its stream.
    pub stream: String,
    /// Its type, as stored.
    pub event_type: String,
    /// Its schema version, as stored.
    pub schema_version: u32,
    /// Which of the events that it becomes it is, from 0; `None` if it cannot be upcast at all.
    pub part: Option<usize>,
    /// Where in the data, as a JSON pointer; empty for the data as a whole.
    pub pointer: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for DryRunFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DryRunFailure { position, stream, event_type, schema_version, reason, .. } = self;
        let at = at(&self.pointer);
        write!(
            f,
            "the event at position {position} (stream {stream:?}, type {event_type:?}, schema version {schema_version}){at}: {reason}"
        )
    }
}

/// What would fail, event by event, in the order of the log. Made by [`View::check_schema`] and [`View::check_upcasters`]. Memory is
/// bounded whatever the length of the history. An error of reading ends it; failures do not.
#[derive(Debug)]
pub struct DryRun<'v> {
    events: Events<'v>,
    trial: Trial,
    looked_at: u64,
    found: VecDeque<DryRunFailure>,
    ended: bool,
}

/// What a history is tried with.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    chain: Arc<Chain>,
    /// What is to be registered.
    entry: Option<Arc<Entry>>,
    /// The types that events concerned may be stored under.
    types: BTreeSet<Arc<str>>,
}

impl Trial {
    /// With a registry that what is to be registered was added to.
    pub(crate) fn of_registration(candidate: &Registry, entry: &Arc<Entry>) -> Self {
        let registration = &entry.registration;
        let step = registration.upcast.as_ref();
        let named = step.into_iter().flat_map(|step| step.targets().chain([step.from().0]));
        let named = named.chain([registration.event_type.as_str()]);
        let types = named.flat_map(|event_type| candidate.chain.stored_types(event_type)).collect();
        Trial { chain: Arc::clone(&candidate.chain), entry: Some(Arc::clone(entry)), types }
    }

    /// With all types of a chain.
    pub(crate) fn of_chain(chain: Arc<Chain>) -> Self {
        Trial { types: chain.types().cloned().collect(), chain, entry: None }
    }

    /// The events concerned.
    pub(crate) fn query(&self) -> Query {
        self.types.iter().fold(Query::all(), |query, event_type| query.of_type(&**event_type))
    }

    /// Whether nothing is concerned.
    fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Tries an event.
    pub(crate) fn examine(&self, event: &EventRef<'_>, mut found: impl FnMut(DryRunFailure)) {
        let failure = |part, pointer, reason| DryRunFailure {
            position: event.position,
            stream: event.stream.to_owned(),
            event_type: event.event_type.to_owned(),
            schema_version: event.schema_version,
            part,
            pointer,
            reason,
        };
        let mut check = |shown: &EventRef<'_>, part| {
            if let Some(entry) = self.entry.as_ref().filter(|entry| is_meant(entry, shown))
                && let Err(flaw) = entry.check(shown)
            {
                found(failure(part, flaw.pointer, flaw.reason));
            }
        };
        let itself = |entry: &Arc<Entry>| {
            let of = &entry.registration;
            (&*of.event_type, of.schema_version) == (event.event_type, event.schema_version)
        };
        match self.chain.walk(event) {
            Ok(Walked::Unchanged) => check(event, Some(0)),
            Ok(Walked::Changed(parts)) => {
                if self.entry.as_ref().is_some_and(itself) {
                    check(event, Some(0));
                }
                for changed in &parts {
                    let shown = EventRef {
                        event_type: &changed.event_type,
                        schema_version: changed.schema_version,
                        content_type: changed.content_type,
                        payload: PayloadRef::plain(&changed.data, b""),
                        ..*event
                    };
                    check(&shown, Some(changed.part));
                }
            }
            Err(error) => found(failure(None, String::new(), error.reason)),
        }
    }
}

/// Whether an event has to be valid under a schema: one of its version, and one of a version before that is said to need no change.
fn is_meant(entry: &Entry, event: &EventRef<'_>) -> bool {
    let of = &entry.registration;
    let unchanged = of.upcast.is_none() && of.compatibility.is_backward();
    event.event_type == of.event_type
        && (event.schema_version == of.schema_version
            || (event.schema_version < of.schema_version && unchanged))
}

impl<'v> DryRun<'v> {
    pub(crate) fn new(view: &'v View, trial: Trial) -> Result<Self, ReadError> {
        let query = trial.query();
        let events = view.read(if trial.is_empty() { query.limit(0) } else { query })?;
        Ok(DryRun { events, trial, looked_at: 0, found: VecDeque::new(), ended: false })
    }

    /// How many stored events have been looked at so far.
    #[must_use]
    pub fn looked_at(&self) -> u64 {
        self.looked_at
    }
}

impl Iterator for DryRun<'_> {
    type Item = Result<DryRunFailure, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.found.is_empty() && !self.ended {
            match self.events.next() {
                Some(Ok(event)) => {
                    self.looked_at += 1;
                    self.trial.examine(&event, |failure| self.found.push_back(failure));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                None => self.ended = true,
            }
        }
        self.found.pop_front().map(Ok)
    }
}

impl FusedIterator for DryRun<'_> {}
