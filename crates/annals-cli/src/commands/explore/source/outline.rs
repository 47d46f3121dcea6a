//! When the events of a stream occurred, roughly: the earliest and latest time of each chunk of 256 versions.
//!
//! With it one finds the next moment of a long stream, and the events that a state on the occurred clock leaves out, by
//! reading the few chunks that a time falls into. It takes 16 bytes for each chunk.

use super::super::model::Spans;
use super::versions;
use annals::{Timestamp, View};
use anyhow::Result;

/// Versions of a chunk.
pub(super) const CHUNK: u64 = 256;
/// How many chunks are read at once.
const PIECE: u64 = 64;

/// The times of a stream, as far as they have been read.
#[derive(Default)]
pub(super) struct Outline {
    chunks: Vec<Chunk>,
    /// The version up to which events have been read.
    done: u64,
    recorded: Option<(Timestamp, Timestamp)>,
}

/// Earliest and latest occurred_at; the wrong way round if all events of the chunk are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
}

impl Outline {
    /// Reads some more of the stream, which ends with version `last`.
    pub(super) fn extend(&mut self, view: &View, stream: &str, last: u64) -> Result<()> {
        let until = last.min((self.done / CHUNK + PIECE) * CHUNK);
        if until <= self.done {
            return Ok(());
        }
        for event in view.read(versions(view, stream, self.done + 1, until)?)? {
            let event = event?;
            let number = usize::try_from((event.version.get() - 1) / CHUNK)?;
            if self.chunks.len() <= number {
                let nothing = Chunk { earliest: Timestamp::MAX, latest: Timestamp::MIN };
                self.chunks.resize(number + 1, nothing);
            }
            let chunk = &mut self.chunks[number];
            chunk.earliest = chunk.earliest.min(event.occurred_at);
            chunk.latest = chunk.latest.max(event.occurred_at);
            let first = self.recorded.map_or(event.recorded_at, |(first, _)| first);
            self.recorded = Some((first, event.recorded_at));
        }
        self.done = until;
        Ok(())
    }

    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// The chunks with the version of the first event of each.
    pub(super) fn chunks(&self) -> impl DoubleEndedIterator<Item = (u64, Chunk)> {
        self.chunks.iter().enumerate().map(|(number, chunk)| (number as u64 * CHUNK + 1, *chunk))
    }

    /// The chunk that a version is in, unless all events behind are lost.
    pub(super) fn chunk_of(&self, version: u64) -> Option<Chunk> {
        let number = usize::try_from(version.saturating_sub(1) / CHUNK).ok()?;
        self.chunks.get(number).copied()
    }

    pub(super) fn spans(&self) -> Option<Spans> {
        let earliest = self.chunks.iter().map(|chunk| chunk.earliest).min()?;
        let latest = self.chunks.iter().map(|chunk| chunk.latest).max()?;
        Some(Spans { occurred: (earliest, latest), recorded: self.recorded? })
    }
}
