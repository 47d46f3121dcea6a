//! What stays of a batch, as a frame of a rewritten segment.

use super::stretches::{checksum, put_table};
use super::{
    CHECKSUM, DURABLE, FIRST_POSITION, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, LENGTH, MAGIC, MISSING,
    RECORD_COUNT, RECORDED_AT, RECORDS_CHECKSUM, header_checksum,
};
use crate::binding::Binding;
use crate::payload::{Compressor, Trainer};
use crate::record::{complete_record, encode_lost};
use crate::wire::{put_i64, put_u32, put_u64};
use annals_types::limits::BATCH_BYTES_MAX;
use annals_types::{Invalid, Position, Timestamp, Version};
use crc32fast::Hasher;
use std::mem;

/// What its table may take at most for each record: two numbers of 32 bits.
const PAIR_BYTES_MAX: usize = 10;

/// Builds a frame of records that have a position and a version already. Positions may be missing between them.
#[derive(Clone, Debug, Default)]
pub struct KeptFrame {
    /// The records, one behind the other.
    bytes: Vec<u8>,
    records: Vec<Kept>,
    stretches: usize,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    start: usize,
    position: Position,
    version: Version,
}

impl KeptFrame {
    /// An empty frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a copy of a record that [`parse_record`](crate::parse_record) found sound in another place, at a position behind that
    /// of the record before it.
    ///
    /// # Errors
    /// That the frame gets longer than a batch may be; it is then as it was before.
    pub fn push(&mut self, position: Position, version: Version, record: &[u8]) -> Result<(), Invalid> {
        let follows = self.records.last().is_some_and(|last| last.position.next() == position);
        let stretches = self.stretches + usize::from(!follows);
        let table = if stretches > 1 { 4 + (stretches - 1) * PAIR_BYTES_MAX } else { 0 };
        let bytes = FRAME_HEADER_BYTES + table + self.bytes.len() + record.len();
        let bytes = bytes.next_multiple_of(FRAME_ALIGNMENT);
        if bytes > BATCH_BYTES_MAX {
            return Err(Invalid::BatchBytes { bytes });
        }
        self.records.push(Kept { start: self.bytes.len(), position, version });
        self.bytes.extend_from_slice(record);
        self.stretches = stretches;
        Ok(())
    }

    /// Adds the record of an event that was lost, for repairs, as [`KeptFrame::push`] does. The stream is empty if it is not known; then
    /// the version is to be [`Version::ZERO`].
    ///
    /// # Errors
    /// The limit that the stream's name or the batch does not keep; the frame is then as it was before.
    pub fn push_lost(&mut self, position: Position, version: Version, stream: &str) -> Result<(), Invalid> {
        let mut record = Vec::new();
        encode_lost(&mut record, stream)?;
        self.push(position, version, &record)
    }

    /// Compresses the payloads of its records, where that makes them shorter. What is encrypted, erased or lost stays as it is.
    pub fn compress(&mut self, compressor: &Compressor) {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for index in 0..self.records.len() {
            let end = self.records.get(index + 1).map_or(self.bytes.len(), |next| next.start);
            let record = &self.bytes[self.records[index].start..end];
            self.records[index].start = bytes.len();
            match compressor.compress_record(record) {
                Some(compressed) => bytes.extend_from_slice(&compressed),
                None => bytes.extend_from_slice(record),
            }
        }
        self.bytes = bytes;
    }

    /// The position of its first record, if it has any.
    #[must_use]
    pub fn first_position(&self) -> Option<Position> {
        self.records.first().map(|kept| kept.position)
    }

    /// How many bytes its records have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Shows its records to who makes a dictionary for them.
    pub fn teach(&self, trainer: &mut Trainer) {
        for (index, kept) in self.records.iter().enumerate() {
            let end = self.records.get(index + 1).map_or(self.bytes.len(), |next| next.start);
            trainer.show(&self.bytes[kept.start..end]);
        }
    }

    /// How many records it has.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// The copy of the record that was added last; empty if there is none.
    #[must_use]
    pub fn last_record(&self) -> &[u8] {
        let start = self.records.last().map_or(self.bytes.len(), |last| last.start);
        &self.bytes[start..]
    }

    /// Appends the frame as it goes to the file, and is empty again. `durable` and `recorded_at` are those of the frame that the
    /// records come from. Nothing is appended if it has no records.
    pub fn finish(&mut self, binding: Binding, durable: Position, recorded_at: Timestamp, out: &mut Vec<u8>) {
        let (records, mut bytes) = (mem::take(&mut self.records), mem::take(&mut self.bytes));
        self.stretches = 0;
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
        let checksums = complete(&records, &mut bytes, binding, recorded_at);
        let start = out.len();
        out.resize(start + FRAME_HEADER_BYTES, 0);
        // A batch has at most so many records, and a segment covers less than 2^32 positions.
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let covered = last.position.next().events_since(first.position);
        let missing = u32::try_from(covered.saturating_sub(count.into())).unwrap_or(u32::MAX);
        if missing > 0 {
            put_table(out, pairs(&records));
        }
        let records_at = out.len() - start;
        out.extend_from_slice(&bytes);
        out.resize(start + (out.len() - start).next_multiple_of(FRAME_ALIGNMENT), 0);
        let frame = &mut out[start..];
        put_u32(frame, 0, MAGIC);
        let length = frame.len();
        #[expect(clippy::cast_possible_truncation, reason = "bounded by BATCH_BYTES_MAX")]
        put_u32(frame, LENGTH, length as u32);
        put_u32(frame, RECORD_COUNT, count);
        put_u64(frame, FIRST_POSITION, first.position.get());
        put_u64(frame, DURABLE, durable.get());
        put_i64(frame, RECORDED_AT, recorded_at.as_nanos());
        put_u32(frame, RECORDS_CHECKSUM, checksums);
        put_u32(frame, MISSING, missing);
        let sum = header_checksum(&frame[..FRAME_HEADER_BYTES], binding);
        put_u32(frame, CHECKSUM, sum);
        if missing > 0 {
            let sum = checksum(frame, &frame[FRAME_HEADER_BYTES + 4..records_at], binding);
            put_u32(frame, FRAME_HEADER_BYTES, sum);
        }
    }
}

/// Fills in what binds the records to their new place, and returns the checksum of their checksums.
fn complete(records: &[Kept], bytes: &mut [u8], binding: Binding, recorded_at: Timestamp) -> u32 {
    let mut checksums = Hasher::new();
    for (index, kept) in records.iter().enumerate() {
        let end = records.get(index + 1).map_or(bytes.len(), |next| next.start);
        let record = &mut bytes[kept.start..end];
        let checksum = complete_record(record, binding, kept.position, kept.version, recorded_at);
        checksums.update(&checksum.to_le_bytes());
    }
    checksums.finalize()
}

/// Of each stretch but the last: how many records it has, and how many positions are missing behind it.
fn pairs(records: &[Kept]) -> impl Iterator<Item = (u32, u32)> {
    let ends = records.windows(2).enumerate().filter_map(|(index, pair)| {
        let missing = pair[1].position.events_since(pair[0].position.next());
        (missing > 0).then_some((index + 1, u32::try_from(missing).unwrap_or(u32::MAX)))
    });
    ends.scan(0, |begun, (end, missing)| {
        let records = end - mem::replace(begun, end);
        Some((u32::try_from(records).unwrap_or(u32::MAX), missing))
    })
}
