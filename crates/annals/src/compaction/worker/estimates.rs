//! About how much of each segment may go, known without reading them.
//!
//! Of each segment some events are looked at, wherever they stand, however large the segment is. What is remembered is as old as the
//! last look, and only decides which segments are read for a survey, which is exact. So an estimate that is wrong costs reading, or
//! time until the next look, and nothing else.

use super::super::going::Going;
use crate::error::ReadError;
use crate::view::View;
use annals_compaction::{PlanOptions, Share};
use annals_format::SealedSegment;
use annals_wal::Segment;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// So many events of a segment are looked at. If an eighth of a segment goes, one in 5000 looks finds nothing of it.
const SAMPLES: u64 = 64;
/// So many segments are looked at in one look at most; the next one goes on behind them.
const SEGMENTS_TOGETHER: usize = 1024;
/// Of so many bytes of segments what may go is measured and removed at once.
pub(super) const BYTES_TOGETHER: u64 = 1 << 30;

/// What is known of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Estimate {
    edition: u64,
    /// About how many bytes may go.
    going: u64,
    /// How many seemed to when that turned out not to be so, or to be of no use: they are not believed again.
    denied: u64,
}

/// What is known of all segments, by their numbers: 40 bytes for each.
#[derive(Debug, Default)]
pub(super) struct Estimates {
    known: BTreeMap<u64, Estimate>,
    /// The segment that was looked at last.
    last: Option<u64>,
    /// How often it was looked, so that it is not always the same events.
    looks: u64,
}

impl Estimates {
    /// The segments to look at next, and whether these are the last ones of a round through all.
    pub(super) fn next<'v>(&mut self, view: &'v View) -> (Vec<&'v Segment>, bool) {
        let all: BTreeMap<u64, &Segment> = sealed(view).map(|(segment, _)| (segment.id(), segment)).collect();
        self.known.retain(|id, estimate| {
            all.get(id)
                .and_then(|segment| segment.sealed_entry())
                .is_some_and(|entry| entry.edition() == estimate.edition)
        });
        self.looks += 1;
        let from = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let next: Vec<_> = all
            .range((from, Bound::Unbounded))
            .map(|(_, segment)| *segment)
            .take(SEGMENTS_TOGETHER)
            .collect();
        let round = next.last().map(|last| last.id()) == all.keys().next_back().copied() || next.is_empty();
        self.last = next.last().map(|last| last.id()).filter(|_| !round);
        (next, round)
    }

    /// Looks at some events of a segment. What cannot be read is told, and nothing of it is believed to go.
    pub(super) fn look(
        &mut self,
        view: &View,
        segment: &Segment,
        going: &mut Going,
    ) -> Result<(), ReadError> {
        let Some(entry) = segment.sealed_entry() else { return Ok(()) };
        let (id, edition) = (segment.id(), entry.edition());
        let known = self.known.entry(id).or_default();
        if known.edition != edition {
            *known = Estimate::default();
        }
        (known.edition, known.going) = (edition, 0);
        let seed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.looks.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        known.going = sample(view, segment, entry.length, seed, going)?;
        Ok(())
    }

    /// The segments that are worth a survey, from the oldest on, one at least, and more as long as these have so many bytes; and the
    /// guards that keep others that would be.
    pub(super) fn worth(
        &self,
        view: &View,
        share: Share,
        options: &PlanOptions,
        together: u64,
    ) -> (BTreeSet<u64>, Vec<String>) {
        let (mut chosen, mut guards, mut bytes) = (BTreeSet::new(), Vec::new(), 0);
        for (segment, entry) in sealed(view) {
            if !share.is_reached_by_some(self.going(segment.id()), entry.length) {
                continue;
            }
            match options.guard_of(entry.last_position()) {
                Some(guard) if guards.contains(&guard.name) => {}
                Some(guard) => guards.push(guard.name.clone()),
                None if chosen.is_empty() || bytes < together => {
                    bytes += entry.length;
                    chosen.insert(segment.id());
                }
                None => {}
            }
        }
        (chosen, guards)
    }

    /// About how many bytes of a segment may go.
    pub(super) fn going(&self, segment: u64) -> u64 {
        self.known.get(&segment).map_or(0, |estimate| estimate.going.saturating_sub(estimate.denied))
    }

    /// What seems to go of these segments does not, or it failed.
    pub(super) fn deny(&mut self, segments: &BTreeSet<u64>) {
        for id in segments {
            if let Some(estimate) = self.known.get_mut(id) {
                estimate.denied = estimate.denied.max(estimate.going);
            }
        }
    }

    /// Everything is as it was not before, so it is looked at with new eyes.
    pub(super) fn believe_again(&mut self) {
        self.known.values_mut().for_each(|estimate| estimate.denied = 0);
    }
}

/// The sealed segments of a view, in the order of their positions.
pub(super) fn sealed(view: &View) -> impl Iterator<Item = (&Segment, &SealedSegment)> {
    let all = view.parts.segments.iter().filter_map(|segment| Some((&**segment, segment.sealed_entry()?)));
    all.filter(|(_, entry)| entry.last_position() <= view.position())
}

/// About how many bytes of a segment may go, by some of its events, one of each stretch.
fn sample(
    view: &View,
    segment: &Segment,
    length: u64,
    seed: u64,
    going: &mut Going,
) -> Result<u64, ReadError> {
    let events = segment.sealed_entry().map_or(0, |entry| entry.count);
    let samples = events.min(SAMPLES);
    let (mut all, mut gone) = (0_u64, 0_u64);
    for number in 0..samples {
        let (start, end) = (number * events / samples, (number + 1) * events / samples);
        let rank = start + (seed >> (number % 32)) % (end - start).max(1);
        let position = segment.position_of(rank)?;
        let Some(event) = view.parts.event(position)? else { continue };
        let bytes = segment.room_of(position)?;
        all += bytes;
        if going.may_go(&event)? {
            gone += bytes;
        }
    }
    // Bytes of one segment, at most 4 GiB each.
    Ok(u64::try_from(u128::from(length) * u128::from(gone) / u128::from(all.max(1))).unwrap_or(length))
}
