//! The writer's side of an append: decide on each batch of a group, write the group, publish it.

mod applied;
mod decision;
mod flight;
mod indexing;
mod taking;
mod writing;

use crate::batch::{Appended, Batch};
use crate::core::{Core, FullSegment};
use crate::error::{AppendError, ReadError};
use crate::heads::HeadCache;
use crate::retention::{Hiding, Rules};
use crate::schema::Registry;
use crate::staged::{Staged, StagedBatch};
use crate::view::View;
use annals_index::MemoryIndex;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::RwLock;
use annals_wal::{GroupSink, LogWriter, WriteFailed};
use flight::GroupFlight;
use std::sync::Arc;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Item {
    /// Its ids were checked, and its streams hashed.
    Batch(Box<Batch>),
    Flush(Flush),
}

/// A decision waits for what it is founded on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flush {
    /// Up to here everything has to be written and, under `sync` durability, durable.
    up_to: Position,
    /// Whether a batch of the decision is among it.
    own: bool,
}

impl Flush {
    /// Waits for what is in the queue, and for nothing in particular.
    pub(crate) const NOTHING: Flush = Flush { up_to: Position::ZERO, own: false };

    #[cfg(test)]
    pub(crate) fn own(self) -> bool {
        self.own
    }
}

/// What became of an item.
pub(crate) type Outcome = Result<Done, AppendError>;

/// An item that was worked off.
#[derive(Debug)]
pub(crate) enum Done {
    /// What a decision was founded on is durable.
    Flushed,
    /// A batch has its place in the log, and is not written yet. Nobody is told this.
    Staged,
    /// A batch was appended. The caller gets it back, and makes of it what it is told: with its own time.
    Written(StagedBatch),
    /// A batch was appended before.
    Already(Appended),
}

/// What the outcome of a batch tells the caller of an append.
pub(crate) fn appended(outcome: Outcome) -> Result<Appended, AppendError> {
    match outcome? {
        Done::Written(StagedBatch { stamp, batch, .. }) => Ok(batch.into_appended_at(&stamp)),
        Done::Already(appended) => Ok(appended),
        Done::Flushed | Done::Staged => Err(AppendError::DurabilityUnknown { source: None }),
    }
}

/// The one that writes. Lives behind the commit queue, so there is one group at a time.
#[derive(Debug)]
pub(crate) struct Committer {
    core: Arc<Core>,
    writer: LogWriter,
    /// Index of the active part; `None` before the first append to an empty log.
    active: Option<Arc<RwLock<MemoryIndex>>>,
    /// Frames that were given their place and are not written yet.
    staged: Staged,
    /// The last position that is written: it can be read, and may be on its way to the disk.
    written: Position,
    /// Why the last write failed, for who is to be told first.
    failure: Option<std::io::Error>,
    /// What is registered, if a batch had to be compared with it here.
    registry: Option<Arc<Registry>>,
    /// The rules of retention, if there are any, as they were when the last batch was decided on.
    rules: Option<Arc<Rules>>,
    /// Heads of the streams that were appended to last.
    heads: HeadCache,
    /// Whether runs that are missing could not be written.
    index_stays_missing: bool,
    closed: bool,
    /// Set while a group is worked off: found set afterwards, a panic left things half-done.
    busy: bool,
}

/// What is decided about a batch before it is written.
enum Decision {
    /// It takes its place in the log. It has the versions of its events.
    Append,
    /// It was appended before.
    Already(Appended),
}

impl GroupSink for Committer {
    type Item = Item;
    type Outcome = Outcome;
    type Flight = GroupFlight;

    fn commit(&mut self, group: Vec<Item>, outcomes: &mut Vec<Outcome>) -> Option<GroupFlight> {
        if std::mem::replace(&mut self.busy, true) || self.writer.has_failed() {
            outcomes.extend(group.into_iter().map(|item| match item {
                Item::Batch(_) => Err(AppendError::Poisoned),
                Item::Flush(flush) => flush.ended(&self.core, &mut self.failure),
            }));
            return None;
        }
        self.prefetch(&group);
        let mut flushes = Vec::new();
        // Outcomes from here on depend on frames that are not written yet.
        let mut pending = 0;
        let mut items = group.into_iter();
        while let Some(item) = {
            self.fetch_heads(outcomes.len(), items.as_slice());
            items.next()
        } {
            let outcome = match item {
                Item::Batch(batch) => self.take(batch, outcomes, &mut pending),
                Item::Flush(flush) => {
                    flushes.push((outcomes.len(), flush));
                    Ok(Done::Flushed)
                }
            };
            outcomes.push(outcome);
        }
        let flight = self.launch(outcomes, pending, flushes);
        self.busy = false;
        flight
    }

    fn abandoned() -> Outcome {
        Err(AppendError::DurabilityUnknown { source: None })
    }
}

impl Committer {
    pub(crate) fn new(core: Arc<Core>, writer: LogWriter, active: Option<Arc<RwLock<MemoryIndex>>>) -> Self {
        Committer {
            heads: HeadCache::new(core.budget.heads),
            core,
            active,
            staged: Staged::default(),
            written: writer.next_position().previous(),
            failure: None,
            registry: None,
            rules: None,
            writer,
            index_stays_missing: false,
            closed: false,
            busy: false,
        }
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        self.alone(|own| own.write_staged().and_then(|_| own.writer.sync()))
    }

