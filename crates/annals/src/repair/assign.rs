//! To which streams lost events belonged, as far as that follows from what was kept.
//!
//! Versions of a stream are dense. If a stream has version 3 at position 10 and version 6 at position 20, the versions 4
//! and 5 were at two of the lost positions in between. Each such gap is so many things to do, not before one position
//! and not after another, one at each lost position: the position gets the version whose time runs out first (earliest
//! deadline first). That finds an assignment if there is one, and there is: the true one. Which of two gaps that overlap
//! gets which position is then a guess, but every stream gets all its versions, in order. Where compaction was interrupted
//! and no manifest tells which files count, there may be none: see [`Beginnings`].

use super::beginnings::Beginnings;
use annals_types::{Position, Version};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Versions of a stream that are missing between two of its events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gap {
    /// They lie behind this position,
    after: Position,
    /// before this one,
    before: Position,
    /// in this stream,
    pub(super) stream: Arc<str>,
    /// from this version on,
    pub(super) next: Version,
    /// and are so many.
    pub(super) left: u64,
    /// How many positions in between are missing.
    pub(super) missing: Missing,
}

/// How many positions are not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Missing {
    /// Their events were removed.
    pub(super) removed: u64,
    /// They were lost, or removed or lost, and no stream is known of them.
    pub(super) free: u64,
}

/// Where an event of a stream stands.
#[derive(Clone, Copy, Debug, Default)]
struct Stand {
    version: Version,
    position: Position,
    /// How many positions before it are missing, as far as these are counted.
    missing: Missing,
}

/// What is known of a stream that has events behind the first loss.
#[derive(Debug)]
struct Stream {
    /// Its last event before the first loss; version 0 if it has none there.
    before: Stand,
    /// The first one behind it.
    first: Stand,
    last: Stand,
}

/// Stretches of positions, in order: first and last.
pub(super) type Free = Vec<(Position, Position)>;

/// Collects the gaps, from everything whose stream and version are known, in order of positions. Memory grows with the
/// number of streams that have events behind the first loss, and of their gaps.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    streams: HashMap<Arc<str>, Stream, RandomState>,
    gaps: Vec<Gap>,
    /// Whether the beginnings of streams may have been removed, so that a version above 1 at first says nothing.
    compacted: bool,
    /// Whether older editions may be beside newer ones, so that what is missing is looked at, too.
    mixed: bool,
    missing: Missing,
    /// The free positions, if these are looked at.
    free: Free,
}

impl Tracker {
    pub(super) fn new(compacted: bool, mixed: bool) -> Self {
        Tracker { compacted, mixed, ..Tracker::default() }
    }

    /// Positions behind the first loss whose events were removed.
    pub(super) fn removed(&mut self, first: Position, last: Position) {
        self.missing.removed += last.next().events_since(first);
    }

    /// Positions behind the first loss that may be given to a stream.
    pub(super) fn free(&mut self, first: Position, last: Position) {
        if !self.mixed || first > last {
            return;
        }
        self.missing.free += last.next().events_since(first);
        match self.free.last_mut() {
            Some(stretch) if stretch.1.next() == first => stretch.1 = last,
            _ => self.free.push((first, last)),
        }
    }

    /// A stream's version stands at a position behind the first loss.
    pub(super) fn behind(&mut self, stream: &str, version: Version, position: Position) {
        let here = Stand { version, position, missing: self.missing };
        match self.streams.get_mut(stream) {
            None => {
                let known = Stream { before: Stand::default(), first: here, last: here };
                self.streams.insert(stream.into(), known);
            }
            Some(known) if version > known.last.version => {
                let from = std::mem::replace(&mut known.last, here);
                if let Some((name, _)) = self.streams.get_key_value(stream) {
                    self.gaps.extend(gap(name, from, here));
                }
            }
            // Nothing that was appended does this; what is written tells what becomes of it.
            Some(_) => {}
        }
    }

    /// A stream's version stands at a position before the first loss. Told after all that lies behind it.
    pub(super) fn before(&mut self, stream: &str, version: Version, position: Position) {
        if let Some(known) = self.streams.get_mut(stream) {
            known.before = Stand { version, position, missing: Missing::default() };
        }
    }

    pub(super) fn finish(mut self) -> (Assignment, Beginnings) {
        let compacted = self.compacted;
        let has_beginning = |known: &Stream| !compacted || known.before.version > Version::ZERO;
        for (name, known) in self.streams.iter().filter(|(_, known)| has_beginning(known)) {
            self.gaps.extend(gap(name, known.before, known.first));
        }
        let beginnings = match self.mixed {
            true => Beginnings::of(&mut self.gaps, &self.free),
            false => Beginnings::default(),
        };
        (Assignment::of(self.gaps), beginnings)
    }
}

/// What is missing between two events of a stream.
fn gap(stream: &Arc<str>, from: Stand, to: Stand) -> Option<Gap> {
    let versions = to.version.get().checked_sub(from.version.get())?;
    let left = versions.checked_sub(1).filter(|left| *left > 0)?;
    let (after, before, next) = (from.position, to.position, from.version.next());
    let missing = Missing {
        removed: to.missing.removed - from.missing.removed,
        free: to.missing.free - from.missing.free,
    };
    Some(Gap { after, before, stream: Arc::clone(stream), next, left, missing })
}

