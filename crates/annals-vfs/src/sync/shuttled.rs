//! What threads are made of when a scheduler decides who goes on: `shuttle`, with the faces of the native ones.
//!
//! Two things are decided here that `shuttle` has no opinion on.
//!
//! **Time.** There is none. A patience of less than [`NEVER`] may end at any moment, and does not last while others
//! can go on: a wait lets others run and then ends, by the throw of a coin that the scheduler repeats. A longer one
//! never ends: such a patience is for what must not happen, and whoever needs it has missed what should have woken it.
//! The scheduler then finds everybody asleep, and says so.
//!
//! **Poison.** As with `parking_lot`, there is none.

pub use self::locks::{Condvar, Mutex, MutexGuard, OnceLock, RwLock};
pub use self::swap::ArcSwap;

pub mod channel;
mod locks;
mod swap;

use self::atomic::{AtomicU32, Ordering};
use shuttle::rand::Rng;
use std::time::Duration;

/// From here on a patience does not end.
const NEVER: Duration = Duration::from_secs(5);

/// Atomics. All orderings are as strong as the strongest here: what weaker ones allow is the subject of `loomed`.
pub mod atomic {
    pub use shuttle::sync::atomic::{
        AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// Threads.
pub mod thread {
    pub use shuttle::thread::{JoinHandle, ThreadId, panicking, yield_now};

    /// The thread that asks.
    #[must_use]
    pub fn own_id() -> ThreadId {
        shuttle::thread::current().id()
    }

    /// Starts a thread with a name.
    ///
    /// # Errors
    /// None.
    pub fn spawn<F>(name: &str, run: F) -> std::io::Result<JoinHandle<()>>
    where
        F: FnOnce() + Send + 'static,
    {
        shuttle::thread::Builder::new().name(name.to_owned()).spawn(run)
    }

    /// Lets the others go on.
    pub fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

/// Gives up a lock. Who gets it, the scheduler decides.
pub fn hand_on<T>(guard: MutexGuard<'_, T>) {
    drop(guard);
}

/// Lets the scheduler choose who goes on.
fn switch() {
    shuttle::thread::sleep(Duration::ZERO);
}

fn coin() -> bool {
    shuttle::rand::thread_rng().gen_range(0..2) == 0
}

/// The moment at which waiting is given up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    comes: bool,
}

impl Deadline {
    /// At any moment from now, or never.
    #[must_use]
    pub fn after(patience: Duration) -> Self {
        Deadline { comes: patience < NEVER }
    }

    /// Zero if it has passed, which a coin decides.
    #[must_use]
    pub fn left(self) -> Duration {
        if self.comes && coin() { Duration::ZERO } else { Duration::MAX }
    }
}

/// A number that threads sleep on until it changes.
#[derive(Debug)]
pub struct Futex {
    value: AtomicU32,
    sleepers: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    /// With this value.
    #[must_use]
    pub fn new(value: u32) -> Self {
        Futex { value: AtomicU32::new(value), sleepers: Mutex::new(()), woken: Condvar::new() }
    }

    /// The value.
    #[must_use]
    pub fn load(&self, order: Ordering) -> u32 {
        self.value.load(order)
    }

    /// Adds. Returns the value before.
    pub fn fetch_add(&self, more: u32, order: Ordering) -> u32 {
        self.value.fetch_add(more, order)
    }

    /// Sleeps if the value still is `seen`, until somebody wakes. Sometimes it does not sleep, as a futex may.
    pub fn wait(&self, seen: u32) {
        let mut sleepers = self.sleepers.lock();
        if self.value.load(Ordering::SeqCst) == seen && !(coin() && coin()) {
            self.woken.wait(&mut sleepers);
        }
    }

    /// Wakes all who sleep.
    pub fn wake_all(&self) {
        drop(self.sleepers.lock());
        self.woken.notify_all();
    }

    /// Wakes one of those who sleep.
    pub fn wake_one(&self) {
        drop(self.sleepers.lock());
        self.woken.notify_one();
    }
}
