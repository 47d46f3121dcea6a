//! A group of the dictionary: sixteen terms in order, and the lists of those that have a few positions.
//!
//! The key of a term is its kind's code and its name. An entry gives how many bytes its key shares with the
//! one before it in its group, then the rest of the key, then its [`TermEntry`]. The lists follow the
//! entries, so that a term and its positions mostly are on one page.

use super::postings::{BLOCK_POSITIONS, LIST_POSITION_BYTES_MAX, put_short_list};
use super::term::{TERM_NAME_BYTES_MAX, TermEntry, TermKind};
use super::varint::{VARINT_BYTES_MAX, put_varint, take_varint};
use crate::damage::Damage;
use crate::wire::u16_at;
use annals_types::Version;

/// Terms in a group; the last one may have fewer.
pub const GROUP_TERMS: usize = 16;
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

/// A term of a group, as it stands there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupTerm<'a> {
    /// How many bytes its key shares with the key before it.
    pub shared: usize,
    /// The rest of its key.
    pub rest: &'a [u8],
    /// Its kind, which is the first byte of its key.
    pub kind: TermKind,
    /// What the dictionary says of it.
    pub entry: TermEntry,
}

impl GroupTerm<'_> {
    /// Makes the key of the term before it into the term's own.
    pub fn update_key(&self, key: &mut Vec<u8>) {
        key.truncate(self.shared);
        key.extend_from_slice(self.rest);
    }
}

/// Walks the entries of a group.
#[derive(Clone, Debug)]
pub struct GroupCursor<'a> {
    rest: &'a [u8],
    /// Where `rest` ends in the file.
    end: u64,
    kind: Option<TermKind>,
    key_length: usize,
}

impl<'a> GroupCursor<'a> {
    /// Begins at the front of the entries of a group, which lie at `offset` of the file.
    #[must_use]
    pub fn new(entries: &'a [u8], offset: u64) -> Self {
        let end = offset.saturating_add(entries.len() as u64);
        GroupCursor { rest: entries, end, kind: None, key_length: 0 }
    }

    /// The next term, `None` behind the last.
    ///
    /// # Errors
    /// The bytes are no term: they end too early, or a length is not possible.
    #[inline]
    pub fn next_term(&mut self) -> Result<Option<GroupTerm<'a>>, Damage> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let shared = self.number("shared length of a term")?;
        if shared > self.key_length as u64 {
            return Err(self.damage("shared length of a term", shared, self.key_length));
        }
        let length = self.number("length of a term")?;
        let most = (TERM_NAME_BYTES_MAX + 1 - shared as usize).min(self.rest.len());
        if length > most as u64 {
            return Err(self.damage("length of a term", length, most));
        }
        let (rest, after) = self.rest.split_at(length as usize);
        self.key_length = shared as usize + rest.len();
        if shared == 0 {
            let code = rest.first().copied().unwrap_or(0);
            let Some(kind) = TermKind::from_code(code) else {
                return Err(self.damage("kind of a term", code.into(), TermKind::ALL.len()));
            };
            self.kind = Some(kind);
        }
        // A shared length above 0 means that there was a key before, and with it a kind.
        let kind = self.kind.unwrap_or(TermKind::Stream);
        self.rest = after;
        let entry = TermEntry {
            count: self.number("position count of a term")?,
            first_version: match kind {
                TermKind::Stream => Version::new(self.number("first version of a stream")?),
                _ => Version::ZERO,
            },
            place: self.number("place of the positions of a term")?,
        };
        Ok(Some(GroupTerm { shared: shared as usize, rest, kind, entry }))
    }

    fn number(&mut self, what: &'static str) -> Result<u64, Damage> {
        match take_varint(&mut self.rest) {
            Some(number) => Ok(number),
            None => Err(self.damage(what, 0, 0)),
        }
    }

    #[cold]
    fn damage(&self, what: &'static str, found: u64, expected: usize) -> Damage {
        Damage::new(self.end - self.rest.len() as u64, what, found, expected as u64)
    }
}

/// Looks a term up among the entries of its group, which lie at `offset` of the file. The whole key is compared,
/// but none is put together for that.
///
/// # Errors
/// The bytes before the term are no terms.
pub fn find_in_group(
    entries: &[u8],
    kind: TermKind,
    name: &[u8],
    offset: u64,
) -> Result<Option<TermEntry>, Damage> {
    let mut cursor = GroupCursor::new(entries, offset);
    // How many bytes the wanted key has in common with the one that the cursor has passed last.
    let mut agreed = 0;
    while let Some(term) = cursor.next_term()? {
        if term.shared > agreed {
            continue;
        }
        // Up to `shared` the key is the one before it, which agrees so far; the rest decides.
        let rest_agrees = match term.shared {
            0 if term.kind != kind => {
                agreed = 0;
                continue;
            }
            0 => 1 + common_length(&term.rest[1..], name),
            shared => common_length(term.rest, &name[shared - 1..]),
        };
        agreed = term.shared + rest_agrees;
        if agreed == name.len() + 1 && rest_agrees == term.rest.len() {
            return Ok(Some(term.entry));
        }
    }
    Ok(None)
}

