//! Candidate positions within one part: a range of the log, or what index terms have in common or together.

mod choice;
mod parts;
mod stream;
mod term;

use crate::error::ReadError;
use crate::part::Part;
use annals_types::Position;
pub(crate) use parts::PartCursor;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
pub(crate) use stream::StreamCursor;
use term::TermCursor;

/// Which way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forwards,
    Backwards,
}

impl Direction {
    fn of(backwards: bool) -> Self {
        if backwards { Direction::Backwards } else { Direction::Forwards }
    }

    /// Orders positions in this direction.
    fn key(self, position: Position) -> u64 {
        match self {
            Direction::Forwards => position.get(),
            Direction::Backwards => u64::MAX - position.get(),
        }
    }

    /// The position with a key.
    fn position(self, key: u64) -> Position {
        match self {
            Direction::Forwards => Position::new(key),
            Direction::Backwards => Position::new(u64::MAX - key),
        }
    }

    /// Whether the first of two positions is reached after the second.
    fn is_behind(self, position: Position, other: Position) -> bool {
        self.key(position) > self.key(other)
    }
}

/// Positions to look at, in the query's direction, each once. Every event that matches is among them.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// `None` for all positions of the range.
    cursor: Option<Cursor>,
    /// Where to go on; `None` at the end.
    next: Option<Position>,
    end: Position,
    direction: Direction,
}

impl Candidates {
    /// All positions of a range.
    pub(crate) fn range(first: Position, last: Position, backwards: bool) -> Self {
        Self::of(None, first, last, Direction::of(backwards))
    }

    fn of(cursor: Option<Cursor>, first: Position, last: Position, direction: Direction) -> Self {
        let (start, end) = match direction {
            Direction::Forwards => (first, last),
            Direction::Backwards => (last, first),
        };
        Candidates { cursor, next: (first <= last).then_some(start), end, direction }
    }

    /// Whether all positions are given, without the index.
    pub(crate) fn is_range(&self) -> bool {
        self.cursor.is_none()
    }

    /// The first and the last position, if all positions between them are given, from front to back, and none of them was.
    pub(crate) fn as_whole_range(&self) -> Option<(Position, Position)> {
        let whole = self.is_range() && self.direction == Direction::Forwards;
        self.next.filter(|_| whole).map(|first| (first, self.end))
    }

    /// Has nothing given in front of a position, in the direction of reading; nothing at all any more if there is none.
    pub(crate) fn leap_to(&mut self, target: Option<Position>) {
        let target = target.filter(|target| !self.direction.is_behind(*target, self.end));
        self.next = match (self.next, target) {
            (Some(next), Some(target)) if self.direction.is_behind(target, next) => Some(target),
            (next, Some(_)) => next,
            (_, None) => None,
        };
    }

    pub(crate) fn next(&mut self, part: &Part) -> Result<Option<Position>, ReadError> {
        let Some(target) = self.next else { return Ok(None) };
        let found = match &mut self.cursor {
            None => Some(target),
            Some(cursor) => cursor.seek(part, target)?,
        };
        let found = found.filter(|position| !self.direction.is_behind(*position, self.end));
        let following = found.filter(|position| *position != self.end);
        self.next =
            following.map(|position| self.direction.position(self.direction.key(position).saturating_add(1)));
        Ok(found)
    }
}

/// Positions in one direction that can be leapt over.
#[derive(Debug)]
enum Cursor {
    Term(TermCursor),
    Any(Union),
    /// What all of them have. The rarest is the first.
    All(Vec<Cursor>),
}

impl Cursor {
    /// How many positions there can be at most.
    fn most(&self) -> u64 {
        match self {
            Cursor::Term(term) => term.count(),
            Cursor::Any(union) => union.members.iter().map(Cursor::most).sum(),
            Cursor::All(members) => members.iter().map(Cursor::most).min().unwrap_or(0),
        }
    }

    /// The first position at or behind `target` in the direction of reading. Targets never go back; asked for the same
    /// one again, the answer is the same.
    fn seek(&mut self, part: &Part, target: Position) -> Result<Option<Position>, ReadError> {
        match self {
            Cursor::Term(term) => term.seek(part, target),
            Cursor::Any(union) => union.seek(part, target),
            Cursor::All(members) => seek_common(members, part, target),
        }
    }
}

/// Leapfrog: each member in turn leaps to where the others stand, until all stand at one place.
fn seek_common(
    members: &mut [Cursor],
    part: &Part,
    mut target: Position,
) -> Result<Option<Position>, ReadError> {
    loop {
        let before = target;
        for member in &mut *members {
            match member.seek(part, target)? {
                Some(position) => target = position,
                None => return Ok(None),
            }
        }
        // Whoever has found another place has moved the target; the next round takes the others there.
        if target == before || members.len() == 1 {
            return Ok(Some(target));
        }
    }
}

/// What at least one of several cursors has.
#[derive(Debug)]
struct Union {
    members: Vec<Cursor>,
    /// Where each member that is not at its end stands, the nearest on top.
    heads: BinaryHeap<(Reverse<u64>, usize)>,
    started: bool,
    direction: Direction,
}

impl Union {
    fn new(members: Vec<Cursor>, direction: Direction) -> Self {
        Union { heads: BinaryHeap::with_capacity(members.len()), members, started: false, direction }
    }

    fn seek(&mut self, part: &Part, target: Position) -> Result<Option<Position>, ReadError> {
        if !std::mem::replace(&mut self.started, true) {
            for index in 0..self.members.len() {
                self.lead(index, part, target)?;
            }
        }
        let wanted = self.direction.key(target);
        loop {
            match self.heads.peek() {
                None => return Ok(None),
                Some((Reverse(nearest), _)) if *nearest >= wanted => {
                    return Ok(Some(self.direction.position(*nearest)));
                }
                Some((_, index)) => {
                    let index = *index;
                    self.heads.pop();
                    self.lead(index, part, target)?;
                }
            }
        }
    }

    /// Leads one member to the target and notes where it stands.
    fn lead(&mut self, index: usize, part: &Part, target: Position) -> Result<(), ReadError> {
        if let Some(position) = self.members[index].seek(part, target)? {
            self.heads.push((Reverse(self.direction.key(position)), index));
        }
        Ok(())
    }
}
