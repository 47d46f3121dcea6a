//! One round of the worker: looks whether something is worth it, and does that.

use super::super::going::Going;
use super::super::handle::{CompactError, CompactionReport};
use super::super::job::Job;
use super::super::pace::Pace;
use super::super::survey::{Blocked, Look, Scope, Surveyed};
use super::estimates::{BYTES_TOGETHER, Estimates, sealed};
use super::options::CompactionOptions;
use crate::error::ReadError;
use crate::retention::RetentionRound;
use crate::view::View;
use annals_compaction::{Action, Kept, PlanOptions, Share};
use std::collections::BTreeSet;
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
    /// It has failed: segments are compacted one by one, so that one that cannot be does not keep the others.
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
        // Whoever holds a view keeps the files that it shows.
        drop(view);
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
            Some(surveyed) => self.job.carry_out(view, surveyed),
            None => Ok(CompactionReport { stopped: true, ..CompactionReport::default() }),
        }
    }

    /// A survey of what was chosen, and of small neighbours that may become one with it; then without what turns out not to be worth it,
    /// and with what keeps much of it. Each look is sound by itself, so the last one counts, whatever else it would have led to. `None`
    /// if it was told to end.
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
            let looked_at = with_small_neighbours(view, options, &chosen, segment_bytes);
            let scope = Scope { view, segment_bytes, options, only: Some(&looked_at), passed: &passed };
            let Some(look) = scope.look(&forced)? else { return Ok(None) };
            let before = (chosen.len(), forced.len());
            let denied = self.weigh(options, &look, estimates, (&mut chosen, &mut forced));
            last = Some(look.surveyed);
            // Of those that others have kept more may go once these go as well.
            if (chosen.len(), forced.len()) != before {
                continue;
            }
            if denied.is_empty() {
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
        options: &PlanOptions,
        look: &Look,
        estimates: &Estimates,
        (chosen, forced): (&mut BTreeSet<u64>, &mut BTreeSet<u64>),
    ) -> BTreeSet<u64> {
        let share = self.options.rewrite_from;
        let mut denied = BTreeSet::new();
        for segment in look.surveyed.plan.segments.iter().filter(|segment| segment.figures.sealed) {
            let figures = &segment.figures;
            let id = figures.segment_id;
            let for_others = look.credit.get(&figures.first_position).copied().unwrap_or(0);
            if !figures.surveyed {
                let going = estimates.going(id).saturating_add(for_others);
                let free = options.guard_of(figures.last_position).is_none();
                if for_others > 0 && free && share.is_reached_by_some(going, figures.bytes) {
                    chosen.insert(id);
                }
                continue;
            }
            let going = figures.going_bytes.saturating_add(for_others);
            if !share.is_reached_by_some(going, figures.bytes) {
                denied.extend(Some(id).filter(|id| chosen.contains(id)));
            } else if segment.action == Action::Keep(Kept::TooLittle)
                && options.is_worth(going, figures.bytes)
            {
                forced.insert(id);
            }
        }
        denied
    }
}

/// What was chosen, and on either side of each of them segments of which so little is left that they may become one with it, up to a
/// full one.
fn with_small_neighbours(
    view: &View,
    options: &PlanOptions,
    chosen: &BTreeSet<u64>,
    segment_bytes: u64,
) -> BTreeSet<u64> {
    let segments: Vec<(u64, u64, bool)> = sealed(view)
        .map(|(segment, entry)| {
            (segment.id(), entry.length, options.guard_of(entry.last_position()).is_none())
        })
        .collect();
    let mut all = chosen.clone();
    let mut add = |side: &mut dyn Iterator<Item = &(u64, u64, bool)>| {
        let mut bytes = 0;
        for (id, length, free) in side {
            bytes += length;
            if !free || Share::QUARTER.is_reached_by_some(*length, segment_bytes) || bytes > segment_bytes {
                break;
            }
            all.insert(*id);
        }
    };
    for (at, _) in segments.iter().enumerate().filter(|(_, (id, ..))| chosen.contains(id)) {
        add(&mut segments[..at].iter().rev());
        add(&mut segments[at + 1..].iter());
    }
    all
}

/// How the plans of the worker are made.
pub(super) fn plan_options(segment_bytes: u64, rewrite_from: Share) -> PlanOptions {
    PlanOptions::new(segment_bytes).rewrite_from(rewrite_from)
}
