//! Reading a segment that is written anew: its frames in order, each verified before anything of it is taken.

use super::invalid;
use crate::error::LogError;
use crate::seal::damage_of;
use crate::segment::Segment;
use annals_format::{
    Binding, Damage, FrameHeader, FrameStretches, SEGMENT_HEADER_BYTES, SealedSegment, check_frame,
    decode_record, record_length,
};
use annals_types::{EventRef, Position};
use std::sync::Arc;

/// A sealed segment, and how far it was read.
pub(super) struct Source {
    segment: Arc<Segment>,
    entry: SealedSegment,
    offset: usize,
    /// The position that comes next, or one that was removed in front of it.
    next: Position,
    /// How many records were read.
    records: u64,
}

/// A frame that was verified.
pub(super) struct SourceFrame<'s> {
    pub(super) header: FrameHeader,
    pub(super) binding: Binding,
    segment: &'s Segment,
    /// The file that it is in, and where it begins there.
    pub(super) path: &'s str,
    pub(super) offset: u64,
    /// The frame and what lies behind it.
    bytes: &'s [u8],
    stretches: FrameStretches<'s>,
}

/// A record of such a frame.
pub(super) struct SourceRecord<'s> {
    pub(super) event: EventRef<'s>,
    pub(super) bytes: &'s [u8],
    /// Where it begins in the file.
    pub(super) offset: u64,
}

impl Source {
    pub(super) fn new(segment: Arc<Segment>, target: &str) -> Result<Self, LogError> {
        let entry = segment.sealed_entry().cloned();
        let entry = entry.ok_or_else(|| invalid(target, "a source is not sealed"))?;
        let next = entry.first_position;
        Ok(Source { segment, entry, offset: SEGMENT_HEADER_BYTES, next, records: 0 })
    }

    /// The frame that comes next; `None` behind the last one, if all were there.
    ///
    /// # Errors
    /// That the file cannot be read, or is damaged. Frames are verified one by one, so a frame that lies in the place of another
    /// one is sound; that is noticed by the positions, or by the number of records in the end.
    pub(super) fn next_frame(&self) -> Result<Option<SourceFrame<'_>>, LogError> {
        let bytes = self.segment.mapped()?;
        let frames_end = usize::try_from(self.entry.frames_end).unwrap_or(usize::MAX);
        let bytes = bytes.get(self.offset..frames_end.min(bytes.len())).unwrap_or_default();
        let (offset, binding) = (self.offset as u64, self.segment.binding());
        let corrupt = |damage: Damage| LogError::corrupt(self.segment.path(), damage);
        if bytes.is_empty() {
            let (found, expected) = (self.records, self.entry.count);
            return match found == expected {
                true => Ok(None),
                false => Err(corrupt(Damage::new(offset, "events of a sealed segment", found, expected))),
            };
        }
        let header = check_frame(bytes, binding, offset, |_, _| {})
            .map_err(|fault| corrupt(damage_of(fault, offset, bytes.len())))?;
        let first = header.first_position;
        let may_skip = self.entry.count < self.entry.positions();
        let follows = first == self.next || (may_skip && first > self.next);
        if !follows || header.last_position() > self.entry.last_position() {
            return Err(corrupt(Damage::new(offset, "frame position", first.get(), self.next.get())));
        }
        if !may_skip {
            header.check_whole(offset).map_err(corrupt)?;
        }
        let stretches = FrameStretches::read(bytes, &header, binding, offset).map_err(corrupt)?;
        Ok(Some(SourceFrame {
            header,
            binding,
            segment: &self.segment,
            path: self.segment.path(),
            offset,
            bytes,
            stretches,
        }))
    }

    /// Goes on behind the frame with this header, and says how long it is.
    pub(super) fn pass(&mut self, header: &FrameHeader) -> usize {
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        self.offset = self.offset.saturating_add(length);
        self.next = header.last_position().next();
        self.records += u64::from(header.record_count);
        length
    }
}

impl<'s> SourceFrame<'s> {
    /// Its records, in order. They were verified together, so that they are decoded only. Their payloads can be read.
    pub(super) fn records(&self) -> impl Iterator<Item = SourceRecord<'s>> + use<'s> {
        let (bytes, binding, start, segment) = (self.bytes, self.binding, self.offset, self.segment);
        let mut offset = self.stretches.records_at();
        self.stretches.positions().map_while(move |position| {
            let rest = bytes.get(offset..)?;
            let (event, record) =
                (decode_record(rest, binding, position)?, rest.get(..record_length(rest)?)?);
            let at = start + offset as u64;
            offset += record.len();
            Some(SourceRecord { event: segment.lent(event), bytes: record, offset: at })
        })
    }
}
