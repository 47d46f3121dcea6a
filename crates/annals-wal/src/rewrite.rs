//! Writing segments anew without some of their events.
//!
//! What stays keeps its position, its version and its bytes; only the checksum that binds a record to its place is another one.
//! A batch of which events are missing becomes several frames, so that the positions in a frame follow each other. Nothing of
//! the sources is touched: they are replaced by the manifest that names the new file instead of them.

use crate::error::LogError;
use crate::seal::{Sealing, damage_of, write_footer};
use crate::segment::Segment;
use annals_format::{
    FrameBuilder, FrameHeader, FrameStamp, Rewritten, SEGMENT_HEADER_BYTES, SealedSegment, SegmentHeader,
    StoreId, check_frame, names, record_length,
};
use annals_types::limits::SEGMENT_BYTES_MAX;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Version};
use annals_vfs::{Disk, File, write_all_at};
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// So much is read in a step, and written at once.
const STEP_BYTES: usize = 256 << 10;

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
}

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

/// Segments that are written anew, step by step.
pub struct Rewrite<'d> {
    disk: &'d dyn Disk,
    target: RewriteTarget,
    sources: Vec<Arc<Segment>>,
    /// The source that is read, and how far.
    source: usize,
    offset: usize,
    file: Arc<dyn File>,
    header: SegmentHeader,
    /// What is not written yet, and where it will begin.
    buffer: Vec<u8>,
    end: u64,
    kept: u64,
}

