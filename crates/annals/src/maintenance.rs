//! Work that appends do not wait for: laying out the next segment, sealing full ones, writing runs.
//!
//! Every step looks at what there is to do, does one thing, and leaves a state that a crash may follow: files
//! first, made durable; then the manifest that names them; then what it no longer names may go.

use crate::committer::Committer;
use crate::core::Core;
use crate::error::{AppendError, ReadError};
use crate::options::Durability;
use annals_types::Position;
use annals_vfs::sync::Deadline;
use annals_vfs::sync::atomic::{Ordering, fence};
use annals_vfs::sync::channel::{Receiver, RecvTimeoutError};
use annals_wal::{CommitQueue, LogError, Room};
use std::sync::Arc;
use std::time::Duration;

/// After this long without an append the durable position is written behind the last batch.
const IDLE: Duration = Duration::from_millis(100);
/// How often appends of `os` durability are synced, in idle periods.
const SYNC_EVERY: u32 = 10;
/// How long the worker waits for a group to end. No longer: the group may be waiting for a segment to be sealed.
const PATIENCE: Duration = Duration::from_millis(50);
/// After this long without an append runs are merged that would be left alone otherwise.
const SETTLED: Duration = Duration::from_secs(1);
/// After a failure the worker waits this long before it tries again.
const RETRY: Duration = Duration::from_secs(1);

/// The background worker of a store: runs until the mailbox is closed.
///
/// Up to `marked` it is known without a mark in the log what is durable. It is given from outside: there may be an
/// append before this thread gets to run.
pub(crate) fn run_worker(
    core: &Arc<Core>,
    queue: &CommitQueue<Committer>,
    mailbox: &Receiver<()>,
    mut marked: Position,
) {
    let mut idle_periods = 0;
    loop {
        let attempt = maintain_urgent(core);
        let mut failed = attempt.is_err();
        core.note_attempt(attempt);
        if core.worker_stops.load(Ordering::SeqCst) {
            return;
        }
        // Before the durable position, which is always the first of the two to move: what comes behind `before` wakes
        // this thread, and what does not is in both.
        let before = core.watermark.visible();
        let unmarked =
            core.watermark.durable() != marked || core.watermark.visible() > core.watermark.durable();
        let worked = if failed { Ok(None) } else { work_for(core, mailbox, IDLE) };
        // Nobody waits for this work, so nobody is told. It is tried again.
        failed |= worked.is_err();
        let event = match worked.unwrap_or(None) {
            Some(event) => event,
            None if failed => mailbox.recv_timeout(RETRY),
            None if unmarked => mailbox.recv_timeout(IDLE),
            None if core.can_settle() => settle_later(core, mailbox, before),
            None => sleep(core, mailbox, before, None),
        };
        if core.watermark.visible() != before {
            core.set_settling(false);
        }
        match event {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                idle_periods += 1;
                if core.durability == Durability::Os
                    && idle_periods >= SYNC_EVERY
                    && queue.with_sink_within(PATIENCE, Committer::sync).is_some()
                {
                    idle_periods = 0;
                }
                if core.watermark.visible() == before && !failed {
                    marked = mark_and_tell(core, queue).map_or(marked, |(durable, _)| durable);
                }
            }
        }
    }
}

/// Writes down what is durable, in the log or, if it has no room, in the manifest. `None` if the writer is at work, so
/// that it is for later.
pub(crate) fn mark_durable(core: &Core, queue: &CommitQueue<Committer>) -> Option<Result<(), AppendError>> {
    mark_and_tell(core, queue).map(|(_, result)| result)
}

/// The same, with the position up to which it is written down, or would be. A failure in the log has poisoned the writer,
/// and the next append says so; one of the manifest loses nothing.
fn mark_and_tell(core: &Core, queue: &CommitQueue<Committer>) -> Option<(Position, Result<(), AppendError>)> {
    let (durable, told) = queue.with_sink_within(PATIENCE, |sink| {
        // Nothing becomes durable as long as the writer is held.
        let durable = core.watermark.durable();
        (durable, sink.mark_durable())
    })?;
    let told = told.and_then(|in_log| {
        let noted = if in_log { Ok(()) } else { core.catalog.lock().note_durable(durable) };
        noted.map_err(|error| ReadError::from(error).into())
    });
    Some((durable, told))
}

