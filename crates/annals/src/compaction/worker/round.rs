//! One round of the worker: looks whether something is worth it, and does that.

use super::super::going::Going;
use super::super::handle::{CompactError, CompactionReport};
use super::super::job::Job;
use super::super::pace::Pace;
use super::super::survey::{Blocked, Look, Scope, Surveyed};
use super::estimates::{BYTES_TOGETHER, Estimates, free_of, length};
use super::options::CompactionOptions;
use crate::error::ReadError;
use crate::retention::RetentionRound;
use crate::view::View;
use annals_compaction::{Action, Kept, PlanOptions, Share};
use annals_types::Position;
use annals_wal::Segment;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How often segments are read for a survey at most.
const SURVEYS_MAX: usize = 4;
/// What looking at one event costs about: a page of its segment, and some of the index.
const LOOK_BYTES: u64 = 64 * 4096;
/// Looking takes this share of the time while it lasts, in parts of 1000.
const LOOKING: u16 = 100;

/// What the worker remembers from round to round.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) estimates: Estimates,
    /// It has failed: parts of the index are compacted one by one, so that one that cannot be does not keep the others.
    singly: bool,
    /// Rounds until streams are measured again whose bytes are limited, and how many there were to be the last time.
    measure_in: (u32, u32),
}

/// Most rounds between two that measure streams.
const MEASURE_EVERY_MAX: u32 = 64;

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) report: CompactionReport,
    /// How long it has looked, without the rests in between.
    pub(super) spent: Duration,
    /// Whether all segments were looked at since the beginning.
    pub(super) whole: bool,
    pub(super) guards: Vec<String>,
    /// What could not be read while it was looking.
    pub(super) unreadable: Option<ReadError>,
}

pub(super) struct Round<'r> {
    pub(super) job: Job<'r>,
    pub(super) options: &'r CompactionOptions,
}

