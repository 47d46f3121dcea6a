//! The positions of one index term, forwards or backwards, with leaps.

use super::Direction;
use crate::error::ReadError;
use crate::part::{Located, Part};
use annals_types::Position;

/// How many positions are taken from the index at once: few after a leap, for it is often followed by another one, and
/// twice as many each time that they have all been wanted.
const CHUNK_MIN: u64 = 16;
const CHUNK_MAX: u64 = 256;

/// The positions of one term, taken from the index in chunks.
#[derive(Debug)]
pub(crate) struct TermCursor {
    term: Located,
    /// The ordinals that are still to be taken.
    low: u64,
    high: u64,
    /// Positions that were taken, ascending; those between `from` and `to` are still to be given out.
    chunk: Vec<Position>,
    from: usize,
    to: usize,
    length: u64,
    direction: Direction,
}

impl TermCursor {
    /// The positions of these ordinals.
    pub(super) fn new(term: Located, ordinals: (u64, u64), direction: Direction) -> Self {
        let (low, high) = (ordinals.0, ordinals.1.min(term.count()));
        TermCursor { term, low, high, chunk: Vec::new(), from: 0, to: 0, length: CHUNK_MIN, direction }
    }

    pub(super) fn count(&self) -> u64 {
        self.term.count()
    }

    /// The first position at or behind `target` in the direction of reading. Targets never go back; asked for the same
    /// one again, the answer is the same.
    pub(super) fn seek(&mut self, part: &Part, target: Position) -> Result<Option<Position>, ReadError> {
        loop {
            self.skip_within_chunk(target);
            if let Some(head) = self.head() {
                return Ok(Some(head));
            }
            if self.low >= self.high {
                return Ok(None);
            }
            self.fill(part, target)?;
        }
    }

    fn head(&self) -> Option<Position> {
        let index = match self.direction {
            Direction::Forwards => self.from,
            Direction::Backwards => self.to.checked_sub(1)?,
        };
        self.chunk.get(index).filter(|_| self.from < self.to).copied()
    }

    fn skip_within_chunk(&mut self, target: Position) {
        let left = &self.chunk[self.from..self.to];
        match self.direction {
            Direction::Forwards => self.from += left.partition_point(|position| *position < target),
            Direction::Backwards => {
                self.to = self.from + left.partition_point(|position| *position <= target);
            }
        }
    }

    /// Takes the next positions: those behind the last chunk if they are wanted, otherwise those from the target on.
    fn fill(&mut self, part: &Part, target: Position) -> Result<(), ReadError> {
        if self.follows(target) {
            self.length = (self.length * 2).min(CHUNK_MAX);
        } else {
            match self.direction {
                Direction::Forwards => {
                    let before = part.rank(&mut self.term, target.previous())?;
                    self.low = self.low.max(before);
                }
                Direction::Backwards => self.high = self.high.min(part.rank(&mut self.term, target)?),
            }
            self.length = CHUNK_MIN;
        }
        let length = self.high.saturating_sub(self.low).min(self.length);
        let first = match self.direction {
            Direction::Forwards => self.low,
            Direction::Backwards => self.high.saturating_sub(length),
        };
        self.chunk.clear();
        if length > 0 {
            let limit = usize::try_from(length).unwrap_or(0);
            part.positions(&mut self.term, first, limit, &mut self.chunk)?;
        }
        (self.from, self.to) = (0, self.chunk.len());
        match self.direction {
            Direction::Forwards => self.low = first + length,
            Direction::Backwards => self.high = first,
        }
        if self.chunk.is_empty() {
            self.low = self.high;
        }
        Ok(())
    }

    /// Whether the target lies directly behind the last position that was taken.
    fn follows(&self, target: Position) -> bool {
        match self.direction {
            Direction::Forwards => self.chunk.last().is_some_and(|last| last.next() >= target),
            Direction::Backwards => self.chunk.first().is_some_and(|last| last.previous() <= target),
        }
    }
}