/// Gives lost positions to streams, in order of positions.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    /// Gaps that have not begun yet, the next one last.
    waiting: Vec<Gap>,
    /// Gaps that have, the one that ends first on top.
    due: BinaryHeap<Reverse<(Position, Gap)>>,
}

impl Assignment {
    pub(super) fn of(mut gaps: Vec<Gap>) -> Self {
        gaps.sort_unstable();
        gaps.reverse();
        Assignment { waiting: gaps, due: BinaryHeap::new() }
    }

    /// The first position from this one on that may be given to a stream.
    pub(super) fn next_due(&self, position: Position) -> Option<Position> {
        if !self.due.is_empty() {
            return Some(position);
        }
        self.waiting.last().map(|gap| gap.after.next().max(position))
    }

    /// The stream and version that a lost position gets; `None` if nothing is missing there. Positions come in order.
    pub(super) fn take(&mut self, position: Position) -> Option<(Arc<str>, Version)> {
        self.take_or(position, &mut |_| {})
    }

    /// As [`Assignment::take`], and hands over the gaps that end before the position and were not filled.
    fn take_or(&mut self, position: Position, unfilled: &mut dyn FnMut(Gap)) -> Option<(Arc<str>, Version)> {
        while self.waiting.last().is_some_and(|gap| gap.after < position) {
            self.due.extend(self.waiting.pop().map(|gap| Reverse((gap.before, gap))));
        }
        loop {
            let Reverse((before, mut gap)) = self.due.pop()?;
            if before <= position {
                // There was no room for all of it.
                unfilled(gap);
                continue;
            }
            let given = (Arc::clone(&gap.stream), gap.next);
            gap.next = gap.next.next();
            gap.left -= 1;
            if gap.left > 0 {
                self.due.push(Reverse((before, gap)));
            }
            return Some(given);
        }
    }

    /// The gaps for which there is no room if each free position is given to one; what is left of them.
    pub(super) fn unfilled(mut self, free: &Free) -> Vec<Gap> {
        let mut unfilled = Vec::new();
        for (first, last) in free {
            let mut position = *first;
            while let Some(due) = self.next_due(position).filter(|due| due <= last) {
                self.take_or(due, &mut |gap| unfilled.push(gap));
                position = due.next();
            }
        }
        unfilled.extend(self.waiting);
        unfilled.extend(self.due.into_iter().map(|Reverse((_, gap))| gap));
        unfilled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given(assignment: &mut Assignment, positions: &[u64]) -> Vec<Option<(String, u64)>> {
        let take = |position: &u64| {
            let taken = assignment.take(Position::new(*position));
            taken.map(|(stream, version)| (stream.to_string(), version.get()))
        };
        positions.iter().map(take).collect()
    }

    #[test]
    fn a_gap_that_ends_first_is_filled_first() {
        let mut tracker = Tracker::default();
        for (stream, version, position) in [("a", 1, 1), ("b", 1, 2), ("b", 3, 5), ("a", 3, 6)] {
            tracker.behind(stream, Version::new(version), Position::new(position));
        }
        let taken = given(&mut tracker.finish().0, &[3, 4]);
        assert_eq!(taken, [Some(("b".to_owned(), 2)), Some(("a".to_owned(), 2))]);
    }

    #[test]
    fn what_was_before_the_first_loss_bounds_the_gap() {
        let mut tracker = Tracker::default();
        tracker.behind("a", Version::new(4), Position::new(9));
        tracker.before("a", Version::new(1), Position::new(1));
        tracker.before("a", Version::new(2), Position::new(2));
        tracker.before("other", Version::new(1), Position::new(3));
        assert_eq!(given(&mut tracker.finish().0, &[5, 6]), [Some(("a".to_owned(), 3)), None]);
    }

    proptest! {
        #[test]
        fn every_stream_gets_all_its_versions_in_order(
            log in proptest::collection::vec((0..5_u8, any::<bool>()), 1..60)
        ) {
            let mut tracker = Tracker::default();
            let mut versions = [0_u64; 5];
            let (mut kept, mut lost) = (Vec::new(), Vec::new());
            for ((stream, is_lost), position) in log.iter().zip(1_u64..) {
                let version = &mut versions[usize::from(*stream)];
                *version += 1;
                if *is_lost {
                    lost.push(position);
                } else {
                    tracker.behind(&stream.to_string(), Version::new(*version), Position::new(position));
                    kept.push((position, stream.to_string(), *version));
                }
            }
            let mut assignment = tracker.finish().0;
            for position in &lost {
                if let Some((stream, version)) = assignment.take(Position::new(*position)) {
                    kept.push((*position, stream.to_string(), version.get()));
                }
            }
            kept.sort_unstable();
            let mut heads = [0_u64; 5];
            for (_, stream, version) in kept {
                let head = &mut heads[stream.parse::<usize>().unwrap()];
                *head += 1;
                prop_assert_eq!(version, *head);
            }
        }
    }
}
