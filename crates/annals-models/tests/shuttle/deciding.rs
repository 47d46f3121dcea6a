//! Decisions beside appends: each sees what the one before it has staged, and nothing is told before it is durable.

use crate::world::{Told, World};
use annals::{AppendError, Batch, Clause, Criteria, DecideError, Position, Query, ReadError, Store};
use annals_models::explore;
use shuttle::thread;

const EVENTS_OF_EACH: u8 = 2;

/// Takes the next number of the counter, which is the version that it gets; twice.
fn decide(world: &World, store: &Store, thread: u8) {
    for number in 0..EVENTS_OF_EACH {
        let decided = store.decide(&Query::stream("counter").backwards().limit(1), |situation| {
            let newest = situation.events()?.next().transpose()?;
            let seen = newest.map_or(0, |event| event.version.get());
            let mut batch = Batch::new();
            world.push(&mut batch, "counter", [thread, number]);
            Ok::<_, ReadError>((batch, seen))
        });
        let decided = decided.unwrap();
        let appended = decided.appended.unwrap();
        assert_eq!(appended.first_position, decided.position.next(), "somebody came between");
        let version = appended.streams[0].first_version.get();
        assert_eq!(version, decided.answer + 1);
        assert!(store.last_position() >= appended.last_position, "told and not visible");
        let position = appended.first_position.get();
        world.acknowledge(Told { position, stream: "counter".to_owned(), version, mark: [thread, number] });
    }
}

/// Appends to the counter under the condition that nothing has come since it looked, until that holds.
fn append(world: &World, store: &Store) {
    let counted = Criteria::any_of([Clause::new().of_type("t")]).unwrap();
    let mut last = Position::ZERO;
    loop {
        let view = store.view();
        let mut batch = Batch::new();
        world.push(&mut batch, "counter", [9, 0]);
        batch.fail_if(counted.clone(), view.position()).unwrap();
        match store.append_batch(batch) {
            Ok(appended) => {
                // Nothing lies between what was seen and what was appended.
                assert_eq!(appended.first_position, view.position().next());
                return;
            }
            Err(AppendError::ConditionFailed { position, .. }) => {
                assert!(
                    position > view.position() && position > last,
                    "it fails for something new each time"
                );
                last = view.position();
                // What made it fail is shown sooner or later.
                assert!(store.wait_beyond(view.position(), std::time::Duration::MAX).unwrap());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn decide_append_and_crash(world: &World) {
    let store = world.open();
    let mut threads: Vec<_> = (1..=2)
        .map(|number| {
            let (world, store) = (world.clone(), store.clone());
            thread::spawn(move || decide(&world, &store, number))
        })
        .collect();
    let (own, own_store) = (world.clone(), store.clone());
    threads.push(thread::spawn(move || append(&own, &own_store)));
    let crash = {
        let world = world.clone();
        thread::spawn(move || world.lose_power())
    };
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    crash.join().unwrap().check();
    assert_eq!(store.view().read(Query::stream("counter")).unwrap().count(), 5);
    store.close().unwrap();
    assert_eq!(world.lose_power().check().0.len(), 5);
}

#[test]
fn decisions_and_conditions_let_nobody_come_between_and_what_was_told_survives() {
    explore(1_000, || decide_append_and_crash(&World::of_small_events()));
}

#[test]
fn decisions_begin_segments_while_others_wait_for_theirs() {
    explore(400, || decide_append_and_crash(&World::new()));
}

#[test]
fn a_decision_beside_a_close_is_told_and_there_or_refused() {
    explore(1_000, || {
        let world = World::of_small_events();
        let store = world.open();
        let deciders: Vec<_> = (1..=2)
            .map(|number| {
                let (world, store) = (world.clone(), store.clone());
                thread::spawn(move || {
                    let decided = store.decide(&Query::all(), |situation| {
                        let mut batch = Batch::new();
                        world.push(&mut batch, "counter", [number, 0]);
                        Ok::<_, ReadError>((batch, situation.events()?.count()))
                    });
                    match decided {
                        Ok(decided) => assert!(store.last_position() > decided.position),
                        Err(DecideError::Append(AppendError::Closed)) => return 0,
                        Err(other) => panic!("{other:?}"),
                    }
                    1
                })
            })
            .collect();
        store.close().unwrap();
        let told: usize = deciders.into_iter().map(|decider| decider.join().unwrap()).sum();
        let (events, clean) = world.lose_power().check();
        assert!(clean && events.len() == told, "{} events, and {told} were told", events.len());
    });
}
