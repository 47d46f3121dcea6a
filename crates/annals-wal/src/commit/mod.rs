//! Group commit: many callers, one leader at a time, one sync for a group, a few syncs at the device at once.
//!
//! Every caller puts its item into the queue. The first one that finds nobody leading, and fewer syncs under way than there
//! may be, becomes the leader: it takes what is queued and hands it to the sink as one group, without a change of thread.
//! The sink writes the group. The leader then gives up the lead and the sink, and syncs: meanwhile others lead the next
//! group. Groups are done in the order in which they were written ([`air`]).
//!
//! Callers that do not wait ([`CommitQueue::submit`]) need somebody to lead for them: a thread in [`CommitQueue::serve`], or
//! whoever waits for one of their outcomes.
//!
//! All who wait for a group sleep on one word ([`words`]) and are woken by one system call. When the last group had
//! several members, the leader gives way to the other threads once before it takes the queue, so that those just woken can
//! join.

mod air;
mod pending;
mod place;
mod serve;
mod words;

use air::{Air, Departure};
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::{Mutex, MutexGuard, hand_on, thread};
pub use pending::Pending;
use place::Place;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use words::{Word, Words};

/// How many syncs of groups may be under way at once.
pub const LANES: usize = air::LANES;

/// From so many items on a group is formed while another one is on its way to the disk. Models have few items.
const BESIDE_A_SYNC: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 2 } else { 64 };

/// How often a leader looks whether more items are coming, at most, and how often it gives way in between.
const GATHER_ROUNDS: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 1 } else { 64 };
const GATHER_TURNS: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 1 } else { 2 };

/// So many bytes may be queued by callers that do not wait.
const SUBMITTED_BYTES_MAX: usize = 64 << 20;

/// What groups are handed to. One group at a time.
pub trait GroupSink {
    /// What callers put in.
    type Item;
    /// What they get back.
    type Outcome;
    /// What remains to be done for a group that the sink has taken.
    type Flight: Flight<Outcome = Self::Outcome>;

    /// Works off the group as far as the sink is needed for it: exactly one outcome for each item, in order. Nobody is told
    /// of them before the flight has landed; without a flight they are told at once.
    fn commit(&mut self, group: Vec<Self::Item>, outcomes: &mut Vec<Self::Outcome>) -> Option<Self::Flight>;

    /// The outcome of items whose group was given up because `commit` panicked.
    fn abandoned() -> Self::Outcome;
}

/// A group that is written, until it is durable.
pub trait Flight {
    /// What callers get back.
    type Outcome;
    /// What makes it durable.
    type Sync: SyncGroup;

    /// What makes the group durable; `None` if there is nothing to be made so. Asked once, before anything else.
    fn take_sync(&mut self) -> Option<Self::Sync>;

    /// How it ended. Groups land one after the other, in the order in which they were committed; an error is that of the group's
    /// own sync, or says that one before it has failed.
    fn land(self, result: io::Result<()>, outcomes: &mut [Self::Outcome]);
}

/// Makes a group durable. Runs on the leader's thread, without the sink, beside those of other groups.
pub trait SyncGroup {
    /// Returns when it is durable. No other sync has the same lane meanwhile; lanes are numbered below [`LANES`].
    ///
    /// # Errors
    /// Nothing is known of the group then.
    fn sync(self, lane: usize) -> io::Result<()>;
}

/// A queue of items and the sink they go to.
pub struct CommitQueue<S: GroupSink> {
    queue: Mutex<Queue<S>>,
    sink: Mutex<S>,
    words: Words,
    /// What those sleep on who lead for callers that do not wait.
    servers: Word,
    crowded: AtomicBool,
}

/// Where a caller finds its outcome. The leader may still hold its share when the caller takes it out.
type Slot<S> = Arc<Place<<S as GroupSink>::Outcome>>;

