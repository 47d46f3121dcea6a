//! Giving batches their places in the log.

use super::{Committer, Decision, Done, Outcome, unknown};
use crate::batch::{Appended, Batch};
use crate::core::FullSegment;
use crate::error::{AppendError, ReadError};
use crate::part::Part;
use crate::room::is_disk_full;
use crate::staged::StagedBatch;
use annals_format::FrameBuilder;
use annals_types::planted::{Bug, planted};
use annals_types::{Invalid, Position};
use annals_vfs::sync::RwLock;
use annals_wal::{LogError, LogWriter, Room};
use std::sync::Arc;

/// So many events may be staged without being in the index, so that the memory it takes is known to about so many.
const UNINDEXED_MAX: u64 = 8192;

impl Committer {
    /// Works off a batch of a group, behind those whose outcomes are given.
    pub(super) fn take(
        &mut self,
        batch: Box<Batch>,
        outcomes: &mut [Outcome],
        pending: &mut usize,
    ) -> Outcome {
        let number = outcomes.len();
        let applied = self.stage(batch, Some(number), outcomes, pending)?;
        Ok(applied.map_or(Done::Staged, Done::Already))
    }

    /// Decides on a batch and gives it its place among the staged ones; or says what became of it when it was appended before.
    pub(super) fn stage(
        &mut self,
        mut batch: Box<Batch>,
        outcome: Option<usize>,
        outcomes: &mut [Outcome],
        pending: &mut usize,
    ) -> Result<Option<Appended>, AppendError> {
        if self.closed {
            return Err(AppendError::Closed);
        }
        if self.writer.has_failed() {
            return Err(AppendError::Poisoned);
        }
        if batch.is_empty() {
            return Err(AppendError::Invalid(Invalid::BatchEmpty));
        }
        if let Decision::Already(appended) = self.decide(&mut batch)? {
            return Ok(Some(appended));
        }
        if self.writer.next_position().plus(batch.len() as u64) > Position::MAX {
            let source = std::io::Error::other("the store has reached its last position");
            return Err(AppendError::Io { what: "append".into(), source });
        }
        if planted(Bug::HeadsNotedBeforeRoom) {
            self.note_heads(&batch);
        }
        if !self.has_room_for(&batch.frame) {
            self.flush(outcomes, pending);
            self.roll(&batch.frame, batch.is_of_store())?;
        }
        let recorded_at = self.writer.recorded_at(self.core.env.clock.now());
        let Batch { frame, events, .. } = &mut *batch;
        let stamp = self.writer.stage(frame, recorded_at, |index| events[index].version);
        let Some(stamp) = stamp else { return Err(AppendError::Poisoned) };
        self.note_heads(&batch);
        if batch.registers {
            self.core.schemas.note_registered(&batch);
        }
        if batch.retains {
            self.core.retention.note_staged(&batch);
        }
        self.staged.push(StagedBatch { stamp, batch, outcome });
        if self.staged.unindexed().0 > UNINDEXED_MAX {
            self.index_staged();
        }
        Ok(None)
    }

    /// Begins the next segment although there is room in this one, so that everything that is written can be sealed.
    pub(crate) fn roll_over(&mut self) -> Result<(), AppendError> {
        self.refuse_if_over()?;
        self.busy = true;
        let written = self.write_staged().map(drop).map_err(unknown);
        let rolled = written.and_then(|()| self.roll(&FrameBuilder::new(), true));
        let begun = rolled.and_then(|()| self.writer.begin_segment().map_err(unknown));
        self.busy = false;
        begun
    }

    /// Begins the next segment, large enough for `frame`; `own` says whether that is the store's own.
    fn roll(&mut self, frame: &FrameBuilder, own: bool) -> Result<(), AppendError> {
        match self.roll_into(frame, self.core.room_of_segment()) {
            Err(error) if own && is_disk_full(&error) && !self.writer.has_failed() => {
                self.roll_into(frame, self.core.room_of_last())
            }
            rolled => rolled,
        }
    }

    fn roll_into(&mut self, frame: &FrameBuilder, room: Room) -> Result<(), AppendError> {
        if self.writer.has_failed() {
            return Err(AppendError::Poisoned);
        }
        let refused = |error| match error {
            LogError::Io { what, source } => AppendError::Io { what, source },
            other => ReadError::from(other).into(),
        };
        let mut prepared = self.core.take_prepared(room).map_err(refused)?;
        if let Err(error) = LogWriter::fit(&mut prepared, frame, room) {
            self.core.give_back(prepared);
            return Err(refused(error));
        }
        let full = self.writer.roll(prepared).map_err(unknown)?;
        let last = self.writer.next_position().previous();
        let Some((segment, _)) = self.writer.active() else { return Err(AppendError::Poisoned) };
        let segment = Arc::clone(segment);
        let mut plan = self.core.plan;
        plan.ids |= planted(Bug::NewSegmentIndexesIds);
        let index = Arc::new(RwLock::new(plan.begin(self.writer.next_position())));
        let part = Part::in_memory(Arc::clone(&segment), Arc::clone(&index));
        let before = self.active.replace(index);
        let index_bytes = before.map_or(0, |index| index.read().memory_bytes());
        let full = full.map(|(segment, frames_end)| FullSegment {
            segment,
            last_position: last,
            frames_end,
            index_bytes,
        });
        self.core.begin_part(&segment, part, full);
        Ok(())
    }
}
