//! Group commit: many callers, one leader, one sync.
//!
//! Every caller puts its item into the queue. The first one that finds nobody leading becomes the leader:
//! it takes what is queued and hands it to the sink as one group, without a change of thread. Callers that
//! come meanwhile wait and form the next group; when the leader is done, one of them leads it.
//!
//! All waiters sleep on one word and are woken by one system call (a futex broadcast), because waking
//! dozens of threads one by one takes longer than the sync. When the last group had several members, the
//! leader gives way to the other threads once before it takes the queue, so that those just woken can join.

use annals_types::planted::{Bug, planted};
use annals_vfs::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use annals_vfs::sync::{Futex, Mutex, hand_on, thread};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What groups are handed to. One group at a time.
pub trait GroupSink {
    /// What callers put in.
    type Item;
    /// What they get back.
    type Outcome;

    /// Works off the group: exactly one outcome for each item, in order.
    fn commit(&mut self, group: Vec<Self::Item>, outcomes: &mut Vec<Self::Outcome>);

    /// The outcome of items whose group was given up because `commit` panicked.
    fn abandoned() -> Self::Outcome;
}

/// A queue of items and the sink they go to.
pub struct CommitQueue<S: GroupSink> {
    queue: Mutex<Queue<S>>,
    sink: Mutex<S>,
    /// Changes whenever outcomes are there or the lead is free.
    epoch: Futex,
    waiting: AtomicU32,
    crowded: AtomicBool,
}

/// Where a caller finds its outcome. The leader may still hold its share when the caller takes it out.
type Slot<S> = Arc<Mutex<Option<<S as GroupSink>::Outcome>>>;

struct Queue<S: GroupSink> {
    items: Vec<(S::Item, Slot<S>)>,
    leading: bool,
}

impl<S: GroupSink> CommitQueue<S> {
    /// An empty queue before `sink`.
    pub fn new(sink: S) -> Self {
        CommitQueue {
            queue: Mutex::new(Queue { items: Vec::new(), leading: false }),
            sink: Mutex::new(sink),
            epoch: Futex::new(0),
            waiting: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
        }
    }

    /// Puts in an item and waits for its outcome, leading a group if nobody does.
    pub fn commit(&self, item: S::Item) -> S::Outcome {
        let slot = Slot::<S>::default();
        let lead = {
            let mut queue = self.queue.lock();
            queue.items.push((item, Arc::clone(&slot)));
            !std::mem::replace(&mut queue.leading, true)
        };
        self.wait(&slot, lead);
        let outcome = slot.lock().take();
        outcome.unwrap_or_else(S::abandoned)
    }

    /// Waits until an item that was put in has its outcome, leading its group if nobody else does.
    fn wait(&self, slot: &Slot<S>, mut lead: bool) {
        while !lead {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let seen = self.epoch.load(Ordering::SeqCst);
            if slot.lock().is_none() {
                lead = !std::mem::replace(&mut self.queue.lock().leading, true);
                if !lead {
                    self.epoch.wait(seen);
                }
            }
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            if slot.lock().is_some() {
                break;
            }
        }
        if lead {
            // A group that was led has outcomes for all its items, also when the sink panicked.
            self.lead();
        }
    }

    /// Puts in several items at once, which become parts of one group, and waits for their outcomes.
    pub fn commit_all(&self, items: Vec<S::Item>) -> Vec<S::Outcome> {
        let slots: Vec<Slot<S>> = items.iter().map(|_| Slot::<S>::default()).collect();
        let Some(last) = slots.last() else { return Vec::new() };
        let lead = {
            let mut queue = self.queue.lock();
            queue.items.extend(items.into_iter().zip(slots.iter().cloned()));
            !std::mem::replace(&mut queue.leading, true)
        };
        // A leader takes the whole queue, so the last one is worked off with all the others.
        self.wait(last, lead);
        slots.iter().map(|slot| slot.lock().take().unwrap_or_else(S::abandoned)).collect()
    }

    /// Runs `f` between groups, alone with the sink.
    pub fn with_sink<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        f(&mut self.sink.lock())
    }

    /// The same, and then lets whoever has waited longest for the sink have it. For who is going to put in an item that a
    /// group has to work off: the others that wait with the same in mind get to do so before the group is formed, and
    /// share it.
    pub fn with_sink_in_turn<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        let mut sink = self.sink.lock();
        let result = f(&mut sink);
        hand_on(sink);
        result
    }

    /// As [`CommitQueue::with_sink`], but gives up (`None`) if a group holds the sink for as long as `patience`: for who is waited for by
    /// groups.
    pub fn with_sink_within<R>(&self, patience: Duration, f: impl FnOnce(&mut S) -> R) -> Option<R> {
        self.sink.try_lock_for(patience).map(|mut sink| f(&mut sink))
    }

    fn lead(&self) {
        if self.crowded.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let mut sink = self.sink.lock();
        let taken = std::mem::take(&mut self.queue.lock().items);
        self.crowded.store(taken.len() > 1, Ordering::Relaxed);
        let (items, slots): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        let mut group = Group { queue: self, slots, outcomes: Vec::new() };
        sink.commit(items, &mut group.outcomes);
        drop(sink);
    }
}

impl<S: GroupSink> fmt::Debug for CommitQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitQueue").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Hands out the outcomes and gives up the lead, also when the sink panics.
struct Group<'q, S: GroupSink> {
    queue: &'q CommitQueue<S>,
    slots: Vec<Slot<S>>,
    outcomes: Vec<S::Outcome>,
}

impl<S: GroupSink> Drop for Group<'_, S> {
    fn drop(&mut self) {
        if planted(Bug::OutcomesMixedUp) {
            self.slots.reverse();
        }
        let mut outcomes = self.outcomes.drain(..);
        for slot in self.slots.drain(..) {
            *slot.lock() = Some(outcomes.next().unwrap_or_else(S::abandoned));
        }
        self.queue.queue.lock().leading = false;
        self.queue.epoch.fetch_add(1, Ordering::SeqCst);
        if self.queue.waiting.load(Ordering::SeqCst) > 0 {
            self.queue.epoch.wake_all();
        }
    }
}

#[cfg(test)]
mod tests {
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

        fn commit(&mut self, group: Vec<u64>, outcomes: &mut Vec<Self::Outcome>) {
            self.groups += 1;
            for item in group {
                assert_ne!(item, u64::MAX, "the item that breaks the sink");
                self.next += 1;
                outcomes.push(Some((item, self.next)));
            }
        }

        fn abandoned() -> Self::Outcome {
            None
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
            let per_thread: Vec<Vec<u64>> =
                handles.into_iter().map(|handle| handle.join().unwrap()).collect();
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
}
