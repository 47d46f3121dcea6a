//! Reading the entries of a group: one after the other, or looking for one.

use super::group::common_length;
use super::term::{TERM_NAME_BYTES_MAX, TermEntry, TermKind};
use crate::damage::Damage;
use crate::varint::take_varint;
use annals_types::Version;

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

#[cfg(test)]
mod tests {
    use super::super::group::{GROUP_HEADER_BYTES, GroupBuilder, GroupHeader, TermList};
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
