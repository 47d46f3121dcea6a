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
mod lead;
mod pending;
mod place;
mod queue;
mod serve;
mod words;

use annals_vfs::sync::atomic::AtomicBool;
use annals_vfs::sync::{Mutex, MutexGuard, hand_on};
pub use pending::Pending;
use place::Place;
use queue::{Next, Queue, Slot};
use std::fmt;
use std::io;
use std::time::Duration;
use words::{Word, Words};

/// How many syncs of groups may be under way at once.
pub const LANES: usize = air::LANES;

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

impl<S: GroupSink> CommitQueue<S> {
    /// An empty queue before `sink`.
    pub fn new(sink: S) -> Self {
        CommitQueue {
            queue: Mutex::new(Queue::new()),
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

    fn call(&self, next: Next) {
        match next {
            Next::Nobody => {}
            Next::Waiter(number) => self.words.of(number).wake_one(),
            Next::Server => self.servers.wake_one(),
        }
    }
}

impl<S: GroupSink> fmt::Debug for CommitQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitQueue").field("words", &self.words).finish_non_exhaustive()
    }
}
