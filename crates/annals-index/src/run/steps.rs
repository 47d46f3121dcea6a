//! Lookups of terms in steps, before each of which the processor's cache can be asked for what it looks at.
//!
//! A lookup waits for memory three times: for the filter and the directory of the table, for the entries of a bucket, and
//! for a group of the dictionary. Who looks a term up in many runs asks for all of them and then takes one step in each, so
//! that the waiting is shared. Asking is apart from the steps, with little else between one run and the next: a processor
//! goes only so many instructions ahead of one that waits for the address of a page.

use super::Run;
use crate::key::TermKey;
use crate::postings::Postings;
use annals_format::Damage;
use annals_format::run::find_in_group;
use std::ops::Range;

/// Lines of a group that are fetched ahead: sixteen terms with short names and few positions have about five.
const GROUP_LINES: u64 = 5;
/// A bucket has 16 entries of eight bytes at most, on average.
const BUCKET_LINES: u64 = 2;

/// A lookup of a term in a run, on its way.
#[derive(Clone, Debug)]
pub struct Lookup(Step);

#[derive(Clone, Debug)]
enum Step {
    /// Filter and directory come next.
    Begun,
    /// The entries of the bucket, which are here in the file.
    Bucket(Range<u64>),
    /// The groups that these entries lead to, of which the first one is here.
    Groups(Range<u64>, u64),
    Done(Option<Postings>),
}

impl Lookup {
    /// A lookup that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Lookup(Step::Begun)
    }

    /// The answer: where the term is, `None` if it does not occur. `None` also as long as the lookup is not done.
    #[must_use]
    pub fn answer(&self) -> Option<Postings> {
        match self.0 {
            Step::Done(answer) => answer,
            _ => None,
        }
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::new()
    }
}

impl Run {
    /// Has the processor fetch what the next step of a lookup looks at. Only a hint, which reads nothing from the disk.
    #[inline]
    pub fn prefetch_step(&self, key: &TermKey<'_>, lookup: &Lookup) {
        match &lookup.0 {
            Step::Begun => self.prefetch_term(key),
            Step::Bucket(bucket) => self.pages.prefetch_lines(bucket.start, BUCKET_LINES),
            Step::Groups(_, first) => self.pages.prefetch_lines(*first, GROUP_LINES),
            Step::Done(_) => {}
        }
    }

    /// Goes one step on in a lookup, which is always of this run and for this key; whether it is done now.
    ///
    /// # Errors
    /// What is damaged on the way.
    #[inline]
    pub fn step(&self, key: &TermKey<'_>, lookup: &mut Lookup) -> Result<bool, Damage> {
        let hash = key.hash(self.trailer.hash_seed);
        lookup.0 = match &lookup.0 {
            Step::Begun => self.to_bucket(hash)?,
            Step::Bucket(bucket) => self.to_groups(hash, bucket.clone())?,
            Step::Groups(bucket, _) => Step::Done(self.in_groups(key, hash, bucket.clone())?),
            Step::Done(_) => return Ok(true),
        };
        Ok(matches!(lookup.0, Step::Done(_)))
    }

    pub(super) fn find_term(&self, key: &TermKey<'_>) -> Result<Option<Postings>, Damage> {
        let mut lookup = Lookup::new();
        while !self.step(key, &mut lookup)? {}
        Ok(lookup.answer())
    }

    #[inline]
    pub(super) fn prefetch_term(&self, key: &TermKey<'_>) {
        let hash = key.hash(self.trailer.hash_seed);
        if let Some(block) = self.trailer.term_filter.block_bytes(hash) {
            self.pages.prefetch_lines(self.parts.term_filter.start + block.start, 1);
        }
        let words = self.trailer.term_table.bucket_words(hash);
        self.pages.prefetch_lines(self.parts.term_table.start + words.start, 1);
    }

    fn to_bucket(&self, hash: u64) -> Result<Step, Damage> {
        if !self.may_contain(self.trailer.term_filter, &self.parts.term_filter, hash)? {
            return Ok(Step::Done(None));
        }
        let bucket = self.bucket(&self.trailer.term_table, &self.parts.term_table, hash)?;
        Ok(Step::Bucket(bucket))
    }

    fn to_groups(&self, hash: u64, bucket: Range<u64>) -> Result<Step, Damage> {
        let entries = self.pages.bytes(bucket.clone())?;
        let Some(place) = self.trailer.term_table.values(entries, hash).next() else {
            return Ok(Step::Done(None));
        };
        Ok(Step::Groups(bucket, self.place(place)))
    }

    fn in_groups(
        &self,
        key: &TermKey<'_>,
        hash: u64,
        bucket: Range<u64>,
    ) -> Result<Option<Postings>, Damage> {
        for place in self.trailer.term_table.values(self.pages.bytes(bucket)?, hash) {
            let group = self.group(place, self.parts.term_table.start)?;
            let name = key.name().as_bytes();
            if let Some(entry) = find_in_group(group.entries, key.kind(), name, group.offset)? {
                return self.inside(self.postings(&entry, &group)?);
            }
        }
        Ok(None)
    }
}
