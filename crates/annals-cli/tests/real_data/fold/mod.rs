//! What the events of a set amount to: a state for each stream, and totals over all of them.

mod application;
mod fine;
mod page;
mod permit;

use crate::canonical::{self, Checksum};
use crate::data::Set;
use crate::facts::StateFact;
use annals::{EventRef, Events, Position};
use serde_json::Value;
use std::collections::BTreeMap;

/// All states of a set at one moment.
#[derive(Debug)]
pub(crate) struct Folded {
    pub(crate) events: u64,
    pub(crate) streams: u64,
    pub(crate) last_position: Position,
    pub(crate) totals: Value,
    pub(crate) states_sha256: String,
}

/// Folds the events of all streams.
pub(crate) fn all(set: Set, events: Events<'_>) -> Folded {
    match set {
        Set::Receipt => fold_all::<permit::Permit<'_>>(events),
        Set::Loans => fold_all::<application::Application<'_>>(events),
        Set::Fines => fold_all::<fine::Fine<'_>>(events),
        Set::Wiki => fold_all::<page::Page<'_>>(events),
    }
}

/// Folds the events of one stream. The version is that of its last event, from 0.
pub(crate) fn one(set: Set, events: Events<'_>) -> Option<StateFact> {
    match set {
        Set::Receipt => fold_one::<permit::Permit<'_>>(events),
        Set::Loans => fold_one::<application::Application<'_>>(events),
        Set::Fines => fold_one::<fine::Fine<'_>>(events),
        Set::Wiki => fold_one::<page::Page<'_>>(events),
    }
}

/// The state of one stream.
trait Fold<'v>: Default {
    fn apply(&mut self, event: &EventRef<'v>);

    fn state(&self) -> Value;

    fn totals(states: &[&Self]) -> Value;
}

fn fold_all<'v, F: Fold<'v>>(events: Events<'v>) -> Folded {
    let mut states: BTreeMap<&str, (u64, F)> = BTreeMap::new();
    let (mut count, mut last_position) = (0, Position::ZERO);
    for event in events {
        let event = event.unwrap();
        let (version, state) = states.entry(event.stream).or_default();
        state.apply(&event);
        *version = event.version.get() - 1;
        count += 1;
        last_position = event.position;
    }
    let mut checksum = Checksum::default();
    for (stream, (version, state)) in &states {
        let (stream, state) = (canonical::string(stream), canonical::of(&state.state()));
        checksum.line(&format!("[{stream},{version},{state}]"));
    }
    let totals = F::totals(&states.values().map(|(_, state)| state).collect::<Vec<_>>());
    Folded {
        events: count,
        streams: states.len() as u64,
        last_position,
        totals,
        states_sha256: checksum.hex(),
    }
}

fn fold_one<'v, F: Fold<'v>>(events: Events<'v>) -> Option<StateFact> {
    let mut state: Option<(u64, F)> = None;
    for event in events {
        let event = event.unwrap();
        let (version, state) = state.get_or_insert_default();
        state.apply(&event);
        *version = event.version.get() - 1;
    }
    state.map(|(version, state)| StateFact { version, state: state.state() })
}

/// The payload of an event, as far as a fold wants it.
fn payload<'v, T: serde::Deserialize<'v>>(json: &'v [u8]) -> T {
    serde_json::from_slice(json).unwrap()
}
