//! How many events of an index term are shown, told by the index as far as it can.

use crate::error::ReadError;
use crate::occurred::{Occurred, Shown, Teller};
use crate::part::{Located, Part};
use crate::parts::Parts;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::ops::Range;

/// How many positions of a term are looked at at once. So few are looked at one by one rather than segment by segment.
const CHUNK: u64 = 256;

/// The events of a term that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    /// The ordinal of the last of them among the term's positions in its part.
    pub(crate) last: Option<u64>,
}

impl Tally {
    fn add(&mut self, ordinals: Range<u64>) {
        if let Some(last) = ordinals.end.checked_sub(1).filter(|last| *last >= ordinals.start) {
            self.events += ordinals.end - ordinals.start;
            self.last = Some(last);
        }
    }
}

/// What is counted: between which positions of a part, and when it must have occurred.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counting<'v> {
    pub(crate) parts: &'v Parts,
    pub(crate) part: &'v Part,
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) times: Occurred,
    /// Whether the term may have positions of lost events, so that each event has to be read.
    pub(crate) lost: bool,
}

impl Counting<'_> {
    /// Counts the events of a term, of those with some ordinals in this part.
    pub(crate) fn tally(&self, term: &mut Located, ordinals: Range<u64>) -> Result<Tally, ReadError> {
        let mut tally = Tally::default();
        let all = self.ordinals(term, &ordinals, self.first, self.last)?;
        if all.is_empty() {
            return Ok(tally);
        }
        match self.times.between(self.parts, self.first, self.last) {
            Shown::None => {}
            Shown::All if !self.lost => tally.add(all),
            Shown::Some if !self.lost && all.end - all.start > CHUNK => {
                for (first, last, shown) in self.times.stretches(self.parts, self.first, self.last) {
                    match shown {
                        Shown::None => {}
                        Shown::All => tally.add(self.ordinals(term, &ordinals, first, last)?),
                        Shown::Some => {
                            let some = self.ordinals(term, &ordinals, first, last)?;
                            self.one_by_one(term, some, &mut tally)?;
                        }
                    }
                }
            }
            Shown::All | Shown::Some => self.one_by_one(term, all, &mut tally)?,
        }
        Ok(tally)
    }

    /// Those of some ordinals whose positions lie between two positions.
    fn ordinals(
        &self,
        term: &mut Located,
        ordinals: &Range<u64>,
        first: Position,
        last: Position,
    ) -> Result<Range<u64>, ReadError> {
        let before =
            if first <= self.part.first_position() { 0 } else { self.part.rank(term, first.previous())? };
        let up_to = if self.part.ends_by(last) || planted(Bug::CountedBeyondView) {
            term.count()
        } else {
            self.part.rank(term, last)?
        };
        Ok(before.max(ordinals.start)..up_to.min(ordinals.end))
    }

    fn one_by_one(
        &self,
        term: &mut Located,
        ordinals: Range<u64>,
        tally: &mut Tally,
    ) -> Result<(), ReadError> {
        let mut teller = Teller::new(self.parts, self.times, self.lost, self.last);
        let mut positions = Vec::new();
        for from in ordinals.clone().step_by(CHUNK as usize) {
            let length = (ordinals.end - from).min(CHUNK);
            positions.clear();
            self.part.positions(term, from, length as usize, &mut positions)?;
            for (ordinal, position) in (from..).zip(&positions) {
                if teller.shows(*position)? {
                    tally.add(ordinal..ordinal + 1);
                }
            }
        }
        Ok(())
    }
}
