//! A long list of a merged run: taken over from the sources block by block.

use super::error::MergeError;
use super::source::Source;
use crate::write::RunBuilder;
use annals_format::run::BLOCK_POSITIONS;
use annals_types::Position;
use std::io;

const BLOCK: u64 = BLOCK_POSITIONS as u64;

/// How far a list of the term at the heads of some sources was taken over.
#[derive(Default)]
pub(super) struct LongList {
    /// Which of the sources that have the term is being read, and from which ordinal on.
    source: usize,
    ordinal: u64,
    /// What was read last.
    read: Vec<Position>,
    /// Positions, relative to the first of the new run, that wait for a block to be full.
    waiting: Vec<u64>,
    /// The least that the next position can be.
    least: Position,
}

impl LongList {
    /// Takes over at most a block of a source. Says whether that was the last.
    pub(super) fn step<S: FnMut(&[u8]) -> io::Result<()>>(
        &mut self,
        sources: &[Source],
        having: &[usize],
        first_position: Position,
        builder: &mut RunBuilder<S>,
    ) -> Result<bool, MergeError> {
        let Some(source) = having.get(self.source).map(|number| &sources[*number]) else {
            if !self.waiting.is_empty() {
                builder.block(&self.waiting)?;
            }
            return Ok(true);
        };
        let count = source.head().map_or(0, |head| head.postings.count());
        source.positions(self.ordinal..count.min(self.ordinal + BLOCK), &mut self.read)?;
        // Within a block positions ascend; whether blocks do has not been looked at.
        if let (Some(first), Some(last)) = (self.read.first(), self.read.last()) {
            if *first < self.least {
                return Err(source.damage("order of the blocks of a list", first.get(), self.least.get()));
            }
            self.least = last.next();
        }
        self.waiting.extend(self.read.iter().map(|position| position.events_since(first_position)));
        if self.waiting.len() >= BLOCK_POSITIONS {
            builder.block(&self.waiting[..BLOCK_POSITIONS])?;
            self.waiting.drain(..BLOCK_POSITIONS);
        }
        self.ordinal += BLOCK;
        if self.ordinal >= count {
            (self.source, self.ordinal) = (self.source + 1, 0);
        }
        Ok(false)
    }
}
