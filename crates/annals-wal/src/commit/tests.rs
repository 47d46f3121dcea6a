//! The queue before a toy sink.

use super::*;
use std::panic::AssertUnwindSafe;
use std::thread;

/// Numbers the items in the order of their groups.
#[derive(Default)]
struct Counter {
    next: u64,
    groups: u64,
}

impl GroupSink for Counter {
    type Item = u64;
    type Outcome = Option<(u64, u64)>;
    type Flight = Nothing;

    fn commit(&mut self, group: Vec<u64>, outcomes: &mut Vec<Self::Outcome>) -> Option<Nothing> {
        self.groups += 1;
        for item in group {
            assert_ne!(item, u64::MAX, "the item that breaks the sink");
            self.next += 1;
            outcomes.push(Some((item, self.next)));
        }
        None
    }

    fn abandoned() -> Self::Outcome {
        None
    }
}

/// What a sink has that leaves nothing to be done.
enum Nothing {}

impl Flight for Nothing {
    type Outcome = Option<(u64, u64)>;
    type Sync = Nothing;

    fn take_sync(&mut self) -> Option<Nothing> {
        match *self {}
    }

    fn land(self, _: io::Result<()>, _: &mut [Option<(u64, u64)>]) {
        match self {}
    }
}

impl SyncGroup for Nothing {
    fn sync(self, _: usize) -> io::Result<()> {
        match self {}
    }
}

#[test]
fn a_single_caller_gets_its_outcome_on_its_own_thread() {
    let queue = CommitQueue::new(Counter::default());
    assert_eq!(queue.commit(7), Some((7, 1)));
    assert_eq!(queue.commit(8), Some((8, 2)));
    assert_eq!(queue.with_sink(|sink| sink.groups), 2);
}

#[test]
fn every_caller_of_many_threads_gets_exactly_its_own_outcome() {
    let queue = CommitQueue::new(Counter::default());
    let (threads, each) = if cfg!(miri) { (3, 20) } else { (8, 2_000) };
    let mut numbers: Vec<u64> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let queue = &queue;
                scope.spawn(move || {
                    let own = |index| thread * each + index;
                    let outcomes = (0..each).map(|index| (own(index), queue.commit(own(index)).unwrap()));
                    outcomes
                        .map(|(item, (echoed, number))| {
                            assert_eq!(item, echoed);
                            number
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let per_thread: Vec<Vec<u64>> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
        assert!(per_thread.iter().all(|numbers| numbers.is_sorted()));
        per_thread.into_iter().flatten().collect()
    });
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=threads * each));
}

#[test]
fn items_put_in_together_are_one_group() {
    let queue = CommitQueue::new(Counter::default());
    assert_eq!(queue.commit_all(vec![7, 8, 9]), [Some((7, 1)), Some((8, 2)), Some((9, 3))]);
    assert!(queue.commit_all(Vec::new()).is_empty());
    assert_eq!(queue.with_sink(|sink| sink.groups), 1);
    assert_eq!(queue.commit(5), Some((5, 4)));
}

#[test]
fn a_sink_that_panics_leaves_nobody_waiting() {
    let queue = CommitQueue::new(Counter::default());
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| queue.commit(u64::MAX)));
    assert!(result.is_err());
    assert_eq!(queue.commit(1), Some((1, 1)));
}
