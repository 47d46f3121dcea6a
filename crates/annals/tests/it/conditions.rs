//! Appends under the condition that nothing of some kind has come since.

use crate::common::{Dice, World, events_of};
use crate::slow::SlowDisk;
use annals::{
    AppendError, Appended, Batch, Clause, Criteria, Event, Expected, Invalid, NewEvent, Options, Position,
    Query, Uuid,
};
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

fn of_type(name: &str) -> Criteria {
    Criteria::any_of([Clause::new().of_type(name)]).unwrap()
}

fn tagged(name: &str) -> Criteria {
    Criteria::any_of([Clause::new().tagged(name)]).unwrap()
}

fn at(position: u64) -> Position {
    Position::new(position)
}

fn batch(event: &NewEvent<'_>, conditions: &[(Criteria, u64)]) -> Batch {
    let mut batch = Batch::new();
    batch.push("a", event).unwrap();
    for (criteria, after) in conditions {
        batch.fail_if(criteria.clone(), at(*after)).unwrap();
    }
    batch
}

/// Position, after and number of the condition that failed.
fn failed(result: Result<Appended, AppendError>) -> (u64, u64, usize) {
    match result {
        Err(AppendError::ConditionFailed { position, after, condition, .. }) => {
            (position.get(), after.get(), condition)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_comes_after_the_position_and_is_meant_counts() {
    let store = World::new(1).open();
    for event in [NewEvent::new("t", &b""[..]).with_tag("x"), NewEvent::new("u", &b""[..])] {
        store.append("a", Expected::Any, &[event]).unwrap();
    }
    let plain = NewEvent::new("v", &b""[..]);
    let append = |conditions: &[(Criteria, u64)]| store.append_batch(batch(&plain, conditions));
    assert_eq!(failed(append(&[(of_type("t"), 0)])), (1, 0, 0));
    assert_eq!(failed(append(&[(of_type("t"), 1), (of_type("u"), 1)])), (2, 1, 1));
    assert_eq!(failed(append(&[(Criteria::everything(), 1)])), (2, 1, 0));
    assert_eq!(failed(append(&[(tagged("x"), 0), (of_type("u"), 0)])), (1, 0, 0));
    let both =
        Criteria::any_of([Clause::new().of_type("u").tagged("x"), Clause::new().of_type("u")]).unwrap();
    let error = append(&[(both, 0)]).unwrap_err().to_string();
    assert!(error.contains("position 2") && error.contains("read again"), "{error}");
    assert_eq!(store.last_position(), at(2), "conditions that fail leave no trace");

    let neither = Criteria::any_of([Clause::new().of_type("u").tagged("x")]).unwrap();
    let appended = append(&[(neither, 0), (of_type("t"), 1), (Criteria::everything(), 2)]).unwrap();
    assert_eq!(appended.first_position, at(3));
}

#[test]
fn a_position_that_the_store_does_not_have_yet_is_refused() {
    let store = World::new(1).open();
    let event = NewEvent::new("t", &b""[..]);
    let append = |after| store.append_batch(batch(&event, &[(of_type("nothing"), after)]));
    let beyond = |result: Result<Appended, AppendError>| match result {
        Err(AppendError::Invalid(Invalid::ConditionBeyondEnd { after, last })) => (after.get(), last.get()),
        other => panic!("{other:?}"),
    };
    assert_eq!(beyond(append(1)), (1, 0));
    append(0).unwrap();
    append(1).unwrap();
    assert_eq!(beyond(append(3)), (3, 2));
    assert_eq!(beyond(append(u64::MAX)), (u64::MAX, 2));
    // What is before it in its group is there.
    let group =
        vec![batch(&event, &[]), batch(&event, &[(of_type("u"), 3)]), batch(&event, &[(of_type("u"), 5)])];
    let mut outcomes = store.append_batches(group);
    assert_eq!(beyond(outcomes.pop().unwrap()), (5, 4));
    assert!(outcomes.iter().all(Result::is_ok));
}

#[test]
fn of_two_appends_of_one_group_that_exclude_each_other_the_second_fails() {
    let store = World::new(1).open();
    let seat = NewEvent::new("taken", &b""[..]).with_tag("seat:1");
    let conditions = [(Criteria::any_of([Clause::new().of_type("taken").tagged("seat:1")]).unwrap(), 0)];
    let mut outcomes = store.append_batches(vec![batch(&seat, &conditions), batch(&seat, &conditions)]);
    assert_eq!(failed(outcomes.pop().unwrap()), (1, 0, 0));
    assert_eq!(outcomes.pop().unwrap().unwrap().first_position, at(1));
    assert_eq!(events_of(&store).len(), 1);
}

#[test]
fn a_condition_without_events_is_no_batch() {
    let store = World::new(1).open();
    let mut nothing = Batch::new();
    nothing.fail_if(of_type("t"), at(0)).unwrap();
    assert!(matches!(store.append_batch(nothing), Err(AppendError::Invalid(Invalid::BatchEmpty))));
}

#[test]
fn a_repetition_gives_the_first_result_although_its_condition_now_fails() {
    let store = World::new(1).open();
    let event = NewEvent::new("t", &b""[..]).with_id(Uuid::from_u128(7));
    for expected in [Expected::Any, Expected::NoStream] {
        let append = |event: &NewEvent<'_>| {
            let mut batch = batch(event, &[(of_type("t"), 0)]);
            batch.expect("a", expected).unwrap();
            store.append_batch(batch)
        };
        let first = append(&event).unwrap();
        assert_eq!((first.first_position, append(&event).unwrap().already_applied), (at(1), true));
        let other = NewEvent::new("t", &b"other"[..]).with_id(Uuid::from_u128(7));
        assert!(matches!(append(&other), Err(AppendError::IdTaken { .. })));
    }
    // Also if the streams are as expected and only the condition speaks against it.
    let mut again = batch(&event, &[(of_type("t"), 0)]);
    again.expect("a", Expected::Exact(annals::Version::new(1))).unwrap();
    assert!(store.append_batch(again).unwrap().already_applied);
}

#[test]
fn conditions_hold_or_fail_as_a_model_says_over_runs_memory_and_staged_batches() {
    for seed in 0..12 {
        let world = World::new(seed);
        let (mut store, mut dice) = (world.open(), Dice::new(seed));
        let mut model: Vec<Event> = Vec::new();
        for round in 0..60 {
            if dice.one_in(4) {
                store.maintain().unwrap();
            }
            if dice.one_in(20) {
                store.close().unwrap();
                store = world.open();
            }
            let group: Vec<_> = (0..=dice.below(5)).map(|_| question(&mut dice, model.len())).collect();
            let batches = group.iter().map(Question::batch).collect();
            for (question, outcome) in group.iter().zip(store.append_batches(batches)) {
                let context = format!("seed {seed}, round {round}: {question:?}");
                let newest = model.iter().rev().find(|event| question.excludes(event));
                match (outcome, newest) {
                    (Ok(appended), None) => {
                        let event =
                            store.view().event_at(appended.first_position).unwrap().unwrap().to_event();
                        assert_eq!(event.position.get(), model.len() as u64 + 1, "{context}");
                        model.push(event);
                    }
                    (Err(AppendError::ConditionFailed { position, .. }), Some(newest)) => {
                        assert_eq!(position, newest.position, "{context}");
                    }
                    (outcome, newest) => panic!("{context}: {outcome:?}, {newest:?}"),
                }
            }
        }
        assert!(store.stats().unwrap().segments > 2, "seed {seed}: {} events", model.len());
        assert_eq!(events_of(&store), model);
    }
}

/// One event with one condition.
#[derive(Debug)]
struct Question {
    event_type: String,
    tag: String,
    size: usize,
    wanted_types: Vec<String>,
    wanted_tag: Option<String>,
    after: u64,
}

fn question(dice: &mut Dice, events: usize) -> Question {
    let name = |dice: &mut Dice| format!("{}", (dice.below(40) + 1).ilog2());
    // Mostly near the end, so that some hold.
    let back = if dice.one_in(3) { dice.below(events + 1) } else { dice.below(events.min(4) + 1) };
    let (types, with_tag) = (dice.below(3), dice.one_in(2));
    Question {
        event_type: name(dice),
        tag: name(dice),
        size: dice.below(900),
        wanted_types: (0..types).map(|_| name(dice)).collect(),
        wanted_tag: (with_tag || types == 0).then(|| name(dice)),
        after: (events - back) as u64,
    }
}

impl Question {
    fn batch(&self) -> Batch {
        let clause = self.wanted_types.iter().fold(Clause::new(), Clause::of_type);
        let clause = self.wanted_tag.iter().fold(clause, Clause::tagged);
        let event = NewEvent::new(self.event_type.as_str(), vec![7; self.size]).with_tag(self.tag.as_str());
        batch(&event, &[(Criteria::any_of([clause]).unwrap(), self.after)])
    }

    fn excludes(&self, event: &Event) -> bool {
        event.position.get() > self.after
            && (self.wanted_types.is_empty() || self.wanted_types.contains(&event.event_type))
            && self.wanted_tag.as_ref().is_none_or(|tag| event.tags.contains(tag))
    }
}

#[test]
fn what_lies_in_runs_is_seen() {
    let world = World::new(3);
    let store = world.open();
    for number in 0..40 {
        let event = NewEvent::new("t", vec![7; 1000]).with_tag(format!("own:{number}"));
        store.append("a", Expected::Any, &[event]).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let store = world.open();
    let event = NewEvent::new("u", &b""[..]);
    for number in [0_u64, 1, 17, 39] {
        let condition = |after| [(tagged(&format!("own:{number}")), after)];
        assert_eq!(failed(store.append_batch(batch(&event, &condition(0)))), (number + 1, 0, 0));
        assert_eq!(failed(store.append_batch(batch(&event, &condition(number)))), (number + 1, number, 0));
        store.append_batch(batch(&event, &condition(number + 1))).unwrap();
    }
}

#[test]
fn ten_thousand_names_are_checked_at_once() {
    let store = World::new(4).options().segment_bytes(256 << 10).open("memory").unwrap();
    for number in 0..2_000 {
        let event = NewEvent::new("t", &b""[..]).with_tag(format!("own:{number}"));
        store.append("a", Expected::Any, &[event]).unwrap();
        if number % 500 == 0 {
            store.maintain().unwrap();
        }
    }
    let own = |from: u64| (from..from + 10_000).map(|number| Clause::new().tagged(format!("own:{number}")));
    let event = NewEvent::new("u", &b""[..]);
    let append =
        |from, after| store.append_batch(batch(&event, &[(Criteria::any_of(own(from)).unwrap(), after)]));
    assert_eq!(failed(append(0, 0)), (2_000, 0, 0));
    assert_eq!(failed(append(1_999, 5)), (2_000, 5, 0));
    assert_eq!(failed(append(0, 1_999)), (2_000, 1_999, 0));
    append(0, 2_000).unwrap();
    append(2_000, 0).unwrap();
}

/// With a thread of its own, and a disk so slow that appends meet in groups.
fn busy(world: &World) -> Options {
    world.options_over(SlowDisk::over(world.disk())).background(true)
}

#[test]
fn of_many_threads_that_want_the_same_seat_exactly_one_gets_it() {
    const THREADS: usize = 8;
    const SEATS: usize = 30;
    let world = World::new(5);
    let store = busy(&world).open("memory").unwrap();
    let start = Barrier::new(THREADS);
    let wins: usize = thread::scope(|scope| {
        let take = |thread: usize| {
            let mut wins = 0;
            for seat in 0..SEATS {
                let tag = format!("seat:{seat}");
                start.wait();
                let view = store.view();
                let events = view.read(Query::all().matching(tagged(&tag))).unwrap();
                let position = events.position();
                if events.count() > 0 {
                    continue;
                }
                let mut batch = Batch::new();
                let event = NewEvent::new("taken", vec![7; 300]).with_tag(tag.as_str());
                batch.push(&format!("person-{thread}"), &event).unwrap();
                batch.fail_if(tagged(&tag), position).unwrap();
                match store.append_batch(batch) {
                    Ok(_) => wins += 1,
                    Err(AppendError::ConditionFailed { position: found, .. }) => assert!(found > position),
                    Err(other) => panic!("{other:?}"),
                }
            }
            wins
        };
        let handles: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || take(thread))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum()
    });
    let taken: Vec<String> = events_of(&store).into_iter().flat_map(|event| event.tags).collect();
    assert_eq!((wins, taken.len()), (SEATS, SEATS));
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), SEATS);
}
