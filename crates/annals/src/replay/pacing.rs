//! When which event is due. Pure: what time it is, since the start, comes from outside.
//!
//! Two points fix everything. The **anchor** says at which moment which time on the events' clock was due; any later time is
//! due so much later, divided by the speed. The **latest** event is the one with the latest time so far, and its moment: what
//! is not behind it in time needs no wait, and `longest_wait` counts from it. A change of speed moves the anchor to the
//! time reached, a pause moves both points by its length, and a wait that was cut short moves the anchor to where it ended.

use super::speed::Speed;
use annals_types::Timestamp;
use std::time::Duration;

/// What to do about the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Give it out; it counts as given.
    Give,
    /// Give out nothing any more.
    End,
    /// Look again at this moment, or earlier if there are orders.
    WaitUntil(Duration),
    /// Look again when there are orders.
    WaitForOrders,
}

/// The pace of a replay.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    speed: Speed,
    longest_wait: Option<Duration>,
    /// Since when it is paused.
    paused: Option<Duration>,
    steps: u64,
    stopped: bool,
    /// `None` before the first event.
    points: Option<Points>,
}

#[derive(Clone, Copy, Debug)]
struct Points {
    anchor: Point,
    latest: Point,
}

/// A time on the events' clock and the moment at which it is due.
#[derive(Clone, Copy, Debug)]
struct Point {
    time: Timestamp,
    due: Duration,
}

impl Pacing {
    /// What to do about an event of this time.
    pub(super) fn look(&mut self, time: Timestamp, now: Duration) -> Step {
        if self.stopped {
            return Step::End;
        }
        if let Some(since) = self.paused {
            if self.steps == 0 {
                return Step::WaitForOrders;
            }
            self.steps -= 1;
            self.begin_at(time, since);
            return Step::Give;
        }
        let Some((due, cut_short)) = self.due(time) else {
            self.begin_at(time, now);
            return Step::Give;
        };
        if due > now {
            return Step::WaitUntil(due);
        }
        self.given(Point { time, due }, cut_short);
        Step::Give
    }

    /// When an event of this time is due, and whether that is earlier than its time says. `None`: at once.
    fn due(&self, time: Timestamp) -> Option<(Duration, bool)> {
        let (points, factor) = (self.points?, self.speed.factor()?);
        if time <= points.latest.time {
            return Some((points.latest.due, false));
        }
        let due = points.anchor.due.saturating_add(at_speed(nanos_between(points.anchor.time, time), factor));
        let longest = self.longest_wait.map(|longest| points.latest.due.saturating_add(longest));
        match longest {
            Some(longest) if longest < due => Some((longest, true)),
            _ => Some((due, false)),
        }
    }

    fn given(&mut self, point: Point, cut_short: bool) {
        if let Some(points) = &mut self.points
            && point.time > points.latest.time
        {
            points.latest = point;
            if cut_short {
                points.anchor = point;
            }
        }
    }

    /// Everything later is counted from this event, given out at this moment.
    fn begin_at(&mut self, time: Timestamp, due: Duration) {
        let time = self.points.map_or(time, |points| points.latest.time.max(time));
        let point = Point { time, due };
        self.points = Some(Points { anchor: point, latest: point });
    }

    pub(super) fn set_speed(&mut self, speed: Speed, now: Duration) {
        let now = self.paused.unwrap_or(now);
        if let (Some(points), Some(factor)) = (&mut self.points, self.speed.factor()) {
            points.anchor = points.anchor.moved_to(now, factor);
        }
        self.speed = speed;
    }

    pub(super) fn speed(&self) -> Speed {
        self.speed
    }

    pub(super) fn set_longest_wait(&mut self, longest: Duration) {
        self.longest_wait = Some(longest);
    }

    pub(super) fn pause(&mut self, now: Duration) {
        self.paused.get_or_insert(now);
    }

    pub(super) fn resume(&mut self, now: Duration) {
        self.steps = 0;
        let Some(since) = self.paused.take() else { return };
        let length = now.saturating_sub(since);
        if let Some(points) = &mut self.points {
            for point in [&mut points.anchor, &mut points.latest] {
                point.due = point.due.saturating_add(length);
            }
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    pub(super) fn step(&mut self) {
        if self.is_paused() {
            self.steps = self.steps.saturating_add(1);
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }
}

impl Point {
    /// The time that is due at a later moment, at some speed.
    fn moved_to(self, now: Duration, factor: f64) -> Point {
        let Some(passed) = now.checked_sub(self.due) else { return self };
        // A float beyond the range of an integer becomes the end of the range.
        let nanos = if factor == 1.0 {
            passed.as_nanos() as i128
        } else {
            (passed.as_nanos() as f64 * factor) as i128
        };
        let time = i128::from(self.time.as_nanos()).saturating_add(nanos);
        let time = i64::try_from(time).map_or(Timestamp::MAX, Timestamp::from_nanos);
        Point { time, due: now }
    }
}

/// The nanoseconds from one time to another; 0 if that is not later.
fn nanos_between(from: Timestamp, to: Timestamp) -> u64 {
    let nanos = i128::from(to.as_nanos()) - i128::from(from.as_nanos());
    u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
}

/// How long a time lasts at a speed. The original one is exact, others to a part in 2^52.
fn at_speed(nanos: u64, factor: f64) -> Duration {
    // As above: a float that is too large becomes the largest integer, 584 years.
    Duration::from_nanos(if factor == 1.0 { nanos } else { (nanos as f64 / factor) as u64 })
}

#[cfg(test)]
mod tests;
