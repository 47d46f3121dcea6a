//! Compacting a store.

use super::control::CompactionControl;
use super::going::Going;
use super::pace::Pace;
use super::survey::{Surveyed, survey};
use super::unit::Unit;
use crate::core::Core;
use crate::erasure::Interrupted;
use crate::error::{AppendError, ReadError};
use crate::retention::RetentionError;
use crate::store::Store;
use annals_compaction::{Guard, Plan, PlanOptions, Share};
use annals_types::Position;
use annals_wal::LogError;
use std::time::Duration;

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
    /// Whether it was told to end before it was done.
    pub stopped: bool,
}

/// Why a store was not compacted to the end. What the manifest has is done, and of everything else nothing has happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// Only who writes a store can compact it.
    #[error("the store is open for reading only: open it for writing to compact it")]
    ReadOnly,
    /// It is being compacted already.
    #[error("the store is being compacted already: wait until that is done, or stop it")]
    Busy,
    /// Rules could not be applied.
    #[error(transparent)]
    Retention(#[from] RetentionError),
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

impl From<LogError> for CompactError {
    fn from(error: LogError) -> Self {
        CompactError::Read(error.into())
    }
}

/// One run of it.
pub(crate) struct Run<'c> {
    pub(super) core: &'c Core,
    pub(super) pace: Pace,
    /// The number of the compaction that the next manifest will be.
    pub(crate) number: u64,
    control: &'c CompactionControl,
}

impl<'c> Run<'c> {
    pub(crate) fn new(core: &'c Core, bytes_per_second: Option<u64>, control: &'c CompactionControl) -> Self {
        let number = core.catalog.lock().manifest().removed.map_or(0, |removed| removed.compaction) + 1;
        Run { core, pace: Pace::new(bytes_per_second), number, control }
    }

    pub(super) fn may_go_on(&self) -> bool {
        self.control.may_go_on(&|| self.core.may_go_on())
    }

    pub(super) fn note(&self, read: u64, written: u64) {
        self.control.note(|progress| {
            progress.bytes_read += read;
            progress.bytes_written += written;
        });
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

    /// Keeps what somebody has not read yet.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.plan = self.plan.guard(guard);
        self
    }

    /// The guard with this name does not count.
    #[must_use]
    pub fn override_guard(mut self, name: impl Into<String>) -> Self {
        self.plan = self.plan.override_guard(name);
        self
    }

    /// How much is read and written in a second at most; `None` for as fast as possible. Default: 64 MiB.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: Option<u64>) -> Self {
        self.bytes_per_second = bytes;
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
        self.store.retention().plan(&self.plan)
    }

    /// Compacts the store on the caller's thread; appends and reads go on meanwhile, and readers that were begun before are not
    /// disturbed. Limits of bytes are [applied](crate::Retention::apply) first.
    ///
    /// Each step ends in a manifest, so it can be stopped, and crash, at any point. It needs room for what stays of the segments of
    /// one run of the index, beside these.
    ///
    /// # Errors
    /// As [`CompactError`] says.
    pub fn run(&self) -> Result<CompactionReport, CompactError> {
        let core = self.store.shared();
        if !self.store.is_writable() {
            return Err(CompactError::ReadOnly);
        }
        let Some(_own) = core.compacting.try_lock_for(Duration::ZERO) else { return Err(CompactError::Busy) };
        self.store.retention().apply()?;
        let erased = self.store.finish_erasures(self.bytes_per_second, &self.control);
        erased.map_err(|error| CompactError::Erasure(Box::new(error)))?;
        self.store.write_ledger(&[])?;
        // What hides events has to be there after a crash when they are gone.
        self.store.sync()?;
        let view = self.store.view();
        let Surveyed { plan, blocked } = survey(&view, core.segment_bytes, &self.plan)?;
        let units = Unit::all(&core.parts.load_full().index, &plan);
        let bytes_total = units.iter().map(Unit::bytes).sum();
        self.control.note(|progress| progress.bytes_total = bytes_total);
        let mut going = Going::new(&view, blocked)?;
        let mut report = CompactionReport::default();
        for unit in units {
            if !self.step(core, &unit, &mut going, &mut report)? {
                report.stopped = true;
                break;
            }
        }
        self.store.write_ledger(&[])?;
        Ok(report)
    }

    /// Compacts one part of the index; `false` if it is to end.
    fn step(
        &self,
        core: &Core,
        unit: &Unit,
        going: &mut Going<'_>,
        report: &mut CompactionReport,
    ) -> Result<bool, CompactError> {
        let run = Run::new(core, self.bytes_per_second, &self.control);
        let number = run.number;
        let Some(written) = unit.write(&run, going)? else { return Ok(false) };
        if written.gone.first.is_none() && written.merged == 0 {
            // Somebody else was quicker.
            written.remove(core);
            return Ok(true);
        }
        let (dropped, rewritten, merged) = (written.dropped, written.rewritten, written.merged);
        let (last, removed) = (written.gone.last, written.gone.events.iter().sum::<u64>());
        if !unit.publish(core, written, number)? {
            // What stays of streams there must not be missing behind it. The rest is for the next time.
            return Ok(false);
        }
        let entry = core.catalog.lock().manifest().compactions.last().copied();
        if let Some(entry) = entry.filter(|entry| entry.number == number) {
            report.bytes_before += entry.bytes_before;
            report.bytes_after += entry.bytes_after;
        }
        report.events_removed += removed;
        report.segments_dropped += dropped;
        report.segments_rewritten += rewritten;
        report.segments_merged += merged;
        self.control.note(|progress| {
            progress.events_removed += removed;
            progress.position = Position::max(progress.position, last);
        });
        Ok(true)
    }
}
