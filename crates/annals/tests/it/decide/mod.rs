//! Decisions in the writer's order.

mod failures;

use crate::common::{START, World, events_of};
use crate::slow::SlowDisk;
use annals::vfs::{Call, FaultyDisk};
use annals::{
    AppendError, Batch, Criteria, DecideError, Durability, Event, Expected, Invalid, NewEvent, Position,
    Query, ReadError, Situation, Store, Timestamp, Uuid,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const FOREVER: Duration = Duration::from_secs(3600);

type Refusal = Box<dyn std::error::Error>;

fn event(data: u64) -> NewEvent<'static> {
    NewEvent::new("counted", data.to_le_bytes().to_vec())
}

fn one(stream: &str, event: &NewEvent<'_>) -> Batch {
    let mut batch = Batch::new();
    batch.push(stream, event).unwrap();
    batch
}

fn newest() -> Query {
    Query::stream("counter").backwards().limit(1)
}

/// Takes the next number of the counter.
fn increment(situation: &Situation<'_>) -> Result<(Batch, u64), ReadError> {
    let mut last = 0;
    for event in situation.events()? {
        last = u64::from_le_bytes((*event?.data()?).try_into().unwrap());
    }
    Ok((one("counter", &event(last + 1)), last + 1))
}

fn counted(store: &Store) -> Vec<u64> {
    let numbers = events_of(store).into_iter().filter(|event| event.stream == "counter");
    numbers.map(|event| u64::from_le_bytes(event.data().unwrap().try_into().unwrap())).collect()
}

fn positions(situation: &Situation<'_>, query: Query) -> Vec<u64> {
    situation.read(query).unwrap().map(|event| event.unwrap().position.get()).collect()
}

#[test]
fn a_counter_that_many_threads_increment_has_no_gap_and_they_share_syncs() {
    const THREADS: u64 = 8;
    const EACH: u64 = 200;
    for durability in [Durability::Sync, Durability::Os] {
        let world = World::new(1);
        let disk = FaultyDisk::new(SlowDisk::over(world.disk()));
        let options = world.options_over(Arc::new(disk.clone())).durability(durability).background(true);
        let store = options.open("memory").unwrap();
        let before = disk.calls(Call::SyncData);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut last = 0;
                    for _ in 0..EACH {
                        let decided = store.decide(&newest(), increment).unwrap();
                        assert!(decided.answer > last);
                        last = decided.answer;
                        let appended = decided.appended.unwrap();
                        assert_eq!(appended.first_position.get(), last);
                        assert_eq!(decided.position, appended.first_position.previous());
                        assert!(store.last_position() >= appended.last_position, "told and not visible");
                    }
                });
            }
        });
        assert!(counted(&store).into_iter().eq(1..=THREADS * EACH));
        let syncs = disk.calls(Call::SyncData) - before;
        assert!(syncs < THREADS * EACH / 2, "{durability:?}: {syncs} syncs");
        store.close().unwrap();
        assert!(counted(&world.open()).into_iter().eq(1..=THREADS * EACH));
    }
}

#[test]
fn a_decision_may_read_and_answer_without_appending() {
    let store = World::new(3).open();
    let decided = store.decide(&newest(), |situation| {
        assert_eq!(situation.events()?.count(), 0);
        Ok::<_, ReadError>((Batch::new(), "nothing"))
    });
    let decided = decided.unwrap();
    assert_eq!((decided.answer, decided.appended, decided.position), ("nothing", None, Position::ZERO));
    assert_eq!(store.last_position(), Position::ZERO);
}

#[test]
fn a_refusal_is_handed_on_and_appends_nothing() {
    let store = World::new(3).open();
    let refused = store.decide(&newest(), |_| Err::<(Batch, ()), _>("no"));
    assert!(matches!(refused, Err(DecideError::Refused("no"))), "{refused:?}");
    let shown: Refusal = refused.unwrap_err().into();
    assert_eq!(shown.to_string(), "refused: no");
    assert_eq!(store.decide(&newest(), increment).unwrap().answer, 1);
}

