//! Waiting for the visible position. A publication that is slept through leaves the waiter asleep for good, since a
//! patience of hours does not end here.

use annals_models::explore;
use annals_types::Position;
use annals_wal::Watermark;
use shuttle::thread;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn no_publication_is_slept_through() {
    explore(8_000, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let mark = Arc::clone(&mark);
                thread::spawn(move || {
                    let mut seen = Position::ZERO;
                    while seen.get() < 3 {
                        assert!(mark.wait_beyond(seen, Duration::MAX));
                        assert!(mark.visible() > seen);
                        seen = mark.visible();
                    }
                })
            })
            .collect();
        (1..=3).for_each(|position| mark.publish(Position::new(position)));
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn every_waiter_is_woken_by_the_position_it_waits_for() {
    explore(6_000, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiters: Vec<_> = (0..3)
            .map(|after| {
                let mark = Arc::clone(&mark);
                thread::spawn(move || assert!(mark.wait_beyond(Position::new(after), Duration::MAX)))
            })
            .collect();
        let follower = {
            let mark = Arc::clone(&mark);
            thread::spawn(move || mark.follow(Position::new(2)))
        };
        mark.publish(Position::new(1));
        mark.publish(Position::new(3));
        follower.join().unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!((mark.visible(), mark.durable()), (Position::new(3), Position::new(2)));
    });
}

#[test]
fn who_stops_waiting_is_told_what_is_visible() {
    explore(4_000, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiters: Vec<_> = (0..2)
            .map(|after| {
                let mark = Arc::clone(&mark);
                thread::spawn(move || {
                    let after = Position::new(after);
                    let before = mark.visible();
                    let there = mark.wait_beyond(after, Duration::from_millis(1));
                    // The position only grows: what was there before is there, what is there is there afterwards.
                    assert!(there || before <= after);
                    assert!(!there || mark.visible() > after);
                })
            })
            .collect();
        (1..=2).for_each(|position| mark.publish(Position::new(position)));
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn the_end_is_not_slept_through() {
    explore(6_000, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiters: Vec<_> = (0..3)
            .map(|after| {
                let mark = Arc::clone(&mark);
                thread::spawn(move || {
                    let there = mark.wait_beyond(Position::new(after), Duration::MAX);
                    // What was published before the end is shown.
                    assert_eq!(there, after == 0, "after {after}");
                })
            })
            .collect();
        mark.publish(Position::new(1));
        mark.end();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}
