//! How old an event may become.

use super::error::RuleError;
use annals_types::{Clock, Timestamp};
use std::time::Duration;

const NANOS: u64 = 1_000_000_000;

/// The age at which events go, on one of the two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxAge {
    seconds: u64,
    clock: Clock,
}

impl MaxAge {
    /// The greatest age: 200 years of 365 days. Times of events lie within 585 years altogether, so a greater one would
    /// say nothing.
    pub const SECONDS_MAX: u64 = 200 * 365 * 24 * 60 * 60;

    /// So many seconds on a clock. On the [recorded](Clock::Recorded) clock what goes is the beginning of a stream; on the
    /// [occurred](Clock::Occurred) clock it is this and that event.
    ///
    /// # Errors
    /// [`RuleError::Zero`], or [`RuleError::AgeTooGreat`] above [`MaxAge::SECONDS_MAX`].
    pub fn new(seconds: u64, clock: Clock) -> Result<Self, RuleError> {
        match seconds {
            0 => Err(RuleError::Zero { field: "max_age" }),
            1..=Self::SECONDS_MAX => Ok(MaxAge { seconds, clock }),
            _ => Err(RuleError::AgeTooGreat { seconds }),
        }
    }

    /// The same of a duration, whose parts of a second are dropped.
    ///
    /// # Errors
    /// As [`MaxAge::new`].
    pub fn of(age: Duration, clock: Clock) -> Result<Self, RuleError> {
        Self::new(age.as_secs(), clock)
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.seconds
    }

    /// The clock.
    #[must_use]
    pub fn clock(self) -> Clock {
        self.clock
    }

    /// The last moment that is too long ago at some time: events of then and before go.
    #[must_use]
    pub fn cutoff(self, now: Timestamp) -> Timestamp {
        // At most 200 years, which 64 bits of nanoseconds can say.
        let nanos = i64::try_from(self.seconds.saturating_mul(NANOS)).unwrap_or(i64::MAX);
        Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_nothing_and_of_ages_are_refused() {
        assert_eq!(MaxAge::new(0, Clock::Recorded), Err(RuleError::Zero { field: "max_age" }));
        assert!(MaxAge::of(Duration::from_millis(999), Clock::Recorded).is_err());
        assert!(MaxAge::new(MaxAge::SECONDS_MAX, Clock::Occurred).is_ok());
        let seconds = MaxAge::SECONDS_MAX + 1;
        assert_eq!(MaxAge::new(seconds, Clock::Recorded), Err(RuleError::AgeTooGreat { seconds }));
        assert!(MaxAge::new(u64::MAX, Clock::Recorded).is_err());
    }

    #[test]
    fn the_cutoff_lies_so_long_ago_and_no_time_overflows() {
        let day = MaxAge::new(86_400, Clock::Recorded).unwrap();
        assert_eq!(day.cutoff(Timestamp::from_nanos(86_400_000_000_007)), Timestamp::from_nanos(7));
        let most = MaxAge::new(MaxAge::SECONDS_MAX, Clock::Recorded).unwrap();
        assert_eq!(most.cutoff(Timestamp::MIN), Timestamp::MIN);
        assert!(most.cutoff(Timestamp::MAX) > Timestamp::EPOCH);
    }
}
