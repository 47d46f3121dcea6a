//! Ranges of time, and the store as of moments.

use crate::data::{Given, instant};
use crate::facts::StateFact;
use crate::fold;
use crate::store::{count, occurred_by};
use annals::{AsOf, Clock, Position, Query, Timestamp, View};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

of_each_set!(in each layout:
    ranges_of_time_hold_their_events,
    types_are_counted_in_ranges_of_time,
    the_store_is_as_it_was_as_of_a_time,
    the_store_is_as_it_was_at_a_position,
    lists_are_as_they_were_as_of_a_time,
    two_moments_together_show_what_both_of_them_do,
    what_was_recorded_by_a_time_is_a_cut_of_the_log,
);

fn ranges_of_time_hold_their_events(given: &Given, view: &View) {
    for range in &given.facts.ranges {
        let (mut events, mut streams) = (0, HashSet::new());
        let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
        for event in view.read(within(&range.from, &range.to)).unwrap() {
            let event = event.unwrap();
            events += 1;
            streams.insert(event.stream);
            match by_type.get_mut(event.event_type) {
                Some(count) => *count += 1,
                None => drop(by_type.insert(event.event_type.to_owned(), 1)),
            }
        }
        assert_eq!((events, streams.len()), (range.events, range.streams), "{range:?}");
        assert_eq!(by_type, range.by_type);
    }
}

fn types_are_counted_in_ranges_of_time(given: &Given, view: &View) {
    for range in &given.facts.ranges {
        for event_type in given.facts.by_type.keys() {
            let expected = range.by_type.get(event_type).copied().unwrap_or(0);
            let query = within(&range.from, &range.to).of_type(event_type);
            assert_eq!(count(view, query), expected, "{event_type} {range:?}");
        }
    }
}

fn the_store_is_as_it_was_as_of_a_time(given: &Given, view: &View) {
    for fact in &given.facts.as_of {
        let time = instant(&fact.time);
        if let Some(also) = &fact.also_written {
            assert_eq!(instant(also), time);
        }
        let last = view.position_at(Clock::Occurred, Timestamp::from_nanos(time)).unwrap();
        assert_eq!(last.get(), fact.last_position_plus_1, "{}", fact.time);
        let then = occurred_by(view, time);
        assert_eq!(count(&then, Query::all()), fact.events, "{}", fact.time);
        let folded = fold::all(given.set, then.read(Query::all()).unwrap());
        assert_eq!((folded.events, folded.streams), (fact.events, fact.streams), "{}", fact.time);
        assert_eq!(folded.last_position.get(), fact.last_position_plus_1, "{}", fact.time);
        assert_eq!(folded.totals, fact.totals, "{}", fact.time);
        assert_eq!(folded.states_sha256, fact.states_sha256, "{}", fact.time);
        states_must_be(given, &then, &fact.states);
    }
}

fn the_store_is_as_it_was_at_a_position(given: &Given, view: &View) {
    for fact in &given.facts.at_position {
        let then = view.as_of(AsOf::Position(Position::new(fact.events))).unwrap();
        let folded = fold::all(given.set, then.read(Query::all()).unwrap());
        assert_eq!((folded.events, folded.streams), (fact.events, fact.streams));
        assert_eq!(folded.last_position.get(), fact.events);
        assert_eq!(folded.totals, fact.totals, "after {}", fact.events);
        assert_eq!(folded.states_sha256, fact.states_sha256, "after {}", fact.events);
        states_must_be(given, &then, &fact.states);
        assert_eq!(then.streams("").count() as u64, fact.streams);
        assert_eq!(count(&then, Query::all()), fact.events);
        assert_eq!(then.types().unwrap().iter().map(|info| info.events).sum::<u64>(), fact.events);
    }
}

