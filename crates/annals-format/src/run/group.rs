//! A group of the dictionary: sixteen terms in order, and the lists of those that have a few positions.
//!
//! The key of a term is its kind's code and its name. An entry gives how many bytes its key shares with the
//! one before it in its group, then the rest of the key, then its [`TermEntry`]. The lists follow the
//! entries, so that a term and its positions mostly are on one page.

use super::postings::{BLOCK_POSITIONS, LIST_POSITION_BYTES_MAX, put_short_list};
use super::term::{TERM_NAME_BYTES_MAX, TermEntry, TermKind};
use crate::varint::{VARINT_BYTES_MAX, put_varint};
use crate::wire::u16_at;
use annals_types::Version;

/// Terms in a group; the last one may have fewer.
pub const GROUP_TERMS: usize = 16;
/// Length of a word of the group table, which has the place of each group.
pub const TABLE_WORD_BYTES: u64 = 8;
/// Length of the header of a group.
pub const GROUP_HEADER_BYTES: usize = 4;

const ENTRY_BYTES_MAX: usize = TERM_NAME_BYTES_MAX + 1 + 5 * VARINT_BYTES_MAX;
const LIST_BYTES_MAX: usize = BLOCK_POSITIONS * LIST_POSITION_BYTES_MAX as usize;

const _: () = assert!(GROUP_TERMS * ENTRY_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(GROUP_TERMS * LIST_BYTES_MAX <= u16::MAX as usize);

/// The front of a group: how long its two parts are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupHeader {
    /// Length of the entries.
    pub entries_length: u16,
    /// Length of the lists, which follow the entries.
    pub lists_length: u16,
}

impl GroupHeader {
    /// Reads a header.
    #[must_use]
    pub fn decode(bytes: &[u8; GROUP_HEADER_BYTES]) -> Self {
        GroupHeader { entries_length: u16_at(bytes, 0), lists_length: u16_at(bytes, 2) }
    }
}

/// The positions of a term on their way into the dictionary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermList<'a> {
    /// One position.
    One(u64),
    /// 2 to 128 positions, which go into the group.
    Short(&'a [u64]),
    /// A list of blocks that is in the dictionary already.
    Blocks {
        /// How many positions it has.
        count: u64,
        /// Where its skip table is, relative to the dictionary.
        place: u64,
    },
}

/// Puts a group together.
#[derive(Clone, Debug, Default)]
pub struct GroupBuilder {
    terms: usize,
    entries: Vec<u8>,
    lists: Vec<u8>,
    previous: Vec<u8>,
    key: Vec<u8>,
}

impl GroupBuilder {
    /// Whether there is no term yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms == 0
    }

    /// Whether the group has all the terms it can have.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.terms == GROUP_TERMS
    }

    /// Adds a term behind the others.
    pub fn push(&mut self, kind: TermKind, name: &str, first_version: Version, list: TermList<'_>) {
        debug_assert!(!self.is_full());
        self.key.clear();
        self.key.push(kind.code());
        self.key.extend_from_slice(name.as_bytes());
        let (count, place) = match list {
            TermList::One(position) => (1, position),
            TermList::Short(positions) => (positions.len() as u64, self.lists.len() as u64),
            TermList::Blocks { count, place } => (count, place),
        };
        put_entry(&mut self.entries, &self.previous, &self.key, &TermEntry { count, first_version, place });
        if let TermList::Short(positions) = list {
            put_short_list(&mut self.lists, positions);
        }
        std::mem::swap(&mut self.key, &mut self.previous);
        self.terms += 1;
    }

    /// Appends the group to `out` and begins the next one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        for length in [self.entries.len(), self.lists.len()] {
            debug_assert!(length <= usize::from(u16::MAX));
            out.extend_from_slice(&(length as u16).to_le_bytes());
        }
        out.extend_from_slice(&self.entries);
        out.extend_from_slice(&self.lists);
        self.terms = 0;
        self.entries.clear();
        self.lists.clear();
        self.previous.clear();
    }
}

fn put_entry(out: &mut Vec<u8>, previous: &[u8], key: &[u8], entry: &TermEntry) {
    debug_assert!(previous < key && entry.count > 0);
    let shared = common_length(previous, key);
    put_varint(out, shared as u64);
    put_varint(out, (key.len() - shared) as u64);
    out.extend_from_slice(&key[shared..]);
    put_varint(out, entry.count);
    if key.first() == Some(&TermKind::Stream.code()) {
        put_varint(out, entry.first_version.get());
    }
    put_varint(out, entry.place);
}

/// How many bytes at the front of both are the same.
pub(super) fn common_length(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_share_the_front_of_their_keys_and_lists_follow_them() {
        let (mut group, mut out) = (GroupBuilder::default(), Vec::new());
        let long = TermList::Blocks { count: 1000, place: 300 };
        group.push(TermKind::Stream, "a", Version::FIRST, TermList::One(9));
        group.push(TermKind::Stream, "a-1", Version::new(2), TermList::Short(&[5, 7]));
        group.push(TermKind::Stream, "a-10", Version::new(3), TermList::Short(&[6, 8, 300]));
        group.push(TermKind::Type, "b", Version::ZERO, long);
        group.finish(&mut out);
        let golden: [&[u8]; 6] = [
            b"\x1C\0\x06\0",
            b"\0\x02\x01a\x01\x01\x09",
            b"\x02\x02-1\x02\x02\0",
            b"\x04\x010\x03\x03\x02",
            b"\0\x02\x03b\xE8\x07\xAC\x02",
            b"\x05\x01\x06\x01\xA3\x02",
        ];
        assert_eq!(out, golden.concat());
    }
}
