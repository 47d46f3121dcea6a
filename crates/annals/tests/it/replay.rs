//! Replays of stores. When what is due is tested where it is computed; here nothing depends on how long a wait is.

use crate::common::{START, World};
use annals::{AsOf, Clock, Expected, NewEvent, Position, Query, Speed, Store, Timestamp};
use std::time::Duration;

/// Longer than any test: an event that waits so long does not come by itself.
const FOREVER: i64 = 3_600_000_000_000;

fn store(times: &[i64]) -> Store {
    let store = World::new(1).open();
    let events: Vec<_> =
        times.iter().map(|time| NewEvent::json("t", "1").at(Timestamp::from_nanos(*time))).collect();
    store.append("s", Expected::Any, &events).unwrap();
    store
}

#[test]
fn a_fast_replay_gives_what_a_read_gives() {
    let store = store(&[5, 3 * FOREVER, FOREVER, -FOREVER]);
    store.append("other", Expected::Any, &[NewEvent::json("t", "2")]).unwrap();
    let view = store.view();
    for query in
        [Query::all(), Query::stream("s").backwards(), Query::stream("s").limit(2), Query::stream("no")]
    {
        let read: Vec<_> = view.read(query.clone()).unwrap().map(|event| event.unwrap().position).collect();
        let replay = view.replay(query).unwrap().speed(Speed::FASTEST);
        let replayed: Vec<_> = replay.map(|event| event.unwrap().event().position).collect();
        assert_eq!(replayed, read);
    }
    let earlier = view.as_of(AsOf::Position(Position::new(2))).unwrap();
    assert_eq!(earlier.replay(Query::all()).unwrap().speed(Speed::FASTEST).count(), 2);
}

#[test]
fn the_clock_says_which_times_count() {
    let store = store(&[0, FOREVER, 2 * FOREVER]);
    let view = store.view();
    // Recorded in one batch, so at one moment.
    assert_eq!(view.replay(Query::all()).unwrap().clock(Clock::Recorded).count(), 3);
    let occurred = view.replay(Query::all()).unwrap().longest_wait(Duration::ZERO);
    assert_eq!(occurred.count(), 3);
}

#[test]
fn times_that_are_equal_or_run_backwards_do_not_wait() {
    let store = store(&[FOREVER, FOREVER, 0, -FOREVER, START, START]);
    let view = store.view();
    let replay = view.replay(Query::all()).unwrap().speed(Speed::times(1e15).unwrap());
    assert_eq!(replay.count(), 6);
    assert_eq!(view.replay(Query::all().to_position(Position::new(4))).unwrap().count(), 4);
}

#[test]
fn a_paused_replay_takes_steps_from_another_thread_and_goes_on_or_ends_when_told() {
    let store = store(&[0, FOREVER, 2 * FOREVER, 3 * FOREVER, 4 * FOREVER]);
    let view = store.view();
    let mut replay = view.replay(Query::all()).unwrap();
    let control = replay.control();
    let mut next = || replay.next().map(|event| event.unwrap().event().position.get());
    assert_eq!(next(), Some(1));
    control.pause();
    assert!(control.is_paused());
    std::thread::scope(|scope| {
        // Each order meets the replay before it waits or while it does; both must wake it.
        let other = control.clone();
        scope.spawn(move || other.step());
        assert_eq!(next(), Some(2));
        let other = control.clone();
        scope.spawn(move || {
            other.resume();
            other.set_speed(Speed::FASTEST);
        });
        assert_eq!(next(), Some(3));
        assert_eq!(next(), Some(4));
        assert_eq!(control.speed(), Speed::FASTEST);
        control.set_speed(Speed::ORIGINAL);
        let other = control.clone();
        scope.spawn(move || other.stop());
        assert_eq!(next(), None);
        assert_eq!(next(), None);
    });
    drop(replay);
    control.resume();
    assert!(!control.is_paused());
}

#[test]
fn an_error_ends_a_replay() {
    let world = World::new(2);
    let store = world.open();
    store.append("s", Expected::Any, &[NewEvent::json("t", "1"), NewEvent::json("t", "\"broken\"")]).unwrap();
    // A sealed segment is not read when the store is opened.
    while store.stats().unwrap().segments < 2 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![0; 4000])]).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let file = world.files("log/").remove(0);
    let bytes = world.disk().image().remove(&file).unwrap();
    let offset = bytes.windows(6).position(|bytes| bytes == b"broken").unwrap();
    world.flip(&file, offset, 0);
    let store = world.open();
    let view = store.view();
    let mut replay = view.replay(Query::all()).unwrap().speed(Speed::FASTEST);
    assert!(replay.next().unwrap().is_ok());
    assert!(replay.next().unwrap().unwrap_err().is_corruption());
    assert!(replay.next().is_none());
}