    /// As [`LogWriter::mark_durable`].
    pub(crate) fn mark_durable(&mut self) -> Result<bool, AppendError> {
        self.alone(|own| own.write_staged().and_then(|_| own.writer.mark_durable()))
    }

    /// Writes outside of a group, behind what decisions have staged.
    fn alone<R>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<R, WriteFailed>,
    ) -> Result<R, AppendError> {
        self.refuse_after_failure()?;
        self.busy = true;
        let result = write(self);
        self.busy = false;
        result.map_err(unknown)
    }

    /// Refuses what begins now, after a close or a failure.
    pub(crate) fn refuse_if_over(&self) -> Result<(), AppendError> {
        if self.closed { Err(AppendError::Closed) } else { self.refuse_after_failure() }
    }

    /// After a panic in the middle of a group there may be staged frames that were never written: nothing may be
    /// said of them, or written behind them.
    fn refuse_after_failure(&self) -> Result<(), AppendError> {
        if self.busy || self.writer.has_failed() { Err(AppendError::Poisoned) } else { Ok(()) }
    }

    /// Gives back the space of the active segment but for `kept` bytes, unless that cannot be. Says whether there was any.
    pub(crate) fn give_back(&mut self, kept: u64) -> bool {
        let may = !self.closed && self.refuse_after_failure().is_ok();
        may && self.writer.give_back(kept).unwrap_or(false)
    }

    /// Refuses appends from now on, and makes everything durable. Says where the log ends.
    pub(crate) fn close(&mut self) -> Result<Option<FullSegment>, AppendError> {
        self.closed = true;
        if planted(Bug::CloseWithoutSync) {
            self.alone(|own| own.write_staged().map(drop))?;
        } else {
            self.sync()?;
        }
        // Space that is not given back only takes room until the store is opened again.
        let _ = self.writer.cut_unused();
        let last_position = self.writer.next_position().previous();
        let index_bytes = self.active.as_ref().map_or(0, |index| index.read().memory_bytes());
        Ok(self.writer.active().map(|(segment, frames_end)| FullSegment {
            segment: Arc::clone(segment),
            last_position,
            frames_end,
            index_bytes,
        }))
    }

    /// The position of the last event, staged ones included.
    pub(crate) fn last_position(&self) -> Position {
        self.writer.next_position().previous()
    }

    /// What is written, and what is staged behind it.
    pub(crate) fn state(&self) -> (View, &Staged) {
        (View::new(self.core.parts.load_full(), self.written), &self.staged)
    }

    /// The rules of retention with what is staged; `None` if there are none.
    #[inline]
    pub(super) fn rules(&mut self) -> Result<Option<Arc<Rules>>, ReadError> {
        let retention = &self.core.retention;
        if retention.is_empty() {
            return Ok(None);
        }
        let known = |rules: &Arc<Rules>| retention.is_newest(rules) || planted(Bug::DeletionInGroupNotSeen);
        if self.rules.as_ref().is_some_and(known) {
            return Ok(self.rules.clone());
        }
        self.read_rules()
    }

    #[cold]
    fn read_rules(&mut self) -> Result<Option<Arc<Rules>>, ReadError> {
        self.index_staged();
        let (view, last) = (View::new(self.core.parts.load_full(), self.written), self.last_position());
        self.core.retention.with_staged(&mut self.rules, &view, &self.staged, last)
    }

    /// What a reader of everything up to `last` does not see, with what is staged.
    pub(crate) fn hiding(&mut self, last: Position) -> Result<Option<Arc<Hiding>>, ReadError> {
        let rules = self.rules()?;
        Ok(rules.map(|rules| Hiding::by(rules, self.core.env.clock.now(), last)))
    }

    /// Takes a batch outside of a group; `None` if it has no events. It is written with the next group, or by whoever writes
    /// before that.
    pub(crate) fn take_alone(&mut self, mut batch: Batch) -> Result<Option<Appended>, AppendError> {
        batch.check_ids()?;
        if let Some(encryption) = &self.core.encryption {
            encryption.seal(&mut batch)?;
        }
        batch.hash_streams(self.core.plan.hash_seed);
        if batch.is_empty() {
            return self.decide(&mut batch).map(|_| None);
        }
        self.busy = true;
        let taken = self.stage(Box::new(batch), None, &mut [], &mut 0);
        // The next decision reads it.
        self.index_staged();
        self.busy = false;
        match taken? {
            Some(applied) => Ok(Some(applied)),
            None => Ok(self.staged.last().map(|staged| staged.batch.appended_at(&staged.stamp))),
        }
    }

    /// What has to be waited for before anything is said of the log as it stands; `own` says whether a batch of who asks is
    /// in it.
    pub(crate) fn flush_needed(&self, own: bool) -> Option<Flush> {
        let up_to = self.last_position();
        (up_to > self.core.watermark.visible()).then_some(Flush { up_to, own })
    }
}

fn unknown(failed: WriteFailed) -> AppendError {
    AppendError::DurabilityUnknown { source: Some(failed.source) }
}
