//! What may go of each segment, for a plan.
//!
//! A stream must not lose events while others before them stay: what is left of it would seem to be whole. So what a segment keeps,
//! because too little of it would go or somebody has not read it, keeps the hidden events of the same streams in all segments behind
//! it. If these are much, the segment is written anew for their sake.
//!
//! A survey may be of some segments only. The others keep what they have, and what goes of a stream must not have a gap there.

use super::going::Going;
use crate::error::ReadError;
use crate::query::Query;
use crate::range::Range;
use crate::view::View;
use annals_compaction::{Action, Kept, Plan, PlanOptions, SegmentFigures, plan};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Version};
use annals_wal::Segment;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// How often all events are read for a plan at most. Whatever still keeps others then is for the next time.
const ROUNDS_MAX: usize = 4;

/// Streams of which hidden events stay, by the hashes of their names, and the position behind which none may go. Two streams with
/// one hash only keep more.
pub(super) type Blocked = HashMap<u64, Position>;

/// A plan, and what it has to keep to.
#[derive(Default)]
pub(crate) struct Surveyed {
    pub(crate) plan: Plan,
    pub(super) blocked: Blocked,
}

/// What a survey is about, and what it is told between events.
pub(super) struct Scope<'s> {
    pub(super) view: &'s View,
    pub(super) segment_bytes: u64,
    pub(super) options: &'s PlanOptions,
    /// The segments that are looked at; `None` for all.
    pub(super) only: Option<&'s BTreeSet<u64>>,
    /// Called with the bytes that were read; `false` to end.
    pub(super) passed: &'s dyn Fn(u64) -> bool,
}

/// A survey, and what would be gained if segments that are kept were written anew.
pub(super) struct Look {
    pub(super) surveyed: Surveyed,
    /// By the first position of a segment that is kept: how many bytes behind it stay because of it.
    pub(super) credit: HashMap<Position, u64>,
}

/// What keeps what, while segments are looked at from the oldest to the newest.
#[derive(Default)]
struct Keeping {
    blocked: Blocked,
    credit: HashMap<Position, u64>,
    /// Streams of which something is hidden that was met, by the hashes of their names.
    met: HashMap<u64, Met>,
}

/// A stream of which something goes, and the version with which that has to go on.
struct Met {
    stream: Box<str>,
    next: Version,
}

/// Events between two calls of [`Scope::passed`].
const STRETCH: u64 = 512;

/// Plans by the rules of a view, which has everything there is.
pub(crate) fn survey(view: &View, segment_bytes: u64, options: &PlanOptions) -> Result<Surveyed, ReadError> {
    let scope = Scope { view, segment_bytes, options, only: None, passed: &|_| true };
    survey_all(&scope).map(Option::unwrap_or_default)
}

/// The same with a scope; `None` if it was told to end.
pub(super) fn survey_all(scope: &Scope<'_>) -> Result<Option<Surveyed>, ReadError> {
    let mut forced = BTreeSet::new();
    for round in 1..=ROUNDS_MAX {
        let Some(mut look) = scope.look(&forced)? else { return Ok(None) };
        let worth = scope.worth(&mut look, &forced);
        if worth.is_subset(&forced) || round == ROUNDS_MAX {
            return Ok(Some(look.surveyed));
        }
        forced.extend(worth);
    }
    Ok(None)
}

