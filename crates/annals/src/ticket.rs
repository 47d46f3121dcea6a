//! Appends that are waited for later.

use crate::batch::Appended;
use crate::committer::{Committer, Outcome, appended};
use crate::error::AppendError;
use annals_wal::{CommitQueue, Pending};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A batch that was submitted with [`Store::submit`](crate::Store::submit) and is on its way.
///
/// It is appended whatever becomes of the ticket; dropping it only gives up the answer. Wait for it with
/// [`Ticket::wait`], or await it: it is a future that needs no runtime of its own and works with any. An answer is given
/// once.
#[derive(Debug)]
#[must_use = "whether the batch was appended, and is durable, is not known before it is waited for"]
pub struct Ticket {
    queue: Arc<CommitQueue<Committer>>,
    pending: Pending<Outcome>,
}

impl Ticket {
    pub(crate) fn new(queue: Arc<CommitQueue<Committer>>, pending: Pending<Outcome>) -> Self {
        Ticket { queue, pending }
    }

    /// Whether the answer is there, so that [`Ticket::wait`] returns at once.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pending.is_settled()
    }

    /// Waits until the batch is as durable as the store's [`Durability`](crate::Durability) says, or is refused.
    ///
    /// # Errors
    /// As [`Store::append_batch`](crate::Store::append_batch).
    pub fn wait(self) -> Result<Appended, AppendError> {
        self.queue.wait_for(&self.pending);
        answer(self.pending.take())
    }
}

impl Future for Ticket {
    type Output = Result<Appended, AppendError>;

    /// Never blocks, but in a store without background threads ([`Options::background`](crate::Options::background)), where
    /// it does the work itself.
    ///
    /// # Panics
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.queue.poll(&self.pending, context.waker()).map(answer)
    }
}

fn answer(outcome: Option<Outcome>) -> Result<Appended, AppendError> {
    appended(outcome.expect("an answer is given once"))
}
