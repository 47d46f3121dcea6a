//! Group commit with many threads.

use annals_wal::{CommitQueue, Flight, GroupSink, SyncGroup};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Takes its time, and notices if two are in it at once.
#[derive(Debug, Default)]
struct Slow {
    pause: Duration,
    sizes: Vec<usize>,
    busy: AtomicBool,
}

impl Slow {
    fn alone<R>(&self, work: impl FnOnce() -> R) -> R {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two at once");
        let result = work();
        self.busy.store(false, Ordering::SeqCst);
        result
    }
}

/// What a sink has that leaves nothing to be done.
enum Nothing<T> {
    _Never(std::convert::Infallible, T),
}

impl<T> Flight for Nothing<T> {
    type Outcome = Option<T>;
    type Sync = Nothing<T>;

    fn take_sync(&mut self) -> Option<Nothing<T>> {
        None
    }

    fn land(self, _: io::Result<()>, _: &mut [Option<T>]) {}
}

impl<T> SyncGroup for Nothing<T> {
    fn sync(self, _: usize) -> io::Result<()> {
        Ok(())
    }
}

impl GroupSink for Slow {
    type Item = u64;
    /// `None` stands for an outcome that nobody knows.
    type Outcome = Option<u64>;
    type Flight = Nothing<u64>;

    fn commit(&mut self, group: Vec<u64>, outcomes: &mut Vec<Option<u64>>) -> Option<Nothing<u64>> {
        self.sizes.push(group.len());
        let pause = self.pause;
        self.alone(|| thread::sleep(pause));
        outcomes.extend(group.into_iter().map(Some));
        None
    }

    fn abandoned() -> Option<u64> {
        None
    }
}

#[test]
fn callers_that_come_while_a_group_is_worked_off_form_the_next_one() {
    let queue = CommitQueue::new(Slow { pause: Duration::from_millis(3), ..Slow::default() });
    let (threads, each) = (8, 25);
    thread::scope(|scope| {
        for thread in 0..threads {
            let queue = &queue;
            scope.spawn(move || {
                (0..each).for_each(|item| {
                    assert_eq!(queue.commit(thread * each + item), Some(thread * each + item))
                });
            });
        }
    });
    let sizes = queue.with_sink(|sink| sink.sizes.clone());
    assert_eq!(sizes.iter().sum::<usize>() as u64, threads * each);
    // One by one it would be two hundred. Nearly all wait while one group is worked off.
    assert!(sizes.len() <= 100, "{} groups", sizes.len());
    assert!(sizes.iter().any(|size| *size >= 4), "{sizes:?}");
}

#[test]
fn with_sink_is_alone_with_the_sink_between_groups() {
    let queue = CommitQueue::new(Slow { pause: Duration::from_micros(50), ..Slow::default() });
    let visits = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                (0..200).for_each(|item| assert_eq!(queue.commit(item), Some(item), "{thread}"))
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    queue.with_sink(|sink| sink.alone(|| visits.fetch_add(1, Ordering::SeqCst)));
                }
            });
        }
    });
    assert_eq!(visits.load(Ordering::SeqCst), 400);
    assert_eq!(queue.with_sink(|sink| sink.sizes.iter().sum::<usize>()), 800);
}

/// The caller may find its outcome while the leader still holds the place it lies in. Then it was once taken
/// for abandoned, although the group had been committed.
#[test]
fn an_outcome_that_is_there_is_never_taken_for_abandoned() {
    let queue = CommitQueue::new(Slow::default());
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..4_000).for_each(|item| assert_eq!(queue.commit(item), Some(item))));
        }
    });
}

/// Breaks at one item of the group.
struct Brittle;

impl GroupSink for Brittle {
    type Item = bool;
    type Outcome = Option<bool>;
    type Flight = Nothing<bool>;

    fn commit(&mut self, group: Vec<bool>, outcomes: &mut Vec<Option<bool>>) -> Option<Nothing<bool>> {
        for item in group {
            assert!(item, "the item that breaks the sink");
            outcomes.push(Some(item));
        }
        None
    }

    fn abandoned() -> Option<bool> {
        None
    }
}

#[test]
fn a_panic_under_load_gives_everybody_an_outcome() {
    let queue = CommitQueue::new(Brittle);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let known = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..6 {
            let (queue, known) = (&queue, &known);
            scope.spawn(move || {
                for round in 0..200 {
                    let item = (round + thread) % 10 != 0;
                    let outcome =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.commit(item)));
                    if let Ok(Some(outcome)) = outcome {
                        assert!(outcome && item);
                        known.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    std::panic::set_hook(hook);
    assert!(known.load(Ordering::SeqCst) > 0);
    assert_eq!(queue.commit(true), Some(true));
}
