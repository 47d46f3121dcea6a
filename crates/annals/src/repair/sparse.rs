//! The segments of the new store of which positions are missing, as they are in the original: each is written as compaction writes
//! it, and has a run of its own.

use crate::error::OpenError;
use crate::part::{IndexPlan, insert_stored};
use crate::run_file::write_run_file;
use annals_format::{KeptFrame, RunEntry, SealedSegment, StoreId, names};
use annals_types::limits::BATCH_EVENTS_MAX;
use annals_types::{Compression, Invalid, Position, Timestamp, Version};
use annals_vfs::Env;
use annals_wal::{KeptSegment, LogError, RewriteTarget, Segment};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use std::io;
use std::sync::Arc;

/// The first edition that compaction writes of a segment; these have never had another one.
const EDITION: u64 = 1;

/// What the segments have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common {
    pub(super) store_id: StoreId,
    pub(super) segment_bytes: u64,
    pub(super) plan: IndexPlan,
    /// The number of the last compaction.
    pub(super) compaction: u64,
    /// Up to here positions may be missing.
    pub(super) through: Position,
}

/// The segments that are written before those without gaps.
#[derive(Debug)]
pub(super) struct Sparse<'d> {
    env: &'d Env,
    pub(super) common: Common,
    compressed: bool,
    segment_compressed: bool,
    segment: Option<KeptSegment<'d>>,
    frame: KeptFrame,
    /// The last position that was written.
    last: Position,
    /// The last versions of the streams of the segment.
    heads: HashMap<Box<str>, Version, RandomState>,
    pub(super) files: Files,
}

/// What they are in the manifest.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) next_file_id: u64,
    pub(super) sealed: Vec<SealedSegment>,
    pub(super) runs: Vec<RunEntry>,
}

impl<'d> Sparse<'d> {
    pub(super) fn new(env: &'d Env, common: Common) -> Self {
        let files = Files { next_file_id: 1, sealed: Vec::new(), runs: Vec::new() };
        Sparse {
            env,
            common,
            compressed: false,
            segment_compressed: false,
            segment: None,
            frame: KeptFrame::new(),
            last: Position::ZERO,
            heads: HashMap::default(),
            files,
        }
    }

    /// How many records the batch has so far.
    pub(super) fn batch_records(&self) -> usize {
        self.frame.record_count()
    }

    /// Whether a batch that begins at this position belongs to the segments without gaps. It does not before there is a segment in
    /// front of them, which says where they begin.
    pub(super) fn ends_before(&self, position: Position) -> bool {
        position > self.common.through && self.segment.is_some() && self.frame.record_count() == 0
    }

    /// The last version of a stream in the segment, if it has it.
    pub(super) fn head(&self, stream: &str) -> Option<Version> {
        self.heads.get(stream).copied()
    }

    /// Another segment of the original begins. What was compressed is compressed again, and nothing else.
    pub(super) fn begin_source(&mut self, compressed: bool) {
        self.compressed = compressed;
    }

    /// Adds a record to the batch; without bytes, one that stands for a lost event.
    pub(super) fn push(
        &mut self,
        position: Position,
        (stream, version): (&str, Version),
        record: Option<&[u8]>,
        recorded_at: Timestamp,
    ) -> Result<(), OpenError> {
        if self.frame.record_count() >= BATCH_EVENTS_MAX || !self.reaches(position) {
            self.end_batch(recorded_at)?;
        }
        if self.is_full(position) {
            self.seal(self.last)?;
        }
        if self.segment.is_none() {
            self.begin(position)?;
        }
        let add = |frame: &mut KeptFrame| match record {
            Some(record) => frame.push(position, version, record),
            None => frame.push_lost(position, version, stream),
        };
        let mut added = add(&mut self.frame);
        if added.is_err() && self.frame.record_count() > 0 {
            // Payloads that were compressed take more room than they did in the batch.
            self.end_batch(recorded_at)?;
            added = add(&mut self.frame);
        }
        added.map_err(|invalid: Invalid| OpenError::Io {
            what: "write a batch".into(),
            source: io::Error::other(invalid),
        })?;
        self.last = position;
        if !stream.is_empty() {
            match self.heads.get_mut(stream) {
                Some(head) => *head = version,
                None => drop(self.heads.insert(stream.into(), version)),
            }
        }
        Ok(())
    }

