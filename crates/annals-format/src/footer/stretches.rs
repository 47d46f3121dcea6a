//! Which positions a segment has, if compaction has removed some of its events.
//!
//! A **stretch** is what is left in one piece: records that follow each other and whose positions do. The table has where each
//! begins, in order, so that a position is found by halves. Where nothing is missing in front of the last record there is one
//! stretch, and no table.

use super::Footer;
use crate::damage::Damage;
use crate::wire::{put_u32, u32_at};
use std::ops::Range;

/// Length of an entry.
pub(super) const STRETCH_BYTES: usize = 8;

/// Records that follow each other and whose positions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The position of its first record, counted from the segment's first position.
    pub position: u32,
    /// The number of its first record in the segment, from 0.
    pub record: u32,
}

impl Stretch {
    pub(super) fn encode(self) -> [u8; STRETCH_BYTES] {
        let mut bytes = [0; STRETCH_BYTES];
        put_u32(&mut bytes, 0, self.position);
        put_u32(&mut bytes, 4, self.record);
        bytes
    }

    fn decode(bytes: &[u8; STRETCH_BYTES]) -> Self {
        Stretch { position: u32_at(bytes, 0), record: u32_at(bytes, 4) }
    }
}

impl Footer {
    /// How many stretches the table has; 0 if the positions of all records follow each other from the first on.
    #[must_use]
    pub fn stretch_count(&self) -> u32 {
        self.stretches
    }

    /// A stretch of the table. It is not verified: see [`Footer::pages_of_stretches`].
    #[must_use]
    #[inline]
    pub fn stretch(&self, tables: &[u8], number: u32) -> Option<Stretch> {
        if number >= self.stretches {
            return None;
        }
        let at = self.within(&self.stretches())?.start + number as usize * STRETCH_BYTES;
        tables.get(at..)?.first_chunk().map(Stretch::decode)
    }

    /// The pages of the tables that the stretches are on. Who believes that a position is missing, or which one a record has,
    /// has to verify all of them, see [`Footer::check_page`] and [`Footer::check_stretches`].
    #[must_use]
    pub fn pages_of_stretches(&self) -> Range<u64> {
        let table = self.stretches();
        if table.is_empty() {
            return 0..0;
        }
        let page = |offset: u64| (offset - self.frames_end) / crate::pages::PAGE_BYTES as u64;
        page(table.start)..page(table.end - 1) + 1
    }

    /// Whether the stretches are ones that a segment can have: in order, none of them empty, with something missing in front of
    /// each but the first, and within the positions that the segment covers. In time proportional to their number.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn check_stretches(&self, tables: &[u8], positions: u64) -> Result<(), Damage> {
        let mut last: Option<Stretch> = None;
        for number in 0..self.stretches {
            let at = self.stretches().start + u64::from(number) * STRETCH_BYTES as u64;
            let damaged = |found: u32| Damage::new(at, "stretch of positions", found, number);
            let stretch = self.stretch(tables, number).ok_or_else(|| damaged(0))?;
            let follows = match last {
                None => stretch.record == 0,
                Some(last) => {
                    let records = stretch.record.checked_sub(last.record).filter(|records| *records > 0);
                    let distance = stretch.position.checked_sub(last.position);
                    records.zip(distance).is_some_and(|(records, distance)| distance > records)
                }
            };
            if !follows {
                return Err(damaged(stretch.position));
            }
            last = Some(stretch);
        }
        let end = last.map_or(self.count, |last| {
            // Both are below 2^32.
            u64::from(last.position) + self.count.saturating_sub(u64::from(last.record))
        });
        let within = last.is_none_or(|last| u64::from(last.record) < self.count) && end <= positions;
        if within {
            Ok(())
        } else {
            Err(Damage::new(self.stretches().start, "positions of a segment", end, positions))
        }
    }
}
