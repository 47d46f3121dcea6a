//! What the worker tells of itself.

use super::super::handle::CompactionReport;
use std::error::Error;
use std::fmt::Write;

/// What the store knows of its compaction in the background, since it was opened: told by
/// [`Store::compaction_state`](crate::Store::compaction_state).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionState {
    /// Whether there is a thread for it: there is none before there are rules of retention, if it is switched off, or after it was
    /// stopped.
    pub running: bool,
    /// How often it was looked whether there is something to do.
    pub looks: u64,
    /// How often something was removed.
    pub rounds: u64,
    /// How many events went.
    pub events_removed: u64,
    /// By how many bytes the segments became smaller.
    pub bytes_freed: u64,
    /// What was done when something was removed last.
    pub last: Option<CompactionReport>,
    /// The guards that keep segments of which so much may go that it would be worth it.
    pub guards: Vec<String>,
    /// How often it has failed since it last did not.
    pub failures: u64,
    /// Why it failed last; `None` once it did not. It is tried again later and later.
    pub failure: Option<String>,
}

impl CompactionState {
    pub(super) fn note_done(&mut self, report: &CompactionReport) {
        let nothing = CompactionReport { stopped: report.stopped, ..CompactionReport::default() };
        if *report != nothing {
            self.rounds += 1;
            self.events_removed += report.events_removed;
            self.bytes_freed += report.bytes_before.saturating_sub(report.bytes_after);
            self.last = Some(*report);
        }
    }

    pub(super) fn note_failure(&mut self, error: &dyn Error) {
        self.failures += 1;
        self.failure = Some(chain(error));
    }

    pub(super) fn note_success(&mut self) {
        (self.failures, self.failure) = (0, None);
    }
}

/// An error with what it comes from.
fn chain(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(told, ": {error}");
        cause = error.source();
    }
    told
}
