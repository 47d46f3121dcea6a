//! Moments: where one stands in time, and how one gets from one to another.

use super::EventRow;
use annals::{Clock, Timestamp};

/// A moment on a clock, and the last event that counts at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Moment {
    pub(in super::super) time: Timestamp,
    /// `None` before the first event.
    pub(in super::super) at: Option<EventRow>,
}

/// Which event is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Find {
    /// The one with this version or, if it was lost, the next one.
    From(u64),
    /// The one with this version or, if it was lost, the one before.
    UpTo(u64),
    /// The last one by this time on the clock: of several with the same time the one with the highest version.
    By(Timestamp),
    /// The last of those that come first behind this time.
    Behind(Timestamp),
}

impl EventRow {
    /// Its time on a clock.
    pub(in super::super) fn time(&self, clock: Clock) -> Timestamp {
        match clock {
            Clock::Occurred => self.occurred_at,
            Clock::Recorded => self.recorded_at,
        }
    }
}

/// How far a free step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    pub(super) fn next(self) -> Self {
        match self {
            Unit::Second => Unit::Minute,
            Unit::Minute => Unit::Hour,
            Unit::Hour => Unit::Day,
            Unit::Day => Unit::Week,
            Unit::Week => Unit::Month,
            Unit::Month => Unit::Year,
            Unit::Year => Unit::Second,
        }
    }

    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Unit::Second => "second",
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "30 days",
            Unit::Year => "365 days",
        }
    }

    fn nanos(self) -> i64 {
        let seconds = match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => 86_400,
            Unit::Week => 7 * 86_400,
            Unit::Month => 30 * 86_400,
            Unit::Year => 365 * 86_400,
        };
        seconds * 1_000_000_000
    }

    /// The time one step on or back, no further than a step beyond the ends of a span.
    pub(super) fn step(
        self,
        from: Timestamp,
        forward: bool,
        (first, last): (Timestamp, Timestamp),
    ) -> Timestamp {
        let step = self.nanos();
        let nanos = from.as_nanos();
        let to = if forward { nanos.saturating_add(step) } else { nanos.saturating_sub(step) };
        let (first, last) = (first.as_nanos().saturating_sub(step), last.as_nanos().saturating_add(step));
        Timestamp::from_nanos(to.clamp(first, last))
    }
}