fn lists_are_as_they_were_as_of_a_time(given: &Given, view: &View) {
    for fact in &given.facts.as_of {
        let then = occurred_by(view, instant(&fact.time));
        let mut events = 0;
        let mut streams = 0;
        for info in then.streams("") {
            events += info.unwrap().events;
            streams += 1;
        }
        assert_eq!((events, streams), (fact.events, fact.streams), "{}", fact.time);
        let types = then.types().unwrap();
        assert_eq!(types.iter().map(|info| info.events).sum::<u64>(), fact.events, "{}", fact.time);
        for info in types {
            let from_the_start = Query::all().of_type(&*info.event_type);
            assert_eq!(count(&then, from_the_start), info.events, "{info:?} {}", fact.time);
        }
    }
}

/// No time runs backwards in these sets, so of a position and a time the lesser one counts.
fn two_moments_together_show_what_both_of_them_do(given: &Given, view: &View) {
    assert_eq!(given.facts.times_that_run_backwards, 0);
    for at in &given.facts.at_position {
        let cut = view.as_of(AsOf::Position(Position::new(at.events))).unwrap();
        for fact in &given.facts.as_of {
            let then = occurred_by(&cut, instant(&fact.time));
            let other = occurred_by(view, instant(&fact.time)).as_of(AsOf::Position(cut.position())).unwrap();
            let (states, streams) = if fact.events <= at.events {
                (&fact.states, fact.streams)
            } else {
                (&at.states, at.streams)
            };
            for then in [then, other] {
                assert_eq!(then.count(Query::all()).unwrap(), fact.events.min(at.events), "{}", fact.time);
                assert_eq!(then.streams("").count() as u64, streams, "{} at {}", fact.time, at.events);
                states_must_be(given, &then, states);
            }
        }
    }
}

fn what_was_recorded_by_a_time_is_a_cut_of_the_log(given: &Given, view: &View) {
    for fact in &given.facts.at_position {
        let event = view.event_at(Position::new(fact.events)).unwrap().unwrap();
        let recorded = event.recorded_at;
        let then = view.as_of(AsOf::Recorded(recorded)).unwrap();
        let cut = then.position();
        assert!(cut >= event.position);
        assert_eq!(view.event_at(cut).unwrap().unwrap().recorded_at, recorded);
        if let Some(next) = view.event_at(cut.next()).unwrap() {
            assert!(next.recorded_at > recorded, "{next:?}");
        }
        assert_eq!(count(&then, Query::all()), cut.get());
        let before = Timestamp::from_nanos(recorded.as_nanos() - 1);
        let earlier = view.as_of(AsOf::Recorded(before)).unwrap().position();
        let batch = Query::all().since(Clock::Recorded, recorded);
        let batch = batch.until(Clock::Recorded, Timestamp::from_nanos(recorded.as_nanos() + 1));
        assert_eq!(count(view, batch), cut.events_since(earlier));
        assert!(earlier < event.position);
    }
}

/// The sampled states, each from the events of its stream alone.
fn states_must_be(given: &Given, then: &View, states: &BTreeMap<String, Option<StateFact>>) {
    for (stream, expected) in states {
        let found = fold::one(given.set, then.read(Query::stream(stream)).unwrap());
        assert_eq!(&found, expected, "{stream}");
        let info = then.stream(stream).unwrap();
        let versions = info.map(|info| (info.events, info.last_version.get()));
        assert_eq!(versions, expected.as_ref().map(events_and_version), "{stream}");
    }
}

/// The number of events of a stream and its version, from 1, which are the same in these sets.
fn events_and_version(fact: &StateFact) -> (u64, u64) {
    let events = fact.state.get("events").or(fact.state.get("edits")).and_then(Value::as_u64).unwrap();
    (events, fact.version + 1)
}

fn within(from: &str, to: &str) -> Query {
    let [from, to] = [from, to].map(|time| Timestamp::from_nanos(instant(time)));
    Query::all().since(Clock::Occurred, from).until(Clock::Occurred, to)
}
