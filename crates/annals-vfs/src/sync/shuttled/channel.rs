//! A mailbox between threads, as `crossbeam-channel` has it: bounded, and closed when nobody can send any more.

use super::{Condvar, Deadline, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Who puts letters in.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Who takes letters out.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    room: usize,
    state: Mutex<State<T>>,
    news: Condvar,
}

#[derive(Debug)]
struct State<T> {
    letters: VecDeque<T>,
    closed: bool,
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time ran out.
    Timeout,
    /// The sender is gone.
    Disconnected,
}

/// A mailbox with room for so many letters.
#[must_use]
pub fn bounded<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { letters: VecDeque::new(), closed: false });
    let shared = Arc::new(Shared { room, state, news: Condvar::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Puts a letter in, if there is room.
    ///
    /// # Errors
    /// The letter: there is no room.
    pub fn try_send(&self, letter: T) -> Result<(), T> {
        let mut state = self.0.state.lock();
        if state.letters.len() >= self.0.room {
            return Err(letter);
        }
        state.letters.push_back(letter);
        drop(state);
        self.0.news.notify_all();
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.news.notify_all();
    }
}

impl<T> Receiver<T> {
    /// Waits for a letter.
    ///
    /// # Errors
    /// There is none, and the sender is gone.
    pub fn recv(&self) -> Result<T, RecvTimeoutError> {
        self.recv_timeout(Duration::MAX)
    }

    /// Waits for a letter, for as long as `patience`.
    ///
    /// # Errors
    /// There is none, and the sender is gone or the time has run out.
    pub fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        let deadline = Deadline::after(patience);
        let mut state = self.0.state.lock();
        loop {
            if let Some(letter) = state.letters.pop_front() {
                return Ok(letter);
            }
            if state.closed {
                return Err(RecvTimeoutError::Disconnected);
            }
            if self.0.news.wait_until(&mut state, deadline) {
                return state.letters.pop_front().ok_or(RecvTimeoutError::Timeout);
            }
        }
    }
}