impl<'d> Rewrite<'d> {
    /// Begins to write sealed segments, which lie side by side in this order, into a file of their own.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(
        disk: &'d dyn Disk,
        target: RewriteTarget,
        sources: Vec<Arc<Segment>>,
    ) -> Result<Self, LogError> {
        let name = names::edition(target.id, target.edition);
        let file = disk.create(&name).map_err(LogError::io(format!("create {name}")))?;
        let header = SegmentHeader {
            store_id: target.store_id,
            segment_id: target.id,
            first_position: sources.first().map_or(Position::FIRST, |source| source.first_position()),
            salt: target.salt,
        };
        let buffer = header.encode().to_vec();
        Ok(Rewrite {
            disk,
            target,
            sources,
            source: 0,
            offset: SEGMENT_HEADER_BYTES,
            file,
            header,
            buffer,
            end: 0,
            kept: 0,
        })
    }

    /// The name of the new file.
    #[must_use]
    pub fn path(&self) -> String {
        names::edition(self.target.id, self.target.edition)
    }

    /// Takes some more frames. `stays` says of each event whether it stays; what it says of events that were lost to damage
    /// counts as well.
    ///
    /// # Errors
    /// What the system says, or `stays`; that a source is damaged, of which nothing is written anew.
    pub fn step(
        &mut self,
        stays: &mut dyn FnMut(&EventRef<'_>) -> Result<bool, LogError>,
    ) -> Result<RewriteStep, LogError> {
        let mut read = 0;
        while read < STEP_BYTES
            && let Some(source) = self.sources.get(self.source).map(Arc::clone)
        {
            let frames_end = source.sealed_entry().map_or(0, |entry| entry.frames_end);
            let bytes = source.mapped()?;
            let bytes = bytes.get(..usize::try_from(frames_end).unwrap_or(usize::MAX)).unwrap_or(bytes);
            if self.offset >= bytes.len() {
                self.source += 1;
                self.offset = SEGMENT_HEADER_BYTES;
                continue;
            }
            let length = self.take_frame(&source, &bytes[self.offset..], stays)?;
            self.offset += length;
            read += length;
        }
        let goes_on = self.source < self.sources.len();
        let written = if self.buffer.len() >= STEP_BYTES || !goes_on { self.write()? } else { 0 };
        Ok(RewriteStep { read: read as u64, written: written as u64, goes_on })
    }

    /// Takes what stays of a frame, and says how long that was.
    fn take_frame(
        &mut self,
        source: &Segment,
        bytes: &[u8],
        stays: &mut dyn FnMut(&EventRef<'_>) -> Result<bool, LogError>,
    ) -> Result<usize, LogError> {
        let at = self.offset as u64;
        // Everything is verified before anything of it is taken: a record goes on living under a new checksum.
        let mut events = Vec::new();
        let header = check_frame(bytes, source.binding(), at, |within, event| events.push((within, event)))
            .map_err(|fault| LogError::corrupt(source.path(), damage_of(fault, at, bytes.len())))?;
        let mut batch = Batch::new(&header);
        for (within, event) in &events {
            if !stays(event)? {
                continue;
            }
            if batch.next != event.position && !planted(Bug::RewrittenPositionsClosed) {
                self.push_frame(&mut batch);
            }
            let record = &bytes[*within..];
            let record = record_length(record).and_then(|length| record.get(..length)).unwrap_or(record);
            batch.push(event, record).map_err(|_| too_long(&self.path()))?;
        }
        self.push_frame(&mut batch);
        Ok(usize::try_from(header.length).unwrap_or(usize::MAX))
    }

    fn push_frame(&mut self, batch: &mut Batch) {
        if batch.versions.is_empty() {
            return;
        }
        let stamp = FrameStamp {
            binding: self.header.binding(),
            first_position: batch.first,
            durable: batch.header.durable,
            recorded_at: batch.header.recorded_at,
        };
        batch.frame.stamp(&stamp, |index| batch.versions.get(index).copied().unwrap_or(Version::ZERO));
        self.buffer.extend_from_slice(batch.frame.bytes());
        self.kept += batch.versions.len() as u64;
        batch.clear();
    }

    fn write(&mut self) -> Result<usize, LogError> {
        let name = self.path();
        let written = self.buffer.len();
        if self.end + written as u64 > SEGMENT_BYTES_MAX {
            return Err(too_long(&name));
        }
        write_all_at(&*self.file, &mut [IoSlice::new(&self.buffer)], self.end)
            .map_err(LogError::io(format!("write {name}")))?;
        self.end += written as u64;
        self.buffer.clear();
        Ok(written)
    }

    /// Gives the new file its footer, and makes it and its name durable. `None` if nothing stays; then there is no new file.
    ///
    /// # Errors
    /// What the system says, or that what was written does not read back as it should. The file is in no manifest.
    pub fn finish(self) -> Result<Option<SealedSegment>, LogError> {
        debug_assert!(self.buffer.is_empty() && self.source == self.sources.len());
        let name = self.path();
        let last = self.sources.last().and_then(|source| source.sealed_entry());
        let Some(last) = last.filter(|_| self.kept > 0) else {
            self.abandon();
            return Ok(None);
        };
        let first_position = self.header.first_position;
        let rewritten = Rewritten {
            edition: self.target.edition,
            positions: last.last_position().next().events_since(first_position),
            compaction: self.target.compaction,
        };
        let mapping = self.file.map(self.end).map_err(LogError::io(format!("map {name}")))?;
        let segment =
            Segment::written(name.clone(), self.target.id, self.header.binding(), first_position, mapping);
        let sealing = Sealing {
            salt: self.target.salt,
            last_position: last.last_position(),
            frames_end: self.end,
            rewritten: Some(rewritten),
        };
        let entry = write_footer(self.disk, &segment, &sealing)?;
        if !planted(Bug::RewrittenNameNotSynced) {
            self.disk
                .sync_dir(names::LOG_DIR)
                .map_err(LogError::io(format!("make the name of {name} durable")))?;
        }
        Ok(Some(entry))
    }

    /// Removes the new file. What stays of it is removed when the store is opened the next time.
    pub fn abandon(self) {
        let _ = self.disk.remove(&self.path());
    }
}

/// What stays of a batch and is not in a frame yet.
struct Batch {
    header: FrameHeader,
    frame: FrameBuilder,
    versions: Vec<Version>,
    first: Position,
    /// The position that goes into the same frame.
    next: Position,
}

impl Batch {
    fn new(header: &FrameHeader) -> Self {
        let (first, next) = (header.first_position, header.first_position);
        Batch { header: *header, frame: FrameBuilder::new(), versions: Vec::new(), first, next }
    }

    fn push(&mut self, event: &EventRef<'_>, record: &[u8]) -> Result<(), annals_types::Invalid> {
        if self.versions.is_empty() {
            self.first = event.position;
        }
        self.frame.push_record(record)?;
        self.versions.push(event.version);
        self.next = event.position.next();
        Ok(())
    }

    fn clear(&mut self) {
        self.frame = FrameBuilder::new();
        self.versions.clear();
    }
}

fn too_long(name: &str) -> LogError {
    let source = io::Error::other("what stays does not fit into one segment");
    LogError::Io { what: format!("write {name}"), source }
}

impl fmt::Debug for Rewrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrite")
            .field("target", &self.target)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
