//! A source of a merge: walks the dictionary of a run from front to back.
//!
//! Where a run is looked at through a window, terms that have nothing inside are passed over. There may be many, so the walk comes back
//! to its caller after each group without any others.

use super::error::MergeError;
use crate::postings::Postings;
use crate::run::{ReadAhead, Run};
use annals_format::Damage;
use annals_format::run::{GROUP_TERMS, GroupCursor, TermKind};
use annals_types::Position;
use std::ops::Range;
use std::sync::Arc;

/// A run and the term in it that comes next.
pub(super) struct Source {
    run: Arc<Run>,
    /// Its place among the sources.
    number: usize,
    next_group: u64,
    /// The terms of the group before `next_group`, and how many of them were passed.
    terms: Vec<Waiting>,
    passed: usize,
    /// The ends of their keys, one behind the other.
    rests: Vec<u8>,
    key: Vec<u8>,
    head: Option<Head>,
    /// Whether a group has ended before a term was found.
    searches: bool,
    groups_ahead: ReadAhead,
    dictionary_ahead: ReadAhead,
    /// Where the group is in the file, for messages.
    offset: u64,
}

/// A term of the group that is being walked.
struct Waiting {
    kind: TermKind,
    shared: usize,
    rest: Range<usize>,
    /// `None` if nothing of it is inside of the window.
    postings: Option<Postings>,
}

/// The term that comes next.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: TermKind,
    pub(super) postings: Postings,
}

impl Source {
    /// At the first term.
    pub(super) fn new(run: Arc<Run>, number: usize) -> Result<Self, MergeError> {
        let mut source = Source {
            run,
            number,
            next_group: 0,
            terms: Vec::with_capacity(GROUP_TERMS),
            passed: 0,
            rests: Vec::new(),
            key: Vec::new(),
            head: None,
            searches: false,
            groups_ahead: ReadAhead::default(),
            dictionary_ahead: ReadAhead::default(),
            offset: 0,
        };
        source.advance()?;
        Ok(source)
    }

    /// The term that comes next; none behind the last, and none as long as it is [searched](Source::searches) for.
    #[inline]
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The key of the head: kind and name.
    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The name of the head.
    #[inline]
    pub(super) fn name(&self) -> Result<&str, MergeError> {
        std::str::from_utf8(self.key.get(1..).unwrap_or_default())
            .map_err(|error| self.damage("name of a term", error.valid_up_to() as u64, self.key.len() as u64))
    }

    /// Whether the next term has not been found yet: it is to be advanced again before anything is made of the heads.
    #[inline]
    pub(super) fn searches(&self) -> bool {
        self.searches
    }

    /// Goes on to the next term, or to the end of a group that has none.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<(), MergeError> {
        self.searches = false;
        while self.passed == self.terms.len() {
            if self.next_group == self.run.trailer().group_count() {
                self.head = None;
                return Ok(());
            }
            self.load().map_err(MergeError::damage_in(self.number))?;
        }
        while self.passed < self.terms.len() {
            if self.pass()? {
                return Ok(());
            }
        }
        (self.head, self.searches) = (None, true);
        Ok(())
    }

    /// Passes to the next term of the group; whether it is a head.
    #[inline]
    fn pass(&mut self) -> Result<bool, MergeError> {
        let term = &self.terms[self.passed];
        let rest = &self.rests[term.rest.clone()];
        // The first key of a group shares nothing, so that it is compared with the last one of the group before.
        if !self.key.is_empty() && rest <= &self.key[term.shared..] {
            return Err(self.damage("order of the terms", rest.len() as u64, term.shared as u64));
        }
        self.key.truncate(term.shared);
        self.key.extend_from_slice(rest);
        self.head = term.postings.map(|postings| Head { kind: term.kind, postings });
        self.passed += 1;
        Ok(self.head.is_some())
    }

    /// Positions of the head by their ordinals, in the place of what is in `out`. They ascend.
    pub(super) fn positions(&self, ordinals: Range<u64>, out: &mut Vec<Position>) -> Result<(), MergeError> {
        let Some(head) = &self.head else { return Ok(()) };
        let limit = ordinals.end.saturating_sub(ordinals.start) as usize;
        out.clear();
        self.run
            .positions(&head.postings, ordinals.start, limit, out)
            .map_err(MergeError::damage_in(self.number))
    }

    pub(super) fn damage(&self, what: &'static str, found: u64, expected: u64) -> MergeError {
        MergeError::Damage { run: self.number, damage: Damage::new(self.offset, what, found, expected) }
    }

    /// Reads the next group.
    fn load(&mut self) -> Result<(), Damage> {
        self.run.read_groups_ahead(&mut self.groups_ahead, self.next_group);
        let group = self.run.numbered_group(self.next_group)?;
        self.run.read_dictionary_ahead(&mut self.dictionary_ahead, group.offset);
        self.offset = group.offset;
        self.terms.clear();
        self.rests.clear();
        let mut cursor = GroupCursor::new(group.entries, group.offset);
        while let Some(term) = cursor.next_term()? {
            if self.terms.len() == GROUP_TERMS {
                let most = GROUP_TERMS as u64;
                return Err(Damage::new(group.offset, "terms of a group", most + 1, most));
            }
            let start = self.rests.len();
            self.rests.extend_from_slice(term.rest);
            let postings = self.run.inside(self.run.postings(&term.entry, &group)?)?;
            let rest = start..self.rests.len();
            self.terms.push(Waiting { kind: term.kind, shared: term.shared, rest, postings });
        }
        self.next_group += 1;
        self.passed = 0;
        Ok(())
    }
}
