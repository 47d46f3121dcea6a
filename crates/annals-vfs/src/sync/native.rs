//! What threads are made of when they are threads.

pub use arc_swap::ArcSwap;
pub use parking_lot::{Mutex, MutexGuard, RwLock};
pub use std::sync::OnceLock;

use self::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Atomics, as in the standard library.
pub mod atomic {
    pub use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
}

/// A mailbox between threads.
pub mod channel {
    pub use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
}

/// Threads.
pub mod thread {
    pub use std::thread::{JoinHandle, ThreadId, panicking, sleep, yield_now};

    /// The thread that asks.
    #[must_use]
    pub fn own_id() -> ThreadId {
        std::thread::current().id()
    }

    /// Starts a thread with a name.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn spawn<F>(name: &str, run: F) -> std::io::Result<JoinHandle<()>>
    where
        F: FnOnce() + Send + 'static,
    {
        std::thread::Builder::new().name(name.to_owned()).spawn(run)
    }
}

/// Gives up a lock in favour of whoever has waited longest for it, instead of whoever comes first.
#[inline]
pub fn hand_on<T>(guard: MutexGuard<'_, T>) {
    MutexGuard::unlock_fair(guard);
}

/// The moment at which waiting is given up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// So long from now; never, if that is later than can be told.
    #[must_use]
    pub fn after(patience: Duration) -> Self {
        Deadline(Instant::now().checked_add(patience))
    }

    /// The time that is left; zero if it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |moment| moment.saturating_duration_since(Instant::now()))
    }
}

/// Where threads that hold a lock wait for news.
#[derive(Debug, Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// With nobody waiting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the lock away until somebody notifies. Says whether the deadline has passed instead.
    #[inline]
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) -> bool {
        match deadline.0 {
            Some(moment) => self.0.wait_until(guard, moment).timed_out(),
            None => {
                self.0.wait(guard);
                false
            }
        }
    }

    /// Wakes all who wait.
    #[inline]
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A number that threads sleep on until it changes; one call to the system wakes all of them.
#[derive(Debug)]
pub struct Futex(AtomicU32);

impl Futex {
    /// With this value.
    #[must_use]
    pub fn new(value: u32) -> Self {
        Futex(AtomicU32::new(value))
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    /// Adds, around the end of the numbers if need be. Returns the value before.
    #[inline]
    pub fn fetch_add(&self, more: u32, order: Ordering) -> u32 {
        self.0.fetch_add(more, order)
    }

    /// Sleeps if the value still is `seen`, until somebody wakes or for no reason.
    #[inline]
    pub fn wait(&self, seen: u32) {
        atomic_wait::wait(&self.0, seen);
    }

    /// Wakes all who sleep.
    #[inline]
    pub fn wake_all(&self) {
        atomic_wait::wake_all(&raw const self.0);
    }

    /// Wakes one of those who sleep.
    #[inline]
    pub fn wake_one(&self) {
        atomic_wait::wake_one(&raw const self.0);
    }
}
