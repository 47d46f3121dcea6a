//! Building the frame of a batch: the caller's thread pushes events, the writer stamps the frame.

use super::{
    CHECKSUM, DURABLE, FIRST_POSITION, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, LENGTH, MAGIC, RECORD_COUNT,
    RECORDED_AT, RECORDS_CHECKSUM, header_checksum,
};
use crate::binding::Binding;
use crate::damage::Damage;
use crate::footer::TimeRange;
use crate::record::{
    RecordTerms, complete_record, encode_lost, encode_record, given_id, given_occurred_at, own_record,
    own_terms,
};
use crate::wire::{put_i64, put_u32, put_u64};
use annals_types::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX};
use annals_types::{EventRef, Invalid, NewEvent, Position, Timestamp, Uuid, Version};
use crc32fast::Hasher;
use smallvec::SmallVec;

/// What a frame has room for before it grows: one event of a usual size.
const FIRST_CAPACITY: usize = 512;

/// What the writer adds to a batch when it takes its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct FrameStamp {
    /// The segment that the frame goes to.
    pub binding: Binding,
    /// Position of the first record.
    pub first_position: Position,
    /// The position up to which the log is known to be durable.
    pub durable: Position,
    /// When the store takes the batch.
    pub recorded_at: Timestamp,
}

/// Builds a frame: the caller's thread pushes events, the writer stamps the frame.
///
/// ```
/// use annals_format::{Binding, FrameBuilder, FrameStamp, check_frame};
/// use annals_types::{NewEvent, Position, Timestamp, Version};
///
/// let mut frame = FrameBuilder::new();
/// frame.push("account-7", &NewEvent::json("opened", "{}"))?;
/// let binding = Binding::new(&[1; 16], 1, 42);
/// let stamp = FrameStamp {
///     binding,
///     first_position: Position::FIRST,
///     durable: Position::ZERO,
///     recorded_at: Timestamp::EPOCH,
/// };
/// frame.stamp(&stamp, |_| Version::FIRST);
/// let mut types = Vec::new();
/// let header = check_frame(frame.bytes(), binding, 64, |_, event| types.push(event.event_type)).unwrap();
/// assert_eq!((header.record_count, types), (1, vec!["opened"]));
/// # Ok::<(), annals_types::Invalid>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameBuilder {
    bytes: Vec<u8>,
    /// Where each record begins.
    records: SmallVec<[u32; 2]>,
    /// Where the last record ends; zeros follow up to the alignment.
    end: usize,
    /// When the events occurred of which that was given.
    occurred: TimeRange,
    /// Whether it was given of all.
    all_given: bool,
}

