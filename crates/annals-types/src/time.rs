//! Moments, as nanoseconds since 1970. Reading and printing dates is the business of callers.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which of an event's two times is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// When it happened, as the producer says: any order.
    Occurred,
    /// When the store took it: never goes backwards along the log.
    Recorded,
}

/// A moment in UTC with nanoseconds, from 1677-09-21 to 2262-04-11.
///
/// ```
/// use annals_types::Timestamp;
/// let moment = Timestamp::from_nanos(-1);
/// assert_eq!(moment.as_nanos(), -1);
/// assert!(moment < Timestamp::EPOCH);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A moment outside 1677-09-21 to 2262-04-11, which nanoseconds in 64 bits cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is outside 1677-09-21 to 2262-04-11")]
pub struct TimestampOutOfRange;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// The earliest moment.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest moment.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// The moment this many nanoseconds after (before, if negative) 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, negative before it.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampOutOfRange;

    fn try_from(time: SystemTime) -> Result<Self, Self::Error> {
        let nanos = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()),
            Err(before) => i128::try_from(before.duration().as_nanos()).map(|nanos| -nanos),
        };
        let nanos = nanos.map_err(|_| TimestampOutOfRange)?;
        i64::try_from(nanos).map(Timestamp).map_err(|_| TimestampOutOfRange)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let distance = Duration::from_nanos(time.0.unsigned_abs());
        if time.0 >= 0 { UNIX_EPOCH + distance } else { UNIX_EPOCH - distance }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({}ns)", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_times_before_and_after_1970_survive_the_round_trip() {
        for nanos in [i64::MIN + 1, -1, 0, 1, 1_700_000_000_123_456_789, i64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(Timestamp::try_from(SystemTime::from(time)), Ok(time));
        }
    }

    #[test]
    fn a_system_time_after_2262_is_refused() {
        let far = UNIX_EPOCH + Duration::from_secs(10_000_000_000);
        assert_eq!(Timestamp::try_from(far), Err(TimestampOutOfRange));
    }
}
