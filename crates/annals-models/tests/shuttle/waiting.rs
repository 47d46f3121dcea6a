//! Waiting for events of a store. A patience of hours does not end here: who sleeps through an append sleeps for good.

use crate::world::{World, look};
use annals::{Expected, Position};
use annals_models::explore;
use shuttle::thread;
use std::time::Duration;

#[test]
fn all_who_wait_are_woken_also_if_the_store_is_closed_meanwhile() {
    explore(1_500, || {
        let world = World::new();
        let store = world.open();
        let waiters: Vec<_> = (0..3)
            .map(|after| {
                let store = store.clone();
                thread::spawn(move || {
                    let mut seen = Position::new(after);
                    while seen.get() < 3 {
                        assert!(store.wait_beyond(seen, Duration::MAX).unwrap());
                        seen = store.last_position();
                        assert!(look(&store.view()).len() as u64 >= seen.get());
                    }
                    // There is nothing more to come: whoever has a limit is let go.
                    assert!(!store.wait_beyond(seen, Duration::from_millis(1)).unwrap());
                })
            })
            .collect();
        let appender = {
            let (world, store) = (world.clone(), store.clone());
            thread::spawn(move || world.append(&store, "first", Expected::NoStream, [1, 1]).unwrap())
        };
        for number in 0..2 {
            world.append(&store, "second", Expected::Any, [2, number]).unwrap();
        }
        appender.join().unwrap();
        store.close().unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn whoever_waits_on_a_store_that_is_closed_is_let_go() {
    explore(1_500, || {
        let world = World::new();
        let store = world.open();
        let waiters: Vec<_> = (0..3)
            .map(|after| {
                let store = store.clone();
                thread::spawn(move || {
                    let there = store.wait_beyond(Position::new(after), Duration::MAX).unwrap();
                    assert_eq!(there, after == 0, "after {after}");
                })
            })
            .collect();
        world.append(&store, "stream", Expected::Any, [1, 1]).unwrap();
        let closed = store.clone();
        store.close().unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(!closed.wait_beyond(Position::new(1), Duration::MAX).unwrap());
    });
}

#[test]
fn whoever_follows_another_process_is_let_go_when_its_own_handle_is_closed() {
    explore(400, || {
        let world = World::new();
        let store = world.open();
        let follower = world.options().read_only(true).open("memory").unwrap();
        let following = {
            let follower = follower.clone();
            thread::spawn(move || assert!(!follower.wait_beyond(Position::ZERO, Duration::MAX).unwrap()))
        };
        follower.close().unwrap();
        following.join().unwrap();
        store.close().unwrap();
    });
}

/// Follows the store as another process would, while so many events are appended.
fn follow(world: &World, events: u8) {
    let store = world.open();
    let follower = world.options().read_only(true).open("memory").unwrap();
    let following = thread::spawn(move || {
        let mut seen = follower.last_position();
        while seen.get() < events.into() {
            assert!(follower.wait_beyond(seen, Duration::MAX).unwrap());
            let shown = look(&follower.view());
            assert!(shown.len() as u64 > seen.get());
            seen = Position::new(shown.len() as u64);
        }
    });
    for number in 0..events {
        world.append(&store, "stream", Expected::Any, [1, number]).unwrap();
    }
    following.join().unwrap();
    store.close().unwrap();
}

#[test]
fn who_follows_another_process_is_shown_everything_in_the_end() {
    explore(400, || follow(&World::new(), 3));
}

/// The last event is shown when something behind it tells that it is durable. The worker writes that, if it does not
/// sleep through the append.
#[test]
fn the_worker_does_not_sleep_through_an_append_that_has_nothing_else_for_it_to_do() {
    explore(2_000, || follow(&World::of_small_events(), 2));
}
