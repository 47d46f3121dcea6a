//! Positions, as the stretches of those that follow each other.

use annals_types::Position;
use std::fmt::Write;

/// Ascending stretches of positions that do not touch: 16 bytes each, however many positions one has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stretches(Vec<(Position, Position)>);

impl Stretches {
    /// Adds a position behind all others. One that is there already changes nothing.
    pub(super) fn push(&mut self, position: Position) {
        match self.0.last_mut() {
            Some((_, last)) if position <= *last => {}
            Some((_, last)) if position == last.next() => *last = position,
            _ => self.0.push((position, position)),
        }
    }

    /// These and others.
    pub(super) fn joined(all: impl IntoIterator<Item = Stretches>) -> Self {
        let mut stretches: Vec<_> = all.into_iter().flat_map(|one| one.0).collect();
        stretches.sort_unstable();
        let mut joined: Vec<(Position, Position)> = Vec::with_capacity(stretches.len());
        for (first, last) in stretches {
            match joined.last_mut() {
                Some((_, end)) if first <= end.next() => *end = (*end).max(last),
                _ => joined.push((first, last)),
            }
        }
        Stretches(joined)
    }

    pub(crate) fn has(&self, position: Position) -> bool {
        let behind = self.0.partition_point(|(first, _)| *first <= position);
        behind.checked_sub(1).is_some_and(|at| position <= self.0[at].1)
    }

    /// How many stretches there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The stretches, as far as they are between two positions.
    pub(crate) fn within(
        &self,
        first: Position,
        last: Position,
    ) -> impl Iterator<Item = (Position, Position)> {
        let cut = move |(from, to): &(Position, Position)| ((*from).max(first), (*to).min(last));
        self.0.iter().map(cut).filter(|(from, to)| from <= to)
    }

    /// As text: `3-7,9`.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (first, last) in &self.0 {
            let comma = if text.is_empty() { "" } else { "," };
            // A string takes everything.
            let _ = if first == last {
                write!(text, "{comma}{first}")
            } else {
                write!(text, "{comma}{first}-{last}")
            };
        }
        text
    }

    /// From text as [`Stretches::to_text`] makes it; `None` if it is not so, or has more than `most` stretches.
    pub(super) fn from_text(text: &str, most: usize) -> Option<Self> {
        let number = |text: &str| {
            let digits =
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
            let number = if digits { text.parse().ok().map(Position::new) } else { None };
            number.filter(|position| *position <= Position::MAX)
        };
        let mut stretches: Vec<(Position, Position)> = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            let behind = stretches.last().is_none_or(|(_, end)| first > end.next());
            if !behind || first > last || stretches.len() >= most {
                return None;
            }
            stretches.push((first, last));
        }
        Some(Stretches(stretches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(positions: &[u64]) -> Stretches {
        let mut stretches = Stretches::default();
        positions.iter().for_each(|position| stretches.push(Position::new(*position)));
        stretches
    }

    #[test]
    fn positions_that_follow_each_other_are_one_stretch_in_memory_and_as_text() {
        let stretches = of(&[3, 4, 4, 5, 9, 11, 12]);
        assert_eq!(stretches.to_text(), "3-5,9,11-12");
        assert_eq!(stretches.len(), 3);
        assert_eq!(Stretches::from_text("3-5,9,11-12", 3), Some(stretches.clone()));
        let found: Vec<u64> = (0..14).filter(|position| stretches.has(Position::new(*position))).collect();
        assert_eq!(found, [3, 4, 5, 9, 11, 12]);
        let (first, last) = (Position::new(4), Position::new(11));
        let within: Vec<_> = stretches.within(first, last).map(|(from, to)| (from.get(), to.get())).collect();
        assert_eq!(within, [(4, 5), (9, 9), (11, 11)]);
        let joined = Stretches::joined([of(&[9, 10]), of(&[1, 2, 11]), of(&[3, 20])]);
        assert_eq!(joined.to_text(), "1-3,9-11,20");
    }

    #[test]
    fn text_that_the_store_would_not_have_written_is_no_stretches() {
        for text in
            ["", ",", "0", "1,", "-2", "3-", "5-3", "4,4", "3-5,6", "07", "+7", "9,1", "281474976710656"]
        {
            assert_eq!(Stretches::from_text(text, 9), None, "{text:?}");
        }
        assert_eq!(Stretches::from_text("1,3,5", 2), None);
    }
}
