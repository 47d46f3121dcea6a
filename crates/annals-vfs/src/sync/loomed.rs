//! What threads of the log are made of when every order that the memory model allows is tried: `loom`.
//!
//! Only what `annals-wal` uses is here. There is no time, as in `shuttled`: a patience never ends.

use self::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync as model;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

/// Atomics, with the orderings as they are written.
pub mod atomic {
    pub use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
}

/// Threads.
pub mod thread {
    pub use loom::thread::yield_now;
}

/// A lock.
#[derive(Debug, Default)]
pub struct Mutex<T>(model::Mutex<T>);

/// A lock that is held. Empty only while it waits at a [`Condvar`].
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<model::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    /// Open, around a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Mutex(model::Mutex::new(value))
    }

    /// Takes the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes the lock.
    pub fn try_lock_for(&self, _: Duration) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("a guard in use holds the lock")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("a guard in use holds the lock")
    }
}

/// Gives up a lock.
pub fn hand_on<T>(guard: MutexGuard<'_, T>) {
    drop(guard);
}

/// The moment at which waiting is given up: never.
#[derive(Clone, Copy, Debug)]
pub struct Deadline;

impl Deadline {
    /// Never.
    #[must_use]
    pub fn after(_: Duration) -> Self {
        Deadline
    }
}

/// Where threads that hold a lock wait for news.
#[derive(Debug, Default)]
pub struct Condvar(model::Condvar);

impl Condvar {
    /// With nobody waiting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the lock away until somebody notifies.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Deadline) -> bool {
        let held = guard.0.take().expect("a guard in use holds the lock");
        guard.0 = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
        false
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Wakes one of those who wait.
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
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

    /// Sleeps if the value still is `seen`, until somebody wakes.
    pub fn wait(&self, seen: u32) {
        let mut sleepers = self.sleepers.lock();
        if self.value.load(Ordering::SeqCst) == seen {
            let _ = self.woken.wait_until(&mut sleepers, Deadline);
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

/// A value that is made once: who sees that it is made sees what it was made of, as in the standard library.
#[derive(Debug)]
pub struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    making: model::Mutex<()>,
    made: AtomicBool,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceLock<T> {
    /// Not made yet.
    #[must_use]
    pub fn new() -> Self {
        let (value, making) = (std::sync::OnceLock::new(), model::Mutex::new(()));
        OnceLock { value, making, made: AtomicBool::new(false) }
    }

    /// The value, if it was made.
    pub fn get(&self) -> Option<&T> {
        if self.made.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    /// The value, which is made by the first who asks.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.value.get().is_none() {
            let _ = self.value.set(make());
            self.made.store(true, Ordering::Release);
        }
        self.value.get().expect("it is made")
    }
}
