//! Items that are submitted and not waited for, in groups whose syncs go on beside each other.

use annals_wal::{CommitQueue, Flight, GroupSink, LANES, SyncGroup};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Writes at once; syncs take a moment, and the one of a marked item fails.
#[derive(Debug, Default)]
struct Writer {
    next: u64,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    syncing: AtomicUsize,
    most_syncing: AtomicUsize,
    /// Whether the first sync ends only when another one has begun.
    first_waits: AtomicBool,
    lanes: Mutex<Vec<bool>>,
    landed: Mutex<Vec<(u64, bool)>>,
}

struct Trip {
    number: u64,
    fails: bool,
    needs_sync: bool,
    shared: Arc<Shared>,
}

const FAILS: u64 = u64::MAX;
const NEEDS_NO_SYNC: u64 = u64::MAX - 1;

impl GroupSink for Writer {
    type Item = u64;
    /// The item, and whether it became durable; `None` before that is known.
    type Outcome = Option<(u64, bool)>;
    type Flight = Trip;

    fn commit(&mut self, group: Vec<u64>, outcomes: &mut Vec<Self::Outcome>) -> Option<Trip> {
        self.next += 1;
        let fails = group.contains(&FAILS);
        let needs_sync = group != [NEEDS_NO_SYNC];
        outcomes.extend(group.into_iter().map(|item| Some((item, false))));
        Some(Trip { number: self.next, fails, needs_sync, shared: Arc::clone(&self.shared) })
    }

    fn abandoned() -> Self::Outcome {
        None
    }
}

impl Flight for Trip {
    type Outcome = Option<(u64, bool)>;
    type Sync = Trip;

    fn take_sync(&mut self) -> Option<Trip> {
        let Trip { number, fails, needs_sync, ref shared } = *self;
        needs_sync.then(|| Trip { number, fails, needs_sync, shared: Arc::clone(shared) })
    }

    fn land(self, result: io::Result<()>, outcomes: &mut [Self::Outcome]) {
        self.shared.landed.lock().unwrap().push((self.number, result.is_ok()));
        outcomes.iter_mut().flatten().for_each(|(_, durable)| *durable = result.is_ok());
    }
}

impl SyncGroup for Trip {
    fn sync(self, lane: usize) -> io::Result<()> {
        {
            let mut lanes = self.shared.lanes.lock().unwrap();
            lanes.resize(LANES, false);
            assert!(!std::mem::replace(&mut lanes[lane], true), "two in one lane");
        }
        let syncing = self.shared.syncing.fetch_add(1, Ordering::SeqCst) + 1;
        self.shared.most_syncing.fetch_max(syncing, Ordering::SeqCst);
        thread::sleep(Duration::from_micros(100));
        let waits = self.number == 1 && self.shared.first_waits.load(Ordering::SeqCst);
        while waits && self.shared.most_syncing.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        self.shared.syncing.fetch_sub(1, Ordering::SeqCst);
        self.shared.lanes.lock().unwrap()[lane] = false;
        if self.fails { Err(io::Error::other("the sync that fails")) } else { Ok(()) }
    }
}

/// As long as `f` runs, so many threads serve.
fn served<R>(queue: &CommitQueue<Writer>, f: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        for _ in 0..LANES {
            assert!(queue.begin_serving());
            scope.spawn(|| queue.serve());
        }
        let result = f();
        queue.end_serving();
        result
    })
}

#[test]
fn what_is_submitted_is_worked_off_in_order_while_nobody_waits() {
    let queue = CommitQueue::new(Writer::default());
    let pending: Vec<_> = served(&queue, || (0..5_000).map(|item| queue.submit(item, 100)).collect());
    // Whoever serves has ended, and nothing was left behind.
    for (item, pending) in (0..).zip(&pending) {
        assert!(pending.is_settled());
        assert_eq!(pending.take(), Some(Some((item, true))));
        assert_eq!(pending.take(), None, "it is there once");
    }
    let shared = queue.with_sink(|sink| Arc::clone(&sink.shared));
    let landed = shared.landed.lock().unwrap();
    assert!(landed.iter().map(|(number, _)| *number).eq(1..=landed.len() as u64), "{landed:?}");
    assert!(shared.most_syncing.load(Ordering::SeqCst) <= LANES);
}

#[test]
fn a_large_group_is_on_its_way_beside_another_one_and_lands_behind_it() {
    let queue = CommitQueue::new(Writer::default());
    queue.with_sink(|sink| sink.shared.first_waits.store(true, Ordering::SeqCst));
    served(&queue, || {
        let first = queue.submit(0, 1);
        while !queue.with_sink(|sink| sink.next == 1) {
            thread::yield_now();
        }
        let second: Vec<_> = (1..=200).map(|item| queue.submit(item, 1)).collect();
        second.iter().for_each(|pending| queue.wait_for(pending));
        assert!(first.is_settled(), "the first one lands first, though its sync takes longest");
    });
}

#[test]
fn what_is_behind_a_sync_that_failed_is_not_durable_whatever_its_own_sync_says() {
    let queue = CommitQueue::new(Writer::default());
    served(&queue, || {
        let first = queue.submit(FAILS, 1);
        let others: Vec<_> = (1..=200).map(|item| queue.submit(item, 1)).collect();
        queue.wait_for(&first);
        assert_eq!(first.take(), Some(Some((FAILS, false))));
        for (item, pending) in (1..).zip(&others) {
            queue.wait_for(pending);
            assert_eq!(pending.take(), Some(Some((item, false))));
        }
        assert_eq!(queue.commit(NEEDS_NO_SYNC), Some((NEEDS_NO_SYNC, false)));
    });
}

#[test]
fn without_anybody_who_serves_whoever_waits_leads() {
    let queue = CommitQueue::new(Writer::default());
    let pending: Vec<_> = (0..3).map(|item| queue.submit(item, 1)).collect();
    assert!(!pending[0].is_settled());
    queue.wait_for(&pending[2]);
    assert!(pending.iter().all(annals_wal::Pending::is_settled), "they were one group");
    // A future is polled instead.
    let last = queue.submit(3, 1);
    let waker = std::task::Waker::noop();
    assert_eq!(queue.poll(&last, waker), std::task::Poll::Ready(Some(Some((3, true)))));
}

#[test]
fn who_polls_is_woken_when_the_outcome_is_there() {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let queue = CommitQueue::new(Writer::default());
    served(&queue, || {
        let waker = Arc::new(Unpark(thread::current())).into();
        for item in 0..100 {
            let pending = queue.submit(item, 1);
            let outcome = loop {
                match queue.poll(&pending, &waker) {
                    std::task::Poll::Ready(outcome) => break outcome,
                    std::task::Poll::Pending => thread::park(),
                }
            };
            assert_eq!(outcome, Some(Some((item, true))));
        }
    });
}

#[test]
fn who_submits_more_than_there_is_room_for_waits_for_room() {
    let queue = CommitQueue::new(Writer::default());
    let large = 40 << 20;
    // Nobody serves: so who needs room makes it.
    let pending: Vec<_> = (0..4).map(|item| queue.submit(item, large)).collect();
    assert!(pending[..3].iter().all(annals_wal::Pending::is_settled) && !pending[3].is_settled());
}
