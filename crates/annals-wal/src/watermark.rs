//! How far the log has come: what is durable, and what readers may see.

use annals_types::Position;
use annals_vfs::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use annals_vfs::sync::{Condvar, Deadline, Mutex};
use std::time::Duration;

/// Two positions that only grow, and a way to wait for the second.
///
/// - `durable`: a sync that covers it has returned.
/// - `visible`: acknowledged under the store's durability, so readers may see it. Under `sync` durability
///   it never runs ahead of `durable`; under `os` it does.
#[derive(Debug, Default)]
pub struct Watermark {
    durable: AtomicU64,
    visible: AtomicU64,
    waiting: AtomicUsize,
    /// Whether nothing more will be published.
    ended: AtomicBool,
    lock: Mutex<()>,
    moved: Condvar,
}

impl Watermark {
    /// Both at `position`.
    #[must_use]
    pub fn new(position: Position) -> Self {
        let mark = Watermark::default();
        mark.durable.store(position.get(), Ordering::Relaxed);
        mark.visible.store(position.get(), Ordering::Release);
        mark
    }

    /// The last durable position.
    #[must_use]
    pub fn durable(&self) -> Position {
        Position::new(self.durable.load(Ordering::Acquire))
    }

    /// The last visible position. What was written before it was published is seen by whoever loads it.
    #[must_use]
    pub fn visible(&self) -> Position {
        Position::new(self.visible.load(Ordering::Acquire))
    }

    pub(crate) fn set_durable(&self, position: Position) {
        self.durable.fetch_max(position.get(), Ordering::AcqRel);
    }

    /// Takes in that another process has made positions up to this one durable.
    pub fn follow(&self, position: Position) {
        self.set_durable(position);
        self.publish(position);
    }

    /// Makes positions up to this one visible and wakes those who wait.
    pub fn publish(&self, position: Position) {
        self.visible.fetch_max(position.get(), Ordering::AcqRel);
        self.wake();
    }

    /// Says that nothing more will be published. Whoever waits, now or later, is let go at once.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether [`Watermark::end`] was called.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn wake(&self) {
        // SeqCst pairs with the waiter: either it sees what was stored before this, or we see that it waits.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock());
            self.moved.notify_all();
        }
    }

    /// Waits until there are visible events after `position`, at most for `timeout` and not beyond
    /// [`Watermark::end`]; says whether there are.
    #[must_use]
    pub fn wait_beyond(&self, position: Position, timeout: Duration) -> bool {
        let deadline = Deadline::after(timeout);
        let mut guard = self.lock.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        while self.visible() <= position && !self.has_ended() {
            if self.moved.wait_until(&mut guard, deadline) {
                break;
            }
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.visible() > position
    }
}
