//! Not taking the disk from those who append.

use annals_vfs::sync::{Deadline, thread};
use std::time::Duration;

/// Keeps work at a rate.
#[derive(Debug)]
pub(super) struct Pace {
    /// `None` for as fast as possible.
    bytes_per_second: Option<u64>,
}

/// Longer than a step takes.
const LONG: Duration = Duration::from_secs(60);

impl Pace {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Pace { bytes_per_second }
    }

    /// A step begins.
    pub(super) fn begin(&self) -> Deadline {
        Deadline::after(LONG)
    }

    /// A step of so many bytes, read and written, has ended: waits as long as it was too quick.
    pub(super) fn end(&self, begun: &Deadline, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let due = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate.max(1));
        let spent = LONG.saturating_sub(begun.left());
        if let Some(rest) = due.checked_sub(spent).filter(|rest| !rest.is_zero()) {
            thread::sleep(rest.min(LONG));
        }
    }
}
