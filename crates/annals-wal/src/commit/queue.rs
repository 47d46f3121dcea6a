//! What is queued, and who may work it off.

use super::GroupSink;
use super::air::Air;
use super::place::Place;
use std::sync::Arc;

/// From so many items on a group is formed while another one is on its way to the disk. Models have few items.
const BESIDE_A_SYNC: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 2 } else { 64 };
/// The same where nobody waits for one of the items yet: more of them do not come sooner by waiting. 64 from one thread,
/// appends a second in three runs in turn: 190, 174, 144 thousand where they were treated as the others, 194, 220, 194
/// with 24, 193, 193, 194 with 16 (2026-11-30).
const SUBMITTED_BESIDE_A_SYNC: usize = if cfg!(any(feature = "shuttle", feature = "loom")) { 2 } else { 24 };

/// Where a caller finds its outcome. The leader may still hold its share when the caller takes it out.
pub(super) type Slot<S> = Arc<Place<<S as GroupSink>::Outcome>>;

/// Everything that the queue's lock guards.
pub(super) struct Queue<S: GroupSink> {
    pub(super) items: Vec<S::Item>,
    slots: Vec<Slot<S>>,
    /// Number of the group that the items will be.
    pub(super) number: u64,
    /// What those items take that were submitted.
    pub(super) submitted_bytes: usize,
    /// Whether anybody waits for one of the items, and so can lead.
    pub(super) awaited: bool,
    pub(super) leading: bool,
    /// Whether somebody has groups land.
    pub(super) landing: bool,
    pub(super) air: Air<Group<S>>,
    /// Threads that lead for others.
    pub(super) servers: usize,
    /// Whether one of them was called and has not come yet.
    pub(super) server_called: bool,
    /// Whether they are to end.
    pub(super) servers_stop: bool,
}

/// A group that was taken out of the queue.
pub(super) struct Group<S: GroupSink> {
    pub(super) number: u64,
    pub(super) flight: Option<S::Flight>,
    pub(super) slots: Vec<Slot<S>>,
    pub(super) outcomes: Vec<S::Outcome>,
}

/// Who is to lead next.
pub(super) enum Next {
    Nobody,
    /// One of those who wait for the group of this number.
    Waiter(u64),
    Server,
}

impl<S: GroupSink> Queue<S> {
    pub(super) fn new() -> Self {
        Queue {
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
        }
    }

    pub(super) fn push(&mut self, item: S::Item) -> Slot<S> {
        let slot = Arc::new(Place::new());
        self.items.push(item);
        self.slots.push(Arc::clone(&slot));
        slot
    }

    /// Whether a group may be formed now: not beside a sync, unless there is enough for one. Whoever waits would come too late
    /// for it and take part in the next one only, and small groups gain nothing: the page that two of them share is
    /// written to the disk once for each, one after the other.
    pub(super) fn may_lead(&self) -> bool {
        let enough = match (self.air.is_clear(), self.awaited) {
            (true, _) => 1,
            (false, true) => BESIDE_A_SYNC,
            (false, false) => SUBMITTED_BESIDE_A_SYNC,
        };
        !self.leading && self.air.has_lane() && self.items.len() >= enough
    }

    /// Takes the lead, if it is free and there is something to lead.
    pub(super) fn take_lead(&mut self) -> bool {
        let lead = self.may_lead();
        self.leading |= lead;
        lead
    }

    /// Who is to be called, since the lead may have become free.
    pub(super) fn next_leader(&mut self) -> Next {
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

    pub(super) fn take_group(&mut self) -> (Vec<S::Item>, Group<S>) {
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
