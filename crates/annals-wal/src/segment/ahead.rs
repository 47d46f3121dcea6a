//! Telling the disk what will be read next. Mappings read single pages unless they are told.

use super::{Body, Segment};
use annals_format::PAGE_BYTES;
use annals_types::Position;
use annals_vfs::Mapping;
use std::ops::Range;

/// How much a walk from front to back asks for at once.
const WINDOW: u64 = 1 << 20;

impl Segment {
    /// Says that the events at these positions (visible, ascending, of this segment as far as they count) will be read soon,
    /// so that their pages, and those of their offsets, are read from the disk at once and not one by one. Only a hint: what
    /// goes wrong is told by the reads that follow.
    pub fn read_ahead(&self, positions: Range<Position>) {
        let first = positions.start.max(self.first_position);
        let end = self
            .sealed_entry()
            .map_or(positions.end, |entry| positions.end.min(entry.last_position().next()));
        if first >= end || self.mapping().is_err() {
            return;
        }
        let (Some(start), Some(behind)) = (self.known_rank(first), self.known_rank(end)) else { return };
        if start >= behind {
            return;
        }
        if let Body::Sealed(sealed) = &self.body
            && let Some(loaded) = sealed.loaded.get()
            && let Some(tables) = &loaded.tables
        {
            loaded.mapping.prefetch(tables.places_of_offsets(&loaded.mapping, &(start..behind)));
        }
        let place = |record| self.known_offset(record).map(|(mapping, offset)| (mapping, u64::from(offset)));
        let (Some((mapping, start)), Some((_, last))) = (place(start), place(behind - 1)) else { return };
        let most = self.sealed_entry().map_or(mapping.len(), |entry| entry.frames_end);
        // How long the last record is nobody knows before it is read, if no other one follows it.
        let behind = place(behind).map_or(last + PAGE_BYTES as u64, |(_, next)| next);
        mapping.prefetch(start..behind.min(most).max(start));
    }
}

/// Prefetches in windows what a walk comes to next.
pub(crate) struct Ahead<'m> {
    mapping: &'m Mapping,
    /// Where the walk ends.
    end: u64,
    /// What was asked for so far.
    asked: u64,
}

impl<'m> Ahead<'m> {
    /// For a walk up to `end`.
    pub(crate) fn new(mapping: &'m Mapping, end: u64) -> Self {
        Ahead { mapping, end: end.min(mapping.len()), asked: 0 }
    }

    /// The walk has come to this offset.
    #[inline]
    pub(crate) fn reach(&mut self, offset: u64) {
        if let Some(window) = next_window(offset, self.asked, self.end) {
            self.asked = window.end;
            self.mapping.prefetch(window);
        }
    }
}

/// What is asked for next: the window behind what was asked for already, once less than half of one is left of that.
fn next_window(offset: u64, asked: u64, end: u64) -> Option<Range<u64>> {
    let start = asked.max(offset);
    (asked < end && start < end && asked <= offset.saturating_add(WINDOW / 2))
        .then(|| start..start.saturating_add(WINDOW).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The windows that a walk in these steps asks for.
    fn walk(end: u64, step: u64) -> Vec<Range<u64>> {
        let (mut asked, mut windows) = (0, Vec::new());
        for offset in (0..end).step_by(usize::try_from(step).unwrap()) {
            let window = next_window(offset, asked, end);
            asked = window.as_ref().map_or(asked, |window| window.end);
            assert!(asked >= (offset + WINDOW / 2).min(end), "{offset} of {end} is not half a window behind");
            windows.extend(window);
        }
        windows
    }

    #[test]
    fn a_walk_asks_for_every_byte_once_and_well_before_it_comes_there() {
        for (end, step) in [(1, 1), (WINDOW, 250), (WINDOW + 1, 4096), (5 * WINDOW + 77, 250)] {
            let windows = walk(end, step);
            assert_eq!((windows[0].start, windows[windows.len() - 1].end), (0, end));
            assert!(windows.windows(2).all(|pair| pair[0].end == pair[1].start), "{windows:?}");
            assert!(windows.len() as u64 <= end / WINDOW + 1, "{windows:?}");
        }
    }

    #[test]
    fn what_a_long_record_has_passed_over_is_not_asked_for() {
        assert_eq!(walk(100 * WINDOW, 10 * WINDOW).len(), 10);
        assert_eq!(next_window(5 * WINDOW, WINDOW, 9 * WINDOW), Some(5 * WINDOW..6 * WINDOW));
        assert_eq!(next_window(9 * WINDOW, WINDOW, 9 * WINDOW), None);
        assert_eq!(next_window(u64::MAX, 0, u64::MAX), None);
    }
}
