//! Waiting for what becomes visible.

use annals_types::Position;
use annals_wal::Watermark;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that is not stuck.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn positions_that_are_visible_already_are_not_waited_for() {
    let mark = Watermark::new(Position::new(5));
    assert_eq!((mark.durable(), mark.visible()), (Position::new(5), Position::new(5)));
    assert!(mark.wait_beyond(Position::new(4), Duration::ZERO));
    assert!(mark.wait_beyond(Position::ZERO, Duration::MAX));
    assert!(!mark.wait_beyond(Position::new(5), Duration::ZERO));
}

#[test]
fn waiting_ends_with_the_time_given() {
    let mark = Watermark::new(Position::ZERO);
    let started = Instant::now();
    assert!(!mark.wait_beyond(Position::ZERO, Duration::from_millis(30)));
    assert!(started.elapsed() >= Duration::from_millis(30));
}

#[test]
fn visible_positions_only_grow() {
    let mark = Watermark::new(Position::new(5));
    mark.publish(Position::new(3));
    assert_eq!(mark.visible(), Position::new(5));
    mark.publish(Position::new(9));
    assert_eq!((mark.visible(), mark.durable()), (Position::new(9), Position::new(5)));
}

#[test]
fn every_waiter_is_woken_by_the_position_it_waits_for() {
    let mark = Watermark::new(Position::ZERO);
    let started = Instant::now();
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..8)
            .map(|after| {
                let mark = &mark;
                scope.spawn(move || {
                    assert!(mark.wait_beyond(Position::new(after), PATIENCE));
                    mark.visible().get() > after
                })
            })
            .collect();
        for position in 1..=8 {
            thread::sleep(Duration::from_millis(2));
            mark.publish(Position::new(position));
        }
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
    });
    assert!(started.elapsed() < PATIENCE, "they were not woken, their time ran out");
}

#[test]
fn no_publication_is_slept_through() {
    let mark = Watermark::new(Position::ZERO);
    let started = Instant::now();
    let last = 20_000;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = Position::ZERO;
                while seen.get() < last {
                    assert!(mark.wait_beyond(seen, PATIENCE), "slept at {seen}");
                    assert!(mark.visible() > seen);
                    seen = mark.visible();
                }
            });
        }
        (1..=last).for_each(|position| mark.publish(Position::new(position)));
    });
    assert!(started.elapsed() < PATIENCE, "one was slept through until its time ran out");
}

#[test]
fn after_the_end_nobody_waits_and_what_is_visible_is_told() {
    let mark = Watermark::new(Position::new(5));
    mark.end();
    assert!(mark.has_ended());
    assert!(mark.wait_beyond(Position::new(4), Duration::MAX));
    assert!(!mark.wait_beyond(Position::new(5), Duration::MAX));
}
