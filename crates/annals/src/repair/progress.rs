//! How far a repair has come.

use super::report::RepairProgress;

/// Tells how far it has come, now and then.
pub(super) struct Progress<'p> {
    report: &'p mut dyn FnMut(RepairProgress),
    pub(super) done: u64,
    pub(super) total: u64,
    told: u64,
}

/// After so many bytes.
const TELL_EVERY: u64 = 1 << 20;

impl<'p> Progress<'p> {
    pub(super) fn new(report: &'p mut dyn FnMut(RepairProgress), total: u64) -> Self {
        report(RepairProgress { bytes_done: 0, bytes_total: total });
        Progress { report, done: 0, total, told: 0 }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.set(self.done.saturating_add(bytes));
    }

    /// So much is done in all. Less than was told before changes nothing.
    pub(super) fn set(&mut self, done: u64) {
        self.done = done.min(self.total).max(self.done);
        if self.done - self.told >= TELL_EVERY || self.done == self.total {
            self.told = self.done;
            (self.report)(RepairProgress { bytes_done: self.done, bytes_total: self.total });
        }
    }
}
