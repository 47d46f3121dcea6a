//! Writing segments anew without some of their events, or without what some of them say.
//!
//! What stays keeps its position, its version and its bytes; only the checksum that binds a record to its place is another one.
//! An event that is erased keeps everything but its payload, and perhaps its tags.
//! What stays of a batch is one frame, in which positions may be missing. Nothing of the sources is touched: they are replaced by
//! the manifest that names the new file instead of them.

mod frames;
mod kept;
mod output;
mod source;

pub use kept::KeptSegment;

use crate::error::LogError;
use crate::segment::Segment;
use annals_format::{Rewritten, SealedSegment, SegmentHeader, StoreId, names};
use annals_types::{Compression, Erasure, EventRef, Position};
use annals_vfs::Disk;
use output::Output;
use source::Source;
use std::fmt;
use std::io;
use std::sync::Arc;

/// So much is read in a step, and written at once.
const STEP_BYTES: usize = 256 << 10;

/// More positions than a segment covers.
const POSITIONS_MAX: u64 = u32::MAX as u64;

/// The new file: a number that one of the sources has, and an edition that no file has.
#[derive(Clone, Copy, Debug)]
pub struct RewriteTarget {
    /// The store.
    pub store_id: StoreId,
    /// The number of the segment, which is that of the first source.
    pub id: u64,
    /// A random number that no other segment has.
    pub salt: u64,
    /// Which edition of it.
    pub edition: u64,
    /// The number of the compaction.
    pub compaction: u64,
    /// How payloads are stored that are neither encrypted nor erased, however they are in the sources.
    pub compression: Compression,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It stays as it is.
    Keep,
    /// It is not in the new file.
    Drop,
    /// It stays without its payload. One that was lost stays as it is.
    Erase {
        /// What is told of the payload.
        erasure: Erasure,
        /// Whether its tags stay.
        keep_tags: bool,
    },
}

/// Says of each event what becomes of it.
pub type Choose<'c> = dyn FnMut(&EventRef<'_>) -> Result<Choice, LogError> + 'c;

/// What a step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RewriteStep {
    /// Bytes of the sources that were read.
    pub read: u64,
    /// Bytes of the new file that were written.
    pub written: u64,
    /// Whether there is more to do.
    pub goes_on: bool,
}

/// Segments that are written anew, step by step. The memory of the largest frame in them is needed, and of some more:
/// 24 MiB if payloads are compressed.
pub struct Rewrite<'d> {
    target: RewriteTarget,
    sources: Vec<Source>,
    /// The source that is read.
    source: usize,
    last_position: Position,
    output: Output<'d>,
}

impl<'d> Rewrite<'d> {
    /// Begins to write sealed segments, which lie side by side in this order, into a file of their own.
    ///
    /// # Errors
    /// What the system says; `InvalidInput` if there are no sources, if one is not sealed or not behind the one before it, or
    /// if together they cover more positions than a segment can. There is no new file then.
    pub fn begin(
        disk: &'d dyn Disk,
        target: RewriteTarget,
        sources: Vec<Arc<Segment>>,
    ) -> Result<Self, LogError> {
        let name = names::edition(target.id, target.edition);
        let (first_position, last_position) = covered(&sources, &name)?;
        let sources = sources.into_iter().map(|segment| Source::new(segment, &name));
        let sources = sources.collect::<Result<_, _>>()?;
        let header = SegmentHeader {
            store_id: target.store_id,
            segment_id: target.id,
            first_position,
            salt: target.salt,
        };
        let output = Output::create(disk, name, &header, target.compression)?;
        Ok(Rewrite { target, sources, source: 0, last_position, output })
    }

    /// Takes only what lies up to a position, in whole batches: where one begins that has an event behind it, the new segment ends.
    #[must_use]
    pub fn up_to(self, last: Position) -> Self {
        Rewrite { last_position: self.last_position.min(last), ..self }
    }

    /// The name of the new file.
    #[must_use]
    pub fn path(&self) -> String {
        self.output.name.clone()
    }

    /// Takes some more frames. `choose` says of each event what becomes of it; it is asked about events that were lost to damage as
    /// well.
    ///
    /// # Errors
    /// What the system says, or `choose`; that a source is damaged, of which nothing is written anew; that what stays does not
    /// fit into one segment. What can be done then is to abandon the new file.
    pub fn step(&mut self, choose: &mut Choose<'_>) -> Result<RewriteStep, LogError> {
        let mut read = 0;
        while read < STEP_BYTES
            && let Some(source) = self.sources.get_mut(self.source)
        {
            match source.next_frame()? {
                Some(frame) if frame.header.last_position() > self.last_position => {
                    let end = frame.header.first_position.previous();
                    self.last_position = self.last_position.min(end);
                    self.source = self.sources.len();
                }
                Some(frame) => {
                    self.output.take(&frame, choose)?;
                    let header = frame.header;
                    read += source.pass(&header)?;
                }
                None => self.source += 1,
            }
        }
        let goes_on = self.source < self.sources.len();
        if !goes_on {
            self.output.complete();
        }
        let due = self.output.pending() >= STEP_BYTES || !goes_on;
        let written = if due { self.output.write()? } else { 0 };
        Ok(RewriteStep { read: read as u64, written: written as u64, goes_on })
    }

    /// Gives the new file its footer, and makes it and its name durable. `None` if nothing stays; then there is no new file.
    ///
    /// # Errors
    /// What the system says; that what was written does not read back as it should; `InvalidInput` if the last step said that
    /// there is more to do, or failed. The new file is abandoned then.
    pub fn finish(self) -> Result<Option<SealedSegment>, LogError> {
        if self.source < self.sources.len() || self.output.pending() > 0 {
            let error = invalid(&self.output.name, "not everything that stays was taken");
            self.abandon();
            return Err(error);
        }
        if self.output.is_empty() {
            self.abandon();
            return Ok(None);
        }
        let rewritten = Rewritten {
            edition: self.target.edition,
            positions: self.last_position.next().events_since(self.output.header.first_position),
            compaction: self.target.compaction,
        };
        let sealed = self.output.seal(self.last_position, rewritten);
        if sealed.is_err() {
            self.abandon();
        }
        sealed.map(Some)
    }

    /// Removes the new file. If that fails, it is removed when the store is opened for writing the next time.
    pub fn abandon(self) {
        let _ = self.output.disk.remove(&self.output.name);
    }
}

/// The positions that segments cover which lie side by side.
fn covered(sources: &[Arc<Segment>], name: &str) -> Result<(Position, Position), LogError> {
    let entries: Vec<_> = sources.iter().filter_map(|source| source.sealed_entry()).collect();
    if entries.len() < sources.len() {
        return Err(invalid(name, "a source is not sealed"));
    }
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Err(invalid(name, "there are no sources"));
    };
    if !entries.is_sorted_by(|one, other| one.last_position() < other.first_position) {
        return Err(invalid(name, "the sources are not in order"));
    }
    let (first, last) = (first.first_position, last.last_position());
    if last.next().events_since(first) > POSITIONS_MAX {
        return Err(invalid(name, "the sources cover more positions than a segment can"));
    }
    Ok((first, last))
}

fn invalid(name: &str, what: &'static str) -> LogError {
    let source = io::Error::new(io::ErrorKind::InvalidInput, what);
    LogError::Io { what: format!("write {name}"), source }
}

impl fmt::Debug for Rewrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrite")
            .field("target", &self.target)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
