//! A run that is looked at through a window: what its file says of positions outside does not count.
//!
//! The file stays as it is, so what is asked of it is what it says, cut to the window: two searches in the list of a term tell which of
//! its positions are inside.

use super::Run;
use crate::postings::Postings;
use annals_format::Damage;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::ops::Range;

/// Entries of the table of ids that are looked at at a time.
pub(crate) const IDS_TOGETHER: u64 = 4096;

impl Run {
    /// The same run, with nothing in it but what is about these positions: it answers as one that was made of their events alone,
    /// except that [`Run::term_count`] and [`Run::id_count`] are those of the file.
    #[must_use]
    pub fn with_window(mut self, positions: Range<Position>) -> Self {
        let relative =
            |position: Position| position.events_since(self.trailer.first_position).min(self.trailer.count);
        let (start, end) = (relative(positions.start), relative(positions.end));
        self.window = start..end.max(start);
        self
    }

    /// Whether the run has all that its file has.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.window.start == 0 && self.window.end == self.trailer.count
    }

    /// How many events have an id that their producer gave, inside the window. Takes a look at each id of the file, unless the run is
    /// whole.
    ///
    /// # Errors
    /// What is damaged in the table of ids.
    pub fn count_ids(&self) -> Result<u64, Damage> {
        if self.is_whole() {
            return Ok(self.id_count());
        }
        let (mut ids, mut next) = (0, 0);
        while next < self.id_count() {
            let end = self.id_count().min(next + IDS_TOGETHER);
            ids += self.count_ids_of(next..end)?;
            next = end;
        }
        Ok(ids)
    }

    /// How many of some entries of the table of ids are inside.
    pub(crate) fn count_ids_of(&self, numbers: Range<u64>) -> Result<u64, Damage> {
        let shape = &self.trailer.id_table;
        let entries = shape.entries_in(self.id_entries(numbers)?);
        Ok(entries.filter(|entry| self.window.contains(&shape.value(*entry))).count() as u64)
    }

    /// Whether a position is inside, given relative to the first of the file.
    #[inline]
    pub(crate) fn shows(&self, relative: u64) -> bool {
        self.window.contains(&relative) || planted(Bug::IdOutsideOfWindow)
    }

    /// What is inside of a term's positions; `None` if nothing is.
    #[inline]
    pub(crate) fn inside(&self, postings: Postings) -> Result<Option<Postings>, Damage> {
        if self.is_whole() { Ok(Some(postings)) } else { self.cut(postings) }
    }

    /// Checks that positions are inside that two searches have taken for it: in a list that is out of order they need not be.
    #[inline]
    pub(super) fn check_inside(&self, postings: &Postings, positions: &[Position]) -> Result<(), Damage> {
        let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return Ok(()) };
        if self.is_whole() || (*first >= self.first_position() && *last <= self.last_position()) {
            return Ok(());
        }
        let at = self.place(postings.place);
        Err(Damage::new(at, "positions of a term", first.get(), self.first_position().get()))
    }

    #[cold]
    fn cut(&self, postings: Postings) -> Result<Option<Postings>, Damage> {
        let up_to = |end: u64| match end.checked_sub(1) {
            Some(last) if end < self.trailer.count => self.rank_relative(&postings, last),
            Some(_) => Ok(postings.stored),
            None => Ok(0),
        };
        let (before, end) = (up_to(self.window.start)?, up_to(self.window.end)?);
        if end < before {
            let at = self.place(postings.place);
            return Err(Damage::new(at, "order of the positions of a term", end, before));
        }
        let moved = !postings.is_without_versions() && !planted(Bug::WindowKeepsFirstVersion);
        let first_version = if moved { postings.first_version.plus(before) } else { postings.first_version };
        Ok((end > before).then_some(Postings { count: end - before, before, first_version, ..postings }))
    }
}
