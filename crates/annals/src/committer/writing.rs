//! Writing what is staged.

use super::flight::{GroupFlight, hand_back, unknown_from};
use super::{Committer, Flush, Outcome};
use crate::options::Durability;
use crate::staged::Staged;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_wal::WriteFailed;
use std::sync::Arc;

impl Committer {
    /// Writes what is staged, and leaves the rest to a flight: nothing that was decided stands before that has landed, for it
    /// was decided with what is on its way. Under `os` durability there is nothing to wait for.
    pub(super) fn launch(
        &mut self,
        outcomes: &mut [Outcome],
        pending: usize,
        flushes: Vec<(usize, Flush)>,
    ) -> Option<GroupFlight> {
        let last = self.last_position();
        if self.core.durability != Durability::Sync || planted(Bug::VisibleBeforeDurable) {
            let mut pending = pending;
            self.flush(outcomes, &mut pending);
            for (index, flush) in flushes {
                outcomes[index] = flush.ended(&self.core, &mut self.failure);
            }
            return None;
        }
        let mut written = std::mem::take(&mut self.staged);
        if written.is_empty() {
            // What was decided may hang on groups that are on their way. A failure of this group has been told where it was met.
            let core = Arc::clone(&self.core);
            return Some(GroupFlight { core, sync: None, landing: None, from: pending, flushes, written });
        }
        match self.writer.launch(written.frames()) {
            Ok(launched) => {
                self.has_written(last);
                // While the disk is at work.
                self.index(&mut written);
                let (sync, landing) = launched.unzip();
                let core = Arc::clone(&self.core);
                Some(GroupFlight { core, sync, landing, from: pending, flushes, written })
            }
            Err(WriteFailed { source }) => {
                let mut source = Some(source);
                unknown_from(pending, outcomes, &mut source);
                for (index, flush) in flushes {
                    outcomes[index] = flush.ended(&self.core, &mut source);
                }
                None
            }
        }
    }

    /// Writes and syncs what is staged, and publishes it. If that fails, nothing decided since the last flush
    /// stands.
    pub(super) fn flush(&mut self, outcomes: &mut [Outcome], pending: &mut usize) {
        let from = std::mem::replace(pending, outcomes.len());
        match self.write_staged() {
            Ok(written) => hand_back(written, outcomes),
            Err(WriteFailed { source }) => {
                self.failure = Some(source);
                unknown_from(from, outcomes, &mut self.failure);
            }
        }
    }

    /// Writes and syncs what is staged, and publishes it. Gives back what was written.
    pub(super) fn write_staged(&mut self) -> Result<Staged, WriteFailed> {
        if self.staged.is_empty() {
            return Ok(Staged::default());
        }
        let sync = self.core.durability == Durability::Sync;
        let last = self.last_position();
        if planted(Bug::VisibleBeforeDurable) {
            self.core.publish(last);
        }
        let mut staged = std::mem::take(&mut self.staged);
        self.index(&mut staged);
        self.writer.commit(staged.frames(), sync)?;
        self.has_written(last);
        self.core.publish(last);
        Ok(staged)
    }

    fn has_written(&mut self, last: Position) {
        self.written = last;
        if self.writer.is_half_full() {
            self.core.next_is_needed();
        }
    }
}
