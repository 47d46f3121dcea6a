//! Compaction beside appends, readers, a close and a loss of power: a view shows what it showed, and of what was acknowledged nothing is
//! missing but what a rule lets go.

use crate::world::{Told, World};
use annals::{
    CompactError, CompactionOptions, Event, Expected, Position, Query, ReadError, RetentionRule,
    RetentionScope, Share, Store, View,
};
use annals_models::{explore, switch};
use shuttle::thread;
use std::time::Duration;

/// Of this stream the newest event is shown, of the other one all are.
const LIMITED: &str = "a";
const WHOLE: &str = "b";

/// A store with three sealed segments, of which one has nothing that stays, and one has some.
fn world() -> World {
    let world = World::new();
    let store = world.open_alone();
    for (number, stream) in [LIMITED, LIMITED, WHOLE, LIMITED, LIMITED, WHOLE, WHOLE].into_iter().enumerate()
    {
        world.append(&store, stream, Expected::Any, [0, number as u8]).unwrap();
    }
    let rule = RetentionRule::new().max_count(1);
    store.retention().set(&RetentionScope::stream(LIMITED), &rule).unwrap();
    store.maintain().unwrap();
    assert!(store.stats().unwrap().segments >= 4);
    store.close().unwrap();
    world
}

/// Everything that a view shows of the two streams, whose versions are dense.
fn look(view: &View) -> Vec<Event> {
    let mut all = Vec::new();
    for stream in [LIMITED, WHOLE] {
        let events = view.read(Query::stream(stream)).unwrap();
        let events: Vec<Event> = events.map(|event| event.unwrap().to_event()).collect();
        let versions: Vec<u64> = events.iter().map(|event| event.version.get()).collect();
        let last = versions[versions.len() - 1];
        let first = if stream == LIMITED { last } else { 1 };
        assert!(versions.iter().copied().eq(first..=last), "{stream}: {versions:?}");
        all.extend(events);
    }
    all
}

/// What was acknowledged is there, but for what the rule hides.
fn survives(store: &Store, acknowledged: &[Told]) {
    let view = store.view();
    look(&view);
    let last = view.stream(LIMITED).unwrap().unwrap().last_version.get();
    for told in acknowledged {
        match view.event_at(Position::new(told.position)) {
            Ok(Some(event)) => {
                let found = (event.stream, event.version.get(), &event.data().unwrap()[..2]);
                assert_eq!(found, (&*told.stream, told.version, &told.mark[..]));
            }
            Err(ReadError::Removed { .. } | ReadError::Hidden { .. }) => {
                assert!(told.stream == LIMITED && told.version < last, "{told:?} of {last} is gone");
            }
            other => panic!("{told:?}: {other:?}"),
        }
    }
    let gone = (1..=view.position().get())
        .filter(|position| matches!(view.event_at(Position::new(*position)), Err(ReadError::Removed { .. })));
    let told: u64 = store.ledger().unwrap().iter().map(annals::LedgerEntry::events).sum();
    assert_eq!(told, gone.count() as u64, "the ledger tells of others");
}

fn append(world: &World, store: &Store) {
    for (number, stream) in [LIMITED, WHOLE, LIMITED].into_iter().enumerate() {
        match world.append(store, stream, Expected::Any, [1, number as u8]) {
            Ok(_) => {}
            Err(annals::AppendError::Closed) => return,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn compact_beside_readers_and_an_appender() {
    let world = world();
    let store = world.options().compaction(CompactionOptions::off()).open("memory").unwrap();
    let before = store.view();
    let shown = look(&before);
    let appender = {
        let (world, store) = (world.clone(), store.clone());
        thread::spawn(move || append(&world, &store))
    };
    let reader = {
        let (store, before) = (store.clone(), before.clone());
        thread::spawn(move || {
            for event in before.read(Query::all()).unwrap() {
                event.unwrap();
                switch();
            }
            look(&store.view());
        })
    };
    let crash = {
        let world = world.clone();
        thread::spawn(move || world.lose_power())
    };
    let report = store.compaction().all(true).bytes_per_second(None).run().unwrap();
    assert!(report.events_removed >= 3, "{report:?}");
    appender.join().unwrap();
    reader.join().unwrap();
    crash.join().unwrap().open(survives);
    assert_eq!(look(&before), shown, "a view has changed");
    survives(&store, &world.acknowledged());
    store.close().unwrap();
    assert_eq!(look(&before), shown, "a view has changed");
    world.lose_power().open(survives);
}

#[test]
fn views_read_on_while_their_segments_are_compacted_and_removed() {
    explore(400, compact_beside_readers_and_an_appender);
}

/// The worker is paused, and goes on; somebody asks for a compaction, for which it makes room; the store is closed meanwhile.
fn the_worker_beside_a_close() {
    let world = world();
    let always = CompactionOptions::new().every(Duration::from_millis(1)).bytes_per_second(None);
    let always = always.busy(Share::of_1000(1000).unwrap());
    let store = world.options().compaction(always).open("memory").unwrap();
    let control = store.compaction_control();
    let pausing = {
        let control = control.clone();
        thread::spawn(move || {
            control.pause();
            switch();
            control.resume();
        })
    };
    let appender = {
        let (world, store) = (world.clone(), store.clone());
        thread::spawn(move || append(&world, &store))
    };
    let asking = {
        let store = store.clone();
        thread::spawn(move || match store.compaction().all(true).bytes_per_second(None).run() {
            Ok(_) | Err(CompactError::Append(annals::AppendError::Closed)) => {}
            Err(error) => panic!("{error:?}"),
        })
    };
    switch();
    store.clone().close().unwrap();
    // Whatever the worker was at, it is over.
    assert!(!store.compaction_state().running);
    let files = world.lose_power();
    [pausing, appender, asking].into_iter().for_each(|thread| thread.join().unwrap());
    files.open(survives);
    world.lose_power().open(survives);
}

#[test]
fn a_close_in_the_middle_of_a_compaction_ends_it_and_loses_nothing() {
    explore(400, the_worker_beside_a_close);
}
