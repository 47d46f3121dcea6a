//! Events again, at the pace at which they came.
//!
//! `pacing` decides, and knows no clock: it is told what time it is. `control` is what other threads hold. Here is the thin
//! part that reads the events and waits.

mod control;
mod pacing;
mod speed;

pub use control::ReplayControl;
pub use speed::Speed;

use self::control::Shared;
use crate::error::ReadError;
use crate::query::{Clock, Query};
use crate::upcast::{UpcastEvent, UpcastEvents};
use crate::view::View;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

/// The events of a query, each given out when its time has come: an iterator that blocks until then. Made by
/// [`View::replay`].
///
/// The first event comes at once. Each other one comes as long after the first as it did originally, divided by the
/// [speed](Replay::speed). That is computed from the first event (or the last change of speed, or the end of the last
/// pause), so that waits that last too long do not add up: whoever works slowly on an event gets the next ones without a wait
/// until it has caught up. An event whose time is not behind all times before it comes without a wait, so a query that
/// is read [backwards](Query::backwards) is not paced at all.
///
/// Memory is bounded whatever the number of events. An error ends the iteration.
#[derive(Debug)]
pub struct Replay<'v> {
    events: UpcastEvents<'v>,
    clock: Clock,
    shared: Arc<Shared>,
    ended: bool,
}

impl View {
    /// Replays the events of a query, in the newest version of their schemas: on the [occurred](Clock::Occurred) clock at the
    /// original speed, unless told otherwise.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent, Query, Speed, Timestamp};
    /// use std::time::Duration;
    /// let day = |number: i64| Timestamp::from_nanos(number * 86_400_000_000_000);
    /// let events = [1, 2, 9].map(|number| NewEvent::json("measured", "{}").at(day(number)));
    /// store.append("sensor-1", Expected::NoStream, &events)?;
    ///
    /// // A day in a millisecond, and no idle time of more than two.
    /// let view = store.view();
    /// let speed = Speed::times(86_400_000.0).ok_or("a factor above 0")?;
    /// let replay = view.replay(Query::all())?.speed(speed).longest_wait(Duration::from_millis(2));
    /// let control = replay.control();
    /// for event in replay {
    ///     let event = event?;
    ///     println!("{:?}", event.event());
    ///     if event.event().version.get() == 2 {
    ///         control.stop();
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says; also each event that is read may give one.
    pub fn replay(&self, query: Query) -> Result<Replay<'_>, ReadError> {
        let events = self.read_upcast(query)?;
        Ok(Replay { events, clock: Clock::Occurred, shared: Arc::new(Shared::new()), ended: false })
    }
}

impl Replay<'_> {
    /// The clock whose times set the pace.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How fast. It can be changed on the way: [`ReplayControl::set_speed`].
    #[must_use]
    pub fn speed(self, speed: Speed) -> Self {
        self.shared.order(|pacing, now| pacing.set_speed(speed, now));
        self
    }

    /// Waits no longer than this for any event, whatever its time. What follows keeps its distance from it.
    #[must_use]
    pub fn longest_wait(self, longest: Duration) -> Self {
        self.shared.order(|pacing, _| pacing.set_longest_wait(longest));
        self
    }

    /// What pauses, stops or hastens this replay, also from another thread.
    #[must_use]
    pub fn control(&self) -> ReplayControl {
        ReplayControl::new(Arc::clone(&self.shared))
    }
}

impl<'v> Iterator for Replay<'v> {
    type Item = Result<UpcastEvent<'v>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.events.next().filter(|next| match next {
            Ok(event) => self.shared.wait(match self.clock {
                Clock::Occurred => event.stored().occurred_at,
                Clock::Recorded => event.stored().recorded_at,
            }),
            Err(_) => true,
        });
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl FusedIterator for Replay<'_> {}
