//! One batch as stored: a header, the records, zeros up to the next multiple of eight.

mod dictionary;
mod kept;
mod stretches;

pub use dictionary::{dictionary_frame, first_dictionary};
pub use kept::KeptFrame;
pub use stretches::FrameStretches;

use crate::binding::Binding;
use crate::damage::Damage;
use crate::footer::TimeRange;
use crate::payload::dictionary::reseal_dictionary;
use crate::record::{
    RECORD_HEADER_BYTES, RecordTerms, complete_record, encode_lost, encode_record, given_id,
    given_occurred_at, own_record, own_terms, parse_record, record_length, reseal_record, stored_checksum,
};
use crate::segment::SEGMENT_HEADER_BYTES;
use crate::wire::{i64_at, put_i64, put_u32, put_u64, u32_at, u64_at};
use annals_types::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Invalid, NewEvent, Position, Timestamp, Uuid, Version};
use crc32fast::Hasher;
use smallvec::SmallVec;

const MAGIC: u32 = u32::from_le_bytes(*b"AFRM");
const CHECKSUM: usize = 4;
const LENGTH: usize = 8;
const RECORD_COUNT: usize = 12;
const FIRST_POSITION: usize = 16;
const DURABLE: usize = 24;
const RECORDED_AT: usize = 32;
const RECORDS_CHECKSUM: usize = 40;
const MISSING: usize = 44;

/// Length of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 48;
/// Frames begin at multiples of this many bytes, so that a search for whole frames behind damage has few
/// places to look at.
pub const FRAME_ALIGNMENT: usize = 8;

/// What a frame has room for before it grows: one event of a usual size.
const FIRST_CAPACITY: usize = 512;

const _: () = assert!(MISSING + 4 == FRAME_HEADER_BYTES);

/// The header of a frame that was found sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the frame in the file: header, records and the zeros behind them.
    pub length: u64,
    /// How many records it has; 0 for a frame that only says what is durable.
    pub record_count: u32,
    /// Position of its first record (with no records: of the next one to come).
    pub first_position: Position,
    /// The position up to which the log was known to be durable when the frame was written.
    pub durable: Position,
    /// When the store took the batch.
    pub recorded_at: Timestamp,
    /// How many positions are missing between its first record and its last one; only in a rewritten segment any.
    pub missing: u32,
    records_checksum: u32,
}

/// Why there is no sound frame at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// All bytes of the header are zero: nothing was written here.
    Blank,
    /// There is less room than the frame (or its header) needs: this many bytes.
    Short {
        /// How many bytes a frame here would have, as far as is known.
        needed: u64,
    },
    /// The bytes are not a frame of this segment.
    Damaged(Damage),
}

