//! Compacting a store when it is asked for.

use super::control::CompactionControl;
use super::job::Job;
use super::recompress::recompress;
use super::survey::{Scope, survey_all};
use crate::erasure::Interrupted;
use crate::error::{AppendError, ReadError};
use crate::guards::GuardError;
use crate::retention::RetentionError;
use crate::store::Store;
use annals_compaction::{Guard, Plan, PlanOptions, Share};
use annals_types::Compression;
use annals_wal::LogError;

/// Bytes that are read and written in a second, unless told otherwise.
pub(crate) const BYTES_PER_SECOND: u64 = 64 << 20;

/// A compaction of a store, to be planned or run: removes from the disk what rules of retention hide for good. Made by
/// [`Store::compaction`].
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{Expected, NewEvent, RetentionRule, RetentionScope};
/// store.append("session-1", Expected::Any, &[NewEvent::json("visited", "{}")])?;
/// store.retention().set(&RetentionScope::category("session"), &RetentionRule::new().max_count(5))?;
/// let report = store.compaction().bytes_per_second(None).run()?;
/// assert_eq!(report.events_removed, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Compaction {
    store: Store,
    plan: PlanOptions,
    bytes_per_second: Option<u64>,
    compression: Compression,
    recompress: bool,
    control: CompactionControl,
}

/// What a compaction has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// How many events went.
    pub events_removed: u64,
    /// Bytes of segments before and after, of those that were touched.
    pub bytes_before: u64,
    /// Bytes of what is in their place.
    pub bytes_after: u64,
    /// Segments of which nothing is left.
    pub segments_dropped: u64,
    /// Segments that were written anew.
    pub segments_rewritten: u64,
    /// Segments that became part of another one.
    pub segments_merged: u64,
    /// Snapshots that went because nobody can need them any more: their streams are deleted, closed or truncated behind them.
    pub snapshots_dropped: u64,
    /// Whether it has ended before it was done: it was told to, or a guard was set meanwhile.
    pub stopped: bool,
}

/// Why a store was not compacted to the end. What the manifest has is done, and of everything else nothing has happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// Only who writes a store can compact it.
    #[error("the store is open for reading only: open it for writing to compact it")]
    ReadOnly,
    /// Somebody else compacts it who was asked to.
    #[error("the store is being compacted already: wait until that is done, or stop it")]
    Busy,
    /// Rules could not be applied.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// It could not be written down how far guards are.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The store cannot be read; a damaged segment is not written anew.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log takes no events, so the ledger could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An erasure that is under way comes first, and could not be finished.
    #[error("an erasure that is under way could not be finished")]
    Erasure(#[source] Box<Interrupted>),
}

impl From<Interrupted> for CompactError {
    fn from(error: Interrupted) -> Self {
        CompactError::Erasure(Box::new(error))
    }
}

impl From<LogError> for CompactError {
    fn from(error: LogError) -> Self {
        CompactError::Read(error.into())
    }
}

impl Store {
    /// A compaction with the usual options.
    #[must_use]
    pub fn compaction(&self) -> Compaction {
        Compaction {
            plan: PlanOptions::new(self.shared().segment_bytes),
            store: self.clone(),
            bytes_per_second: Some(BYTES_PER_SECOND),
            compression: self.shared().compression,
            recompress: false,
            control: CompactionControl::new(),
        }
    }
}

impl Compaction {
    /// Whether everything goes that may go, however little it is of its segment. Default: no.
    #[must_use]
    pub fn all(mut self, all: bool) -> Self {
        self.plan = self.plan.all(all);
        self
    }

    /// A segment is written anew if at least this share of its bytes goes. Default: an eighth.
    #[must_use]
    pub fn rewrite_from(mut self, share: Share) -> Self {
        self.plan = self.plan.rewrite_from(share);
        self
    }

    /// Keeps what somebody has not read yet, beside what the [guards](Store::guards) of the store keep.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.plan = self.plan.guard(guard);
        self
    }

    /// The guard with this name does not count, whether it is one of the store or was given here.
    #[must_use]
    pub fn override_guard(mut self, name: impl Into<String>) -> Self {
        self.plan = self.plan.override_guard(name);
        self
    }

    /// How much of segments is read and written in a second at most; `None` for as fast as possible. Default: 64 MiB.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: Option<u64>) -> Self {
        self.bytes_per_second = bytes;
        self
    }

    /// How payloads are stored in what is written anew. Default: as the store was [opened](crate::Options::compression) with.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Whether sealed segments that are not stored so are written anew as well, although nothing goes of them, or too little. Default: no.
    #[must_use]
    pub fn recompress(mut self, recompress: bool) -> Self {
        self.recompress = recompress;
        self
    }

    /// Has it watched, paused and stopped through a handle.
    #[must_use]
    pub fn control(mut self, control: &CompactionControl) -> Self {
        self.control = control.clone();
        self
    }

    /// What would be done. Nothing is.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn plan(&self) -> Result<Plan, ReadError> {
        let mut plan = self.store.retention().plan(&self.plan)?;
        if self.recompress {
            recompress(&self.store.view(), self.compression, &mut plan)?;
        }
        Ok(plan)
    }

    /// Compacts the store on the caller's thread; appends and reads go on meanwhile, and readers that were begun before are not
    /// disturbed. Limits of bytes are [applied](crate::Retention::apply) first. If the store is being compacted in the background, that
    /// makes room at its next step.
    ///
    /// Each step ends in a manifest, so it can be stopped, and crash, at any point. A step is about one segment, or some small ones, and
    /// needs room for what stays of them; on a full disk it takes that which was laid out for appends. At the end, runs of the index that still hold names of what went are written anew.
    ///
    /// # Errors
    /// As [`CompactError`] says.
    pub fn run(&self) -> Result<CompactionReport, CompactError> {
        let core = self.store.shared();
        if !self.store.is_writable() {
            return Err(CompactError::ReadOnly);
        }
        let Some(_turn) = core.turns.ask() else { return Err(CompactError::Busy) };
        self.store.retention().apply()?;
        let job = Job::asked(&self.store, &self.plan, self.bytes_per_second, &self.control);
        let job = Job { compression: self.compression, recompress: self.recompress, ..job };
        let view = job.begin()?;
        let options = job.minding_guards(&view)?;
        let scope = Scope {
            view: &view,
            segment_bytes: core.segment_bytes,
            options: &options,
            only: None,
            passed: &|bytes| {
                self.control.surveyed(bytes);
                job.may_look_on()
            },
        };
        let Some(mut surveyed) = survey_all(&scope)? else {
            return Ok(CompactionReport { stopped: true, ..CompactionReport::default() });
        };
        if self.recompress {
            recompress(&view, self.compression, &mut surveyed.plan)?;
        }
        let mut report = job.carry_out(view, surveyed)?;
        if !report.stopped {
            let mut trim = || core.trim_runs(&|_| true, &|| job.may_go_on());
            report.stopped = !self.store.with_room(&mut trim)?;
        }
        Ok(report)
    }
}
