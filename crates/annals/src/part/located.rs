//! What a part of the index answers to a name.

use annals_index::{Postings, TermKey, TermKind};
use annals_types::Version;

/// A term found in a part: where its positions are.
#[derive(Debug)]
pub(crate) struct Located {
    pub(super) kind: TermKind,
    pub(super) name: Box<str>,
    count: u64,
    first_version: Version,
    pub(super) found: Found,
}

impl Located {
    pub(super) fn new(kind: TermKind, name: &str, postings: Postings) -> Self {
        Located {
            kind,
            name: name.into(),
            count: postings.count(),
            first_version: postings.first_version(),
            found: Found::Whole(postings),
        }
    }

    /// What was found in a run for a key.
    pub(crate) fn of_key(key: &TermKey<'_>, postings: Postings) -> Self {
        Self::new(key.kind(), key.name(), postings)
    }

    /// How many positions there are; at least one.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Of a stream: the version of the event at the first position.
    pub(crate) fn first_version(&self) -> Version {
        self.first_version
    }

    /// Of a stream: the version of the event at the last position.
    pub(crate) fn last_version(&self) -> Version {
        self.first_version.plus(self.count - 1)
    }

    /// One that was found in the index of one segment.
    pub(super) fn piece(kind: TermKind, name: &str, segment: usize, postings: Postings) -> Self {
        let count = postings.count();
        let found = Found::Pieces(vec![(segment, count)]);
        Located { kind, name: name.into(), count, first_version: postings.first_version(), found }
    }

    /// Adds what was found in the index of another one.
    pub(super) fn add_piece(&mut self, segment: usize, count: u64) {
        self.count += count;
        if let Found::Pieces(pieces) = &mut self.found {
            pieces.push((segment, count));
        }
    }
}

/// Where the positions of a term are.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// In the run, or in the memory index.
    Whole(Postings),
    /// In the indexes made again: of which segments, and how many positions each has. The indexes are not kept here, for
    /// there may be more of them than fit into memory.
    Pieces(Vec<(usize, u64)>),
}
