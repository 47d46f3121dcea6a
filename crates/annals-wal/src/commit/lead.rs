//! Leading a group: from the queue through the sink to the disk, and back to its callers.

use super::air::Departure;
use super::queue::{Group, Next};
use super::{CommitQueue, Flight, GroupSink, SyncGroup};
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::atomic::Ordering;
use annals_vfs::sync::{MutexGuard, thread};
use std::io;
use std::panic::AssertUnwindSafe;
use std::task::Waker;

/// How often a leader looks whether more items are coming, at most, and how often it gives way in between.
const GATHER_ROUNDS: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 1 } else { 64 };
const GATHER_TURNS: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 1 } else { 2 };

impl<S: GroupSink> CommitQueue<S> {
    pub(super) fn lead(&self) {
        if self.crowded.load(Ordering::Relaxed) {
            self.gather();
        }
        let mut sink = self.sink.lock();
        let (items, group) = self.queue.lock().take_group();
        self.crowded.store(items.len() > 1, Ordering::Relaxed);
        let mut led = Led { queue: self, group: Some(group) };
        let Some(group) = &mut led.group else { return };
        group.flight = sink.commit(items, &mut group.outcomes);
        led.fly(sink);
    }

    /// Gives way to other threads as long as that brings items: those whose outcomes were told a moment ago are about to put
    /// in the next one, and a group costs about the same with one of them or with all.
    fn gather(&self) {
        let mut seen = 0;
        for _ in 0..GATHER_ROUNDS {
            (0..GATHER_TURNS).for_each(|_| thread::yield_now());
            let queued = self.queue.lock().items.len();
            if queued <= seen {
                break;
            }
            seen = queued;
        }
    }

    /// A sync has ended: calls who is to lead now, and tells the outcomes of all groups that are done with it.
    fn arrive(&self, departure: Departure, result: io::Result<()>) {
        let next = {
            let mut queue = self.queue.lock();
            queue.air.arrive(departure, result);
            queue.next_leader()
        };
        // First, so that the device has something to do.
        self.call(next);
        self.land();
    }

    /// Has all groups land that are done, one after the other: whoever is told of one finds everything before it told and
    /// visible. If somebody is at it already, that one goes on.
    fn land(&self) {
        let mut wakers = Vec::new();
        let mut mine = false;
        loop {
            let landed = {
                let mut queue = self.queue.lock();
                if queue.landing && !mine {
                    return;
                }
                let landed = queue.air.land();
                queue.landing = landed.is_some();
                landed
            };
            mine = true;
            let Some((mut group, result)) = landed else { break };
            if let Some(flight) = group.flight.take() {
                flight.land(result, &mut group.outcomes);
            }
            self.tell(group, &mut wakers);
        }
        wake(wakers);
    }

    /// Hands out the outcomes of a group. Gives back who is to be woken, which is somebody else's code: it may do anything, even
    /// close the store, so nothing may be under way on this thread when it runs.
    fn tell(&self, mut group: Group<S>, wakers: &mut Vec<Waker>) {
        if planted(Bug::OutcomesMixedUp) {
            group.slots.reverse();
        }
        let mut outcomes = group.outcomes.drain(..);
        for slot in group.slots.drain(..) {
            wakers.extend(slot.put(outcomes.next().unwrap_or_else(S::abandoned)));
        }
        self.words.of(group.number).wake_all();
    }

    fn give_up_lead(&self) -> Next {
        let mut queue = self.queue.lock();
        queue.leading = false;
        queue.next_leader()
    }
}

fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        // One that panics keeps no other from being woken.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// A group that is led. Gives up the lead and hands out what outcomes there are, also when the sink panics.
struct Led<'q, S: GroupSink> {
    queue: &'q CommitQueue<S>,
    group: Option<Group<S>>,
}

impl<S: GroupSink> Led<'_, S> {
    /// Gives up lead and sink, and makes the group durable.
    fn fly(mut self, sink: MutexGuard<'_, S>) {
        let Some(mut group) = self.group.take() else { return };
        let Some(flight) = &mut group.flight else {
            let next = self.queue.give_up_lead();
            drop(sink);
            self.queue.call(next);
            let mut wakers = Vec::new();
            self.queue.tell(group, &mut wakers);
            return wake(wakers);
        };
        let sync = flight.take_sync();
        let mut queue = self.queue.queue.lock();
        queue.leading = false;
        // With the sink held, so that groups depart in the order in which they were written.
        let Some(sync) = sync else {
            queue.air.follow(group);
            let next = queue.next_leader();
            drop(queue);
            drop(sink);
            self.queue.call(next);
            return self.queue.land();
        };
        let departure = queue.air.depart(group);
        let next = queue.next_leader();
        drop(queue);
        drop(sink);
        let mut underway = UnderWay { queue: self.queue, departure: Some(departure) };
        self.queue.call(next);
        let result = sync.sync(departure.lane);
        underway.departure = None;
        self.queue.arrive(departure, result);
    }
}

impl<S: GroupSink> Drop for Led<'_, S> {
    fn drop(&mut self) {
        if let Some(mut group) = self.group.take() {
            group.flight = None;
            let next = self.queue.give_up_lead();
            let mut wakers = Vec::new();
            self.queue.tell(group, &mut wakers);
            self.queue.call(next);
            wake(wakers);
        }
    }
}

/// A sync that runs. If it panics, nothing is known of its group.
struct UnderWay<'q, S: GroupSink> {
    queue: &'q CommitQueue<S>,
    departure: Option<Departure>,
}

impl<S: GroupSink> Drop for UnderWay<'_, S> {
    fn drop(&mut self) {
        if let Some(departure) = self.departure.take() {
            self.queue.arrive(departure, Err(io::Error::other("the thread that synced has panicked")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::{Flight, SyncGroup};
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
