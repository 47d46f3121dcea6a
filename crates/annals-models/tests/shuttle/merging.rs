//! Runs that are merged while others read and append: nobody sees anything else than before, and nothing is lost.

use crate::world::{World, look};
use annals::{Expected, Query, Store, View};
use annals_models::{explore, switch};
use shuttle::thread;

/// With the next segment that is full there are four runs, which is when they are merged.
const RUNS_BEFORE: u8 = 3;
const STREAMS: [&str; 2] = ["a", "b"];

/// A store with runs that are not merged yet.
fn world() -> World {
    let world = World::of_huge_events();
    let store = world.open_alone();
    for number in 0..=RUNS_BEFORE {
        world.append(&store, STREAMS[usize::from(number % 2)], Expected::Any, [0, number]).unwrap();
    }
    store.maintain().unwrap();
    assert_eq!(store.stats().unwrap().runs, u64::from(RUNS_BEFORE));
    store.close().unwrap();
    world
}

/// Fills segments, so that the worker has something to seal, and then to merge.
fn append(world: &World, store: &Store) {
    for number in 0..3_u8 {
        let stream = STREAMS[usize::from(number % 2)];
        let told = world.append(store, stream, Expected::Any, [1, number]).unwrap();
        assert_eq!(told.version, u64::from(number / 2) + 3, "versions go on behind those of the runs");
    }
}

/// Reads a stream of a view event by event, so that the merge may come between any two of them.
fn read(view: &View, stream: &str, versions: u64) {
    let mut events = view.read(Query::stream(stream)).unwrap();
    for version in 1..=versions {
        assert_eq!(events.next().unwrap().unwrap().version.get(), version, "{stream}");
        switch();
    }
    assert!(events.next().is_none());
}

fn merge_beside_readers_and_an_appender() {
    let world = world();
    let store = world.open();
    let before = store.view();
    let shown = look(&before);
    let appender = {
        let (world, store) = (world.clone(), store.clone());
        thread::spawn(move || append(&world, &store))
    };
    let reader = {
        let (store, before) = (store.clone(), before.clone());
        thread::spawn(move || {
            read(&before, "b", 2);
            let view = store.view();
            let versions = view.stream("a").unwrap().unwrap().events;
            read(&view, "a", versions);
            assert_eq!(look(&view).len() as u64, view.position().get());
        })
    };
    let crash = {
        let world = world.clone();
        thread::spawn(move || world.lose_power())
    };
    // Whoever comes first merges on: the worker or this thread.
    store.maintain().unwrap();
    appender.join().unwrap();
    reader.join().unwrap();
    crash.join().unwrap().check();
    store.maintain().unwrap();
    let stats = store.stats().unwrap();
    assert!(stats.segments >= 6 && stats.runs <= 3, "{} segments, {} runs", stats.segments, stats.runs);
    assert_eq!(look(&before), shown, "a view has changed");
    let all = look(&store.view());
    assert_eq!(all.len(), 7);
    store.close().unwrap();
    assert_eq!(look(&before), shown, "a view has changed");
    let (events, clean) = world.lose_power().check();
    assert!(clean && events == all);
}

#[test]
fn views_read_on_while_their_runs_are_merged_and_removed() {
    explore(400, merge_beside_readers_and_an_appender);
}

/// The worker is stopped in the middle of a merge; what it has written is removed, and the sources stay.
fn merge_and_close() {
    let world = world();
    let store = world.open();
    append(&world, &store);
    let closer = {
        let store = store.clone();
        thread::spawn(move || store.close().unwrap())
    };
    let shown = look(&store.view());
    closer.join().unwrap();
    let (events, clean) = world.lose_power().check();
    assert!(clean && events == shown);
}

#[test]
fn a_close_in_the_middle_of_a_merge_loses_nothing() {
    explore(400, merge_and_close);
}
