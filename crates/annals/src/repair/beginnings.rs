//! Where streams begin whose files have more of them than the store had.
//!
//! Compaction goes from the oldest segment to the newest, and of a stream it removes the beginning. So whatever editions a manifest names,
//! no version of a stream is missing between two that are there. A crash leaves replaced editions beside those that replaced them, and where
//! the newest edition of a segment is damaged and the manifest with it, an older one may be all there is. It is whole, but has events
//! that were removed since; and if segments behind it are of a later compaction, what was removed in these is missing between the two.
//!
//! So if versions of a stream are missing, and positions at which they can have been lost are not enough for them, some were removed, and
//! with them everything that is before them in their stream. Who kept that could not keep what is behind.

use super::assign::{Assignment, Free, Gap};
use annals_types::Version;
use annals_types::planted::{Bug, planted};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// The versions with which streams begin, where something of them that was removed is still there. Memory grows with the number of such
/// streams.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    first: HashMap<Arc<str>, Version, RandomState>,
}

impl Beginnings {
    /// What gaps between versions prove, of which each free position can fill one at most. Takes the gaps out that no loss has made.
    pub(super) fn of(gaps: &mut Vec<Gap>, free: &Free) -> Self {
        let mut beginnings = Beginnings::default();
        if planted(Bug::RepairBelievesOlderEdition) {
            return beginnings;
        }
        // Those for which there is no room first: they must not take that of others.
        for gap in gaps.iter().filter(|gap| gap.left > gap.missing.free) {
            beginnings.learn(gap);
        }
        gaps.retain(|gap| !beginnings.has_removed(&gap.stream, gap.next));
        for gap in Assignment::of(gaps.clone()).unfilled(free) {
            beginnings.learn(&gap);
        }
        gaps.retain(|gap| !beginnings.has_removed(&gap.stream, gap.next));
        beginnings
    }

    /// The stream begins behind a gap, if that can be one of events that were removed. Where segments of different copies of a store
    /// were put together, it may be none.
    fn learn(&mut self, gap: &Gap) {
        if gap.left > gap.missing.removed + gap.missing.free {
            return;
        }
        let first = gap.next.plus(gap.left);
        let known = self.first.entry(Arc::clone(&gap.stream)).or_insert(first);
        *known = first.max(*known);
    }

    /// Whether an event was removed from the store, wherever it has been found.
    pub(super) fn has_removed(&self, stream: &str, version: Version) -> bool {
        self.first.get(stream).is_some_and(|first| version < *first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::assign::Tracker;
    use super::*;
    use annals_types::Position;

    fn at(position: u64) -> Position {
        Position::new(position)
    }

    fn tracker(mixed: bool, events: &[(&str, u64, u64)], missing: &[(&str, u64, u64)]) -> Tracker {
        let mut tracker = Tracker::new(true, mixed);
        for position in 1..=30 {
            for (what, first, _) in missing.iter().filter(|(_, first, _)| *first == position) {
                let last =
                    missing.iter().find(|stretch| stretch.1 == *first).map_or(*first, |stretch| stretch.2);
                match *what {
                    "removed" => tracker.removed(at(*first), at(last)),
                    _ => tracker.free(at(*first), at(last)),
                }
            }
            for (stream, version, _) in events.iter().filter(|event| event.2 == position) {
                tracker.behind(stream, Version::new(*version), at(position));
            }
        }
        tracker
    }

    #[test]
    fn what_stands_before_removed_versions_was_removed() {
        let events = [("a", 1, 1), ("b", 1, 2), ("a", 2, 3), ("a", 6, 10), ("b", 2, 11)];
        let (_, beginnings) = tracker(true, &events, &[("removed", 4, 9)]).finish();
        assert!(
            beginnings.has_removed("a", Version::new(5)) && !beginnings.has_removed("a", Version::new(6))
        );
        assert!(!beginnings.has_removed("b", Version::new(1)));
    }

    #[test]
    fn versions_for_which_there_are_lost_positions_were_lost() {
        let events = [("a", 1, 1), ("a", 4, 10)];
        let missing = [("removed", 2, 4), ("free", 5, 6)];
        let (mut assignment, beginnings) = tracker(true, &events, &missing).finish();
        assert!(!beginnings.has_removed("a", Version::new(1)));
        let taken = [5, 6].map(|position| assignment.take(at(position)).map(|(_, version)| version.get()));
        assert_eq!(taken, [Some(2), Some(3)]);
    }

    #[test]
    fn removed_versions_do_not_take_the_positions_of_lost_ones() {
        let events = [("a", 1, 1), ("b", 1, 2), ("a", 9, 12), ("b", 3, 13)];
        let missing = [("removed", 3, 9), ("free", 10, 10)];
        let (mut assignment, beginnings) = tracker(true, &events, &missing).finish();
        assert!(
            beginnings.has_removed("a", Version::new(8)) && !beginnings.has_removed("b", Version::new(1))
        );
        let taken = assignment.take(at(10)).map(|(stream, version)| (stream.to_string(), version.get()));
        assert_eq!(taken, Some(("b".to_owned(), 2)));
    }

    #[test]
    fn of_versions_that_share_too_few_lost_positions_some_were_removed() {
        let events = [("a", 1, 1), ("b", 1, 2), ("a", 3, 12), ("b", 3, 13)];
        let missing = [("removed", 3, 9), ("free", 10, 10)];
        let (mut assignment, beginnings) = tracker(true, &events, &missing).finish();
        assert!(
            !beginnings.has_removed("a", Version::new(1)) && beginnings.has_removed("b", Version::new(2))
        );
        let taken = assignment.take(at(10)).map(|(stream, version)| (stream.to_string(), version.get()));
        assert_eq!(taken, Some(("a".to_owned(), 2)));
    }

    #[test]
    fn where_nothing_was_removed_versions_that_are_missing_prove_nothing() {
        let events = [("a", 1, 1), ("a", 6, 10)];
        let (_, beginnings) = tracker(true, &events, &[("removed", 2, 3)]).finish();
        assert!(!beginnings.has_removed("a", Version::new(1)));
        let (_, beginnings) = tracker(false, &events, &[("removed", 2, 9)]).finish();
        assert!(!beginnings.has_removed("a", Version::new(1)));
    }
}