/// Sleeps until there is work, or an append that will have to be marked, or until the time is over.
fn sleep(
    core: &Core,
    mailbox: &Receiver<()>,
    seen: Position,
    patience: Option<Duration>,
) -> Result<(), RecvTimeoutError> {
    core.worker_sleeps.store(true, Ordering::SeqCst);
    // Pairs with the one in `Watermark::publish`: either it sees that the worker sleeps, or this sees the position.
    fence(Ordering::SeqCst);
    if core.watermark.visible() != seen || core.worker_stops.load(Ordering::SeqCst) {
        core.worker_sleeps.store(false, Ordering::SeqCst);
        return Ok(());
    }
    match patience {
        None => mailbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(patience) => {
            let event = mailbox.recv_timeout(patience);
            core.worker_sleeps.store(false, Ordering::SeqCst);
            event
        }
    }
}

/// Waits for work, or for the time to merge runs that would be left alone as long as there are appends.
fn settle_later(core: &Core, mailbox: &Receiver<()>, seen: Position) -> Result<(), RecvTimeoutError> {
    let event = sleep(core, mailbox, seen, Some(SETTLED));
    let at_rest = event == Err(RecvTimeoutError::Timeout) && core.watermark.visible() == seen;
    core.set_settling(at_rest);
    if at_rest { Ok(()) } else { event }
}

/// Works on the index for as long as the worker would wait otherwise; `None` if there is nothing to do.
fn work_for(
    core: &Core,
    mailbox: &Receiver<()>,
    patience: Duration,
) -> Result<Option<Result<(), RecvTimeoutError>>, LogError> {
    let deadline = Deadline::after(patience);
    let mut missing = true;
    while core.may_go_on() && core.index_step(&mut missing)? {
        match mailbox.recv_timeout(Duration::ZERO) {
            Err(RecvTimeoutError::Timeout) if !deadline.left().is_zero() => {}
            event => return Ok(Some(event)),
        }
    }
    Ok(None)
}

/// Does everything there is to do. What is done is done, whatever fails.
pub(crate) fn maintain(core: &Core) -> Result<(), LogError> {
    loop {
        maintain_urgent(core)?;
        let (mut missing, mut worked) = (true, false);
        while core.may_go_on() && !core.has_urgent_work() && core.index_step(&mut missing)? {
            worked = true;
        }
        if !worked && !core.has_urgent_work() {
            return Ok(());
        }
    }
}

/// Lays out the next segment and seals full ones. A disk that has no room for the next segment, or for merging, does not
/// keep full ones from being sealed, which gives some back.
fn maintain_urgent(core: &Core) -> Result<(), LogError> {
    let mut laid_out = Ok(());
    loop {
        if laid_out.is_ok() && core.needs_prepared() {
            laid_out = core.lay_out_next();
        } else if core.next_full().is_some() {
            // What fails is met again when there is nothing to seal.
            let _ = core.merge_while_crowded();
            core.seal_next()?;
        } else {
            return laid_out;
        }
    }
}

impl Core {
    fn has_urgent_work(&self) -> bool {
        self.needs_prepared() || self.next_full().is_some()
    }

    /// One step on the index or the snapshots: writes a run that is missing, or merges on for a moment. Says whether there was anything to
    /// do. Once there was no missing run that can be made, `missing` is `false`, and none is looked for again.
    fn index_step(&self, missing: &mut bool) -> Result<bool, LogError> {
        if self.is_crowded_with_runs() && self.merge_step()? {
            return Ok(true);
        }
        *missing = *missing && self.write_missing_run()?;
        Ok(*missing || self.merge_step()? || self.snapshot_step()?)
    }

    fn lay_out_next(&self) -> Result<(), LogError> {
        let mut catalog = self.catalog.lock();
        // An append may have had to do it itself meanwhile.
        if self.needs_prepared() {
            let prepared = catalog.prepare(
                self.watermark.durable(),
                Room { least: self.segment_bytes, ..self.room_of_segment() },
            )?;
            self.add_prepared(prepared);
        }
        Ok(())
    }
}

impl From<LogError> for MaintainError {
    fn from(error: LogError) -> Self {
        MaintainError(error.into())
    }
}

/// Background work that could not be done; it is tried again later.
#[derive(Debug, thiserror::Error)]
#[error("background work could not be done; it will be tried again")]
pub struct MaintainError(#[source] ReadError);
