//! Working off requests.

use super::choosing::{Chosen, ErasedAt};
use super::error::Interrupted;
use super::stretches::Stretches;
use super::under_way::Numbered;
use crate::committer::Committer;
use crate::compaction::{Job, Unit};
use crate::error::ReadError;
use crate::parts::Parts;
use crate::range::Range;
use crate::store::Store;
use annals_format::RunEntry;
use annals_types::planted::{Bug, planted};
use annals_types::{Erasure, EventRef, PayloadError, Position, Timestamp};
use std::collections::HashSet;

/// How often it is looked whether something is left: what was found in a segment that was not sealed is found again in one that is, and
/// behind what was rewritten there is nothing.
const LOOKS_MAX: usize = 64;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Executed {
    pub(crate) events: u64,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
    pub(crate) segments: u64,
    pub(crate) snapshots: u64,
}

/// Where there is still something to be erased.
#[derive(Debug, Default)]
struct Left {
    segments: HashSet<u64>,
    /// Whether some of it is in a segment that is not sealed.
    open: bool,
}

impl Store {
    /// Finishes all requests that are under way, for whoever's turn it is to compact. What is done stays done, and the rest is for the next
    /// call, also in another process.
    pub(crate) fn finish_erasures(&self, job: &Job<'_>) -> Result<Executed, Interrupted> {
        let core = self.shared();
        let mut executed = Executed::default();
        let Some(erasing) = core.parts.load_full().erasing.clone() else { return Ok(executed) };
        // What was asked for must not be lost when it is done in part.
        self.sync()?;
        let visible = core.watermark.visible();
        let chosen = Chosen::by(erasing.requests(&core.parts.load_full(), visible)?);
        // What a crash has left.
        self.write_ledger(chosen.requests())?;
        self.rewrite_erased(&chosen, job, &mut executed)?;
        if planted(Bug::ErasureFinishedBeforeLedger) {
            core.catalog.lock().erasures_finished(core.watermark.durable(), erasing.last())?;
        }
        self.write_ledger(chosen.requests())?;
        executed.snapshots = core.forget_states(chosen.requests().iter().map(|(_, request)| request))?;
        core.catalog.lock().erasures_finished(core.watermark.durable(), erasing.last())?;
        core.change_parts(|parts| parts.erasing = None);
        Ok(executed)
    }

    fn rewrite_erased(
        &self,
        chosen: &Chosen,
        job: &Job<'_>,
        executed: &mut Executed,
    ) -> Result<(), Interrupted> {
        let core = self.shared();
        for _ in 0..LOOKS_MAX {
            let parts = core.parts.load_full();
            let left = left_in(&parts, core.watermark.visible(), chosen)?;
            if left.open {
                self.seal_everything()?;
                continue;
            }
            if left.segments.is_empty() {
                return self.trim_erased(chosen, job);
            }
            let units = Unit::rewriting(&parts.index, &left.segments, core.segment_bytes);
            // Whoever holds them keeps the files.
            drop(parts);
            let ends = units.first().zip(units.last());
            let _held =
                ends.map(|(first, last)| core.hold_merges(first.first_position(), last.last_position()));
            for unit in units {
                self.with_room(&mut || self.rewrite_unit(&unit, chosen, job, executed))?;
            }
        }
        Err(Interrupted::StillThere)
    }

    /// Writes some segments anew.
    fn rewrite_unit(
        &self,
        unit: &Unit,
        chosen: &Chosen,
        job: &Job<'_>,
        executed: &mut Executed,
    ) -> Result<(), Interrupted> {
        let (core, run) = (self.shared(), job.next_run());
        let at = core.env.clock.now();
        let written = unit.write(&run, &mut ErasedAt { chosen, at })?.ok_or(Interrupted::Stopped)?;
        let (events, segments) = (written.gone.erased.events, written.rewritten);
        if events == 0 {
            written.remove(core);
            return Ok(());
        }
        let number = run.number;
        unit.publish(core, written, number)?;
        executed.note(core, number, events, segments);
        Ok(())
    }

    /// Runs that were made before may have tags of what was erased, which are not to be found on the disk any more either.
    fn trim_erased(&self, chosen: &Chosen, job: &Job<'_>) -> Result<(), Interrupted> {
        let positions = chosen.positions();
        let has_erased = |run: &RunEntry| {
            let file = run.file_span();
            positions.within(file.first_position, file.end().previous()).next().is_some()
        };
        match self.with_room(&mut || self.shared().trim_runs(&has_erased, &|| job.may_go_on()))? {
            true => Ok(()),
            false => Err(Interrupted::Stopped),
        }
    }

    /// Seals everything that is written, also the segment that is appended to.
    fn seal_everything(&self) -> Result<(), Interrupted> {
        let core = self.shared();
        self.with_writer(Committer::roll_over)?;
        while core.next_full().is_some() {
            if !core.may_go_on() {
                return Err(Interrupted::Stopped);
            }
            core.seal_next()?;
        }
        Ok(())
    }
}

impl Executed {
    fn note(&mut self, core: &crate::core::Core, number: u64, events: u64, segments: u64) {
        self.events += events;
        self.segments += segments;
        let entry = core.catalog.lock().manifest().compactions.last().copied();
        if let Some(entry) = entry.filter(|entry| entry.number == number) {
            self.bytes_before += entry.bytes_before;
            self.bytes_after += entry.bytes_after;
        }
    }
}

/// Looks at every event that is meant.
fn left_in(parts: &Parts, visible: Position, chosen: &Chosen) -> Result<Left, ReadError> {
    let mut left = Left::default();
    for (first, last) in chosen.positions().within(Position::FIRST, visible) {
        let mut range = Range::new(parts, first, last);
        while let Some(event) = range.next_event()? {
            if !chosen.wants(&event) {
                continue;
            }
            let Some(segment) = parts.segment_of(event.position) else { continue };
            match segment.sealed_entry() {
                Some(_) => drop(left.segments.insert(segment.id())),
                None => left.open = true,
            }
        }
    }
    Ok(left)
}

/// The events that a compaction has erased at a time, each with the number of the request that asked for it.
pub(crate) fn erased_at<'p, E: From<ReadError>>(
    parts: &'p Parts,
    requests: &[Numbered],
    (first, last): (Position, Position),
    at: Timestamp,
    mut each: impl FnMut(u64, &EventRef<'p>, &Erasure) -> Result<(), E>,
) -> Result<(), E> {
    let positions = Stretches::joined(requests.iter().map(|(_, request)| request.positions()));
    for (first, last) in positions.within(first, last) {
        let mut range = Range::new(parts, first, last);
        while let Some(event) = range.next_event()? {
            if !event.payload.is_erased() {
                continue;
            }
            let Err(PayloadError::Erased { erasure, .. }) = event.plain() else { continue };
            let asked = requests.iter().find(|(_, request)| request.has(event.position));
            if let Some((number, _)) = asked.filter(|_| erasure.erased_at == at) {
                each(*number, &event, &erasure)?;
            }
        }
    }
    Ok(())
}
