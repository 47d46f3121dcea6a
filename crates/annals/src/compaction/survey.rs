//! What may go of each segment, for a plan.
//!
//! A stream must not lose events while others before them stay: what is left of it would seem to be whole. So what a segment keeps,
//! because too little of it would go or somebody has not read it, keeps the hidden events of the same streams in all segments behind
//! it. If these are much, the segment is written anew for their sake.

use super::going::Going;
use crate::error::ReadError;
use crate::range::Range;
use crate::view::View;
use annals_compaction::{Action, Kept, Plan, PlanOptions, SegmentFigures, plan};
use annals_types::Position;
use annals_wal::Segment;
use std::collections::{BTreeSet, HashMap};

/// How often all events are read for a plan at most. Whatever still keeps others then is for the next time.
const ROUNDS_MAX: usize = 4;

/// Streams of which hidden events stay, by the hashes of their names, and the position behind which none may go. Two streams with
/// one hash only keep more.
pub(super) type Blocked = HashMap<u64, Position>;

/// A plan, and what it has to keep to.
pub(crate) struct Surveyed {
    pub(crate) plan: Plan,
    pub(super) blocked: Blocked,
}

/// What keeps what, while segments are looked at from the oldest to the newest.
#[derive(Default)]
struct Keeping {
    blocked: Blocked,
    /// By the first position of a segment that is kept: how many bytes behind it stay because of it.
    credit: HashMap<Position, u64>,
}

/// Plans by the rules of a view, which has everything there is.
pub(crate) fn survey(view: &View, segment_bytes: u64, options: &PlanOptions) -> Result<Surveyed, ReadError> {
    let mut forced = BTreeSet::new();
    for _ in 1..ROUNDS_MAX {
        let (surveyed, worth) = look(view, segment_bytes, options, &forced)?;
        if worth.is_subset(&forced) {
            return Ok(surveyed);
        }
        forced.extend(worth);
    }
    look(view, segment_bytes, options, &forced).map(|(surveyed, _)| surveyed)
}

/// One look at everything. Beside the plan are told the segments that are worth being written anew for the sake of others.
fn look(
    view: &View,
    segment_bytes: u64,
    options: &PlanOptions,
    forced: &BTreeSet<u64>,
) -> Result<(Surveyed, BTreeSet<u64>), ReadError> {
    let mut going = Going::new(view, Blocked::new())?;
    let (mut all, mut keeping) = (Vec::new(), Keeping::default());
    for (segment, first, last) in view.parts.segments_up_to(view.position()) {
        let entry = segment.sealed_entry().filter(|entry| entry.last_position() <= last);
        let mut figures = SegmentFigures {
            segment_id: segment.id(),
            first_position: first,
            last_position: entry.map_or(last, annals_format::SealedSegment::last_position),
            sealed: entry.is_some(),
            events: entry.map_or(last.next().events_since(first), |entry| entry.count),
            bytes: entry.map_or(segment_bytes, |entry| entry.length),
            going_events: 0,
            going_bytes: 0,
        };
        if entry.is_some() {
            let hidden = measure(view, segment, &mut figures, &mut going, &mut keeping)?;
            let alone = plan(vec![figures.clone()], options);
            let kept = matches!(alone.segments.first().map(|alone| &alone.action), Some(Action::Keep(_)));
            if kept && !forced.contains(&figures.segment_id) {
                for hash in hidden {
                    keeping.blocked.entry(hash).or_insert(first);
                }
            }
        }
        all.push(figures);
    }
    let mut plan = plan(all, options);
    let mut worth = BTreeSet::new();
    for segment in &mut plan.segments {
        let (figures, action) = (&segment.figures, &mut segment.action);
        if *action != Action::Keep(Kept::TooLittle) {
            continue;
        }
        let credit = keeping.credit.get(&figures.first_position).copied().unwrap_or(0);
        if forced.contains(&figures.segment_id) {
            *action = Action::Rewrite;
        } else if options.is_worth(figures.going_bytes.saturating_add(credit), figures.bytes) {
            worth.insert(figures.segment_id);
        }
    }
    Ok((Surveyed { plan, blocked: keeping.blocked }, worth))
}

/// Measures what goes of a segment. Told are the hashes of the streams of which events are hidden there.
fn measure(
    view: &View,
    segment: &Segment,
    figures: &mut SegmentFigures,
    going: &mut Going<'_>,
    keeping: &mut Keeping,
) -> Result<BTreeSet<u64>, ReadError> {
    let mut hidden = BTreeSet::new();
    let mut range = Range::new(&view.parts, figures.first_position, figures.last_position);
    while let Some(event) = range.next_event()? {
        if going.goes(&event)?.is_none() {
            continue;
        }
        let hash = going.hash(event.stream);
        hidden.insert(hash);
        let bytes = segment.room_of(event.position)?;
        match keeping.blocked.get(&hash) {
            Some(first) => *keeping.credit.entry(*first).or_default() += bytes,
            None => {
                figures.going_events += 1;
                figures.going_bytes += bytes;
            }
        }
    }
    Ok(hidden)
}
