//! Which positions the records of a frame have.
//!
//! In a frame that was appended each record has the position behind that of the record before it. In one that compaction has
//! written positions may be missing: then a table stands in front of the records, which tells of each stretch but the last one
//! how many records it has and how many positions are missing behind it.

use super::{CHECKSUM, FRAME_HEADER_BYTES, FrameHeader, LENGTH};
use crate::binding::Binding;
use crate::damage::Damage;
use crate::varint::{put_varint, take_varint};
use crate::wire::u32_at;
use annals_types::Position;
use annals_types::planted::{Bug, planted};

/// The table begins with its checksum.
pub(super) const PAIRS: usize = FRAME_HEADER_BYTES + 4;

/// The stretches of a frame, in order: the position of the first record of each, and how many it has.
#[derive(Clone, Copy, Debug)]
pub struct FrameStretches<'a> {
    /// What the table tells of the stretches that come next, which was verified.
    pairs: &'a [u8],
    position: Position,
    /// Records of the stretches that come next.
    left: u32,
    records_at: usize,
}

impl<'a> FrameStretches<'a> {
    /// The stretches of the frame at the front of `frame`, which has this header and begins at `offset` of the file.
    ///
    /// The checks, in order: each stretch but the last has records and positions missing behind it, and all of them together no
    /// more than the header says; checksum of the table, which is bound to the header.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn read(
        frame: &'a [u8],
        header: &FrameHeader,
        binding: Binding,
        offset: u64,
    ) -> Result<Self, Damage> {
        let (position, left) = (header.first_position, header.record_count);
        if header.missing == 0 {
            return Ok(FrameStretches { pairs: &[], position, left, records_at: FRAME_HEADER_BYTES });
        }
        let damaged = || {
            Damage::new(
                offset + PAIRS as u64,
                "positions missing in a frame",
                frame.len() as u64,
                header.missing,
            )
        };
        let table = frame.get(PAIRS..).ok_or_else(damaged)?;
        let mut rest = table;
        let (mut records, mut missing) = (0_u32, 0_u32);
        while missing < header.missing {
            let mut number = || take_varint(&mut rest).and_then(|number| u32::try_from(number).ok());
            let pair = number().zip(number()).filter(|(records, missing)| *records > 0 && *missing > 0);
            let (more_records, more_missing) = pair.ok_or_else(damaged)?;
            let told = records.checked_add(more_records).zip(missing.checked_add(more_missing));
            // The last stretch has at least one record, and is not told of.
            let within = |(records, missing): &(u32, u32)| *records < left && *missing <= header.missing;
            (records, missing) = told.filter(within).ok_or_else(damaged)?;
        }
        let pairs = &table[..table.len() - rest.len()];
        let (found, expected) = (u32_at(frame, FRAME_HEADER_BYTES), checksum(frame, pairs, binding));
        if found != expected && !planted(Bug::FrameStretchesNotVerified) {
            let at = offset + FRAME_HEADER_BYTES as u64;
            return Err(Damage::new(at, "checksum of the positions of a frame", found, expected));
        }
        Ok(FrameStretches { pairs, position, left, records_at: PAIRS + pairs.len() })
    }

    /// What a table says that was not verified.
    pub(super) fn told(pairs: &'a [u8], position: Position, left: u32, records_at: usize) -> Self {
        FrameStretches { pairs, position, left, records_at }
    }

    /// Where the first record begins in the frame.
    #[must_use]
    pub fn records_at(&self) -> usize {
        self.records_at
    }

    /// The position of each record, in order.
    pub fn positions(self) -> impl Iterator<Item = Position> + use<'a> {
        self.flat_map(|(first, records)| (0..u64::from(records)).map(move |number| first.plus(number)))
    }
}

impl Iterator for FrameStretches<'_> {
    type Item = (Position, u32);

    fn next(&mut self) -> Option<(Position, u32)> {
        if self.left == 0 {
            return None;
        }
        let (first, mut number) = (self.position, || take_varint(&mut self.pairs));
        let Some((records, missing)) = number().zip(number()) else {
            return Some((first, std::mem::take(&mut self.left)));
        };
        let records = u32::try_from(records).unwrap_or(self.left).min(self.left);
        self.left -= records;
        self.position = first.plus(records.into()).plus(missing);
        Some((first, records))
    }
}

/// Appends the table, for which `stretches` gives records and missing positions; its checksum is to be filled in.
pub(super) fn put_table(out: &mut Vec<u8>, pairs: impl Iterator<Item = (u32, u32)>) {
    out.extend_from_slice(&[0; 4]);
    for (records, missing) in pairs {
        put_varint(out, records.into());
        put_varint(out, missing.into());
    }
}

/// The checksum of the table of a frame whose header is complete.
pub(super) fn checksum(frame: &[u8], pairs: &[u8], binding: Binding) -> u32 {
    binding.checksum_of(&[&frame[CHECKSUM..LENGTH], pairs])
}

/// How long the pairs at the front are that come to so many missing positions; as far as there are any.
pub(super) fn pairs_length(table: &[u8], missing: u32) -> usize {
    let (mut rest, mut found) = (table, 0_u64);
    while found < missing.into() {
        let before = rest;
        let Some((_, gap)) = take_varint(&mut rest).zip(take_varint(&mut rest)) else {
            return table.len() - before.len();
        };
        found = found.saturating_add(gap.max(1));
    }
    table.len() - rest.len()
}
