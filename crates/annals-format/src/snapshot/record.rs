//! One snapshot as stored: a header, the names, the payload, zeros up to the next multiple of eight.

use crate::binding::Binding;
use crate::damage::Damage;
use crate::wire::{i64_at, put_i64, put_u32, put_u64, u16_at, u32_at, u64_at};
use annals_types::limits::{SCHEMA_TAG_BYTES_MAX, SNAPSHOT_BYTES_MAX, STREAM_NAME_BYTES_MAX};
use annals_types::{Position, Timestamp, Uuid, Version};
use crc32fast::Hasher;
use std::borrow::Cow;

const MAGIC: u32 = u32::from_le_bytes(*b"ASNP");
const CHECKSUM: usize = 4;
const PAYLOAD_LENGTH: usize = 8;
const PAYLOAD_CHECKSUM: usize = 12;
const STREAM_LENGTH: usize = 16;
const TAG_LENGTH: usize = 18;
const CODEC: usize = 19;
const FLAGS: usize = 20;
const DURABLE: usize = 24;
const SEQUENCE: usize = 32;
const STREAM_VERSION: usize = 40;
const POSITION: usize = 48;
const EVENT_ID: usize = 56;
const RECORDED_AT: usize = 72;
const OCCURRED_MAX: usize = 80;
const TAKEN_AT: usize = 88;

/// Length of a record's header; the stream's name, the schema tag and the payload follow.
pub const SNAPSHOT_RECORD_HEADER_BYTES: usize = 96;
/// Records begin at multiples of this many bytes, so that a search for whole records behind damage has few places to look at.
pub const SNAPSHOT_ALIGNMENT: usize = 8;
/// The most that the header and the names of a record take together.
pub const SNAPSHOT_HEAD_BYTES_MAX: usize =
    SNAPSHOT_RECORD_HEADER_BYTES + STREAM_NAME_BYTES_MAX + SCHEMA_TAG_BYTES_MAX;

const _: () = assert!(TAKEN_AT + 8 == SNAPSHOT_RECORD_HEADER_BYTES);
const _: () = assert!(SCHEMA_TAG_BYTES_MAX <= u8::MAX as usize && STREAM_NAME_BYTES_MAX <= u16::MAX as usize);

/// What is stored of a snapshot besides its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHead<'a> {
    /// The stream whose state it is.
    pub stream: Cow<'a, str>,
    /// The schema tag: which type of state, in which version of it.
    pub tag: Cow<'a, str>,
    /// The version of the last event that was folded in.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// Its id.
    pub event_id: Uuid,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// The latest occurred_at of all events that were folded in.
    pub occurred_max: Timestamp,
    /// When the snapshot was put.
    pub taken_at: Timestamp,
    /// Goes up with every snapshot that is put into the store: of two with one key and version the later one counts.
    pub sequence: u64,
    /// Up to which offset a written file was known to be durable when the record was written; 0 in a sorted file.
    pub durable: u64,
    /// What the payload is encoded as, by a code that the store gives a meaning.
    pub codec: u8,
    /// What was done to the payload, for later versions. One with any bit set is not read.
    pub flags: u32,
    /// Length of the payload.
    pub payload_length: u32,
    /// Checksum of the payload, see [`PayloadChecksum`].
    pub payload_checksum: u32,
}

