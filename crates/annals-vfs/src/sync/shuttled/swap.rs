//! The real `arc-swap`, with a choice of who goes on before each of its operations.
//!
//! It takes no locks and waits for nobody, and no operation is interrupted in the middle, so it can stay as it is: the
//! scheduler's threads are one thread to it. What lies between two of its operations is explored; what lies within
//! one is its own business.

use std::sync::Arc;

/// A shared value that is replaced as a whole.
#[derive(Debug)]
pub struct ArcSwap<T>(arc_swap::ArcSwap<T>);

impl<T> ArcSwap<T> {
    /// Holding `value`.
    #[must_use]
    pub fn from_pointee(value: T) -> Self {
        ArcSwap(arc_swap::ArcSwap::from_pointee(value))
    }

    /// The value of this moment.
    #[must_use]
    pub fn load_full(&self) -> Arc<T> {
        super::switch();
        self.0.load_full()
    }

    /// Replaces the value.
    pub fn store(&self, value: Arc<T>) {
        super::switch();
        self.0.store(value);
    }

    /// Replaces the value by what `change` makes of it; again, if somebody else has replaced it meanwhile.
    pub fn rcu<R: Into<Arc<T>>>(&self, mut change: impl FnMut(&Arc<T>) -> R) -> Arc<T> {
        let mut before = self.load_full();
        loop {
            let next = change(&before).into();
            super::switch();
            let found = arc_swap::Guard::into_inner(self.0.compare_and_swap(&before, next));
            if Arc::ptr_eq(&found, &before) {
                return before;
            }
            before = found;
        }
    }
}