    /// Ends the batch: what was added since the last one becomes a frame.
    pub(super) fn end_batch(&mut self, recorded_at: Timestamp) -> Result<(), OpenError> {
        let frame = std::mem::take(&mut self.frame);
        let Some(segment) = self.segment.as_mut().filter(|_| frame.record_count() > 0) else { return Ok(()) };
        Ok(segment.push(frame, recorded_at)?)
    }

    fn reaches(&self, position: Position) -> bool {
        self.segment.as_ref().is_none_or(|segment| segment.reaches(position))
    }

    /// Whether a batch that begins at this position belongs to the next segment. It is asked only then, so that the one before it covers
    /// whatever is missing behind it if no batch comes.
    fn is_full(&self, position: Position) -> bool {
        let batch_begins = self.frame.record_count() == 0;
        let is_full = |segment: &KeptSegment<'_>| {
            segment.length() >= self.common.segment_bytes || self.segment_compressed != self.compressed
        };
        batch_begins && (!self.reaches(position) || self.segment.as_ref().is_some_and(is_full))
    }

    /// Nothing more comes. What was written covers all positions up to `last`, so that the log goes on behind it. Says whether
    /// that position had to get a lost record: only a segment that has one can end there.
    pub(super) fn close(
        mut self,
        last: Position,
        recorded_at: Timestamp,
    ) -> Result<(Files, bool), OpenError> {
        self.end_batch(recorded_at)?;
        let stands_in = self.segment.is_none() || !self.reaches(last);
        if stands_in {
            self.push(last, ("", Version::ZERO), None, recorded_at)?;
            self.end_batch(recorded_at)?;
        }
        self.seal(last)?;
        Ok((self.files, stands_in))
    }

    /// Begins a segment for this position. It covers what was removed behind the one before it, as far as it can.
    fn begin(&mut self, position: Position) -> Result<(), OpenError> {
        let behind = self.files.sealed.last().map_or(Position::FIRST, |entry| entry.last_position().next());
        let near = position.events_since(behind) < u64::from(u32::MAX);
        let first = if near { behind } else { position };
        let mut salt = [0; 8];
        self.env.random.fill(&mut salt).map_err(OpenError::io("get random bytes"))?;
        let target = RewriteTarget {
            store_id: self.common.store_id,
            id: self.new_file_id(),
            salt: u64::from_le_bytes(salt),
            edition: EDITION,
            compaction: self.common.compaction,
            compression: if self.compressed { Compression::Lz4 } else { Compression::None },
        };
        self.segment_compressed = self.compressed;
        self.segment = Some(KeptSegment::begin(&*self.env.disk, target, first)?);
        Ok(())
    }

    /// Gives the segment its footer and its run.
    fn seal(&mut self, last: Position) -> Result<(), OpenError> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        self.heads.clear();
        let entry = segment.finish(last)?;
        let (disk, store_id, plan) = (Arc::clone(&self.env.disk), self.common.store_id, self.common.plan);
        let segment = Segment::sealed(Arc::clone(&disk), &store_id, entry.clone());
        let mut index = plan.begin(entry.first_position);
        let mut walk = segment.walk(entry.first_position..last.next())?;
        while let Some(event) = walk.next_event()? {
            index.skip_to(event.position);
            insert_stored(&mut index, &segment, &event).map_err(LogError::Corrupt)?;
        }
        index.skip_to(last.next());
        self.files.sealed.push(entry);
        let id = self.new_file_id();
        let run = write_run_file(&*disk, &index, &store_id, id, plan.hash_seed);
        self.files.runs.push(run.map_err(OpenError::io(format!("write {}", names::run(id))))?);
        Ok(())
    }

    fn new_file_id(&mut self) -> u64 {
        self.files.next_file_id += 1;
        self.files.next_file_id - 1
    }
}