impl<'a> SnapshotHead<'a> {
    /// The same with names of its own.
    #[must_use]
    pub fn into_owned(self) -> SnapshotHead<'static> {
        let SnapshotHead { stream, tag, .. } = self;
        SnapshotHead { stream: stream.into_owned().into(), tag: tag.into_owned().into(), ..self }
    }

    /// Length of header and names; the payload follows.
    #[must_use]
    pub fn head_length(&self) -> u64 {
        (SNAPSHOT_RECORD_HEADER_BYTES + self.stream.len() + self.tag.len()) as u64
    }

    /// Length of the whole record, a multiple of [`SNAPSHOT_ALIGNMENT`].
    #[must_use]
    pub fn record_length(&self) -> u64 {
        (self.head_length() + u64::from(self.payload_length)).next_multiple_of(SNAPSHOT_ALIGNMENT as u64)
    }

    /// Appends header and names of the record that begins at `offset` of a file.
    ///
    /// The names and the payload are within their limits: who makes a snapshot has checked that.
    pub fn encode(&self, offset: u64, binding: Binding, out: &mut Vec<u8>) {
        let mut bytes = [0; SNAPSHOT_RECORD_HEADER_BYTES];
        put_u32(&mut bytes, 0, MAGIC);
        put_u32(&mut bytes, PAYLOAD_LENGTH, self.payload_length);
        put_u32(&mut bytes, PAYLOAD_CHECKSUM, self.payload_checksum);
        bytes[STREAM_LENGTH..TAG_LENGTH].copy_from_slice(&(self.stream.len() as u16).to_le_bytes());
        bytes[TAG_LENGTH] = self.tag.len() as u8;
        bytes[CODEC] = self.codec;
        put_u32(&mut bytes, FLAGS, self.flags);
        put_u64(&mut bytes, DURABLE, self.durable);
        put_u64(&mut bytes, SEQUENCE, self.sequence);
        put_u64(&mut bytes, STREAM_VERSION, self.version.get());
        put_u64(&mut bytes, POSITION, self.position.get());
        bytes[EVENT_ID..RECORDED_AT].copy_from_slice(self.event_id.as_bytes());
        put_i64(&mut bytes, RECORDED_AT, self.recorded_at.as_nanos());
        put_i64(&mut bytes, OCCURRED_MAX, self.occurred_max.as_nanos());
        put_i64(&mut bytes, TAKEN_AT, self.taken_at.as_nanos());
        let names = [self.stream.as_bytes(), self.tag.as_bytes()];
        let checksum = binding.checksum_of(&[
            &offset.to_le_bytes(),
            &bytes[..CHECKSUM],
            &bytes[PAYLOAD_LENGTH..],
            names[0],
            names[1],
        ]);
        put_u32(&mut bytes, CHECKSUM, checksum);
        out.extend_from_slice(&bytes);
        names.iter().for_each(|name| out.extend_from_slice(name));
    }

    /// Reads header and names at the front of `bytes`; `offset` is where that is in the file.
    ///
    /// The checks, in order: room for the header, magic, bounds of the lengths, room for the names, checksum (bound to store,
    /// file and offset), UTF-8. Whether there is room for the payload, and what it is, is not looked at.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &'a [u8], offset: u64, binding: Binding) -> Result<Self, Damage> {
        let Some(header) = bytes.first_chunk::<SNAPSHOT_RECORD_HEADER_BYTES>() else {
            let (found, expected) = (bytes.len() as u64, SNAPSHOT_RECORD_HEADER_BYTES as u64);
            return Err(Damage::new(offset, "room for the header of a snapshot", found, expected));
        };
        let damage = |at: usize, what, found: u32, expected: u32| {
            Err(Damage::new(offset + at as u64, what, found, expected))
        };
        let magic = u32_at(header, 0);
        if magic != MAGIC {
            return damage(0, "magic number of a snapshot", magic, MAGIC);
        }
        let (stream_length, tag_length) = (usize::from(u16_at(header, STREAM_LENGTH)), header[TAG_LENGTH]);
        if !(1..=STREAM_NAME_BYTES_MAX).contains(&stream_length) {
            let most = STREAM_NAME_BYTES_MAX as u32;
            return damage(STREAM_LENGTH, "length of the stream name", stream_length as u32, most);
        }
        if !(1..=SCHEMA_TAG_BYTES_MAX).contains(&usize::from(tag_length)) {
            let most = SCHEMA_TAG_BYTES_MAX as u32;
            return damage(TAG_LENGTH, "length of the schema tag", tag_length.into(), most);
        }
        let payload_length = u32_at(header, PAYLOAD_LENGTH);
        if payload_length as usize > SNAPSHOT_BYTES_MAX {
            let most = SNAPSHOT_BYTES_MAX as u32;
            return damage(PAYLOAD_LENGTH, "length of the payload of a snapshot", payload_length, most);
        }
        let names_end = SNAPSHOT_RECORD_HEADER_BYTES + stream_length + usize::from(tag_length);
        let Some(names) = bytes.get(SNAPSHOT_RECORD_HEADER_BYTES..names_end) else {
            return damage(0, "room for the names of a snapshot", bytes.len() as u32, names_end as u32);
        };
        let parts = [&offset.to_le_bytes(), &header[..CHECKSUM], &header[PAYLOAD_LENGTH..], names];
        let (found, expected) = (u32_at(header, CHECKSUM), binding.checksum_of(&parts));
        if found != expected {
            return damage(CHECKSUM, "checksum of the header of a snapshot", found, expected);
        }
        let (stream, tag) = names.split_at(stream_length);
        let text = |name: &'a [u8], at: usize, what| {
            std::str::from_utf8(name).map_err(|error| {
                let valid = error.valid_up_to();
                Damage::new(offset + (at + valid) as u64, what, name[valid], 0u32)
            })
        };
        let mut event_id = [0; 16];
        event_id.copy_from_slice(&header[EVENT_ID..RECORDED_AT]);
        Ok(SnapshotHead {
            stream: text(stream, SNAPSHOT_RECORD_HEADER_BYTES, "UTF-8 of the stream name")?.into(),
            tag: text(tag, SNAPSHOT_RECORD_HEADER_BYTES + stream_length, "UTF-8 of the schema tag")?.into(),
            version: Version::new(u64_at(header, STREAM_VERSION)),
            position: Position::new(u64_at(header, POSITION)),
            event_id: Uuid::from_bytes(event_id),
            recorded_at: Timestamp::from_nanos(i64_at(header, RECORDED_AT)),
            occurred_max: Timestamp::from_nanos(i64_at(header, OCCURRED_MAX)),
            taken_at: Timestamp::from_nanos(i64_at(header, TAKEN_AT)),
            sequence: u64_at(header, SEQUENCE),
            durable: u64_at(header, DURABLE),
            codec: header[CODEC],
            flags: u32_at(header, FLAGS),
            payload_length,
            payload_checksum: u32_at(header, PAYLOAD_CHECKSUM),
        })
    }
}