struct Queue<S: GroupSink> {
    items: Vec<S::Item>,
    slots: Vec<Slot<S>>,
    /// Number of the group that the items will be.
    number: u64,
    /// What those items take that were submitted.
    submitted_bytes: usize,
    /// Whether anybody waits for one of the items, and so can lead.
    awaited: bool,
    leading: bool,
    /// Whether somebody has groups land.
    landing: bool,
    air: Air<Group<S>>,
    /// Threads that lead for others.
    servers: usize,
    /// Whether one of them was called and has not come yet.
    server_called: bool,
    /// Whether they are to end.
    servers_stop: bool,
}

/// A group that was taken out of the queue.
struct Group<S: GroupSink> {
    number: u64,
    flight: Option<S::Flight>,
    slots: Vec<Slot<S>>,
    outcomes: Vec<S::Outcome>,
}

/// Who is to lead next.
enum Next {
    Nobody,
    /// One of those who wait for the group of this number.
    Waiter(u64),
    Server,
}

impl<S: GroupSink> Queue<S> {
    fn push(&mut self, item: S::Item) -> Slot<S> {
        let slot = Arc::new(Place::new());
        self.items.push(item);
        self.slots.push(Arc::clone(&slot));
        slot
    }

    /// Whether a group may be formed now: not beside a sync, unless there is enough for one. Whoever waits would come too late
    /// for it and take part in the next one only, and small groups gain nothing: the page that two of them share is
    /// written to the disk once for each, one after the other.
    fn may_lead(&self) -> bool {
        let enough = if self.air.is_clear() { 1 } else { BESIDE_A_SYNC };
        !self.leading && self.air.has_lane() && self.items.len() >= enough
    }

    /// Takes the lead, if it is free and there is something to lead.
    fn take_lead(&mut self) -> bool {
        let lead = self.may_lead();
        self.leading |= lead;
        lead
    }

    /// Who is to be called, since the lead may have become free.
    fn next_leader(&mut self) -> Next {
        if self.servers_stop && self.servers > 0 && self.items.is_empty() {
            // They sleep as long as there is something that they cannot lead yet.
            Next::Server
        } else if !self.may_lead() {
            Next::Nobody
        } else if self.awaited {
            Next::Waiter(self.number)
        } else if self.servers > 0 && !self.server_called {
            self.server_called = true;
            Next::Server
        } else {
            Next::Nobody
        }
    }

    fn take_group(&mut self) -> (Vec<S::Item>, Group<S>) {
        let items = std::mem::take(&mut self.items);
        let slots = std::mem::take(&mut self.slots);
        let group =
            Group { number: self.number, flight: None, outcomes: Vec::with_capacity(items.len()), slots };
        self.number += 1;
        self.submitted_bytes = 0;
        self.awaited = false;
        (items, group)
    }
}

impl<S: GroupSink> CommitQueue<S> {
    /// An empty queue before `sink`.
    pub fn new(sink: S) -> Self {
        CommitQueue {
            queue: Mutex::new(Queue {
                items: Vec::new(),
                slots: Vec::new(),
                number: 0,
                submitted_bytes: 0,
                awaited: false,
                leading: false,
                landing: false,
                air: Air::new(),
                servers: 0,
                server_called: false,
                servers_stop: false,
            }),
            sink: Mutex::new(sink),
            words: Words::new(),
            servers: Word::new(),
            crowded: AtomicBool::new(false),
        }
    }

    /// Puts in an item and waits for its outcome, leading a group if nobody does.
    pub fn commit(&self, item: S::Item) -> S::Outcome {
        let (slot, number, lead) = {
            let mut queue = self.queue.lock();
            let slot = queue.push(item);
            queue.awaited = true;
            (slot, queue.number, queue.take_lead())
        };
        self.wait(&slot, number, lead);
        slot.take().unwrap_or_else(S::abandoned)
    }

    /// Puts in several items at once, which become parts of one group, and waits for their outcomes.
    pub fn commit_all(&self, items: Vec<S::Item>) -> Vec<S::Outcome> {
        let (slots, number, lead) = {
            let mut queue = self.queue.lock();
            let slots: Vec<Slot<S>> = items.into_iter().map(|item| queue.push(item)).collect();
            queue.awaited |= !slots.is_empty();
            (slots, queue.number, queue.take_lead())
        };
        // A leader takes the whole queue, so the last one is worked off with all the others.
        let Some(last) = slots.last() else { return Vec::new() };
        self.wait(last, number, lead);
        slots.iter().map(|slot| slot.take().unwrap_or_else(S::abandoned)).collect()
    }

