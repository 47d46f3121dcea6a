//! Merges make room for compaction: runs of which segments are about to be replaced are left alone until they are.
//!
//! What such a merge writes would be of no use. Those behind go on, so that the many small runs that compaction makes become few.

use super::Merges;
use crate::core::Core;
use crate::part::RunPart;
use annals_types::Position;

/// First and last of the positions whose runs are not to be merged now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held(Position, Position);

impl Held {
    pub(super) fn has(&self, run: &RunPart) -> bool {
        run.first_position() <= self.1 && run.last_position() >= self.0
    }
}

impl Merges {
    pub(super) fn holds(&self, run: &RunPart) -> bool {
        self.held.as_ref().is_some_and(|held| held.has(run))
    }
}

/// Runs are left alone until this is dropped.
pub(crate) struct HeldMerges<'c> {
    core: &'c Core,
    last: Position,
}

impl Core {
    /// Has the runs of some positions left alone. There is one who asks for that at a time: who compacts.
    pub(crate) fn hold_merges(&self, first: Position, last: Position) -> HeldMerges<'_> {
        let held = HeldMerges { core: self, last };
        held.advance(first);
        held
    }
}

impl HeldMerges<'_> {
    /// What lies before this position is done.
    pub(crate) fn advance(&self, first: Position) {
        self.core.merges.lock().held = Some(Held(first, self.last));
    }
}

impl Drop for HeldMerges<'_> {
    fn drop(&mut self) {
        self.core.merges.lock().held = None;
        self.core.wake_worker();
    }
}
