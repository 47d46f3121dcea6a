//! Outcomes that are waited for later.

use super::place::Place;
use super::{CommitQueue, GroupSink};
use std::sync::Arc;
use std::task::{Poll, Waker};

/// The outcome of an item that was put in with [`CommitQueue::submit`].
#[derive(Debug)]
pub struct Pending<O> {
    slot: Arc<Place<O>>,
    /// Number of the group that the item is part of.
    number: u64,
}

impl<O> Pending<O> {
    pub(super) fn new(slot: Arc<Place<O>>, number: u64) -> Self {
        Pending { slot, number }
    }

    /// Whether the outcome is there.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.slot.is_settled()
    }

    /// Takes the outcome out, if it is there. It is there once.
    #[must_use]
    pub fn take(&self) -> Option<O> {
        self.slot.take()
    }
}

impl<S: GroupSink> CommitQueue<S> {
    /// Waits for the outcome of an item, leading its group if nobody does.
    pub fn wait_for(&self, pending: &Pending<S::Outcome>) {
        if !pending.slot.is_settled() {
            self.wait(&pending.slot, pending.number, false);
        }
    }

    /// The outcome of an item, if it is there; otherwise `waker` is woken when it is. Where nobody leads for others
    /// ([`CommitQueue::serve`]), this waits for it.
    pub fn poll(&self, pending: &Pending<S::Outcome>, waker: &Waker) -> Poll<Option<S::Outcome>> {
        if pending.slot.tell(waker) {
            // After the waker is there: who serves ends only when nothing is left to be led.
            if self.is_served() {
                return Poll::Pending;
            }
            self.wait_for(pending);
        }
        Poll::Ready(pending.slot.take())
    }
}
