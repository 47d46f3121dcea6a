//! The range of some moments.

use annals_types::Timestamp;

/// The earliest and the latest of some moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest.
    pub min: Timestamp,
    /// The latest.
    pub max: Timestamp,
}

impl TimeRange {
    /// The range of no moments at all: `min` lies after `max`.
    pub const EMPTY: TimeRange = TimeRange { min: Timestamp::MAX, max: Timestamp::MIN };

    /// Whether none of these moments lies within `other`.
    #[must_use]
    pub fn is_outside(&self, other: TimeRange) -> bool {
        self.max < other.min || self.min > other.max || self.min > self.max
    }

    /// Widens the range to hold `time`.
    pub fn include(&mut self, time: Timestamp) {
        self.min = self.min.min(time);
        self.max = self.max.max(time);
    }

    /// Widens the range to hold all of `other`.
    pub(super) fn join(&mut self, other: TimeRange) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}