    /// Puts in an item that takes so many bytes, without waiting for its outcome. Waits for room, if too much is queued.
    pub fn submit(&self, item: S::Item, bytes: usize) -> Pending<S::Outcome> {
        let (pending, next) = {
            let mut queue = self.queue_with_room_for(bytes);
            queue.submitted_bytes += bytes;
            let slot = queue.push(item);
            (Pending::new(slot, queue.number), queue.next_leader())
        };
        self.call(next);
        pending
    }

    /// The queue, when it has room for so many bytes more, or nothing at all is queued.
    fn queue_with_room_for(&self, bytes: usize) -> MutexGuard<'_, Queue<S>> {
        loop {
            let (number, lead) = {
                let mut queue = self.queue.lock();
                if queue.items.is_empty()
                    || queue.submitted_bytes.saturating_add(bytes) <= SUBMITTED_BYTES_MAX
                {
                    return queue;
                }
                queue.awaited = true;
                (queue.number, queue.take_lead())
            };
            if lead {
                self.lead();
            } else {
                self.words.of(number).sleep_unless(|| {
                    let queue = self.queue.lock();
                    queue.number != number || queue.may_lead()
                });
            }
        }
    }

    /// Runs `f` between groups, alone with the sink. Groups that were handed to it may still be on their way to the disk.
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

    /// Waits until an item that was put in has its outcome, leading its group if nobody else does.
    fn wait(&self, slot: &Place<S::Outcome>, number: u64, mut lead: bool) {
        let word = self.words.of(number);
        loop {
            if lead {
                self.lead();
            }
            if slot.is_settled() {
                return;
            }
            word.sleep_unless(|| {
                lead = !slot.is_settled() && self.take_lead_of(number);
                lead || slot.is_settled()
            });
        }
    }

    /// Takes the lead of a group, if it is still in the queue and nobody leads.
    fn take_lead_of(&self, number: u64) -> bool {
        let mut queue = self.queue.lock();
        let own = queue.number == number;
        queue.awaited |= own && !queue.items.is_empty();
        own && queue.take_lead()
    }

    fn lead(&self) {
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

    fn call(&self, next: Next) {
        match next {
            Next::Nobody => {}
            Next::Waiter(number) => self.words.of(number).wake_one(),
            Next::Server => self.servers.wake_one(),
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
            let Some((mut group, result)) = landed else { return };
            if let Some(flight) = group.flight.take() {
                flight.land(result, &mut group.outcomes);
            }
            self.tell(group);
        }
    }

    /// Hands out the outcomes of a group.
    fn tell(&self, mut group: Group<S>) {
        if planted(Bug::OutcomesMixedUp) {
            group.slots.reverse();
        }
        let mut outcomes = group.outcomes.drain(..);
        for slot in group.slots.drain(..) {
            if let Some(waker) = slot.put(outcomes.next().unwrap_or_else(S::abandoned)) {
                // It is somebody else's code, and others wait for what comes behind it.
                let _ = std::panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
        }
        self.words.of(group.number).wake_all();
    }
}

impl<S: GroupSink> fmt::Debug for CommitQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitQueue").field("words", &self.words).finish_non_exhaustive()
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
            return self.queue.tell(group);
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

impl<S: GroupSink> CommitQueue<S> {
    fn give_up_lead(&self) -> Next {
        let mut queue = self.queue.lock();
        queue.leading = false;
        queue.next_leader()
    }
}

impl<S: GroupSink> Drop for Led<'_, S> {
    fn drop(&mut self) {
        if let Some(mut group) = self.group.take() {
            group.flight = None;
            let next = self.queue.give_up_lead();
            self.queue.tell(group);
            self.queue.call(next);
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

        fn land(self, _: std::io::Result<()>, _: &mut [Option<(u64, u64)>]) {
            match self {}
        }
    }

    impl SyncGroup for Nothing {
        fn sync(self, _: usize) -> std::io::Result<()> {
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