impl Scope<'_> {
    /// One look at everything that it is about; `None` if it was told to end. Segments that are forced count as worth it.
    pub(super) fn look(&self, forced: &BTreeSet<u64>) -> Result<Option<Look>, ReadError> {
        let mut going = Going::new(self.view, Blocked::new())?;
        let (mut all, mut keeping) = (Vec::new(), Keeping::default());
        for (segment, first, last) in self.view.parts.segments_up_to(self.view.position()) {
            let entry = segment.sealed_entry().filter(|entry| entry.last_position() <= last);
            let mut figures = SegmentFigures {
                segment_id: segment.id(),
                first_position: first,
                last_position: entry.map_or(last, annals_format::SealedSegment::last_position),
                sealed: entry.is_some(),
                surveyed: self.only.is_none_or(|only| only.contains(&segment.id())),
                events: entry.map_or(last.next().events_since(first), |entry| entry.count),
                bytes: entry.map_or(self.segment_bytes, |entry| entry.length),
                going_events: 0,
                going_bytes: 0,
            };
            if entry.is_some() && figures.surveyed {
                let hidden = self.measure(segment, &mut figures, &mut going, &mut keeping)?;
                let Some(hidden) = hidden else { return Ok(None) };
                let alone = plan(vec![figures.clone()], self.options);
                let kept = matches!(alone.segments.first().map(|alone| &alone.action), Some(Action::Keep(_)));
                if kept && !forced.contains(&figures.segment_id) {
                    for hash in hidden {
                        keeping.blocked.entry(hash).or_insert(first);
                    }
                }
            }
            all.push(figures);
        }
        let mut plan = plan(all, self.options);
        for segment in &mut plan.segments {
            if segment.action == Action::Keep(Kept::TooLittle) && forced.contains(&segment.figures.segment_id)
            {
                segment.action = Action::Rewrite;
            }
        }
        let surveyed = Surveyed { plan, blocked: keeping.blocked };
        Ok(Some(Look { surveyed, credit: keeping.credit }))
    }

    /// The segments of which too little goes that are worth being written anew for the sake of others.
    fn worth(&self, look: &mut Look, forced: &BTreeSet<u64>) -> BTreeSet<u64> {
        let segments = look.surveyed.plan.segments.iter();
        let too_little = segments.filter(|segment| {
            segment.action == Action::Keep(Kept::TooLittle) && !forced.contains(&segment.figures.segment_id)
        });
        let worth = too_little.filter(|segment| {
            let credit = look.credit.get(&segment.figures.first_position).copied().unwrap_or(0);
            self.options.is_worth(segment.figures.going_bytes.saturating_add(credit), segment.figures.bytes)
        });
        worth.map(|segment| segment.figures.segment_id).collect()
    }

    /// Measures what goes of a segment. Told are the hashes of the streams of which events are hidden there; `None` if it was told to
    /// end.
    fn measure(
        &self,
        segment: &Segment,
        figures: &mut SegmentFigures,
        going: &mut Going,
        keeping: &mut Keeping,
    ) -> Result<Option<BTreeSet<u64>>, ReadError> {
        let mut hidden = BTreeSet::new();
        let mut range = Range::new(&self.view.parts, figures.first_position, figures.last_position);
        let each = figures.bytes / figures.events.max(1);
        let mut seen = 0;
        while let Some(event) = range.next_event()? {
            seen += 1;
            if seen % STRETCH == 0 && !(self.passed)(STRETCH * each) {
                return Ok(None);
            }
            if !going.may_go(&event)? {
                continue;
            }
            let hash = going.hash(event.stream);
            hidden.insert(hash);
            if self.only.is_some() {
                self.note(&event, hash, keeping)?;
            }
            let bytes = segment.room_of(event.position)?;
            match keeping.blocked.get(&hash) {
                Some(first) => *keeping.credit.entry(*first).or_default() += bytes,
                None => {
                    figures.going_events += 1;
                    figures.going_bytes += bytes;
                }
            }
        }
        let more = (self.passed)(seen % STRETCH * each);
        Ok(more.then_some(hidden))
    }

    /// What goes of a stream has to go on where it ended before. Where it does not, something between lies where nobody looks, and
    /// stays; so does what lies before the first that is met.
    fn note(&self, event: &EventRef<'_>, hash: u64, keeping: &mut Keeping) -> Result<(), ReadError> {
        let next = event.version.next();
        let met = match keeping.met.entry(hash) {
            Entry::Vacant(new) => {
                new.insert(Met { stream: event.stream.into(), next });
                None
            }
            Entry::Occupied(met) => Some(met.into_mut()).filter(|met| *met.stream == *event.stream),
        };
        let expected = met.map(|met| std::mem::replace(&mut met.next, next));
        if expected == Some(event.version) || (expected.is_some() && planted(Bug::GapOfSurveyNotSeen)) {
            return Ok(());
        }
        let query = Query::stream(event.stream).limit(1);
        let query = expected.into_iter().fold(query, Query::from_version);
        let stored = View::new(self.view.parts.clone(), self.view.taken);
        let first = stored.read(query)?.next().transpose()?;
        let Some(first) = first.map(|first| first.position).filter(|first| *first < event.position) else {
            return Ok(());
        };
        let segment = self.view.parts.segment_of(first).map_or(first, Segment::first_position);
        keeping.blocked.entry(hash).and_modify(|from| *from = segment.min(*from)).or_insert(segment);
        Ok(())
    }
}
