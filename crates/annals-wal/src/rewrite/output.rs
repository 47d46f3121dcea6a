//! Writing the new file: what stays of a batch becomes a frame, and in the end the file gets its footer.

use super::frames::{Frames, Kept};
use super::source::{SourceFrame, SourceRecord};
use super::{Choice, Choose};
use crate::error::LogError;
use crate::seal::{Sealing, write_footer};
use crate::segment::Segment;
use annals_format::payload::erase_record;
use annals_format::{Damage, KeptFrame, Rewritten, SealedSegment, SegmentHeader, names, parse_record};
use annals_types::limits::SEGMENT_BYTES_MAX;
use annals_types::planted::{Bug, planted};
use annals_types::{Compression, Position};
use annals_vfs::{Disk, File, write_all_at};
use std::io::{self, IoSlice};
use std::mem;
use std::sync::Arc;

/// So many bytes are made durable together. A sync of a whole segment at once would hold up those of who appends.
const SYNC_BYTES: u64 = 4 << 20;

/// The new file.
pub(super) struct Output<'d> {
    pub(super) disk: &'d dyn Disk,
    pub(super) name: String,
    pub(super) header: SegmentHeader,
    file: Arc<dyn File>,
    /// What is not written yet, and where it will begin.
    buffer: Vec<u8>,
    end: u64,
    /// How far it was synced.
    synced: u64,
    /// What becomes of frames on their way there.
    frames: Frames,
    /// How many records it has.
    records: u64,
}

impl<'d> Output<'d> {
    pub(super) fn create(
        disk: &'d dyn Disk,
        name: String,
        header: &SegmentHeader,
        compression: Compression,
    ) -> Result<Self, LogError> {
        let file = disk.create(&name).map_err(LogError::io(format!("create {name}")))?;
        let (header, buffer) = (header.clone(), header.encode().to_vec());
        let frames = Frames::new(compression);
        Ok(Output { disk, name, header, file, buffer, end: 0, synced: 0, frames, records: 0 })
    }

    /// Takes those records of a frame that stay: all of them, or none if something fails.
    pub(super) fn take(&mut self, frame: &SourceFrame<'_>, choose: &mut Choose<'_>) -> Result<(), LogError> {
        let before = (self.buffer.len(), self.records, self.frames.waiting());
        let taken = self.take_records(frame, choose);
        if taken.is_err() {
            self.buffer.truncate(before.0);
            self.records = before.1;
            self.frames.take_back(before.2);
        }
        taken
    }

    fn take_records(&mut self, frame: &SourceFrame<'_>, choose: &mut Choose<'_>) -> Result<(), LogError> {
        let (mut kept, mut seen) = (KeptFrame::new(), 0);
        for record in frame.records() {
            seen += 1;
            let choice = choose(&record.event)?;
            if choice != Choice::Drop {
                self.keep(&mut kept, &record, frame, &choice)
                    .map_err(|damage| LogError::corrupt(frame.path, damage))?;
            }
        }
        if seen != frame.header.record_count {
            let damage = Damage::new(frame.offset, "records of a frame", seen, frame.header.record_count);
            return Err(LogError::corrupt(frame.path, damage));
        }
        self.push(&mut kept, frame);
        self.frames.settle(&self.header, &mut self.buffer);
        Ok(())
    }

    /// Adds a copy of a record, or what is left of it. It will live on under a new checksum, so the copy itself is verified by the
    /// old one: bytes that went bad since the frame was verified would be sound from then on.
    fn keep(
        &mut self,
        kept: &mut KeptFrame,
        record: &SourceRecord<'_>,
        frame: &SourceFrame<'_>,
        choice: &Choice,
    ) -> Result<(), Damage> {
        let mut copy = record.bytes.to_vec();
        let event = parse_record(&copy, frame.binding, record.event.position, record.offset)?;
        let (version, mut position) = (event.version, event.position);
        if let Choice::Erase { erasure, keep_tags } = choice {
            copy = erase_record(&copy, erasure, *keep_tags).unwrap_or(copy);
        } else if let Some(plain) = frame.plain(&copy, position)? {
            copy = plain;
        }
        if planted(Bug::RewrittenPositionsClosed) {
            position = frame.header.first_position.plus(kept.record_count() as u64);
        }
        if kept.push(position, version, &copy).is_err() {
            // A part of a batch keeps the limits that the batch keeps, unless payloads that were shorter than what tells of them were
            // erased. The rest of it is a frame of its own then.
            self.push(kept, frame);
            kept.push(position, version, &copy)
                .map_err(|_| Damage::new(record.offset, "length of a batch", copy.len() as u64, 0u64))?;
        }
        Ok(())
    }

    fn push(&mut self, kept: &mut KeptFrame, frame: &SourceFrame<'_>) {
        self.records += kept.record_count() as u64;
        let kept = Kept {
            records: mem::take(kept),
            durable: frame.header.durable,
            recorded_at: frame.header.recorded_at,
        };
        self.frames.push(kept, &self.header, &mut self.buffer);
    }

    /// Takes records that were made into a frame elsewhere.
    pub(super) fn take_kept(&mut self, kept: Kept) {
        self.records += kept.records.record_count() as u64;
        self.frames.push(kept, &self.header, &mut self.buffer);
        self.frames.settle(&self.header, &mut self.buffer);
    }

    /// How long the file gets if nothing more comes, without a footer; more if what waits will be compressed.
    pub(super) fn length(&self) -> u64 {
        self.end + (self.buffer.len() + self.frames.waiting_bytes()) as u64
    }

    /// Nothing more comes.
    pub(super) fn complete(&mut self) {
        self.frames.complete(&self.header, &mut self.buffer);
    }

    /// How many bytes are not written yet.
    pub(super) fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Whether it has no events.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Writes what is not written yet, and says how much that was.
    pub(super) fn write(&mut self) -> Result<usize, LogError> {
        let (name, written) = (&self.name, self.buffer.len());
        if self.end + written as u64 > SEGMENT_BYTES_MAX {
            let source = io::Error::other("what stays does not fit into one segment");
            return Err(LogError::Io { what: format!("write {name}"), source });
        }
        write_all_at(&*self.file, &mut [IoSlice::new(&self.buffer)], self.end)
            .map_err(LogError::io(format!("write {name}")))?;
        self.end += written as u64;
        self.buffer.clear();
        if self.end - self.synced >= SYNC_BYTES {
            self.file.sync_data().map_err(LogError::io(format!("sync {name}")))?;
            self.synced = self.end;
        }
        Ok(written)
    }

    /// Reads back what was written, verifies it, writes the footer, and makes the file and its name durable.
    pub(super) fn seal(
        &self,
        last_position: Position,
        rewritten: Rewritten,
    ) -> Result<SealedSegment, LogError> {
        let (name, header) = (&self.name, &self.header);
        let mapping = self.file.map(self.end).map_err(LogError::io(format!("map {name}")))?;
        let (id, first) = (header.segment_id, header.first_position);
        let segment = Segment::written(name.clone(), id, header.binding(), first, mapping);
        let sealing =
            Sealing { salt: header.salt, last_position, frames_end: self.end, rewritten: Some(rewritten) };
        let entry = write_footer(self.disk, &segment, &sealing)?;
        if entry.count != self.records {
            let damage = Damage::new(self.end, "events of a rewritten segment", entry.count, self.records);
            return Err(LogError::corrupt(name, damage));
        }
        if !planted(Bug::RewrittenNameNotSynced) {
            self.disk
                .sync_dir(names::LOG_DIR)
                .map_err(LogError::io(format!("make the name of {name} durable")))?;
        }
        Ok(entry)
    }
}