/// Whether bytes begin as a record does. Nothing is verified.
#[inline]
#[must_use]
pub fn may_be_snapshot(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|first| u32::from_le_bytes(*first) == MAGIC)
}

/// How long header and names of a record claim to be together, as far as its first bytes say so; at most
/// [`SNAPSHOT_HEAD_BYTES_MAX`]. Nothing is verified.
#[must_use]
pub fn snapshot_head_length(header: &[u8; SNAPSHOT_RECORD_HEADER_BYTES]) -> usize {
    let names = usize::from(u16_at(header, STREAM_LENGTH)) + usize::from(header[TAG_LENGTH]);
    (SNAPSHOT_RECORD_HEADER_BYTES + names).min(SNAPSHOT_HEAD_BYTES_MAX)
}

/// The checksum of a payload, piece by piece: a plain CRC-32. What binds the payload to store, file and place is that its
/// checksum stands in the header, so that a payload moves from file to file as it is.
#[derive(Clone, Debug, Default)]
pub struct PayloadChecksum(Hasher);

impl PayloadChecksum {
    /// Of all of a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> u32 {
        crc32fast::hash(payload)
    }

    /// Takes the next bytes.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The checksum of all bytes.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

/// See [`crate::reseal`]. Returns the length of the record, if there is one as far as its lengths say so.
pub(super) fn reseal_record(bytes: &mut [u8], offset: u64, binding: Binding) -> Option<usize> {
    if !may_be_snapshot(bytes) {
        return None;
    }
    let names_end = {
        let header = bytes.first_chunk::<SNAPSHOT_RECORD_HEADER_BYTES>()?;
        snapshot_head_length(header)
    };
    let payload_length = u32_at(bytes, PAYLOAD_LENGTH) as usize;
    let payload_end = names_end.checked_add(payload_length)?;
    if let Some(payload) = bytes.get(names_end..payload_end) {
        let checksum = PayloadChecksum::of(payload);
        put_u32(bytes, PAYLOAD_CHECKSUM, checksum);
    }
    let head = bytes.get(..names_end)?;
    let checksum = binding.checksum_of(&[&offset.to_le_bytes(), &head[..CHECKSUM], &head[PAYLOAD_LENGTH..]]);
    put_u32(bytes, CHECKSUM, checksum);
    Some(payload_end.next_multiple_of(SNAPSHOT_ALIGNMENT))
}