#[test]
fn a_panic_in_the_closure_leaves_the_store_as_it_was() {
    let world = World::new(4);
    let store = world.open();
    for round in 1..=3 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.decide(&newest(), |situation| -> Result<(Batch, ()), ReadError> {
                let _ = increment(situation)?;
                panic!("within the closure")
            })
        }));
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "within the closure");
        assert_eq!(store.decide(&newest(), increment).unwrap().answer, 2 * round - 1);
        store.append("counter", Expected::Any, &[event(2 * round)]).unwrap();
        store.sync().unwrap();
    }
    store.close().unwrap();
    assert_eq!(counted(&world.open()), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn calls_that_would_wait_for_the_decision_are_refused_within_it() {
    let store = World::new(5).open();
    store.append("counter", Expected::Any, &[event(1)]).unwrap();
    let other = World::new(6).open();
    let decided = store.decide(&newest(), |situation| -> Result<(Batch, u64), Refusal> {
        let within = |result: Result<(), AppendError>| {
            assert!(matches!(result, Err(AppendError::WithinDecide)), "{result:?}");
        };
        within(store.append("counter", Expected::Any, &[event(2)]).map(drop));
        within(store.append_batch(one("counter", &event(2))).map(drop));
        for outcome in store.append_batches(vec![one("a", &event(2)), one("b", &event(2))]) {
            within(outcome.map(drop));
        }
        within(store.sync());
        within(store.mark_durable());
        within(store.clone().close());
        assert!(store.maintain().is_err());
        let nested = store.decide(&newest(), increment);
        assert!(matches!(nested, Err(DecideError::Append(AppendError::WithinDecide))), "{nested:?}");
        // Nothing can come as long as this lasts.
        assert!(!store.wait_beyond(situation.position(), FOREVER)?);
        assert!(store.wait_beyond(Position::ZERO, FOREVER)?);
        // Reading, and other stores, are no matter.
        assert_eq!(store.view().read(Query::all())?.count(), 1);
        other.append("counter", Expected::Any, &[event(1)])?;
        Ok(increment(situation)?)
    });
    assert_eq!(decided.unwrap().answer, 2);
    store.append("counter", Expected::Any, &[event(3)]).unwrap();
    assert_eq!(counted(&store), [1, 2, 3]);
    store.close().unwrap();
}

#[test]
fn the_batch_of_a_decision_is_checked_like_any_other() {
    let store = World::new(7).open();
    store.append("counter", Expected::Any, &[event(1)]).unwrap();
    let decide = |batch: Batch| {
        store.decide(&newest(), |_| Ok::<_, Refusal>((batch, ()))).map_err(|error| match error {
            DecideError::Append(error) => error,
            other => panic!("{other:?}"),
        })
    };
    let mut conflicting = one("counter", &event(2));
    conflicting.expect("counter", Expected::NoStream).unwrap();
    assert!(matches!(decide(conflicting), Err(AppendError::Conflict(_))));
    // Also without events.
    let mut conflicting = Batch::new();
    conflicting.expect("counter", Expected::NoStream).unwrap();
    assert!(matches!(decide(conflicting), Err(AppendError::Conflict(_))));
    let mut excluded = one("counter", &event(2));
    excluded.fail_if(Criteria::everything(), Position::ZERO).unwrap();
    assert!(matches!(decide(excluded), Err(AppendError::ConditionFailed { .. })));
    let mut twice = one("counter", &event(2).with_id(Uuid::from_u128(1)));
    twice.push("counter", &event(3).with_id(Uuid::from_u128(1))).unwrap();
    assert!(matches!(decide(twice), Err(AppendError::Invalid(Invalid::IdTwice { .. }))));
    let repeated = || one("counter", &event(2).with_id(Uuid::from_u128(1)));
    let first = decide(repeated()).unwrap().appended.unwrap();
    let again = decide(repeated()).unwrap().appended.unwrap();
    assert_eq!((again.first_position, again.already_applied), (first.first_position, true));
    assert_eq!(store.last_position(), Position::new(2));
}

#[test]
fn a_decision_begins_the_next_segment_when_the_last_one_is_full() {
    let world = World::new(8);
    let store = world.open();
    for number in 0..60 {
        let decided = store.decide(&Query::all(), |situation| {
            let seen = situation.events()?.count() as u64;
            Ok::<_, ReadError>((one("a", &NewEvent::new("t", vec![7; 2000])), seen))
        });
        assert_eq!(decided.unwrap().answer, number);
        if number % 7 == 0 {
            store.maintain().unwrap();
        }
    }
    assert!(store.stats().unwrap().segments > 5);
    store.close().unwrap();
    assert_eq!(events_of(&world.open()).len(), 60);
}

#[test]
fn closed_and_read_only_stores_decide_nothing() {
    let world = World::new(9);
    let store = world.open();
    let other = store.clone();
    store.decide(&newest(), increment).unwrap();
    store.close().unwrap();
    let closed = other.decide(&newest(), |_| -> Result<(Batch, ()), Refusal> { panic!("it is closed") });
    assert!(matches!(closed, Err(DecideError::Append(AppendError::Closed))));
    let reader = world.options().read_only(true).open("memory").unwrap();
    let refused = reader.decide(&newest(), |_| -> Result<(Batch, ()), Refusal> { panic!("it is read only") });
    assert!(matches!(refused, Err(DecideError::Append(AppendError::ReadOnly))));
    assert_eq!(counted(&reader), [1]);
}

#[test]
fn the_times_of_a_query_hold_in_a_decision_too() {
    let world = World::new(31);
    let store = world.open();
    let recorded: Vec<Event> = {
        for number in 0..4_u32 {
            store.append("counter", Expected::Any, &[event(number.into())]).unwrap();
            world.clock.set(Timestamp::from_nanos(START + 10 * i64::from(number + 1)));
        }
        events_of(&store)
    };
    let clock = annals::Clock::Recorded;
    store
        .decide(&newest(), |situation| {
            let third = recorded[2].recorded_at;
            assert_eq!(positions(situation, Query::all().since(clock, third)), [3, 4]);
            assert_eq!(positions(situation, Query::all().until(clock, third)), [1, 2]);
            Ok::<_, ReadError>((Batch::new(), ()))
        })
        .unwrap();
}
