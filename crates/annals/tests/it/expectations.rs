//! Expected versions, conflicts, and appends that are repeated.

use crate::common::{World, events_of};
use annals::{
    AppendError, Appended, Batch, Conflict, Expected, Invalid, NewEvent, Position, Store, Uuid, Version,
};

fn store() -> Store {
    World::new(1).open()
}

fn event(name: &str) -> NewEvent<'_> {
    NewEvent::json(name, "{}")
}

fn with_id(name: &str, id: u128) -> NewEvent<'_> {
    event(name).with_id(Uuid::from_u128(id))
}

fn exact(version: u64) -> Expected {
    Expected::Exact(Version::new(version))
}

fn conflict(result: Result<Appended, AppendError>) -> Conflict {
    match result {
        Err(AppendError::Conflict(conflict)) => conflict,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_expectation_that_does_not_hold_is_told_with_the_actual_version() {
    let store = store();
    let append = |expected| store.append("a", expected, &[event("t")]);
    assert_eq!(conflict(append(Expected::StreamExists)).actual, Version::ZERO);
    assert_eq!(conflict(append(exact(1))).actual, Version::ZERO);
    assert_eq!(append(exact(0)).unwrap().streams[0].last_version, Version::new(1));
    assert_eq!(append(Expected::StreamExists).unwrap().streams[0].last_version, Version::new(2));
    assert_eq!(append(Expected::Any).unwrap().streams[0].last_version, Version::new(3));
    for wrong in [Expected::NoStream, exact(0), exact(2), exact(4), exact(u64::MAX)] {
        let conflict = conflict(append(wrong));
        assert_eq!((conflict.stream.as_str(), conflict.expected), ("a", wrong));
        assert_eq!(conflict.actual, Version::new(3));
    }
    assert_eq!(store.last_position(), Position::new(3), "conflicts leave no trace");
}

#[test]
fn a_stream_that_no_cache_keeps_grows_within_a_group_one_version_at_a_time() {
    let store = store();
    let long = "n".repeat(200);
    let grow = |expected| {
        let mut batch = Batch::new();
        batch.push(&long, &event("t")).unwrap();
        batch.expect(&long, expected).unwrap();
        batch
    };
    let group = vec![grow(Expected::NoStream), grow(exact(1)), grow(exact(1)), grow(Expected::Any)];
    let outcomes = store.append_batches(group);
    let versions: Vec<_> =
        outcomes.iter().map(|outcome| Some(outcome.as_ref().ok()?.streams[0].last_version.get())).collect();
    assert_eq!(versions, [Some(1), Some(2), None, Some(3)]);
}

#[test]
fn streams_that_are_only_checked_decide_as_well() {
    let store = store();
    store.append("limit", Expected::Any, &[event("t"), event("t")]).unwrap();
    let append = |expected| {
        let mut batch = Batch::new();
        batch.push("a", &event("t")).unwrap();
        batch.push("b", &event("t")).unwrap();
        batch.expect("limit", expected).unwrap();
        store.append_batch(batch)
    };
    assert_eq!(conflict(append(exact(1))).actual, Version::new(2));
    assert_eq!(conflict(append(Expected::NoStream)).stream.as_str(), "limit");
    let appended = append(exact(2)).unwrap();
    let written: Vec<_> = appended.streams.iter().map(|stream| stream.stream.as_str()).collect();
    assert_eq!(written, ["a", "b"], "what is only checked is not written");
    assert_eq!(store.view().stream("limit").unwrap().unwrap().last_version, Version::new(2));
    let mut nothing = Batch::new();
    nothing.expect("limit", exact(2)).unwrap();
    assert!(matches!(store.append_batch(nothing), Err(AppendError::Invalid(Invalid::BatchEmpty))));
    assert!(matches!(store.append("a", Expected::Any, &[]), Err(AppendError::Invalid(Invalid::BatchEmpty))));
}

#[test]
fn a_batch_that_is_repeated_gives_the_first_result_however_long_ago_it_was() {
    let world = World::new(2);
    let mut store = world.open();
    let batch = |expected| {
        let mut batch = Batch::new();
        batch.push("a", &with_id("t", 1)).unwrap();
        batch.push("b", &with_id("t", 2).with_tag("x")).unwrap();
        batch.push("a", &with_id("u", 3)).unwrap();
        batch.expect("a", expected).unwrap();
        batch
    };
    store.append("b", Expected::Any, &[event("t")]).unwrap();
    let first = store.append_batch(batch(Expected::NoStream)).unwrap();
    assert!(!first.already_applied);
    for round in 0..8 {
        // More is appended, sealed, and the store opened again.
        for expected in [Expected::NoStream, exact(0), exact(7), Expected::Any, Expected::StreamExists] {
            let again = store.append_batch(batch(expected)).unwrap();
            assert_eq!(
                again,
                Appended { already_applied: true, ..first.clone() },
                "round {round}: {expected:?}"
            );
        }
        store.append("a", Expected::Any, &[NewEvent::new("t", vec![0; 6000])]).unwrap();
        store.maintain().unwrap();
        if round % 3 == 2 {
            store.close().unwrap();
            store = world.open();
        }
    }
    assert_eq!(events_of(&store).len(), 4 + 8);
}

#[test]
fn with_any_a_repeated_append_needs_only_its_ids() {
    let store = store();
    let first = store.append("a", Expected::Any, &[with_id("t", 1)]).unwrap();
    let again = store.append("a", Expected::Any, &[with_id("t", 1)]).unwrap();
    assert_eq!((again.first_position, again.already_applied), (first.first_position, true));
    store.append("a", Expected::Any, &[event("t")]).unwrap();
    store.append("a", Expected::Any, &[event("t")]).unwrap();
    assert_eq!(store.last_position(), Position::new(3), "without ids every append is new");
}

#[test]
fn an_id_that_stands_for_something_else_is_taken() {
    let store = store();
    store.append("a", Expected::Any, &[with_id("t", 1), with_id("t", 2)]).unwrap();
    let others = [
        with_id("u", 1),
        with_id("t", 1).with_tag("x"),
        with_id("t", 1).with_metadata(&b"m"[..]),
        with_id("t", 1).with_schema_version(2),
        with_id("t", 1).at(annals::Timestamp::EPOCH),
        NewEvent::json("t", "[]").with_id(Uuid::from_u128(1)),
        NewEvent::new("t", &b"{}"[..]).with_id(Uuid::from_u128(1)),
    ];
    for other in &others {
        for expected in [Expected::Any, Expected::NoStream] {
            let result = store.append("a", expected, std::slice::from_ref(other));
            let Err(AppendError::IdTaken { id, position }) = result else { panic!("{other:?}: {result:?}") };
            assert_eq!((id, position), (Uuid::from_u128(1), Position::FIRST));
        }
    }
    let taken = |stream: &str, events: &[NewEvent<'_>]| {
        let result = store.append(stream, Expected::Any, events);
        assert!(matches!(result, Err(AppendError::IdTaken { .. })), "{result:?}");
    };
    taken("b", &[with_id("t", 1)]);
    taken("a", &[with_id("t", 2), with_id("t", 1)]);
    taken("a", &[with_id("t", 2), with_id("t", 3)]);
    taken("a", &[with_id("t", 3), with_id("t", 1)]);
    taken("a", &[event("t"), with_id("t", 1)]);
    assert_eq!(store.last_position(), Position::new(2));
}

#[test]
fn an_id_that_the_store_made_is_found_taken_and_stays() {
    let world = World::new(3);
    let store = world.open();
    for number in 0..9 {
        let data = vec![number; 5000];
        store.append("a", Expected::Any, &[NewEvent::new("t", data)]).unwrap();
    }
    store.maintain().unwrap();
    let events = events_of(&store);
    let copy = event("t").with_id(events[0].id);
    assert!(matches!(store.append("a", Expected::Any, &[copy]), Err(AppendError::IdTaken { .. })));
    store.close().unwrap();
    let store = world.open();
    assert_eq!(events_of(&store), events);
    for event in &events {
        assert_eq!(store.view().event(event.id).unwrap().unwrap().to_event(), *event);
        assert_eq!(event.id.get_version_num(), 7);
    }
    assert!(events.is_sorted_by_key(|event| event.id));
}

#[test]
fn an_id_of_the_right_form_that_nobody_stored_is_not_found() {
    let store = store();
    store.append("a", Expected::Any, &[event("t"), event("t")]).unwrap();
    let (high, low) = events_of(&store)[0].id.as_u64_pair();
    for id in [Uuid::from_u64_pair(high ^ (1 << 40), low), Uuid::from_u64_pair(high, low ^ 1), Uuid::nil()] {
        assert_eq!(store.view().event(id).unwrap(), None);
        store.append("b", Expected::Any, &[event("t").with_id(id)]).unwrap();
        assert_eq!(store.view().event(id).unwrap().unwrap().stream, "b");
    }
}
