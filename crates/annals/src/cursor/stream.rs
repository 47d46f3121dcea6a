//! The positions of one stream, part by part.
//!
//! What is asked most often is a whole stream with few events, which are spread over many runs. To look its name up in each
//! of them means to wait for memory three times; so it is looked up in several runs at once, in steps.

use super::parts::{PartCursor, Stretch};
use crate::error::ReadError;
use crate::part::{Located, Part, RunPart};
use crate::query::Query;
use crate::surroundings::Surroundings;
use annals_index::{Lookup, Postings, Run, TermKey, TermKind};
use annals_types::{Position, Version};
use std::ops::Range;

/// In how many parts a stream is looked up at once.
const PARTS_MAX: usize = 16;
/// If fewer events are wanted than that, in as many parts as events; but not in fewer than these.
const PARTS_MIN: u64 = 4;

/// How many positions are taken from the index at once, at first and at most; each time twice as many.
const CHUNK_MIN: u64 = 16;
const CHUNK_MAX: u64 = 256;

/// The positions of a stream in the direction of a query.
#[derive(Debug)]
pub(crate) struct StreamCursor<'v> {
    parts: PartCursor<'v>,
    hash_seed: u64,
    /// The parts that it was looked up in already and may be in, the nearest of them last.
    looked_up: Vec<(Stretch<'v>, Known)>,
    current: Option<Current<'v>>,
    /// Positions that were taken from the index, in the direction of the query, and how many of them were given out.
    chunk: Vec<Position>,
    given: usize,
}

/// What is known of a stream in a part before it is asked in its turn.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// Where it is in the part's run.
    At(Postings),
    /// Nothing: the part is in memory, was not asked before, or is damaged.
    Nothing,
}

/// The part whose positions are given out.
#[derive(Debug)]
struct Current<'v> {
    part: &'v Part,
    found: Found<'v>,
    /// Which of the stream's positions in this part are still to be taken.
    ordinals: Range<u64>,
    /// How many are taken next.
    length: u64,
}

#[derive(Debug)]
enum Found<'v> {
    Run(&'v RunPart, Postings),
    Part(Located),
}

impl<'v> StreamCursor<'v> {
    pub(crate) fn new(parts: PartCursor<'v>, hash_seed: u64) -> Self {
        let (looked_up, chunk) = (Vec::new(), Vec::new());
        StreamCursor { parts, hash_seed, looked_up, current: None, chunk, given: 0 }
    }

    /// The next position of the stream that the query names.
    #[inline]
    pub(crate) fn next(
        &mut self,
        query: &Query,
        stream: &str,
        surroundings: &mut Surroundings<'v>,
    ) -> Result<Option<Position>, ReadError> {
        if self.given == self.chunk.len() {
            self.fill(query, stream, surroundings)?;
        }
        let next = self.chunk.get(self.given).copied();
        self.given += usize::from(next.is_some());
        Ok(next)
    }

    /// Takes the next positions from the index; none at the end.
    fn fill(
        &mut self,
        query: &Query,
        stream: &str,
        surroundings: &mut Surroundings<'v>,
    ) -> Result<(), ReadError> {
        let key = TermKey::new(TermKind::Stream, stream, self.hash_seed);
        self.chunk.clear();
        self.given = 0;
        while self.chunk.is_empty() {
            if let Some(current) = &mut self.current {
                if !surroundings.is_ever() {
                    current.leap(query.backwards, surroundings)?;
                }
                current.take(&key, query.backwards, &mut self.chunk)?;
                if current.ordinals.is_empty() {
                    self.current = None;
                }
                continue;
            }
            if self.looked_up.is_empty() && !self.look_up(query, &key) {
                return Ok(());
            }
            if let Some((stretch, known)) = self.looked_up.pop() {
                self.current = Current::begin(stretch, known, query, &key, surroundings.is_ever())?;
            }
        }
        Ok(())
    }

