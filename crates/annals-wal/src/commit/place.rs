//! Where a caller finds its outcome.

use annals_vfs::sync::Mutex;
use std::task::Waker;

/// Empty until the outcome is put there, and again when it was taken out.
#[derive(Debug)]
pub(super) struct Place<O>(Mutex<State<O>>);

#[derive(Debug)]
enum State<O> {
    /// It is still to come; who polls for it is to be told.
    Expected(Option<Waker>),
    There(O),
    Taken,
}

impl<O> Place<O> {
    pub(super) fn new() -> Self {
        Place(Mutex::new(State::Expected(None)))
    }

    /// Puts the outcome there. Gives back who is to be told.
    pub(super) fn put(&self, outcome: O) -> Option<Waker> {
        match std::mem::replace(&mut *self.0.lock(), State::There(outcome)) {
            State::Expected(waker) => waker,
            State::There(_) | State::Taken => unreachable!("an item has one outcome"),
        }
    }

    /// Whether waiting is over.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(*self.0.lock(), State::Expected(_))
    }

    /// The outcome, if it is there and was not taken.
    pub(super) fn take(&self) -> Option<O> {
        let mut state = self.0.lock();
        if !matches!(*state, State::There(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::There(outcome) => Some(outcome),
            State::Expected(_) | State::Taken => None,
        }
    }

    /// Has somebody told when the outcome is there, instead of whoever was to be told before. `false` if it is there.
    pub(super) fn tell(&self, waker: &Waker) -> bool {
        match &mut *self.0.lock() {
            State::Expected(told) => {
                match told {
                    Some(told) => told.clone_from(waker),
                    None => *told = Some(waker.clone()),
                }
                true
            }
            State::There(_) | State::Taken => false,
        }
    }
}
