//! Positions by ordinal, and ordinals by position.

use super::Run;
use crate::postings::Postings;
use annals_format::Damage;
use annals_format::run::{
    BLOCK_POSITIONS, BlockEntry, LIST_POSITION_BYTES_MAX, SKIP_ENTRY_BYTES, ShortList, decode_block,
};
use annals_types::Position;
use std::ops::Range;

const BLOCK: u64 = BLOCK_POSITIONS as u64;
const SKIP_ENTRY: u64 = SKIP_ENTRY_BYTES as u64;

impl Run {
    pub(super) fn read_positions(
        &self,
        postings: &Postings,
        ordinals: Range<u64>,
        out: &mut Vec<Position>,
    ) -> Result<(), Damage> {
        let first = self.trailer.first_position;
        if ordinals.is_empty() {
            return Ok(());
        }
        let ordinals = postings.before + ordinals.start..postings.before + ordinals.end;
        if postings.stored == 1 {
            out.push(first.plus(postings.place));
            return Ok(());
        }
        if postings.stored <= BLOCK {
            let mut list = self.short_list(postings)?;
            for ordinal in 0..ordinals.end {
                let relative = list.next_position()?;
                if ordinal >= ordinals.start {
                    out.push(first.plus(relative));
                }
            }
            return Ok(());
        }
        let mut buffer = [0; BLOCK_POSITIONS];
        let mut least = 0;
        for block in ordinals.start / BLOCK..ordinals.end.div_ceil(BLOCK) {
            let end = (ordinals.end - block * BLOCK).min(BLOCK) as usize;
            let relatives = self.block(postings, block, &mut buffer[..end])?;
            // Within a block positions cannot but ascend.
            if relatives[0] < least {
                let at = self.place(postings.place).saturating_add(block * SKIP_ENTRY);
                return Err(Damage::new(at, "order of the blocks of a list", relatives[0], least));
            }
            least = relatives[relatives.len() - 1] + 1;
            let start = ordinals.start.saturating_sub(block * BLOCK) as usize;
            out.extend(relatives[start..].iter().map(|relative| first.plus(*relative)));
        }
        Ok(())
    }

    /// How many of the stored positions are not greater than `relative`, whether inside of the window or not.
    pub(super) fn rank_relative(&self, postings: &Postings, relative: u64) -> Result<u64, Damage> {
        if postings.stored == 1 {
            return Ok(u64::from(postings.place <= relative));
        }
        if postings.stored <= BLOCK {
            let mut list = self.short_list(postings)?;
            for ordinal in 0..postings.stored {
                if list.next_position()? > relative {
                    return Ok(ordinal);
                }
            }
            return Ok(postings.stored);
        }
        // The blocks before `low` begin at or before the position, those from `high` on begin after it.
        let (mut low, mut high) = (0, postings.stored.div_ceil(BLOCK));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.block_entry(postings, middle)?.first <= relative {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(block) = low.checked_sub(1) else { return Ok(0) };
        let mut buffer = [0; BLOCK_POSITIONS];
        let length = (postings.stored - block * BLOCK).min(BLOCK) as usize;
        let relatives = self.block(postings, block, &mut buffer[..length])?;
        let within = relatives.partition_point(|other| *other <= relative);
        Ok(block * BLOCK + within as u64)
    }

    fn short_list(&self, postings: &Postings) -> Result<ShortList<'_>, Damage> {
        let start = self.place(postings.place);
        // The list ends somewhere in there; its own numbers say where.
        let end = start.saturating_add(postings.stored * LIST_POSITION_BYTES_MAX);
        let bytes = self.pages.bytes(start..end.min(self.parts.dictionary.end))?;
        Ok(ShortList::new(bytes, self.trailer.count, start))
    }

    /// The first positions of a block, as many as `out` has, which is at least one.
    fn block<'a>(&self, postings: &Postings, block: u64, out: &'a mut [u64]) -> Result<&'a [u64], Damage> {
        let entry = self.block_entry(postings, block)?;
        let start = self.place(entry.place);
        let bytes = self.pages.bytes(start..start.saturating_add(entry.length(out.len())))?;
        decode_block(&entry, bytes, self.trailer.count, start, out)?;
        Ok(out)
    }

    fn block_entry(&self, postings: &Postings, block: u64) -> Result<BlockEntry, Damage> {
        let start = self.place(postings.place).saturating_add(block * SKIP_ENTRY);
        let bytes = self.pages.bytes(start..start.saturating_add(SKIP_ENTRY))?;
        let Some(bytes) = bytes.first_chunk() else {
            return Err(Damage::new(start, "entry of a skip table", bytes.len() as u64, SKIP_ENTRY));
        };
        BlockEntry::decode(bytes, self.trailer.count, start)
    }

    /// A place in the dictionary as one in the file. One that is too far leads beyond the end of the file.
    pub(super) fn place(&self, place: u64) -> u64 {
        self.parts.dictionary.start.saturating_add(place)
    }
}
