//! Not taking disk and processor from those who append.

use annals_vfs::sync::Deadline;
use std::time::Duration;

/// Keeps work at a rate, and at a share of the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// `None` for as fast as possible.
    bytes_per_second: Option<u64>,
    /// How long it rests for each moment that it works, in thousandths.
    rest: u64,
}

/// Longer than a step takes.
const LONG: Duration = Duration::from_secs(60);

impl Pace {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Pace { bytes_per_second, rest: 0 }
    }

    /// The same, working so many parts of 1000 of the time at most.
    pub(super) fn working(self, parts: u16) -> Self {
        let parts = u64::from(parts.clamp(1, 1000));
        Pace { rest: (1000 - parts) * 1000 / parts, ..self }
    }

    /// A step begins.
    pub(super) fn begin() -> Deadline {
        Deadline::after(LONG)
    }

    /// How long a step took that has begun then.
    pub(super) fn spent(begun: &Deadline) -> Duration {
        LONG.saturating_sub(begun.left())
    }

    /// How long to wait behind a step that took so long, and read and wrote so many bytes.
    pub(super) fn rest(&self, spent: Duration, bytes: u64) -> Duration {
        let due = match self.bytes_per_second {
            Some(rate) => {
                let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
            None => Duration::ZERO,
        };
        let rest = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX).saturating_mul(self.rest) / 1000;
        due.saturating_sub(spent).max(Duration::from_nanos(rest)).min(LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_followed_by_the_longer_of_two_rests() {
        let millis = Duration::from_millis;
        let fast = Pace::new(None);
        assert_eq!(fast.rest(millis(5), u64::MAX), Duration::ZERO);
        let pace = Pace::new(Some(1000)).working(250);
        assert_eq!(pace.rest(millis(5), 0), millis(15), "a quarter of the time");
        assert_eq!(pace.rest(millis(5), 100), millis(95), "a hundred bytes take a tenth of a second");
        assert_eq!(pace.rest(millis(200), 100), millis(600));
        assert_eq!(Pace::new(Some(0)).rest(millis(5), u64::MAX), LONG);
        assert_eq!(fast.working(0).rest(LONG, 0), LONG, "never longer than that at once");
    }
}
