//! The new store: records at their old positions, bound anew, in segments of its own.
//!
//! Nothing of the original's files is copied as it is. Every record is written behind the one before it, in batches as
//! they were, with the checksums of a new segment, so there is one way for sound and for damaged segments, and bytes of
//! the original never look valid here. The manifest is written last; until then there is no store.

mod ends;
mod segments;

use super::inherited::Inherited;
use super::sparse::Sparse;
use crate::erasure::ERASURE_STREAM;
use crate::error::OpenError;
use annals_format::{FrameBuilder, OpenSegment, RunEntry, SealedSegment};
use annals_index::{MemoryIndex, TermKind};
use annals_types::{EventRef, Position, Timestamp, Version};
use annals_vfs::{Env, Lock};
use annals_wal::{LogWriter, Watermark, WriteFailed};
use ends::begin_log;
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use std::io;
use std::sync::Arc;

/// So many lost positions make a frame where no batch is known.
const LOST_FRAME_RECORDS: usize = 4096;

/// The store that is being written.
#[derive(Debug)]
pub(super) struct Destination<'d> {
    env: &'d Env,
    inherited: Inherited,
    hash_seed: u64,
    _lock: Box<dyn Lock>,
    /// While positions may be missing.
    sparse: Option<Sparse<'d>>,
    /// A position that has a lost record only to end a segment.
    stand_in: Option<Position>,
    writer: LogWriter,
    watermark: Arc<Watermark>,
    active: Option<Active>,
    frame: FrameBuilder,
    /// Versions of the records of `frame`.
    versions: Vec<Version>,
    /// The last versions of the streams of `frame`.
    heads: HashMap<Box<str>, Version, RandomState>,
    recorded_at: Timestamp,
    staged: Vec<FrameBuilder>,
    staged_bytes: usize,
    /// The number of the last request to erase.
    requested: u64,
    next_file_id: u64,
    sealed: Vec<SealedSegment>,
    runs: Vec<RunEntry>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    entry: OpenSegment,
    index: MemoryIndex,
}

impl Destination<'_> {
    /// Whether an event can stand behind those before it. It always can where a store has written the log; it cannot
    /// if segments of different copies of a store were put together.
    pub(super) fn fits(&self, event: &EventRef<'_>) -> bool {
        event.recorded_at >= self.recorded_at && self.version_fits(event.stream, event.version)
    }

    fn version_fits(&self, stream: &str, version: Version) -> bool {
        if stream.is_empty() {
            return true;
        }
        if let Some(sparse) = &self.sparse {
            return sparse.head(stream).is_none_or(|head| head.next() == version);
        }
        let head = self.heads.get(stream).copied().or_else(|| {
            let postings = self.active.as_ref()?.index.find(TermKind::Stream, stream)?;
            Some(postings.last_version())
        });
        head.is_none_or(|head| head.next() == version)
    }

    /// Writes a record as it was, behind what was written before. It must fit.
    pub(super) fn keep(&mut self, event: &EventRef<'_>, record: &[u8]) -> Result<(), OpenError> {
        if event.recorded_at != self.recorded_at {
            self.end_batch()?;
        }
        self.recorded_at = event.recorded_at;
        self.push(event.position, (event.stream, event.version), Some(record))
    }

    /// Another segment of the original begins.
    pub(super) fn begin_source(&mut self, compressed: bool) -> Result<(), OpenError> {
        self.end_batch()?;
        if let Some(sparse) = &mut self.sparse {
            sparse.begin_source(compressed);
        }
        Ok(())
    }

    /// Writes what stands for a lost event. If the version does not fit, the stream is not taken for known; says
    /// whether it was.
    pub(super) fn lose(
        &mut self,
        position: Position,
        stream: &str,
        version: Version,
    ) -> Result<bool, OpenError> {
        let sparse = self.sparse.as_ref().map_or(0, Sparse::batch_records);
        if sparse.max(self.frame.record_count()) >= LOST_FRAME_RECORDS {
            self.end_batch()?;
        }
        if self.recorded_at == Timestamp::MIN {
            // Nothing was recorded before it that could lend it a time.
            self.recorded_at = self.inherited.began;
        }
        let fits = !stream.is_empty() && self.version_fits(stream, version);
        let (stream, version) = if fits { (stream, version) } else { ("", Version::ZERO) };
        self.push(position, (stream, version), None)?;
        Ok(fits)
    }

    fn push(
        &mut self,
        position: Position,
        (stream, version): (&str, Version),
        record: Option<&[u8]>,
    ) -> Result<(), OpenError> {
        if self.sparse.as_ref().is_some_and(|sparse| sparse.ends_before(position)) {
            self.begin_dense(position)?;
        }
        if stream == ERASURE_STREAM {
            self.requested = version.get();
        }
        if let Some(sparse) = &mut self.sparse {
            return sparse.push(position, (stream, version), record, self.recorded_at);
        }
        let add = |frame: &mut FrameBuilder| match record {
            Some(record) => frame.push_record(record),
            None => frame.push_lost(stream),
        };
        let mut added = add(&mut self.frame);
        if added.is_err() && self.frame.record_count() > 0 {
            // Lost records may be longer than what they stand for, as far as a whole batch goes.
            self.end_batch()?;
            added = add(&mut self.frame);
        }
        added.map_err(|invalid| OpenError::Io {
            what: "write a batch".into(),
            source: io::Error::other(invalid),
        })?;
        self.versions.push(version);
        if !stream.is_empty() {
            match self.heads.get_mut(stream) {
                Some(head) => *head = version,
                None => drop(self.heads.insert(stream.into(), version)),
            }
        }
        Ok(())
    }
}

fn failed(failed: WriteFailed) -> OpenError {
    OpenError::io("write the new store")(failed.source)
}