fn common_length(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(kind: TermKind, name: &str) -> Vec<u8> {
        [&[kind.code()], name.as_bytes()].concat()
    }

    const TERMS: [(TermKind, &str); 8] = [
        (TermKind::Stream, "a"),
        (TermKind::Stream, "a-1"),
        (TermKind::Stream, "a-10"),
        (TermKind::Stream, "b"),
        (TermKind::Category, "a"),
        (TermKind::Type, ""),
        (TermKind::Type, "b"),
        (TermKind::Tag, "b"),
    ];

    /// Every term has the position of its place in the list and, if it is a stream, the version after it.
    fn entry(number: usize) -> TermEntry {
        let first_version = if number < 4 { number as u64 + 1 } else { 0 };
        TermEntry { count: 1, first_version: Version::new(first_version), place: number as u64 }
    }

    fn entries() -> Vec<u8> {
        let (mut group, mut out) = (GroupBuilder::default(), Vec::new());
        for (number, (kind, name)) in TERMS.into_iter().enumerate() {
            group.push(kind, name, entry(number).first_version, TermList::One(number as u64));
        }
        group.finish(&mut out);
        assert!(group.is_empty());
        let header = GroupHeader::decode(out.first_chunk().unwrap());
        assert_eq!(usize::from(header.entries_length) + GROUP_HEADER_BYTES, out.len());
        assert_eq!(header.lists_length, 0);
        out.split_off(GROUP_HEADER_BYTES)
    }

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

    #[test]
    fn every_term_of_a_group_is_found_and_no_other() {
        let bytes = entries();
        let find = |kind, name: &str| find_in_group(&bytes, kind, name.as_bytes(), 0).unwrap();
        for (number, (kind, name)) in TERMS.into_iter().enumerate() {
            assert_eq!(find(kind, name), Some(entry(number)), "{kind:?} {name}");
        }
        for kind in TermKind::ALL {
            for name in ["a-", "a-1", "a-10", "a-100", "aa", "b", "b0", "c", "", "a"] {
                assert_eq!(find(kind, name).is_some(), TERMS.contains(&(kind, name)), "{kind:?} {name}");
            }
        }
    }

    #[test]
    fn walking_a_group_gives_back_every_key() {
        let bytes = entries();
        let (mut cursor, mut found) = (GroupCursor::new(&bytes, 0), Vec::new());
        for (kind, name) in TERMS {
            cursor.next_term().unwrap().unwrap().update_key(&mut found);
            assert_eq!(found, key(kind, name));
        }
        assert_eq!(cursor.next_term(), Ok(None));
    }

    #[test]
    fn entries_that_end_early_have_fewer_terms_or_are_damage_at_their_end() {
        let bytes = entries();
        for length in 0..bytes.len() {
            let mut cursor = GroupCursor::new(&bytes[..length], 100);
            let found: Vec<_> = std::iter::from_fn(|| cursor.next_term().transpose()).take(20).collect();
            let whole = found.iter().take_while(|term| term.is_ok()).count();
            assert!(whole < TERMS.len());
            if let Some(Err(damage)) = found.get(whole) {
                assert!(damage.offset >= 100 && damage.offset <= 100 + length as u64, "{damage}");
            }
        }
    }

    #[test]
    fn impossible_lengths_and_kinds_are_damage() {
        for bytes in [
            &b"\x01\x01\x01\x01\x01\x01"[..],
            b"\x00\x00\x01\x01\x01",
            b"\x00\x01\x05\x01\x01",
            b"\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
            b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
        ] {
            assert!(GroupCursor::new(bytes, 0).next_term().is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..100), name: String) {
            let mut cursor = GroupCursor::new(&bytes, 0);
            let mut key = Vec::new();
            while let Ok(Some(term)) = cursor.next_term() {
                term.update_key(&mut key);
                prop_assert!(key.len() <= TERM_NAME_BYTES_MAX + 1);
            }
            let _ = find_in_group(&bytes, TermKind::Stream, name.as_bytes(), 0);
        }
    }
}