impl Round<'_> {
    pub(super) fn run(&self, memory: &mut Memory) -> Result<Outcome, CompactError> {
        let mut outcome = Outcome::default();
        // What a crash or an error has left of them. Without any, this is a look at one number.
        self.job.store.finish_erasures(&self.job)?;
        self.limit_bytes(memory)?;
        let view = self.job.store.view();
        if !view.may_hide()? {
            outcome.whole = true;
            return Ok(outcome);
        }
        if !self.look(&view, &mut memory.estimates, &mut outcome)? {
            return Ok(outcome);
        }
        let options = self.job.minding_guards(&view)?;
        let together = if memory.singly { 0 } else { BYTES_TOGETHER };
        let (chosen, guards) = memory.estimates.worth(&view, self.options.rewrite_from, &options, together);
        outcome.guards = guards;
        if chosen.is_empty() {
            memory.singly = false;
            return Ok(outcome);
        }
        let done = self.compact(chosen.clone(), &mut memory.estimates);
        match &done {
            Ok(report) if report.events_removed > 0 => memory.estimates.believe_again(),
            Ok(report) if report.stopped => {}
            Err(_) if !memory.singly => memory.singly = true,
            // Nothing went, or it cannot: others have their turn before it is tried again.
            Ok(_) | Err(_) => memory.estimates.deny(&chosen),
        }
        outcome.report = done?;
        Ok(outcome)
    }

    /// Enforces limits of bytes: that of the store always, those of streams now and then.
    fn limit_bytes(&self, memory: &mut Memory) -> Result<(), CompactError> {
        let retention = self.job.store.retention();
        let mut done = RetentionRound::default();
        retention.truncate_log(&mut done)?;
        let (left, before) = memory.measure_in;
        if left > 0 {
            memory.measure_in.0 = left - 1;
            return Ok(());
        }
        let pace = Pace::new(self.options.bytes_per_second).working(LOOKING);
        retention.truncate_streams(&mut done, &|begun, bytes| {
            self.job.rest_by(&pace, begun, bytes);
            self.job.may_go_on()
        })?;
        let next = if done.streams_truncated > 0 { 1 } else { (before * 2).clamp(1, MEASURE_EVERY_MAX) };
        memory.measure_in = (next, next);
        Ok(())
    }

    /// Looks at segments; `false` if it was told to end.
    fn look(&self, view: &View, estimates: &mut Estimates, outcome: &mut Outcome) -> Result<bool, ReadError> {
        let mut going = Going::new(view, Blocked::new())?;
        let pace = Pace::new(self.options.bytes_per_second).working(LOOKING);
        let (segments, whole) = estimates.next(view);
        for segment in segments {
            let begun = Pace::begin();
            if let Err(error) = estimates.look(view, segment, &mut going) {
                outcome.unreadable.get_or_insert(error);
            }
            outcome.spent += Pace::spent(&begun);
            self.job.rest_by(&pace, &begun, LOOK_BYTES);
            if !self.job.may_go_on() {
                return Ok(false);
            }
        }
        outcome.whole = whole;
        Ok(true)
    }

    /// Measures exactly what goes of some segments, and removes it.
    fn compact(
        &self,
        chosen: BTreeSet<u64>,
        estimates: &mut Estimates,
    ) -> Result<CompactionReport, CompactError> {
        let view = self.job.begin()?;
        let options = self.job.minding_guards(&view)?;
        match self.survey(&view, &options, chosen, estimates)? {
            Some(surveyed) => self.job.carry_out(&view, surveyed).map(|(report, _)| report),
            None => Ok(CompactionReport { stopped: true, ..CompactionReport::default() }),
        }
    }

    /// A survey of what was chosen; of what turns out not to be worth it no more, and of what keeps much of it, too. Each look is sound
    /// by itself, so the last one counts, whatever else it would have led to. `None` if it was told to end.
    fn survey(
        &self,
        view: &View,
        options: &PlanOptions,
        mut chosen: BTreeSet<u64>,
        estimates: &mut Estimates,
    ) -> Result<Option<Surveyed>, ReadError> {
        let mut forced = BTreeSet::new();
        let mut last = None;
        for _ in 0..SURVEYS_MAX {
            let begun = std::cell::Cell::new(Pace::begin());
            let passed = |bytes: u64| {
                self.job.control.surveyed(bytes);
                self.job.rest(&begun.get(), bytes);
                begun.set(Pace::begin());
                self.job.may_go_on()
            };
            let segment_bytes = self.job.store.shared().segment_bytes;
            let scope = Scope { view, segment_bytes, options, only: Some(&chosen), passed: &passed };
            let Some(look) = scope.look(&forced)? else { return Ok(None) };
            let before = (chosen.len(), forced.len());
            let denied = self.weigh(view, options, &look, estimates, (&mut chosen, &mut forced));
            last = Some(look.surveyed);
            if (chosen.len(), forced.len()) == before && denied.is_empty() {
                break;
            }
            estimates.deny(&denied);
            chosen.retain(|id| !denied.contains(id));
        }
        Ok(last)
    }

    /// What a look says of which segments should have been chosen. Told are those that should not.
    fn weigh(
        &self,
        view: &View,
        options: &PlanOptions,
        look: &Look,
        estimates: &Estimates,
        (chosen, forced): (&mut BTreeSet<u64>, &mut BTreeSet<u64>),
    ) -> BTreeSet<u64> {
        let share = self.options.rewrite_from;
        let planned: HashMap<u64, _> =
            look.surveyed.plan.segments.iter().map(|segment| (segment.figures.segment_id, segment)).collect();
        let credit = |first: Position| look.credit.get(&first).copied().unwrap_or(0);
        let mut denied = BTreeSet::new();
        for run in view.parts.index.iter().filter_map(|part| part.as_run()) {
            let segments = run.segments().iter();
            let surveyed = segments.clone().any(|segment| chosen.contains(&segment.id()));
            let for_others: u64 = segments.clone().map(|segment| credit(segment.first_position())).sum();
            if !surveyed {
                let going =
                    estimates.going(run, &|segment: &Segment| free_of(run, options).contains(&segment.id()));
                if for_others > 0 && share.is_reached_by_some(going.saturating_add(for_others), length(run)) {
                    chosen.extend(free_of(run, options));
                }
                continue;
            }
            let own = segments.clone().filter_map(|segment| planned.get(&segment.id()));
            let going: u64 = own.clone().map(|segment| segment.figures.going_bytes).sum();
            if !share.is_reached_by_some(going.saturating_add(for_others), length(run)) {
                denied.extend(
                    run.segments().iter().map(|segment| segment.id()).filter(|id| chosen.contains(id)),
                );
                continue;
            }
            for segment in own.filter(|segment| segment.action == Action::Keep(Kept::TooLittle)) {
                let figures = &segment.figures;
                if options.is_worth(
                    figures.going_bytes.saturating_add(credit(figures.first_position)),
                    figures.bytes,
                ) {
                    forced.insert(figures.segment_id);
                }
            }
        }
        denied
    }
}

/// How the plans of the worker are made.
pub(super) fn plan_options(segment_bytes: u64, rewrite_from: Share) -> PlanOptions {
    PlanOptions::new(segment_bytes).rewrite_from(rewrite_from)
}
