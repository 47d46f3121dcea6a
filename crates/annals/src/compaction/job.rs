//! Carrying out a plan, unit by unit.

use super::control::CompactionControl;
use super::going::Going;
use super::handle::{CompactError, CompactionReport};
use super::pace::Pace;
use super::survey::Surveyed;
use super::unit::Unit;
use super::worker::is_open;
use crate::core::Core;
use crate::error::ReadError;
use crate::room::is_disk_full;
use crate::store::Store;
use crate::view::View;
use annals_compaction::PlanOptions;
use annals_types::{Compression, Position};
use annals_vfs::sync::Deadline;
use std::collections::VecDeque;

/// So many steps are told to the ledger together.
const LEDGER_EVERY: usize = 16;

/// How a store is compacted this time.
pub(crate) struct Job<'j> {
    pub(super) store: &'j Store,
    /// What was asked for, without the guards of the store.
    pub(super) options: &'j PlanOptions,
    pub(super) pace: Pace,
    pub(super) control: &'j CompactionControl,
    /// How payloads are stored in what is written anew.
    pub(super) compression: Compression,
    /// Whether segments are also written anew for that alone.
    pub(super) recompress: bool,
    /// Whether it makes room for one that was asked for.
    pub(super) gives_way: bool,
}

/// One unit of it.
pub(crate) struct Run<'c> {
    pub(super) core: &'c Core,
    /// The number of the compaction that the next manifest will be.
    pub(crate) number: u64,
    pub(super) compression: Compression,
    job: &'c Job<'c>,
}

impl Run<'_> {
    pub(super) fn may_go_on(&self) -> bool {
        self.job.may_go_on()
    }

    /// A step of the work begins.
    pub(super) fn begin_step(&self) -> Deadline {
        Pace::begin()
    }

    /// A step that has read and written so many bytes has ended: waits as long as it was too quick.
    pub(super) fn end_step(&self, begun: &Deadline, read: u64, written: u64) {
        self.job.control.note(|progress| {
            progress.bytes_read += read;
            progress.bytes_written += written;
        });
        self.rest(begun, read + written);
    }

    /// Waits behind a step that has begun then, and was about so many bytes.
    pub(super) fn rest(&self, begun: &Deadline, bytes: u64) {
        self.job.rest(begun, bytes);
    }
}

impl<'j> Job<'j> {
    /// One that somebody has asked for.
    pub(crate) fn asked(
        store: &'j Store,
        options: &'j PlanOptions,
        bytes_per_second: Option<u64>,
        control: &'j CompactionControl,
    ) -> Self {
        let (pace, compression) = (Pace::new(bytes_per_second), store.shared().compression);
        Job { store, options, pace, control, compression, recompress: false, gives_way: false }
    }