impl FrameHeader {
    /// Reads a frame's header at the front of `bytes`; `offset` is where that is in the file.
    ///
    /// The checks, in order: all zero, magic, checksum (bound to store and segment), bounds of length and count, positions
    /// missing only between records.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8], binding: Binding, offset: u64) -> Result<Self, FrameFault> {
        let Some(bytes) = bytes.first_chunk::<FRAME_HEADER_BYTES>() else {
            return Err(FrameFault::Short { needed: FRAME_HEADER_BYTES as u64 });
        };
        let damaged = |at, what, found: u64, expected: u64| {
            Err(FrameFault::Damaged(Damage::new(offset + at as u64, what, found, expected)))
        };
        let magic = u32_at(bytes, 0);
        if magic != MAGIC {
            if bytes.iter().all(|byte| *byte == 0) {
                return Err(FrameFault::Blank);
            }
            return damaged(0, "frame magic", magic.into(), MAGIC.into());
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), header_checksum(bytes, binding));
        if found != expected && !planted(Bug::FrameHeaderChecksumNotVerified) {
            return damaged(CHECKSUM, "frame header checksum", found.into(), expected.into());
        }
        let (length, count) = (u32_at(bytes, LENGTH) as usize, u32_at(bytes, RECORD_COUNT) as usize);
        if !length.is_multiple_of(FRAME_ALIGNMENT)
            || !(FRAME_HEADER_BYTES..=BATCH_BYTES_MAX).contains(&length)
        {
            return damaged(LENGTH, "frame length", length as u64, BATCH_BYTES_MAX as u64);
        }
        if count > (length - FRAME_HEADER_BYTES) / RECORD_HEADER_BYTES {
            let most = (length - FRAME_HEADER_BYTES) / RECORD_HEADER_BYTES;
            return damaged(RECORD_COUNT, "record count", count as u64, most as u64);
        }
        let missing = u32_at(bytes, MISSING);
        if missing > 0 && count < 2 {
            return damaged(MISSING, "missing positions of a frame", missing.into(), 0);
        }
        Ok(FrameHeader {
            length: length as u64,
            record_count: u32_at(bytes, RECORD_COUNT),
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
            durable: Position::new(u64_at(bytes, DURABLE)),
            recorded_at: Timestamp::from_nanos(i64_at(bytes, RECORDED_AT)),
            missing,
            records_checksum: u32_at(bytes, RECORDS_CHECKSUM),
        })
    }

    /// The position of the last record; one less than `first_position` if there is none.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position.plus(u64::from(self.record_count)).plus(self.missing.into()).previous()
    }

    /// Whether it has no records but the dictionary of the segment.
    #[must_use]
    pub fn has_dictionary(&self) -> bool {
        self.record_count == 0 && self.length > FRAME_HEADER_BYTES as u64
    }

    /// That it may be where it is, in a segment that was rewritten or one that was not; `offset` is where that is in the file.
    ///
    /// # Errors
    /// Only in a rewritten segment positions may be missing in a frame, and only the first frame of one may have a dictionary.
    pub fn check_place(&self, rewritten: bool, offset: u64) -> Result<(), Damage> {
        if self.missing > 0 && !rewritten {
            let at = offset + MISSING as u64;
            return Err(Damage::new(at, "positions missing in an appended frame", self.missing, 0u32));
        }
        if self.has_dictionary() && !(rewritten && offset == SEGMENT_HEADER_BYTES as u64) {
            let at = offset + LENGTH as u64;
            return Err(Damage::new(at, "a dictionary that is out of place", self.length, 0u64));
        }
        Ok(())
    }
}

/// Reads and verifies the whole frame at the front of `bytes`, which may go on behind it. `record` is called
/// with the offset of each record in the frame, and the event.
///
/// The checks, in order: header, room for the frame, the table of positions if some are missing, each record (with its
/// offset), checksum over the records' checksums, zeros behind them; or the dictionary that is there instead of records.
///
/// # Errors
/// The first check that fails; `record` may have been called for earlier records by then.
pub fn check_frame<'a>(
    bytes: &'a [u8],
    binding: Binding,
    offset: u64,
    mut record: impl FnMut(usize, EventRef<'a>),
) -> Result<FrameHeader, FrameFault> {
    let header = FrameHeader::decode(bytes, binding, offset)?;
    let Some(frame) = usize::try_from(header.length).ok().and_then(|length| bytes.get(..length)) else {
        return Err(FrameFault::Short { needed: header.length });
    };
    let stretches = FrameStretches::read(frame, &header, binding, offset).map_err(FrameFault::Damaged)?;
    let mut next = stretches.records_at();
    let mut checksums = Hasher::new();
    for position in stretches.positions() {
        let at = offset + next as u64;
        let event = parse_record(&frame[next..], binding, position, at).map_err(FrameFault::Damaged)?;
        if event.recorded_at != header.recorded_at {
            let (found, expected) = (event.recorded_at.as_nanos(), header.recorded_at.as_nanos());
            let damage = Damage::new(at, "recorded_at", found.cast_unsigned(), expected.cast_unsigned());
            return Err(FrameFault::Damaged(damage));
        }
        record(next, event);
        checksums.update(&stored_checksum(&frame[next..]).to_le_bytes());
        next += record_length(&frame[next..]).unwrap_or(frame.len());
    }
    let found = checksums.finalize();
    if found != header.records_checksum && !planted(Bug::RecordsChecksumNotVerified) {
        let at = offset + RECORDS_CHECKSUM as u64;
        let damage = Damage::new(at, "checksum of the records", header.records_checksum, found);
        return Err(FrameFault::Damaged(damage));
    }
    let padding = frame.get(next..).unwrap_or_default();
    if header.has_dictionary() {
        dictionary::check(padding, binding, offset + next as u64).map_err(FrameFault::Damaged)?;
        return Ok(header);
    }
    if padding.len() >= FRAME_ALIGNMENT || padding.iter().any(|byte| *byte != 0) {
        let damage =
            Damage::new(offset + next as u64, "zeros behind the records", padding.len() as u64, 0u64);
        return Err(FrameFault::Damaged(damage));
    }
    Ok(header)
}

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

    /// Adds a copy of a record that [`parse_record`] found sound in another place, for repairs. It must be given the
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

