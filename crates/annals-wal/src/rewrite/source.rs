//! Reading a segment that is written anew: its frames in order, each verified before anything of it is taken.

use super::invalid;
use crate::error::LogError;
use crate::seal::damage_of;
use crate::segment::Segment;
use annals_format::payload::{Dictionary, is_compressed, plain_record};
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
    /// What its payloads were compressed with, once its first frame was read.
    dictionary: Option<Dictionary>,
}

/// A frame that was verified.
pub(super) struct SourceFrame<'s> {
    pub(super) header: FrameHeader,
    pub(super) binding: Binding,
    segment: &'s Segment,
    dictionary: Option<&'s Dictionary>,
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
        Ok(Source { segment, entry, offset: SEGMENT_HEADER_BYTES, next, records: 0, dictionary: None })
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
        header.check_place(self.entry.rewritten.is_some(), offset).map_err(corrupt)?;
        let first = header.first_position;
        let may_skip = self.entry.count < self.entry.positions();
        let follows = first == self.next || (may_skip && first > self.next);
        if !follows || header.last_position() > self.entry.last_position() {
            return Err(corrupt(Damage::new(offset, "frame position", first.get(), self.next.get())));
        }
        let stretches = FrameStretches::read(bytes, &header, binding, offset).map_err(corrupt)?;
        Ok(Some(SourceFrame {
            header,
            binding,
            segment: &self.segment,
            dictionary: self.dictionary.as_ref(),
            path: self.segment.path(),
            offset,
            bytes,
            stretches,
        }))
    }

    /// Goes on behind the frame with this header, and says how long it is.
    ///
    /// # Errors
    /// That it has the dictionary, and this cannot be read.
    pub(super) fn pass(&mut self, header: &FrameHeader) -> Result<usize, LogError> {
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if header.has_dictionary() {
            self.dictionary = self.segment.dictionary()?;
        }
        self.offset = self.offset.saturating_add(length);
        self.next = header.last_position().next();
        self.records += u64::from(header.record_count);
        Ok(length)
    }
}

impl<'s> SourceFrame<'s> {
    /// A record of it with its payload as it is, if that is compressed.
    pub(super) fn plain(&self, record: &[u8], position: Position) -> Result<Option<Vec<u8>>, Damage> {
        if !is_compressed(record) {
            return Ok(None);
        }
        let read =
            self.dictionary.and_then(|dictionary| plain_record(record, position, Some(dictionary)).ok());
        let damage = || Damage::new(self.offset, "compressed payload of position", position.get(), 0u64);
        read.ok_or_else(damage)
    }

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