    /// Looks the stream up in the next parts, in all of them at once; `false` if there are none.
    fn look_up(&mut self, query: &Query, key: &TermKey<'_>) -> bool {
        let wanted = usize::try_from(query.limit.max(PARTS_MIN)).unwrap_or(PARTS_MAX).min(PARTS_MAX);
        let mut begun: [Option<(&Run, Lookup)>; PARTS_MAX] = [const { None }; PARTS_MAX];
        let mut stretches: [Option<Stretch<'v>>; PARTS_MAX] = [None; PARTS_MAX];
        let mut count = 0;
        while count < wanted
            && let Some(stretch) = self.parts.next()
        {
            let run = stretch.0.as_run().and_then(RunPart::opened);
            begun[count] = run.map(|run| (run, Lookup::new()));
            stretches[count] = Some(stretch);
            count += 1;
        }
        let (begun, stretches) = (&mut begun[..count], &stretches[..count]);
        let mut left = true;
        while std::mem::take(&mut left) {
            for (run, lookup) in begun.iter().flatten() {
                run.prefetch_step(key, lookup);
            }
            for (place, stretch) in begun.iter_mut().zip(stretches) {
                let Some((run, lookup)) = place else { continue };
                match run.step(key, lookup) {
                    Ok(done) => left |= !done,
                    Err(_) => {
                        if let Some(part) = stretch.and_then(|(part, ..)| part.as_run()) {
                            part.condemn();
                        }
                        *place = None;
                    }
                }
            }
        }
        self.looked_up.reserve(count);
        for (lookup, stretch) in begun.iter().zip(stretches).rev() {
            let known = match lookup.as_ref().map(|(_, lookup)| lookup.answer()) {
                Some(Some(postings)) => Known::At(postings),
                Some(None) => continue,
                None => Known::Nothing,
            };
            self.looked_up.extend(stretch.map(|stretch| (stretch, known)));
        }
        count > 0
    }
}

impl<'v> Current<'v> {
    /// `None` if the stream is not there.
    fn begin(
        (part, first, last): Stretch<'v>,
        known: Known,
        query: &Query,
        key: &TermKey<'_>,
        ever: bool,
    ) -> Result<Option<Self>, ReadError> {
        let in_run = match known {
            Known::At(postings) => part.as_run().map(|run| (run, postings)),
            Known::Nothing => None,
        };
        let whole = first <= part.first_position() && part.ends_by(last);
        // What is leapt over is found by rank.
        let plain = whole && ever;
        let mut found = match in_run {
            Some((run, postings)) if plain => Found::Run(run, postings),
            Some((_, postings)) => Found::Part(Located::of_key(key, postings)),
            None => match part.find_key(key)? {
                Some(located) => Found::Part(located),
                None => return Ok(None),
            },
        };
        let (count, base) = match &found {
            Found::Run(_, postings) => (postings.count(), postings.first_version()),
            Found::Part(located) => (located.count(), located.first_version()),
        };
        // A stream's versions are dense, so the version is the ordinal.
        let before = |version: Version| version.get().saturating_sub(base.get());
        let (from, to) = query.versions;
        let mut ordinals = before(from)..before(to.next()).min(count);
        if let Found::Part(located) = &mut found
            && !whole
        {
            ordinals.start = ordinals.start.max(part.rank(located, first.previous())?);
            ordinals.end = ordinals.end.min(part.rank(located, last)?);
        }
        Ok(Some(Current { part, found, ordinals, length: CHUNK_MIN }))
    }

    /// Leaves out the next positions as long as tables tell that they are hidden, all of a stretch at once.
    fn leap(&mut self, backwards: bool, surroundings: &mut Surroundings<'v>) -> Result<(), ReadError> {
        let Found::Part(located) = &mut self.found else { return Ok(()) };
        let mut next = Vec::with_capacity(1);
        while !self.ordinals.is_empty() {
            let ordinal = if backwards { self.ordinals.end - 1 } else { self.ordinals.start };
            next.clear();
            self.part.positions(located, ordinal, 1, &mut next)?;
            let Some(position) = next.first().copied() else { return Ok(()) };
            match surroundings.next_shown(position, backwards)? {
                Some(shown) if shown == position => return Ok(()),
                Some(shown) if backwards => {
                    self.ordinals.end = ordinal.min(self.part.rank(located, shown)?);
                }
                Some(shown) => {
                    let behind = self.part.rank(located, shown.previous())?;
                    self.ordinals.start = behind.max(ordinal + 1);
                }
                None => self.ordinals = 0..0,
            }
        }
        Ok(())
    }

    /// Appends the next positions to `out`, in the direction of the query.
    fn take(&mut self, key: &TermKey<'_>, backwards: bool, out: &mut Vec<Position>) -> Result<(), ReadError> {
        let Range { start, end } = self.ordinals;
        let length = end.saturating_sub(start).min(self.length);
        let first = if backwards { end.saturating_sub(length) } else { start };
        let limit = usize::try_from(length).unwrap_or(0);
        if let Found::Run(run, postings) = &self.found
            && !run.positions_of(postings, first, limit, out)
        {
            // The run has turned out to be damaged since.
            match self.part.find_key(key)? {
                Some(located) => self.found = Found::Part(located),
                None => self.ordinals = 0..0,
            }
        }
        if let Found::Part(located) = &mut self.found {
            self.part.positions(located, first, limit, out)?;
        }
        if backwards {
            out.reverse();
        }
        self.length = (self.length * 2).min(CHUNK_MAX);
        self.ordinals = match () {
            () if out.is_empty() => 0..0,
            () if backwards => start..first,
            () => first + length..end,
        };
        Ok(())
    }
}
