//! Locks of `shuttle` with the faces of `parking_lot`: no poison, and a guard stays the same while it waits.

use super::{Deadline, coin};
use shuttle::sync as model;
use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

/// A lock.
#[derive(Debug, Default)]
pub struct Mutex<T>(model::Mutex<T>);

/// A lock that is held. Empty only while it waits at a [`Condvar`].
#[derive(Debug)]
pub struct MutexGuard<'a, T>(&'a Mutex<T>, Option<model::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    /// Open, around a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Mutex(model::Mutex::new(value))
    }

    /// Takes the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(self, Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes the lock, or gives up.
    pub fn try_lock_for(&self, patience: Duration) -> Option<MutexGuard<'_, T>> {
        let deadline = Deadline::after(patience);
        if !deadline.comes {
            return Some(self.lock());
        }
        loop {
            match self.0.try_lock() {
                Ok(guard) => return Some(MutexGuard(self, Some(guard))),
                Err(TryLockError::Poisoned(poisoned)) => {
                    return Some(MutexGuard(self, Some(poisoned.into_inner())));
                }
                Err(TryLockError::WouldBlock) if coin() => return None,
                Err(TryLockError::WouldBlock) => shuttle::thread::yield_now(),
            }
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.1.as_ref().expect("a guard in use holds the lock")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.1.as_mut().expect("a guard in use holds the lock")
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
    pub(super) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.1.take().expect("a guard in use holds the lock");
        guard.1 = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Gives the lock away until somebody notifies. Says whether the deadline has passed instead; one that comes is
    /// not waited for longer than others need to do something, and it may seem that somebody has notified.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) -> bool {
        if !deadline.comes {
            self.wait(guard);
            return false;
        }
        guard.1 = None;
        shuttle::thread::yield_now();
        *guard = guard.0.lock();
        coin()
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

/// A lock for many readers or one writer.
#[derive(Debug, Default)]
pub struct RwLock<T>(model::RwLock<T>);

impl<T> RwLock<T> {
    /// Open, around a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        RwLock(model::RwLock::new(value))
    }

    /// Takes it for reading. Not twice by one thread: with a writer waiting between, that would never end.
    pub fn read(&self) -> model::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes it for writing.
    pub fn write(&self) -> model::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that is made once. Who comes while it is made waits, without holding up the scheduler.
#[derive(Debug)]
pub struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    making: model::Mutex<()>,
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
        OnceLock { value: std::sync::OnceLock::new(), making: model::Mutex::new(()) }
    }

    /// The value, if it was made.
    pub fn get(&self) -> Option<&T> {
        super::switch();
        self.value.get()
    }

    /// The value, which is made by the first who asks.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.value.get().is_none() {
            let made = make();
            return self.value.get_or_init(|| made);
        }
        self.value.get().expect("it is made")
    }
}
