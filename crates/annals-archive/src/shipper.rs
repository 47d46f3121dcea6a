//! A thread that keeps an archive up to date.

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::progress::{Lag, ShipperOptions, ShipperProgress};
use crate::ship::{Shipment, Shipped};
use annals::{Position, Store};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is looked whether it is to stop, while it waits for events.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long it waits after the first failure; twice as long after each further one.
const PATIENCE_MIN: Duration = Duration::from_millis(500);
/// And at most.
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// A thread that keeps an archive up to date with a store. Dropping it stops it, at any point: what was not shipped is shipped
/// by the next one.
#[derive(Debug)]
pub struct Shipper {
    shared: Arc<Shared>,
    store: Store,
    thread: Option<JoinHandle<Result<(), ArchiveError>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    progress: ShipperProgress,
    stop: bool,
    /// Asked for by [`Shipper::flush`]: not to wait.
    hurry: bool,
    /// Since when there is something that is not shipped.
    behind: Option<Instant>,
}

impl Shipper {
    /// Begins to ship a store to an archive, by way of the directory `staging`, which is best on the store's file system: then it
    /// takes hardly any room. The store may be open for writing or for reading only, beside another process that writes it.
    ///
    /// Whoever shipped to the archive before is fenced off.
    ///
    /// # Errors
    /// What the system says against a thread. What goes wrong later is in [`Shipper::progress`], and given by [`Shipper::stop`].
    pub fn start(
        store: Store,
        archive: Archive,
        staging: impl AsRef<Path>,
        options: ShipperOptions,
    ) -> Result<Shipper, ArchiveError> {
        let progress = ShipperProgress { running: true, ..ShipperProgress::default() };
        let state = State { progress, stop: false, hurry: false, behind: Some(Instant::now()) };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let shipment = Shipment::new(store.clone(), archive, staging.as_ref(), options.backup.clone());
        let own = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("annals-shipper".into()).spawn(move || {
            let result = own.run(shipment, &options);
            own.lock().progress.running = false;
            own.changed.notify_all();
            result
        });
        let thread = Some(spawned.map_err(ArchiveError::io("start the thread that ships"))?);
        Ok(Shipper { shared, store, thread })
    }

    /// Ships what is new, once, without a thread.
    ///
    /// # Errors
    /// As [`ArchiveError`] says; what was not shipped is shipped the next time.
    pub fn once(
        store: &Store,
        archive: &Archive,
        staging: impl AsRef<Path>,
        options: &ShipperOptions,
    ) -> Result<Shipped, ArchiveError> {
        Shipment::new(store.clone(), archive.clone(), staging.as_ref(), options.backup.clone()).ship()
    }

    /// How far the archive is behind.
    #[must_use]
    pub fn lag(&self) -> Lag {
        let (shipped, behind) = {
            let state = self.shared.lock();
            (state.progress.position, state.behind)
        };
        let view = self.store.view();
        let events = view.position().get().saturating_sub(shipped.get());
        let time = behind.filter(|_| events > 0).map_or(Duration::ZERO, |behind| behind.elapsed());
        Lag { events, bytes: view.log_bytes_after(shipped).ok(), time }
    }

    /// What was done so far.
    #[must_use]
    pub fn progress(&self) -> ShipperProgress {
        self.shared.lock().progress.clone()
    }

    /// Waits until the archive has all that the store has now, at most for `timeout`; says whether it has.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        let (wanted, deadline) = (self.store.last_position(), Instant::now() + timeout);
        let mut state = self.shared.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let done = state.progress.position >= wanted && state.progress.times > 0;
            if done || left.is_zero() || !state.progress.running {
                state.hurry = false;
                return done;
            }
            state.hurry = true;
            self.shared.changed.notify_all();
            let waited = self.shared.changed.wait_timeout(state, left.min(LOOK_EVERY));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the thread, after what it is just doing. What is not shipped by then stays so; [`Shipper::flush`] before.
    ///
    /// # Errors
    /// Why it had ended before, if trying again could not help.
    pub fn stop(mut self) -> Result<(), ArchiveError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let panicked = |_| ArchiveError::io("ship")(io::Error::other("the thread that ships has panicked"));
        thread.join().map_err(panicked)?
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut shipment: Shipment, options: &ShipperOptions) -> Result<(), ArchiveError> {
        let mut patience = PATIENCE_MIN;
        loop {
            let begun = Instant::now();
            match shipment.ship() {
                Ok(shipped) => {
                    self.note(shipped, begun);
                    patience = PATIENCE_MIN;
                    if !self.wait_for_news(&shipment, shipped.position)
                        || !self.wait_until_due(&shipment, shipped.position, begun, options)
                    {
                        return Ok(());
                    }
                }
                Err(error) => {
                    let mut state = self.lock();
                    state.progress.failures += 1;
                    state.progress.failure = Some(in_words(&error));
                    drop(state);
                    if error.is_final() {
                        return Err(error);
                    }
                    if !self.pause(Instant::now() + patience, false) {
                        return Ok(());
                    }
                    patience = (patience * 2).min(PATIENCE_MAX);
                }
            }
        }
    }

    fn note(&self, shipped: Shipped, begun: Instant) {
        let mut state = self.lock();
        let progress = &mut state.progress;
        progress.position = shipped.position;
        progress.times += 1;
        progress.objects += shipped.objects;
        progress.bytes += shipped.bytes;
        (progress.failures, progress.failure) = (0, None);
        // What came meanwhile is behind since then, at most.
        state.behind = Some(begun);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until there are events behind a position. `false` if it is to stop.
    fn wait_for_news(&self, shipment: &Shipment, shipped: Position) -> bool {
        loop {
            // The store of another process cannot be read for a moment, say: then it is looked again.
            let news = shipment.store().wait_beyond(shipped, LOOK_EVERY).unwrap_or(false);
            let mut state = self.lock();
            if state.stop {
                return false;
            }
            if news {
                return true;
            }
            state.behind = Some(Instant::now());
            let hurry = state.hurry;
            drop(state);
            // A closed store does not wait.
            if !hurry && !self.pause(Instant::now() + LOOK_EVERY / 5, true) {
                return false;
            }
            if hurry && shipment.store().last_position() <= shipped {
                self.lock().hurry = false;
            }
        }
    }

    /// Waits until what is new is to be shipped. `false` if it is to stop.
    fn wait_until_due(
        &self,
        shipment: &Shipment,
        shipped: Position,
        begun: Instant,
        options: &ShipperOptions,
    ) -> bool {
        let due = begun + options.every;
        loop {
            let now = Instant::now();
            // The store of another process is looked at, at least.
            let _ = shipment.store().wait_beyond(shipment.store().last_position(), Duration::ZERO);
            let bytes = shipment.store().view().log_bytes_after(shipped).unwrap_or(0);
            if now >= due || bytes >= options.bytes || self.lock().hurry {
                // Takes the hurry back.
                return self.pause(now, true);
            }
            if !self.pause_for(due.min(now + LOOK_EVERY)) {
                return false;
            }
        }
    }

    /// Waits until a moment, or until anything changes. `false` if it is to stop.
    fn pause_for(&self, until: Instant) -> bool {
        let state = self.lock();
        if state.stop || state.hurry {
            return !state.stop;
        }
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout(state, left);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// Waits until a moment, or until somebody is in a hurry, if that matters. `false` if it is to stop.
    fn pause(&self, until: Instant, may_hurry: bool) -> bool {
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.stop {
                return false;
            }
            if left.is_zero() || (may_hurry && state.hurry) {
                state.hurry = false;
                return true;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// An error with its causes, in one line.
fn in_words(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