/// Whether there is a frame's magic at the front.
pub(crate) fn starts_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_le_bytes())
}

/// See [`crate::reseal`]. Returns the length that the header claims, if it is one that a frame can have here.
pub fn reseal_frame(bytes: &mut [u8], binding: Binding) -> Option<usize> {
    if bytes.len() < FRAME_HEADER_BYTES {
        return None;
    }
    let length = u32_at(bytes, LENGTH) as usize;
    let possible =
        length.is_multiple_of(FRAME_ALIGNMENT) && (FRAME_HEADER_BYTES..=bytes.len()).contains(&length);
    if possible {
        let checksum = reseal_records(&mut bytes[..length], binding);
        put_u32(bytes, RECORDS_CHECKSUM, checksum);
        if u32_at(bytes, RECORD_COUNT) == 0 {
            reseal_dictionary(&mut bytes[FRAME_HEADER_BYTES..length], binding);
        }
    }
    let checksum = header_checksum(bytes, binding);
    put_u32(bytes, CHECKSUM, checksum);
    if possible && length > stretches::PAIRS {
        reseal_stretches(&mut bytes[..length], binding);
    }
    possible.then_some(length)
}

/// Makes the checksum of the table of positions right, if there is one.
fn reseal_stretches(frame: &mut [u8], binding: Binding) {
    let missing = u32_at(frame, MISSING);
    if missing > 0 {
        let pairs = stretches::pairs_length(&frame[stretches::PAIRS..], missing);
        let checksum =
            stretches::checksum(frame, &frame[stretches::PAIRS..stretches::PAIRS + pairs], binding);
        put_u32(frame, FRAME_HEADER_BYTES, checksum);
    }
}

/// Makes the checksums of the records right, as far as their lengths lead, and returns that of all of them.
fn reseal_records(frame: &mut [u8], binding: Binding) -> u32 {
    let count = u32_at(frame, RECORD_COUNT);
    let (mut next, pairs) = table_as_it_is(frame);
    let first = Position::new(u64_at(frame, FIRST_POSITION));
    let mut checksums = Hasher::new();
    for position in FrameStretches::told(&pairs, first, count, next).positions() {
        let Some(record) = frame.get_mut(next..) else { break };
        let Some(length) = record_length(record).filter(|length| *length >= RECORD_HEADER_BYTES) else {
            break;
        };
        reseal_record(record, binding, position);
        checksums.update(&stored_checksum(record).to_le_bytes());
        next = next.saturating_add(length);
    }
    checksums.finalize()
}

/// Where the records begin, and what the table of positions tells, if there is one.
fn table_as_it_is(frame: &[u8]) -> (usize, Vec<u8>) {
    let missing = u32_at(frame, MISSING);
    let table = frame.get(stretches::PAIRS..).filter(|_| missing > 0).unwrap_or_default();
    let pairs = table[..stretches::pairs_length(table, missing)].to_vec();
    let records_at = if missing > 0 { stretches::PAIRS + pairs.len() } else { FRAME_HEADER_BYTES };
    (records_at.min(frame.len()), pairs)
}

fn header_checksum(header: &[u8], binding: Binding) -> u32 {
    let mut covered = [0; FRAME_HEADER_BYTES - 4];
    covered[..4].copy_from_slice(&header[..CHECKSUM]);
    covered[4..].copy_from_slice(&header[LENGTH..FRAME_HEADER_BYTES]);
    binding.checksum(&covered)
}
