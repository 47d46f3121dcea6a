//! The writer, the background worker, and who closes the store.

use super::{append, wait_until};
use crate::common::{START, World};
use annals::vfs::{Clock, Env};
use annals::{AppendError, Options, Position, Timestamp};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// A clone of a closed store went on laying out and sealing segments, over the manifest of whoever had it by then.
#[test]
fn a_closed_store_leaves_the_files_alone() {
    let world = World::new(8);
    let closed = world.open();
    for _ in 0..6 {
        append(&closed, 5000).unwrap();
    }
    closed.clone().close().unwrap();
    let before = world.disk().image();
    closed.maintain().unwrap();
    closed.sync().unwrap();
    assert!(matches!(append(&closed, 1), Err(AppendError::Closed)));
    assert!(world.disk().image() == before, "files have changed");
    let store = world.open();
    let last = (0..6).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
    closed.maintain().unwrap();
    drop(closed);
    store.maintain().unwrap();
    drop(store);
    assert_eq!(world.open().last_position(), last);
}

/// A clock that can hold up the one who asks, or fail it: the leader of a group is then in the middle of it.
#[derive(Debug)]
struct StageClock {
    asked: AtomicU64,
    holds: AtomicU64,
    fails: AtomicU64,
}

impl StageClock {
    fn new() -> Arc<Self> {
        let never = || AtomicU64::new(u64::MAX);
        Arc::new(StageClock { asked: AtomicU64::new(0), holds: never(), fails: never() })
    }

    /// Holds up the next one who asks, and lets everybody else go.
    fn hold_next(&self) {
        self.holds.store(self.asked.load(SeqCst) + 1, SeqCst);
    }

    fn wait_until_held(&self) {
        wait_until(|| self.asked.load(SeqCst) == self.holds.load(SeqCst));
    }

    fn let_go(&self) {
        self.holds.store(u64::MAX, SeqCst);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        let number = self.asked.fetch_add(1, SeqCst) + 1;
        while self.holds.load(SeqCst) == number {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_ne!(number, self.fails.load(SeqCst), "the clock has stopped");
        Timestamp::from_nanos(START)
    }
}

fn staged(world: &World, clock: &Arc<StageClock>) -> Options {
    let env = Env { disk: Arc::new(world.disk()), clock: clock.clone(), random: world.random.clone() };
    world.options().env(env).background(true)
}

/// The worker waited for the writer, to note what is durable, while the writer waited for the worker to seal: for ten
/// seconds, then the append was refused.
#[test]
fn a_group_that_fills_many_segments_does_not_wait_for_a_worker_that_waits_for_it() {
    let (world, clock) = (World::new(16), StageClock::new());
    let store = staged(&world, &clock).open("memory").unwrap();
    append(&store, 10).unwrap();
    let (large, pause) = (8, Duration::from_millis(300));
    // The worker has noted it and sleeps.
    std::thread::sleep(pause);
    std::thread::scope(|scope| {
        clock.hold_next();
        let first = scope.spawn(|| append(&store, 10));
        clock.wait_until_held();
        let others: Vec<_> = (0..large).map(|_| scope.spawn(|| append(&store, 60_000))).collect();
        std::thread::sleep(pause);
        // The first group ends, and the second one is held up with all the others in it.
        clock.hold_next();
        clock.wait_until_held();
        std::thread::sleep(pause);
        clock.let_go();
        first.join().unwrap().unwrap();
        for other in others {
            other.join().unwrap().unwrap();
        }
    });
    assert_eq!(store.last_position().get(), 2 + large);
}

/// After a panic in the middle of a group a sync took the batches that were never written for durable, and said so in
/// the log: the store could not be opened any more.
#[test]
fn a_sync_after_a_panic_in_the_middle_of_a_group_says_nothing_of_what_was_not_written() {
    let (world, clock) = (World::new(17), StageClock::new());
    let store = staged(&world, &clock).open("memory").unwrap();
    std::thread::scope(|scope| {
        clock.hold_next();
        let first = scope.spawn(|| append(&store, 10));
        clock.wait_until_held();
        let others: Vec<_> = (0..2).map(|_| scope.spawn(|| append(&store, 10))).collect();
        std::thread::sleep(Duration::from_millis(300));
        clock.fails.store(clock.asked.load(SeqCst) + 2, SeqCst);
        clock.let_go();
        first.join().unwrap().unwrap();
        let failed = others.into_iter().map(|other| other.join().is_err()).collect::<Vec<_>>();
        assert!(failed.contains(&true), "nobody has panicked");
    });
    assert!(matches!(store.sync(), Err(AppendError::Poisoned)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(store.stats().unwrap().durable_position, Position::new(1));
    assert!(matches!(append(&store, 10), Err(AppendError::Poisoned)));
    drop(store);
    assert_eq!(world.open().last_position(), Position::new(1));
}
