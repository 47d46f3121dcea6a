//! Merges the dictionaries: the terms of all sources in the order of their keys.

use super::error::MergeError;
use super::list::LongList;
use super::source::Source;
use crate::write::RunBuilder;
use annals_format::run::{BLOCK_POSITIONS, TermKind, TermList};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Version};
use std::cmp::Ordering;
use std::io;

/// The sources, and the run that is made of them.
pub(super) struct Dictionary<S> {
    pub(super) builder: RunBuilder<S>,
    sources: Vec<Source>,
    first_position: Position,
    /// Whether some of the sources have not found their next term yet.
    searches: bool,
    /// The sources whose heads are the term that is being merged, oldest first.
    having: Vec<usize>,
    /// The list of that term, if it is a long one.
    list: Option<LongList>,
    read: Vec<Position>,
    positions: Vec<u64>,
}

impl<S: FnMut(&[u8]) -> io::Result<()>> Dictionary<S> {
    pub(super) fn new(builder: RunBuilder<S>, sources: Vec<Source>, first_position: Position) -> Self {
        Dictionary {
            builder,
            searches: sources.iter().any(Source::searches),
            sources,
            first_position,
            having: Vec::new(),
            list: None,
            read: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// Merges a term, or a block of a long list, or looks for the next terms of the sources in one group each. Says whether there was
    /// anything left.
    pub(super) fn step(&mut self) -> Result<bool, MergeError> {
        if self.searches {
            self.search()?;
            return Ok(true);
        }
        if let Some(list) = &mut self.list {
            if list.step(&self.sources, &self.having, self.first_position, &mut self.builder)? {
                self.list = None;
                let list = self.builder.end_blocks()?;
                self.end_term(list)?;
            }
            return Ok(true);
        }
        self.find_least();
        let Some(first) = self.having.first().and_then(|number| self.sources[*number].head()) else {
            return Ok(false);
        };
        if first.kind == TermKind::Stream {
            self.check_versions()?;
        }
        let count = self.count();
        if count == 1 {
            self.read_all()?;
            let list = TermList::One(self.positions[0]);
            self.end_term(list)?;
        } else if count <= BLOCK_POSITIONS as u64 {
            self.read_all()?;
            let positions = std::mem::take(&mut self.positions);
            let result = self.end_term(TermList::Short(&positions));
            self.positions = positions;
            result?;
        } else {
            self.list = Some(LongList::default());
        }
        Ok(true)
    }

    fn search(&mut self) -> Result<(), MergeError> {
        self.searches = false;
        for source in self.sources.iter_mut().filter(|source| source.searches()) {
            source.advance()?;
            self.searches |= source.searches();
        }
        Ok(())
    }

    /// Finds the sources with the least key.
    fn find_least(&mut self) {
        self.having.clear();
        for (number, source) in self.sources.iter().enumerate() {
            if source.head().is_none() {
                continue;
            }
            let least = self.having.first().map(|number| self.sources[*number].key());
            match least.map_or(Ordering::Less, |least| source.key().cmp(least)) {
                Ordering::Less => {
                    self.having.clear();
                    self.having.push(number);
                }
                Ordering::Equal => self.having.push(number),
                Ordering::Greater => {}
            }
        }
    }

    fn count(&self) -> u64 {
        let heads = self.having.iter().filter_map(|number| self.sources[*number].head());
        heads.fold(0, |count, head| count + head.postings.count())
    }

    /// Versions of a stream go on from source to source.
    fn check_versions(&self) -> Result<(), MergeError> {
        let mut expected: Option<Version> = None;
        for number in &self.having {
            let source = &self.sources[*number];
            let Some(head) = source.head() else { continue };
            let found = head.postings.first_version();
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                let stream = source.name()?.to_owned();
                return Err(MergeError::VersionGap { stream, run: *number, expected, found });
            }
            expected = Some(found.plus(head.postings.count()));
        }
        Ok(())
    }

    /// Reads all positions of a term that has few.
    fn read_all(&mut self) -> Result<(), MergeError> {
        self.positions.clear();
        let left_out = usize::from(planted(Bug::MergeLeavesOutLastSource) && self.having.len() > 1);
        for number in &self.having[..self.having.len() - left_out] {
            self.sources[*number].positions(0..u64::MAX, &mut self.read)?;
            self.positions
                .extend(self.read.iter().map(|position| position.events_since(self.first_position)));
        }
        Ok(())
    }

    /// Adds the term whose list this is, and goes on to the next one.
    fn end_term(&mut self, list: TermList<'_>) -> Result<(), MergeError> {
        let newest = planted(Bug::FirstVersionOfNewestSource);
        let first = if newest { self.having.last() } else { self.having.first() };
        if let Some(source) = first.map(|number| &self.sources[*number])
            && let Some(head) = source.head()
        {
            self.builder.term(head.kind, source.name()?, head.postings.first_version(), list)?;
        }
        for number in &self.having {
            let source = &mut self.sources[*number];
            source.advance()?;
            self.searches |= source.searches();
        }
        Ok(())
    }
}
