//! The planner.

use super::figures::{Action, Kept, Plan, PlannedSegment, SegmentFigures};
use super::options::PlanOptions;
use std::ops::Range;

/// Plans what is to be done with the segments of a log, which come in their order.
///
/// ```
/// use annals_compaction::{Action, PlanOptions, SegmentFigures, plan};
/// use annals_types::Position;
/// let segment = |number: u64, going: u64| SegmentFigures {
///     segment_id: number,
///     first_position: Position::new(number * 100 + 1),
///     last_position: Position::new(number * 100 + 100),
///     sealed: true,
///     surveyed: true,
///     events: 100,
///     bytes: 1000,
///     going_events: going,
///     going_bytes: going * 10,
/// };
/// let plan = plan(vec![segment(0, 100), segment(1, 20), segment(2, 3)], &PlanOptions::new(1000));
/// assert_eq!(plan.segments[0].action, Action::Drop);
/// assert_eq!(plan.segments[1].action, Action::Rewrite);
/// assert!(matches!(plan.segments[2].action, Action::Keep(_)));
/// assert_eq!(plan.goes(), (120, 1200));
/// ```
#[must_use]
pub fn plan(segments: Vec<SegmentFigures>, options: &PlanOptions) -> Plan {
    let mut segments: Vec<_> = segments
        .into_iter()
        .map(|figures| PlannedSegment { action: alone(&figures, options), figures })
        .collect();
    for group in groups(&segments, options) {
        for index in group.clone() {
            segments[index].action = Action::Merge(group.clone());
        }
    }
    Plan { segments }
}

/// What would be done with a segment if it had no neighbours.
fn alone(figures: &SegmentFigures, options: &PlanOptions) -> Action {
    if !figures.sealed {
        return Action::Keep(Kept::NotSealed);
    }
    if !figures.surveyed {
        return Action::Keep(Kept::NotSurveyed);
    }
    if let Some(guard) = options.guard_of(figures.last_position) {
        return Action::Keep(Kept::Guard(guard.name.clone()));
    }
    if figures.going_events == 0 {
        return Action::Keep(Kept::NothingGoes);
    }
    if figures.going_events >= figures.events {
        return Action::Drop;
    }
    if options.all || options.rewrite_from.is_reached(figures.going_bytes, figures.bytes) {
        return Action::Rewrite;
    }
    Action::Keep(Kept::TooLittle)
}

/// Runs of neighbours that become one segment each.
fn groups(segments: &[PlannedSegment], options: &PlanOptions) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut open: Option<(Range<usize>, u64)> = None;
    for (index, segment) in segments.iter().enumerate() {
        let left = segment.figures.bytes_left();
        let fits = |bytes: u64| bytes.saturating_add(left) <= options.segment_bytes;
        open = match open {
            _ if !may_be_merged(segment, options) => {
                groups.extend(open.take().map(|(group, _)| group));
                None
            }
            Some((group, bytes)) if fits(bytes) => Some((group.start..index + 1, bytes + left)),
            other => {
                groups.extend(other.map(|(group, _)| group));
                Some((index..index + 1, left))
            }
        };
    }
    groups.extend(open.map(|(group, _)| group));
    // Small ones from which nothing goes were small before: that alone is no reason to write them anew.
    let something_goes = |group: &Range<usize>| {
        segments[group.clone()].iter().any(|segment| segment.action == Action::Rewrite)
    };
    groups.retain(|group| group.len() > 1 && something_goes(group));
    groups
}

/// Whether so little is left of a segment that it may become one with a neighbour.
fn may_be_merged(segment: &PlannedSegment, options: &PlanOptions) -> bool {
    let small = !options.merge_below.is_reached(segment.figures.bytes_left(), options.segment_bytes.max(1));
    match segment.action {
        Action::Rewrite | Action::Keep(Kept::TooLittle | Kept::NothingGoes) => small,
        Action::Keep(_) | Action::Drop | Action::Merge(_) => false,
    }
}
