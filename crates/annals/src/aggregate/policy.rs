//! When a state is saved.

use std::num::NonZeroU64;
use std::time::Duration;

/// When the state of an aggregate is saved as a snapshot: after so many events, when folding them took too long, or only when
/// it is said.
///
/// ```
/// use annals::SnapshotPolicy;
/// use std::time::Duration;
/// let policy = SnapshotPolicy::every(100).or_slower_than(Duration::from_millis(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    events: Option<NonZeroU64>,
    slower_than: Option<Duration>,
}

impl SnapshotPolicy {
    /// When at least so many events have come since the snapshot that the state was loaded from; 0 counts as 1.
    #[must_use]
    pub fn every(events: u64) -> Self {
        SnapshotPolicy { events: NonZeroU64::new(events.max(1)), slower_than: None }
    }

    /// When reading and folding the events behind the snapshot took longer than this.
    #[must_use]
    pub fn slower_than(time: Duration) -> Self {
        SnapshotPolicy { events: None, slower_than: Some(time) }
    }

    /// Also when reading and folding the events behind the snapshot took longer than this.
    #[must_use]
    pub fn or_slower_than(mut self, time: Duration) -> Self {
        self.slower_than = Some(time);
        self
    }

    /// Only with [`Aggregates::save`](crate::Aggregates::save).
    #[must_use]
    pub fn only_when_told() -> Self {
        SnapshotPolicy { events: None, slower_than: None }
    }

    /// How long folding may take.
    pub(crate) fn patience(self) -> Option<Duration> {
        self.slower_than
    }

    /// Whether a state is to be saved that so many events have changed since it was read or saved, if folding them took too
    /// long or not.
    pub(crate) fn is_due(self, events: u64, too_slow: bool) -> bool {
        events > 0 && (too_slow || self.events.is_some_and(|every| events >= every.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_after_enough_events_or_when_it_took_too_long() {
        let due = |policy: SnapshotPolicy| {
            [(0, true), (1, false), (1, true), (99, false), (100, false)]
                .map(|(n, slow)| policy.is_due(n, slow))
        };
        assert_eq!(due(SnapshotPolicy::every(100)), [false, false, true, false, true]);
        assert_eq!(due(SnapshotPolicy::every(0)), [false, true, true, true, true]);
        assert_eq!(due(SnapshotPolicy::slower_than(Duration::ZERO)), [false, false, true, false, false]);
        assert_eq!(SnapshotPolicy::every(3).patience(), None);
    }
}