    /// The next unit.
    pub(crate) fn next_run(&self) -> Run<'_> {
        let core = self.store.shared();
        let number = core.catalog.lock().manifest().removed.map_or(0, |removed| removed.compaction) + 1;
        Run { core, number, compression: self.compression, job: self }
    }

    /// Whether it is not to end. Waits as long as it is paused.
    pub(crate) fn may_go_on(&self) -> bool {
        self.control.may_go_on(&|| self.is_wanted())
    }

    /// The same, and a pause does not count: where nothing is written it need not wait.
    pub(super) fn may_look_on(&self) -> bool {
        !self.control.is_stopped() && self.is_wanted()
    }

    /// Waits behind a step that has begun then, and read and wrote so many bytes.
    pub(super) fn rest(&self, begun: &Deadline, bytes: u64) {
        self.rest_by(&self.pace, begun, bytes);
    }

    /// The same by another pace.
    pub(super) fn rest_by(&self, pace: &Pace, begun: &Deadline, bytes: u64) {
        self.control.rest(pace.rest(Pace::spent(begun), bytes), &|| self.is_wanted());
    }

    fn is_wanted(&self) -> bool {
        let core = self.store.shared();
        is_open(core) && !(self.gives_way && core.turns.is_asked())
    }

    /// Does what has to be done before anything is removed, and takes a view of it.
    pub(super) fn begin(&self) -> Result<View, CompactError> {
        self.control.begin();
        // Also for the ledger: what was erased is told by who knows the requests.
        self.store.finish_erasures(self)?;
        self.store.write_ledger(&[])?;
        self.store.guards().write_told()?;
        // What hides events has to be there after a crash when they are gone, and so has what guards say.
        self.store.sync()?;
        Ok(self.store.view())
    }

    /// What was asked for, with the guards that a view shows.
    pub(super) fn minding_guards(&self, view: &View) -> Result<PlanOptions, ReadError> {
        let guards = self.store.shared().guards.minded(view)?;
        Ok(guards.into_iter().fold(self.options.clone(), PlanOptions::guard))
    }

    /// Does what is planned, from the oldest segments to the newest.
    ///
    /// The view is given away: as long as somebody has it, no file that it shows is removed.
    pub(super) fn carry_out(&self, view: View, surveyed: Surveyed) -> Result<CompactionReport, CompactError> {
        let core = self.store.shared();
        let Surveyed { plan, blocked } = surveyed;
        let units = Unit::all(&core.parts.load_full().index, &plan, core.segment_bytes);
        self.control.note(|progress| progress.bytes_total = units.iter().map(Unit::bytes).sum());
        let going = Going::new(&view, blocked)?;
        drop(view);
        let mut report = CompactionReport::default();
        report.stopped = !self.carry_out_all(core, units, going, &mut report)?;
        self.store.write_ledger(&[])?;
        // All of them are looked at, which in the background is only done behind other work.
        if !report.stopped && (!self.gives_way || report.events_removed > 0) {
            report.snapshots_dropped = self.store.forget_useless_states()?;
        }
        Ok(report)
    }

    /// `false` if it has ended before.
    fn carry_out_all(
        &self,
        core: &Core,
        units: Vec<Unit>,
        mut going: Going,
        report: &mut CompactionReport,
    ) -> Result<bool, CompactError> {
        let Some(last) = units.last().map(Unit::last_position) else { return Ok(true) };
        let held = core.hold_merges(Position::FIRST, last);
        let newest = core.catalog.lock().manifest().sealed.last().map(|entry| entry.id);
        let mut units = VecDeque::from(units);
        while let Some(unit) = units.pop_front() {
            held.advance(unit.first_position());
            // What stays of streams there must not be missing behind it.
            let mut step = || self.step(core, &unit, &mut going, report);
            match self.store.with_room(&mut step) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    // Where what stays of all has no room, what stays of the first may have some; and then there is more.
                    let apart = unit.apart(newest).filter(|_| is_disk_full(&error)).ok_or(error)?;
                    apart.into_iter().rev().for_each(|unit| units.push_front(unit));
                    continue;
                }
            }
            going.renew(core.parts.load_full());
            // Until the ledger has them, each manifest has all of them.
            if core.catalog.lock().manifest().compactions.len() >= LEDGER_EVERY {
                self.store.write_ledger(&[])?;
            }
        }
        Ok(true)
    }

    /// Compacts some segments. `false` if it is to end, or a guard was set meanwhile.
    fn step(
        &self,
        core: &Core,
        unit: &Unit,
        going: &mut Going,
        report: &mut CompactionReport,
    ) -> Result<bool, CompactError> {
        let run = self.next_run();
        let number = run.number;
        let Some(written) = unit.write(&run, going)? else { return Ok(false) };
        if written.gone.first.is_none() && written.merged == 0 && !self.recompress {
            // Nothing goes: what blocks it became known behind the survey.
            written.remove(core);
            return Ok(true);
        }
        let (dropped, rewritten, merged) = (written.dropped, written.rewritten, written.merged);
        let (last, removed) = (written.gone.last, written.gone.events.iter().sum::<u64>());
        // A guard that is set from here on finds what is left; one that was set since this was planned keeps what is there.
        let changing = core.guards.changing.lock();
        let guards = self.minding_guards(&self.store.view()).inspect_err(|_| written.remove(core))?;
        if removed > 0 && guards.guard_of(last).is_some() {
            written.remove(core);
            return Ok(false);
        }
        unit.publish(core, written, number)?;
        drop(changing);
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
