//! Collecting a footer while its segment is sealed.

use super::stretches::{STRETCH_BYTES, Stretch};
use super::{
    FOOTER_TRAILER_BYTES, Footer, OCCURRED_RECORDS, SPAN_BYTES, TIME_STRIDE, TimeRange, offsets,
    span_checksum,
};
use crate::FORMAT_VERSION;
use crate::binding::Binding;
use crate::pages::{PAGE_BYTES, page_checksums};
use annals_types::{Position, Timestamp};
use crc32fast::hash;

/// Collects a footer: the bytes of the segment, and then record by record in order of positions.
#[derive(Debug)]
pub struct FooterBuilder {
    spans: Vec<u32>,
    frames_end: u64,
    offsets: Vec<u32>,
    times: Vec<Timestamp>,
    blocks: Vec<TimeRange>,
    recorded: TimeRange,
    stretches: Vec<Stretch>,
}

impl Default for FooterBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FooterBuilder {
    /// Of no bytes and no records yet.
    #[must_use]
    pub fn new() -> Self {
        FooterBuilder {
            spans: Vec::new(),
            frames_end: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            blocks: Vec::new(),
            recorded: TimeRange::EMPTY,
            stretches: Vec::new(),
        }
    }

    /// Adds the next bytes of the segment, from its header to where the frames end. All but the last ones are a multiple of
    /// [`SPAN_BYTES`].
    ///
    /// Who seals a segment adds its bytes before it verifies the records in them. What is damaged by then is found by
    /// verifying, and what is damaged later by the sum. The other way round, damage in between would get a sum that is right.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        debug_assert!(self.frames_end.is_multiple_of(SPAN_BYTES as u64), "a span in the middle is whole");
        self.spans.extend(bytes.chunks(SPAN_BYTES).map(span_checksum));
        self.frames_end += bytes.len() as u64;
    }

    /// Says which position the next record has, counted from the segment's first position. Without this each record has the
    /// position behind that of the record before it. Positions that do not ascend are no stretches of a segment, and are refused
    /// by who reads them.
    pub fn begin_stretch(&mut self, position: u32) {
        // A segment has less than 2^32 records.
        let record = u32::try_from(self.offsets.len()).unwrap_or(u32::MAX);
        let last = self.stretches.last().copied().unwrap_or(Stretch { position: 0, record: 0 });
        if position.checked_sub(last.position) == Some(record - last.record) {
            return;
        }
        if self.stretches.is_empty() && record > 0 {
            self.stretches.push(Stretch { position: 0, record: 0 });
        }
        self.stretches.push(Stretch { position, record });
    }

    /// Adds the next record, which begins at `offset` of the file.
    pub fn push(&mut self, offset: u32, recorded_at: Timestamp, occurred_at: Timestamp) {
        self.push_lost(offset, recorded_at);
        if let Some(block) = self.blocks.last_mut() {
            block.include(occurred_at);
        }
    }

    /// Adds the record of a lost event. When it occurred is not known, so the ranges of occurred_at are left as they are.
    pub fn push_lost(&mut self, offset: u32, recorded_at: Timestamp) {
        if self.offsets.len().is_multiple_of(TIME_STRIDE) {
            self.times.push(recorded_at);
        }
        if self.offsets.len().is_multiple_of(OCCURRED_RECORDS) {
            self.blocks.push(TimeRange::EMPTY);
        }
        self.offsets.push(offset);
        self.recorded.include(recorded_at);
    }

    /// The footer as bytes, to be written behind those of the segment, and what its trailer says.
    #[must_use]
    pub fn finish(&self, binding: Binding, segment_id: u64, first_position: Position) -> (Vec<u8>, Footer) {
        let (mut bytes, distances) = offsets::encode(&self.offsets);
        let tables = self.blocks.len() * 16
            + self.times.len() * 8
            + distances.len()
            + self.spans.len() * 4
            + self.stretches.len() * STRETCH_BYTES;
        bytes.reserve(tables + (bytes.len() + tables) / PAGE_BYTES * 4 + 16 + FOOTER_TRAILER_BYTES);
        let blocks = self.blocks.iter().flat_map(|block| [block.min, block.max]);
        for time in blocks.chain(self.times.iter().copied()) {
            bytes.extend_from_slice(&time.as_nanos().to_le_bytes());
        }
        bytes.extend_from_slice(&distances);
        bytes.extend(self.spans.iter().flat_map(|sum| sum.to_le_bytes()));
        bytes.extend(self.stretches.iter().flat_map(|stretch| stretch.encode()));
        let table: Vec<u8> = page_checksums(&bytes).flat_map(u32::to_le_bytes).collect();
        let pages_checksum = hash(&table);
        bytes.extend_from_slice(&table);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let mut occurred = TimeRange::EMPTY;
        self.blocks.iter().for_each(|block| occurred.join(*block));
        let footer = Footer {
            version: FORMAT_VERSION,
            segment_id,
            first_position,
            count: self.offsets.len() as u64,
            frames_end: self.frames_end,
            recorded: self.recorded,
            occurred,
            pages_checksum,
            // A segment has less than 2^32 records, and each of them at most 32 bits here.
            distance_units: u32::try_from(distances.len() / offsets::UNIT_BYTES).unwrap_or(u32::MAX),
            stretches: u32::try_from(self.stretches.len()).unwrap_or(u32::MAX),
        };
        bytes.extend_from_slice(&footer.encode_trailer(binding));
        (bytes, footer)
    }
}
