//! Terms: what events are found by.

use annals_types::Version;
use annals_types::limits::{EVENT_TYPE_BYTES_MAX, STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX};

/// Longest name of a term, in bytes: a category may be as long as a stream name.
pub const TERM_NAME_BYTES_MAX: usize = STREAM_NAME_BYTES_MAX;

const _: () = assert!(EVENT_TYPE_BYTES_MAX <= TERM_NAME_BYTES_MAX && TAG_BYTES_MAX <= TERM_NAME_BYTES_MAX);

/// What a term names. The number is the first byte of the term's key in a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TermKind {
    /// A stream, by its name.
    Stream = 1,
    /// The streams of a category, by the part of their name before the first `-`.
    Category = 2,
    /// The events of a type.
    Type = 3,
    /// The events with a tag.
    Tag = 4,
}

impl TermKind {
    /// All kinds, in the order of their codes.
    pub const ALL: [TermKind; 4] = [TermKind::Stream, TermKind::Category, TermKind::Type, TermKind::Tag];

    /// The code as stored.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(TermKind::Stream),
            2 => Some(TermKind::Category),
            3 => Some(TermKind::Type),
            4 => Some(TermKind::Tag),
            _ => None,
        }
    }

    /// The place of the kind in [`TermKind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize - 1
    }
}

/// What the dictionary says of a term.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TermEntry {
    /// How many positions it has; at least 1.
    pub count: u64,
    /// Of a stream: the version at the first of them. Otherwise [`Version::ZERO`].
    pub first_version: Version,
    /// Of one position: the position, relative to the run's first. Of a short list: where it is, relative to the
    /// lists of the group. Of a list of blocks: where its skip table is, relative to the dictionary.
    pub place: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_that_leads_back_to_it() {
        for (index, kind) in TermKind::ALL.into_iter().enumerate() {
            assert_eq!(TermKind::from_code(kind.code()), Some(kind));
            assert_eq!(kind.index(), index);
        }
        assert_eq!(TermKind::from_code(0), None);
        assert_eq!(TermKind::from_code(5), None);
    }
}