impl Default for FrameBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameBuilder {
    /// An empty frame.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(FIRST_CAPACITY);
        bytes.resize(FRAME_HEADER_BYTES, 0);
        let (end, occurred) = (FRAME_HEADER_BYTES, TimeRange::EMPTY);
        FrameBuilder { bytes, records: SmallVec::new(), end, occurred, all_given: true }
    }

    /// Adds the record of an event.
    ///
    /// # Errors
    /// The limit that the event or the batch does not keep; the frame is then as it was before.
    pub fn push(&mut self, stream: &str, event: &NewEvent<'_>) -> Result<(), Invalid> {
        self.add(|bytes| encode_record(bytes, stream, event))
    }

    /// Adds the record of an event that was lost, for repairs. The stream is empty if it is not known; then the
    /// record's version is to be [`Version::ZERO`].
    ///
    /// # Errors
    /// The limit that the stream's name or the batch does not keep; the frame is then as it was before.
    pub fn push_lost(&mut self, stream: &str) -> Result<(), Invalid> {
        self.add(|bytes| encode_lost(bytes, stream))
    }

    /// Adds a copy of a record that [`parse_record`](crate::parse_record) found sound in another place, for repairs. It must be given the
    /// version that it has.
    ///
    /// # Errors
    /// The limit that the batch does not keep; the frame is then as it was before.
    pub fn push_record(&mut self, record: &[u8]) -> Result<(), Invalid> {
        self.add(|bytes| {
            bytes.extend_from_slice(record);
            Ok(())
        })
    }

    fn add(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Invalid>) -> Result<(), Invalid> {
        if self.records.len() >= BATCH_EVENTS_MAX {
            return Err(Invalid::BatchEvents);
        }
        self.bytes.truncate(self.end);
        let start = self.end;
        let result = encode(&mut self.bytes).and_then(|()| {
            let bytes = self.bytes.len().next_multiple_of(FRAME_ALIGNMENT);
            if bytes > BATCH_BYTES_MAX { Err(Invalid::BatchBytes { bytes }) } else { Ok(()) }
        });
        if result.is_ok() {
            match given_occurred_at(&self.bytes[start..]) {
                Some(time) => self.occurred.include(time),
                None => self.all_given = false,
            }
            self.end = self.bytes.len();
            #[expect(clippy::cast_possible_truncation, reason = "bounded by BATCH_BYTES_MAX")]
            self.records.push(start as u32);
        }
        self.bytes.truncate(self.end);
        self.bytes.resize(self.end.next_multiple_of(FRAME_ALIGNMENT), 0);
        result
    }

    /// How many events it has.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Where the records begin in the frame, in order.
    pub fn record_offsets(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.records.iter().copied()
    }

    /// No event of the frame occurred outside of this range, if the frame is stamped with such a recorded_at.
    #[must_use]
    pub fn occurred(&self, recorded_at: Timestamp) -> TimeRange {
        let mut occurred = self.occurred;
        if !self.all_given {
            occurred.include(recorded_at);
        }
        occurred
    }

    /// The bytes of a record.
    ///
    /// # Panics
    /// If there is no such record.
    #[must_use]
    pub fn record(&self, index: usize) -> &[u8] {
        let end = self.records.get(index + 1).map_or(self.end, |next| *next as usize);
        &self.bytes[self.records[index] as usize..end]
    }

    /// The id that the producer gave to the event of a record, if it gave one.
    ///
    /// # Panics
    /// If there is no such record.
    #[must_use]
    pub fn given_id(&self, index: usize) -> Option<Uuid> {
        given_id(self.record(index))
    }

    /// What the events are found by, in order, stamped or not.
    ///
    /// # Panics
    /// Never for records that were pushed: the lengths are looked at all the same.
    pub fn terms(&self) -> impl Iterator<Item = RecordTerms<'_>> {
        let mut last = "";
        (0..self.records.len()).map(move |index| {
            let terms = own_terms(self.record(index), last).expect("a record that was pushed");
            last = terms.event_type;
            terms
        })
    }

    /// The event of a record, once the frame is stamped for this place.
    ///
    /// # Errors
    /// None for records that were pushed and stamped; the lengths are looked at all the same.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn event(&self, index: usize, stamp: &FrameStamp) -> Result<EventRef<'_>, Damage> {
        own_record(self.record(index), stamp.binding, stamp.first_position.plus(index as u64))
    }

    /// The event of a record, stamped or not: position, version, id (unless it was given) and time say nothing.
    ///
    /// # Errors
    /// None for records that were pushed; the lengths are looked at all the same.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn draft(&self, index: usize) -> Result<EventRef<'_>, Damage> {
        own_record(self.record(index), Binding::new(&[0; 16], 0, 0), Position::ZERO)
    }

    /// Completes the frame for its place in the log; `version` gives the version of each record, by its
    /// index. A frame may be stamped again for another place.
    pub fn stamp(&mut self, stamp: &FrameStamp, version: impl Fn(usize) -> Version) {
        let mut checksums = Hasher::new();
        let mut position = stamp.first_position;
        for index in 0..self.records.len() {
            let start = self.records[index] as usize;
            let record = &mut self.bytes[start..self.end];
            let checksum =
                complete_record(record, stamp.binding, position, version(index), stamp.recorded_at);
            checksums.update(&checksum.to_le_bytes());
            position = position.next();
        }
        let length = self.bytes.len();
        let bytes = &mut self.bytes;
        put_u32(bytes, 0, MAGIC);
        #[expect(clippy::cast_possible_truncation, reason = "bounded by BATCH_BYTES_MAX")]
        put_u32(bytes, LENGTH, length as u32);
        #[expect(clippy::cast_possible_truncation, reason = "bounded by BATCH_EVENTS_MAX")]
        put_u32(bytes, RECORD_COUNT, self.records.len() as u32);
        put_u64(bytes, FIRST_POSITION, stamp.first_position.get());
        put_u64(bytes, DURABLE, stamp.durable.get());
        put_i64(bytes, RECORDED_AT, stamp.recorded_at.as_nanos());
        put_u32(bytes, RECORDS_CHECKSUM, checksums.finalize());
        let checksum = header_checksum(&bytes[..FRAME_HEADER_BYTES], stamp.binding);
        put_u32(bytes, CHECKSUM, checksum);
    }

    /// The frame as it goes to the file; only meaningful after [`FrameBuilder::stamp`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
