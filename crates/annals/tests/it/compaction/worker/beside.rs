//! What goes on beside compaction by itself, what it waits for, and what ends it.

use super::super::{compact, keep, seen};
use super::{eagerly, prepared, removed_by_ledger, until, until_removed, working};
use crate::common::{World, verified};
use annals::{Expected, NewEvent, Position, Query};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_damaged_segment_is_told_and_stops_neither_appends_nor_what_does_not_need_it() {
    let world = World::new(46);
    let store = world.open();
    // Each segment has other streams, so that nothing behind is kept by what the damaged one has.
    for stream in 0..9 {
        for number in 0..20 {
            let event = NewEvent::new("said", vec![number; 700]);
            store.append(&format!("session-{stream}"), Expected::Any, &[event]).unwrap();
        }
        store.maintain().unwrap();
    }
    assert!(store.stats().unwrap().runs > 1, "{:?}", store.stats());
    keep(&store, 2);
    store.close().unwrap();
    let name = world.files("log/").into_iter().next().unwrap();
    world.flip(&name, 5000, 2);
    let store = working(&world).open("memory").unwrap();
    until("it fails", || store.compaction_state().failure.is_some_and(|failure| failure.contains(&name)));
    until("the rest is compacted", || store.compaction_state().events_removed > 10);
    store.append("session-9", Expected::Any, &[NewEvent::json("said", "1")]).unwrap();
    store.close().unwrap();
    assert!(world.files("log/").contains(&name), "what is damaged stays as it is");
}

#[test]
fn on_a_full_disk_it_waits_for_room_and_goes_on_by_itself() {
    let (world, before) = prepared(47);
    let store = world.options().background(true).compaction(eagerly()).open("memory").unwrap();
    let control = store.compaction_control();
    control.pause();
    let used: u64 = world.disk().image().values().map(|bytes| bytes.len() as u64).sum();
    world.disk().set_capacity(Some(used + 500));
    control.resume();
    until("it fails or has found room", || {
        let state = store.compaction_state();
        state.failure.is_some() || state.events_removed > 0
    });
    assert_eq!(seen(&store), before);
    world.disk().set_capacity(None);
    until("it goes on", || store.compaction_state().events_removed > 100);
    until("it is no failure any more", || store.compaction_state().failure.is_none());
    assert_eq!(seen(&store), before);
    store.append("session-1", Expected::Any, &[NewEvent::json("said", "1")]).unwrap();
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn whoever_asks_gets_his_turn_from_the_worker() {
    let (world, before) = prepared(48);
    let store = working(&world).open("memory").unwrap();
    let control = store.compaction_control();
    control.pause();
    // It waits somewhere on its way, or there is nothing left to be done.
    let report = store.compaction().all(true).bytes_per_second(None).run().unwrap();
    assert!(!report.stopped);
    assert!(removed_by_ledger(&store) >= 100, "{report:?}");
    assert!(store.compaction().all(true).plan().unwrap().is_empty());
    assert_eq!(seen(&store), before);
    control.resume();
    keep(&store, 1);
    until("the worker goes on", || store.compaction_state().looks > 0);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn closing_does_not_return_before_the_worker_has_ended() {
    let (world, before) = prepared(49);
    let store = working(&world).open("memory").unwrap();
    // It may wait for ever, and closing does not.
    store.compaction_control().pause();
    let other = store.clone();
    store.close().unwrap();
    assert!(!other.compaction_state().running);
    drop(other);
    assert_eq!(seen(&world.open()), before);
}

#[test]
fn closing_at_any_moment_leaves_a_store_in_order_and_nobody_who_writes() {
    let mut removed = 0;
    for seed in 0..16 {
        let (world, before) = prepared(500 + seed);
        let store = working(&world).open("memory").unwrap();
        for _ in 0..seed * seed * 3_000 {
            std::hint::spin_loop();
        }
        if seed == 15 {
            until_removed(&store, 1);
        }
        // Closed, or only dropped.
        if seed % 2 == 0 {
            store.close().unwrap();
        } else {
            drop(store);
        }
        assert_eq!(verified(&world.disk()), [] as [String; 0], "seed {seed}");
        let again = world.open();
        assert_eq!(seen(&again), before, "seed {seed}");
        removed += u64::from(removed_by_ledger(&again) > 0);
        assert_eq!(again.stats().unwrap().runs_missing, 0, "seed {seed}");
    }
    assert!(removed > 0, "it was always closed before anything happened");
}

#[test]
fn writers_and_readers_go_on_beside_the_worker() {
    let world = World::new(50);
    let store = working(&world).open("memory").unwrap();
    keep(&store, 3);
    store.guards().set("reader", Position::ZERO).unwrap();
    let (done, old) = (AtomicBool::new(false), store.view());
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..200 {
                        let event = NewEvent::json("said", format!("[{number},{:?}]", "y".repeat(200)));
                        store.append(&format!("session-w{writer}"), Expected::Any, &[event]).unwrap();
                    }
                })
            })
            .collect();
        let consumer = scope.spawn(|| {
            let mut next = Position::FIRST;
            while !done.load(Ordering::SeqCst) || next <= store.last_position() {
                let view = store.guards().view("reader").unwrap();
                // Each event, without a gap: the guard has kept what others do not see any more.
                for event in view.read(Query::all().from_position(next)).unwrap() {
                    let event = event.unwrap();
                    assert_eq!(event.position, next);
                    next = next.next();
                }
                store.guards().advance("reader", next.previous()).unwrap();
                let view = store.view();
                for stream in view.streams("session-") {
                    let stream = stream.unwrap();
                    let shown = view.count(Query::stream(&*stream.stream)).unwrap();
                    assert_eq!(shown, stream.last_version.get().min(3));
                }
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        consumer.join().unwrap();
    });
    until_removed(&store, 300);
    assert_eq!(store.view().count(Query::all().category("session")).unwrap(), 3 * 3);
    assert_eq!(old.read(Query::all()).unwrap().count(), old.position().get() as usize);
    compact(&store);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}
