//! What the manifest says of runs of the index.

use crate::damage::Damage;
use crate::wire::Reader;
use annals_types::Position;

/// A run of the index, or what is left of it.
///
/// A run file is never changed. Where compaction has written some of its segments anew, these have runs of their own, and what the
/// file says of the others still holds: the run is looked at through a window, on either side of them. So a file may be named
/// several times, each time with another window, and goes with the last of them. (Pebble has the same for its tables, which it calls
/// virtual.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// Its number.
    pub id: u64,
    /// The first position that it covers.
    pub first_position: Position,
    /// How many positions it covers.
    pub count: u64,
    /// Length of the file.
    pub length: u64,
    /// The checksum in its trailer, so that a stale file of the same name is never taken for it.
    pub trailer_checksum: u32,
    /// The positions that are in its file, if these are more than it covers.
    pub file: Option<RunSpan>,
}

/// Positions of a run file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSpan {
    /// The first one.
    pub first_position: Position,
    /// How many there are.
    pub count: u64,
}

impl RunSpan {
    /// The position behind the last one.
    #[must_use]
    pub fn end(&self) -> Position {
        self.first_position.plus(self.count)
    }
}

impl RunEntry {
    /// The positions that it covers.
    #[must_use]
    pub fn span(&self) -> RunSpan {
        RunSpan { first_position: self.first_position, count: self.count }
    }

    /// The positions that are in its file.
    #[must_use]
    pub fn file_span(&self) -> RunSpan {
        self.file.unwrap_or_else(|| self.span())
    }

    /// The position behind the last one that it covers.
    #[must_use]
    pub fn end(&self) -> Position {
        self.span().end()
    }

    /// Whether it covers a position.
    #[must_use]
    pub fn covers(&self, position: Position) -> bool {
        (self.first_position..self.end()).contains(&position)
    }

    /// What is left of it from one position on, up to and without another one. `None` if that is nothing.
    #[must_use]
    pub fn within(&self, first: Position, end: Position) -> Option<Self> {
        let (first_position, end) = (self.first_position.max(first), self.end().min(end));
        let count = end.get().checked_sub(first_position.get()).filter(|count| *count > 0)?;
        let file = Some(self.file_span()).filter(|file| *file != RunSpan { first_position, count });
        Some(RunEntry { first_position, count, file, ..*self })
    }

    /// About how many bytes of the file are about what it covers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let all = u128::from(self.file_span().count.max(1));
        let bytes = u128::from(self.length) * u128::from(self.count) / all;
        u64::try_from(bytes).unwrap_or(self.length).min(self.length)
    }

    pub(super) fn encode(&self, out: &mut Vec<u64>) {
        out.extend([self.id, self.first_position.get(), self.count, self.length]);
        out.push(self.trailer_checksum.into());
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        Ok(RunEntry {
            id: reader.u64("run")?,
            first_position: Position::new(reader.u64("first position")?),
            count: reader.u64("event count")?,
            length: reader.u64("run length")?,
            trailer_checksum: {
                let at = reader.offset();
                let word = reader.u64("run checksum")?;
                u32::try_from(word).map_err(|_| Damage::new(at, "run checksum", word, u32::MAX))?
            },
            file: None,
        })
    }

    /// The entry of the section of windows, for a run that has one.
    pub(super) fn encode_window(&self, out: &mut Vec<u64>) {
        let file = self.file_span();
        out.extend([self.id, self.first_position.get(), file.first_position.get(), file.count]);
    }

    /// Finds the run that an entry of the section of windows is about, and notes what its file has.
    pub(super) fn decode_window(runs: &mut [Self], reader: &mut Reader<'_>) -> Result<(), Damage> {
        let at = reader.offset();
        let id = reader.u64("run with a window")?;
        let first = Position::new(reader.u64("first position of a window")?);
        let file = RunSpan {
            first_position: Position::new(reader.u64("first position of a run file")?),
            count: reader.u64("event count of a run file")?,
        };
        // Runs are in the order of their positions; where they are not, some are not found.
        let place = runs.partition_point(|run| run.first_position < first);
        let run = runs.get_mut(place).filter(|run| run.id == id && run.first_position == first);
        let Some(run) = run.filter(|run| run.file.is_none()) else {
            return Err(Damage::new(at, "number of a run with a window", id, 0u64));
        };
        let end = |span: &RunSpan| span.first_position.get().checked_add(span.count);
        let inside = match (end(&run.span()), end(&file)) {
            (Some(window), Some(whole)) => file.first_position <= first && window <= whole,
            _ => false,
        };
        if !inside || run.count == 0 || file == run.span() {
            return Err(Damage::new(at, "window of a run", first.get(), file.first_position.get()));
        }
        run.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, count: u64) -> RunEntry {
        let first_position = Position::new(first);
        RunEntry { id: 7, first_position, count, length: 1000, trailer_checksum: 1, file: None }
    }

    #[test]
    fn what_is_left_of_a_run_knows_what_its_file_has() {
        let whole = run(11, 100);
        let left = whole.within(Position::ZERO, Position::new(21)).unwrap();
        assert_eq!((left.first_position.get(), left.count, left.bytes()), (11, 10, 100));
        assert_eq!(left.file, Some(whole.span()));
        let middle = whole.within(Position::new(51), Position::MAX).unwrap();
        let middle = middle.within(Position::ZERO, Position::new(61)).unwrap();
        assert_eq!((middle.first_position.get(), middle.count, middle.file), (51, 10, Some(whole.span())));
        assert_eq!(middle.file_span(), whole.span());
    }

    #[test]
    fn nothing_is_left_of_a_run_outside_of_it_and_all_of_it_is_no_window() {
        let whole = run(11, 100);
        assert_eq!(whole.within(Position::ZERO, Position::new(11)), None);
        assert_eq!(whole.within(Position::new(111), Position::MAX), None);
        assert_eq!(whole.within(Position::new(60), Position::new(50)), None);
        assert_eq!(whole.within(Position::ZERO, Position::MAX), Some(whole));
    }
}
