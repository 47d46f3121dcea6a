//! Looking up terms, their positions, and ids.

use super::terms::Term;
use super::{MemoryIndex, lists};
use crate::key::{IdKey, TermKey};
use crate::postings::Postings;
use annals_format::run::TermKind;
use annals_types::{Position, Uuid, Version};

impl MemoryIndex {
    /// Where a term is, `None` if it has not occurred.
    #[must_use]
    pub fn find(&self, kind: TermKind, key: &str) -> Option<Postings> {
        self.terms.find(kind, key).map(|number| self.terms.get(number).postings(number))
    }

    /// As [`MemoryIndex::find`], with the hash computed before: for who asks many parts for the same term.
    #[must_use]
    pub fn find_key(&self, key: &TermKey<'_>) -> Option<Postings> {
        let hash = key.hash(self.terms.hash_seed());
        let number = self.terms.find_hashed(hash, key.kind(), key.name())?;
        Some(self.terms.get(number).postings(number))
    }

    /// Appends to `out` the positions of the ordinals `from..from + limit`, as far as there are, ascending.
    pub fn positions(&self, postings: &Postings, from: u64, limit: usize, out: &mut Vec<Position>) {
        let Some(term) = self.term(postings) else { return };
        let wanted = postings.ordinals(from, limit);
        let mut start = 0;
        for slice in self.lists.slices(&term.list) {
            if start >= wanted.end {
                break;
            }
            let end = start + slice.len() as u64;
            let (low, high) = (wanted.start.clamp(start, end), wanted.end.clamp(start, end));
            let found = &slice[(low - start) as usize..(high - start) as usize];
            out.extend(found.iter().map(|position| self.first_position.plus((*position).into())));
            start = end;
        }
    }

    /// How many of the first `postings.count()` positions lie at or before `position`.
    #[must_use]
    pub fn rank(&self, postings: &Postings, position: Position) -> u64 {
        let Some(term) = self.term(postings) else { return 0 };
        if position < self.first_position {
            return 0;
        }
        let relative = position.events_since(self.first_position);
        let mut rank = 0;
        for slice in self.lists.slices(&term.list) {
            let within = slice.partition_point(|position| u64::from(*position) <= relative);
            rank += within as u64;
            if within < slice.len() || rank >= postings.count {
                break;
            }
        }
        rank.min(postings.count)
    }

    /// Appends to `out` the positions that may have an id, ascending.
    pub fn find_id(&self, id: Uuid, out: &mut Vec<Position>) {
        self.find_id_key(&IdKey::new(id, self.terms.hash_seed()), out);
    }

    /// As [`MemoryIndex::find_id`], with the hash computed before.
    pub fn find_id_key(&self, key: &IdKey, out: &mut Vec<Position>) {
        out.extend(self.ids.find(key).map(|position| self.first_position.plus(position.into())));
    }

    /// The terms of a kind that begin with `prefix`, in the order of their bytes, strictly after `after` if
    /// given; at most `limit`, with their postings.
    ///
    /// Looks at every term of the kind, so who wants all of them asks for many at a time.
    #[must_use]
    pub fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(String, Postings)> {
        let found = self.terms.select(kind, prefix, after, limit);
        let answer = |number| {
            let term = self.terms.get(number);
            (self.terms.name(term).to_owned(), term.postings(number))
        };
        found.into_iter().map(answer).collect()
    }

    /// Appends to `out` those of the terms number `from..from + limit` of a kind, in the order in which they came,
    /// that begin with `prefix`. Returns the number to go on from.
    ///
    /// For who shares the index with a writer and wants all terms: it can be unlocked between the calls.
    pub fn terms_as_they_came(
        &self,
        kind: TermKind,
        prefix: &str,
        from: usize,
        limit: usize,
        out: &mut Vec<(String, Postings)>,
    ) -> usize {
        let all = self.terms.of_kind(kind);
        let end = from.saturating_add(limit).min(all.len());
        for number in all.get(from..end).unwrap_or_default() {
            let term = self.terms.get(*number);
            let name = self.terms.name(term);
            if name.as_bytes().starts_with(prefix.as_bytes()) {
                out.push((name.to_owned(), term.postings(*number)));
            }
        }
        end.max(from)
    }

    /// The terms of a kind in the order of their names: name, first version, positions.
    pub(crate) fn sorted_terms(&self, kind: TermKind) -> impl Iterator<Item = TermPositions<'_>> {
        self.terms.sorted(kind).into_iter().map(|number| {
            let term = self.terms.get(number);
            TermPositions {
                name: self.terms.name(term),
                first_version: term.first_version,
                count: term.list.count(),
                slices: self.lists.slices(&term.list),
            }
        })
    }

    /// Every id with its position, relative to the first.
    pub(crate) fn all_ids(&self) -> impl Iterator<Item = (Uuid, u32)> + '_ {
        self.ids.all()
    }

    /// The term of postings; `None` only if they are of another index.
    fn term(&self, postings: &Postings) -> Option<&Term> {
        u32::try_from(postings.place).ok().and_then(|number| self.terms.try_get(number))
    }
}

/// A term with all of its positions, relative to the first of the index.
pub(crate) struct TermPositions<'a> {
    pub(crate) name: &'a str,
    pub(crate) first_version: Version,
    pub(crate) count: u64,
    slices: lists::Slices<'a>,
}

impl<'a> TermPositions<'a> {
    /// The positions, ascending.
    pub(crate) fn positions(self) -> impl Iterator<Item = u64> + use<'a> {
        self.slices.flatten().map(|position| u64::from(*position))
    }
}
