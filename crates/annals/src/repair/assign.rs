//! To which streams lost events belonged, as far as that follows from what was kept.
//!
//! Versions of a stream are dense. If a stream has version 3 at position 10 and version 6 at position 20, the versions 4
//! and 5 were at two of the lost positions in between. Each such gap is so many things to do, not before one position
//! and not after another, one at each lost position: the position gets the version whose time runs out first (earliest
//! deadline first). That finds an assignment if there is one, and there is: the true one. Which of two gaps that overlap
//! gets which position is then a guess, but every stream gets all its versions, in order.

use annals_types::{Position, Version};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Versions of a stream that are missing between two of its events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gap {
    /// They lie behind this position,
    after: Position,
    /// before this one,
    before: Position,
    /// in this stream,
    stream: Arc<str>,
    /// from this version on,
    next: Version,
    /// and are so many.
    left: u64,
}

/// What is known of a stream that has events behind the first loss.
#[derive(Debug)]
struct Stream {
    /// Its last event before the first loss; version 0 if it has none there.
    before: (Version, Position),
    /// The first one behind it.
    first: (Version, Position),
    last: (Version, Position),
}

/// Collects the gaps, from everything whose stream and version are known, in order of positions. Memory grows with the
/// number of streams that have events behind the first loss, and of their gaps.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    streams: HashMap<Arc<str>, Stream, RandomState>,
    gaps: Vec<Gap>,
    /// Whether the beginnings of streams may have been removed, so that a version above 1 at first says nothing.
    compacted: bool,
}

impl Tracker {
    pub(super) fn new(compacted: bool) -> Self {
        Tracker { compacted, ..Tracker::default() }
    }

    /// A stream's version stands at a position behind the first loss.
    pub(super) fn behind(&mut self, stream: &str, version: Version, position: Position) {
        let here = (version, position);
        match self.streams.get_mut(stream) {
            None => {
                let known = Stream { before: (Version::ZERO, Position::ZERO), first: here, last: here };
                self.streams.insert(stream.into(), known);
            }
            Some(known) if version > known.last.0 => {
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
            known.before = (version, position);
        }
    }

    pub(super) fn finish(mut self) -> Assignment {
        let compacted = self.compacted;
        let has_beginning = |known: &Stream| !compacted || known.before.0 > Version::ZERO;
        for (name, known) in self.streams.iter().filter(|(_, known)| has_beginning(known)) {
            self.gaps.extend(gap(name, known.before, known.first));
        }
        self.gaps.sort_unstable();
        self.gaps.reverse();
        Assignment { waiting: self.gaps, due: BinaryHeap::new() }
    }
}

/// What is missing between two events of a stream.
fn gap(stream: &Arc<str>, from: (Version, Position), to: (Version, Position)) -> Option<Gap> {
    let left = to.0.get().checked_sub(from.0.get())?.checked_sub(1).filter(|left| *left > 0)?;
    let (after, before) = (from.1, to.1);
    Some(Gap { after, before, stream: Arc::clone(stream), next: from.0.next(), left })
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
    /// The first position from this one on that may be given to a stream.
    pub(super) fn next_due(&self, position: Position) -> Option<Position> {
        if !self.due.is_empty() {
            return Some(position);
        }
        self.waiting.last().map(|gap| gap.after.next().max(position))
    }

    /// The stream and version that a lost position gets; `None` if nothing is missing there. Positions come in order.
    pub(super) fn take(&mut self, position: Position) -> Option<(Arc<str>, Version)> {
        while self.waiting.last().is_some_and(|gap| gap.after < position) {
            self.due.extend(self.waiting.pop().map(|gap| Reverse((gap.before, gap))));
        }
        loop {
            let Reverse((before, mut gap)) = self.due.pop()?;
            if before <= position {
                // There was no room for all of it, which cannot be where the log was written by a store.
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
        let taken = given(&mut tracker.finish(), &[3, 4]);
        assert_eq!(taken, [Some(("b".to_owned(), 2)), Some(("a".to_owned(), 2))]);
    }

    #[test]
    fn what_was_before_the_first_loss_bounds_the_gap() {
        let mut tracker = Tracker::default();
        tracker.behind("a", Version::new(4), Position::new(9));
        tracker.before("a", Version::new(1), Position::new(1));
        tracker.before("a", Version::new(2), Position::new(2));
        tracker.before("other", Version::new(1), Position::new(3));
        assert_eq!(given(&mut tracker.finish(), &[5, 6]), [Some(("a".to_owned(), 3)), None]);
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
            let mut assignment = tracker.finish();
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
