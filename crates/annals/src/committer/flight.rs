//! A group that is written, until it is durable and its callers may be told.

use super::{Done, Flush, Outcome};
use crate::core::Core;
use crate::error::AppendError;
use crate::staged::Staged;
use annals_types::planted::{Bug, planted};
use annals_wal::{Flight, Landing, SyncJob};
use std::io;
use std::sync::Arc;

/// What the outcomes of a group still hang on.
#[derive(Debug)]
pub(crate) struct GroupFlight {
    pub(super) core: Arc<Core>,
    pub(super) sync: Option<SyncJob>,
    /// `None` if nothing was written.
    pub(super) landing: Option<Landing>,
    /// Outcomes from here on depend on what was written; those before were durable when a segment was full.
    pub(super) from: usize,
    /// Where in the group decisions wait for what they are founded on.
    pub(super) flushes: Vec<(usize, Flush)>,
    /// What was written. Its callers get it back.
    pub(super) written: Staged,
}

impl Flight for GroupFlight {
    type Outcome = Outcome;
    type Sync = SyncJob;

    fn take_sync(&mut self) -> Option<SyncJob> {
        self.sync.take()
    }

    fn land(mut self, result: io::Result<()>, outcomes: &mut [Outcome]) {
        let mut source = result.err();
        let landing = self.landing.take();
        if source.is_none() || planted(Bug::GroupAcknowledgedThoughSyncFailed) {
            if let Some(landing) = landing.filter(|_| source.is_none()) {
                let last = landing.last();
                landing.succeeded();
                self.core.publish(last);
            }
            hand_back(self.written, outcomes);
        } else {
            drop(landing);
            unknown_from(self.from, outcomes, &mut source);
        }
        for (index, flush) in self.flushes {
            outcomes[index] = flush.ended(&self.core, &mut source);
        }
    }
}

/// Batches that were written become the outcomes of those who appended them.
pub(super) fn hand_back(written: Staged, outcomes: &mut [Outcome]) {
    for staged in written.into_batches() {
        if let Some(outcome) = staged.outcome.and_then(|number| outcomes.get_mut(number)) {
            *outcome = Ok(Done::Written(staged));
        }
    }
}

/// Outcomes of batches from `from` on do not stand: what they were founded on was not written, or nobody knows.
pub(super) fn unknown_from(from: usize, outcomes: &mut [Outcome], source: &mut Option<io::Error>) {
    for outcome in outcomes.iter_mut().skip(from) {
        *outcome = match outcome {
            // It has its own way to be told.
            Ok(Done::Flushed) => continue,
            Ok(_) if planted(Bug::UnknownToldAsRefusal) => Err(AppendError::Poisoned),
            Ok(_) => Err(AppendError::DurabilityUnknown { source: source.take() }),
            Err(_) => Err(AppendError::Poisoned),
        };
    }
}

impl Flush {
    /// The outcome of waiting, once there is nothing left to write.
    pub(super) fn ended(self, core: &Core, source: &mut Option<io::Error>) -> Outcome {
        if self.up_to <= core.watermark.visible() {
            Ok(Done::Flushed)
        } else if self.own {
            Err(AppendError::DurabilityUnknown { source: source.take() })
        } else {
            Err(AppendError::Poisoned)
        }
    }
}
