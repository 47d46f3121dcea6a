//! Candidate positions within one part: a range of the log, or the merged positions of index terms.

use crate::error::ReadError;
use crate::part::{Located, Part};
use crate::query::Query;
use annals_index::TermKind;
use annals_types::{Position, Version};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many positions are taken from the index at once.
const CHUNK: usize = 256;
/// A prefix that more streams than this have is not looked up stream by stream.
const STREAMS_MAX: usize = 1024;

/// Positions to look at, in the query's direction. Every event that matches is among them.
#[derive(Debug)]
pub(crate) enum Candidates {
    /// All positions of a range.
    Range { first: Position, last: Position, backwards: bool, done: bool },
    /// The positions of one term.
    Term(TermCursor),
    /// The positions of several terms, merged.
    Merged { cursors: Vec<TermCursor>, heads: BinaryHeap<(Reverse<u64>, usize)>, backwards: bool },
}

impl Candidates {
    /// Chooses the narrowest way to the query's events between two positions of a part.
    pub(crate) fn choose(
        part: &Part,
        query: &Query,
        first: Position,
        last: Position,
    ) -> Result<Self, ReadError> {
        let mut best: Option<(u64, Vec<Located>)> = None;
        let mut offer = |terms: Vec<Located>| {
            let count = terms.iter().map(Located::count).sum();
            if best.as_ref().is_none_or(|(least, _)| count < *least) {
                best = Some((count, terms));
            }
        };
        if let Some(stream) = &query.stream {
            offer(part.find(TermKind::Stream, stream)?.into_iter().collect());
        } else {
            if let Some(category) = &query.category {
                offer(part.find(TermKind::Category, category)?.into_iter().collect());
            }
            for tag in &query.tags {
                offer(part.find(TermKind::Tag, tag)?.into_iter().collect());
            }
            if !query.types.is_empty() {
                offer(types(part, query)?);
            }
            if let Some(prefix) = query.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
                let streams = part.terms(TermKind::Stream, prefix, None, STREAMS_MAX + 1)?;
                if streams.len() <= STREAMS_MAX {
                    offer(streams.into_iter().map(|(_, located)| located).collect());
                }
            }
        }
        let backwards = query.backwards;
        let Some((_, terms)) = best else {
            return Ok(Candidates::Range { first, last, backwards, done: false });
        };
        let mut cursors = Vec::with_capacity(terms.len());
        for term in terms {
            cursors.push(TermCursor::new(part, term, query, first, last)?);
        }
        if cursors.len() == 1
            && let Some(cursor) = cursors.pop()
        {
            return Ok(Candidates::Term(cursor));
        }
        let mut heads = BinaryHeap::with_capacity(cursors.len());
        for (index, cursor) in cursors.iter_mut().enumerate() {
            if let Some(position) = cursor.next(part)? {
                heads.push((Reverse(key(position, backwards)), index));
            }
        }
        Ok(Candidates::Merged { cursors, heads, backwards })
    }

    pub(crate) fn next(&mut self, part: &Part) -> Result<Option<Position>, ReadError> {
        match self {
            Candidates::Range { first, last, backwards, done } => {
                if *done || *first > *last {
                    return Ok(None);
                }
                *done = *first == *last;
                let position = if *backwards { *last } else { *first };
                if *backwards {
                    *last = last.previous()
                } else {
                    *first = first.next()
                }
                Ok(Some(position))
            }
            Candidates::Term(cursor) => cursor.next(part),
            Candidates::Merged { cursors, heads, backwards } => {
                let Some((Reverse(least), index)) = heads.pop() else { return Ok(None) };
                if let Some(position) = cursors[index].next(part)? {
                    heads.push((Reverse(key(position, *backwards)), index));
                }
                Ok(Some(Position::new(if *backwards { u64::MAX - least } else { least })))
            }
        }
    }
}

/// Orders positions in the direction of reading.
fn key(position: Position, backwards: bool) -> u64 {
    if backwards { u64::MAX - position.get() } else { position.get() }
}

fn types(part: &Part, query: &Query) -> Result<Vec<Located>, ReadError> {
    let mut names: Vec<&String> = query.types.iter().collect();
    names.sort_unstable();
    names.dedup();
    let found = names.into_iter().map(|name| part.find(TermKind::Type, name));
    found.filter_map(Result::transpose).collect()
}

/// The positions of one term, taken from the index in chunks.
#[derive(Debug)]
pub(crate) struct TermCursor {
    term: Located,
    /// The ordinals that are still to be taken.
    low: u64,
    high: u64,
    chunk: Vec<Position>,
    at: usize,
    backwards: bool,
}

impl TermCursor {
    fn new(
        part: &Part,
        mut term: Located,
        query: &Query,
        first: Position,
        last: Position,
    ) -> Result<Self, ReadError> {
        let mut low = if first > part.first_position() { part.rank(&mut term, first.previous())? } else { 0 };
        let mut high = part.rank(&mut term, last)?;
        if query.stream.is_some() {
            // A stream's versions are dense, so the version is the ordinal.
            let base = term.first_version();
            let before = |version: Version| version.get().saturating_sub(base.get());
            low = low.max(before(query.versions.0));
            high = high.min(before(query.versions.1.next()));
        }
        Ok(TermCursor { term, low, high, chunk: Vec::new(), at: 0, backwards: query.backwards })
    }

    fn next(&mut self, part: &Part) -> Result<Option<Position>, ReadError> {
        if self.at == self.chunk.len() && !self.fill(part)? {
            return Ok(None);
        }
        let index = if self.backwards { self.chunk.len() - 1 - self.at } else { self.at };
        self.at += 1;
        Ok(self.chunk.get(index).copied())
    }

    fn fill(&mut self, part: &Part) -> Result<bool, ReadError> {
        if self.low >= self.high {
            return Ok(false);
        }
        let length = (self.high - self.low).min(CHUNK as u64);
        let from = if self.backwards { self.high - length } else { self.low };
        (self.at, self.chunk) = (0, std::mem::take(&mut self.chunk));
        self.chunk.clear();
        part.positions(&mut self.term, from, usize::try_from(length).unwrap_or(CHUNK), &mut self.chunk)?;
        if self.backwards {
            self.high = from
        } else {
            self.low = from + length
        }
        Ok(!self.chunk.is_empty())
    }
}
