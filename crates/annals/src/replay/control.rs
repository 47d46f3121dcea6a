//! What a replay and those who control it share: the pacing, a clock, and where to wait for news.

use super::pacing::{Pacing, Step};
use super::speed::Speed;
use annals_types::Timestamp;
use annals_vfs::sync::{Condvar, Deadline, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// Controls a [`Replay`](super::Replay), from any thread and also while it waits. Cheap to clone; it may outlive the replay.
#[derive(Clone, Debug)]
pub struct ReplayControl(Arc<Shared>);

impl ReplayControl {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        ReplayControl(shared)
    }

    /// Holds the replay: no event comes before it is resumed, stepped or stopped. The time until then does not count.
    pub fn pause(&self) {
        self.0.order(Pacing::pause);
    }

    /// Goes on where the replay was paused. Steps that it has not taken yet are forgotten.
    pub fn resume(&self) {
        self.0.order(Pacing::resume);
    }

    /// Whether the replay is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.pacing.lock().is_paused()
    }

    /// Lets one event through at once while the replay is paused; said again, one more. Nothing otherwise.
    pub fn step(&self) {
        self.0.order(|pacing, _| pacing.step());
    }

    /// Ends the replay: no more events come.
    pub fn stop(&self) {
        self.0.order(|pacing, _| pacing.stop());
    }

    /// Changes the speed from now on, also in the middle of a wait.
    pub fn set_speed(&self, speed: Speed) {
        self.0.order(|pacing, now| pacing.set_speed(speed, now));
    }

    /// The speed.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.0.pacing.lock().speed()
    }
}

/// What is shared.
#[derive(Debug)]
pub(super) struct Shared {
    pacing: Mutex<Pacing>,
    news: Condvar,
    watch: Stopwatch,
}

impl Shared {
    pub(super) fn new() -> Self {
        Shared { pacing: Mutex::new(Pacing::default()), news: Condvar::new(), watch: Stopwatch::start() }
    }

    /// Changes the pacing, and wakes who waits by the old one.
    pub(super) fn order(&self, change: impl FnOnce(&mut Pacing, Duration)) {
        change(&mut self.pacing.lock(), self.watch.elapsed());
        self.news.notify_all();
    }

    /// Waits until the event of a time is due. Says whether it is, or the replay was stopped instead.
    pub(super) fn wait(&self, time: Timestamp) -> bool {
        let mut pacing = self.pacing.lock();
        loop {
            let now = self.watch.elapsed();
            let patience = match pacing.look(time, now) {
                Step::Give => return true,
                Step::End => return false,
                Step::WaitUntil(due) => due.saturating_sub(now),
                Step::WaitForOrders => Duration::MAX,
            };
            // Whether the time is up or somebody has woken it, the pacing decides.
            self.news.wait_until(&mut pacing, Deadline::after(patience));
        }
    }
}

/// The monotonic time since a start.
#[derive(Debug)]
struct Stopwatch(Deadline);

/// Later than any replay ends: the time that has passed is what is missing of it.
const HORIZON: Duration = Duration::from_secs(50 * 365 * 86_400);

impl Stopwatch {
    fn start() -> Self {
        Stopwatch(Deadline::after(HORIZON))
    }

    fn elapsed(&self) -> Duration {
        HORIZON.saturating_sub(self.0.left())
    }
}
