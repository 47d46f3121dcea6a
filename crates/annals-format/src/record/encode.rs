//! Writing a record: all that is known on the caller's thread first, the rest under the writer's lock.

use super::{
    BODY_CHECKSUM, CHECKSUM, CODEC, CONTENT_TYPE, ERASED, FLAGS, HAS_ID, HAS_METADATA, HAS_OCCURRED_AT,
    HAS_SCHEMA_VERSION, HAS_TAGS, LENGTH, LOST, RECORD_HEADER_BYTES, RECORDED_AT, STREAM_LENGTH, TYPE_LENGTH,
    VERSION, header_checksum, record_length,
};
use crate::binding::Binding;
use crate::payload::CODEC_PLAIN;
use crate::wire::{put_i64, put_u32, put_u64};
use annals_types::{Invalid, NewEvent, Position, Timestamp, Version};
use annals_types::{check_stream_name, limits};

/// What a record and the zeros behind it take at most, without names, tags, metadata and data.
const FIXED_BYTES_MAX: usize = RECORD_HEADER_BYTES + 16 + 8 + 4 + 4 + 4 + 7;

/// Appends the record of an event, all but what [`complete_record`] fills in.
pub(crate) fn encode_record(out: &mut Vec<u8>, stream: &str, event: &NewEvent<'_>) -> Result<(), Invalid> {
    check_stream_name(stream)?;
    event.check()?;
    let start = out.len();
    // Once, and not again and again as the record grows.
    let given = stream.len() + event.event_type.len() + event.metadata.len() + event.data.len();
    out.reserve(FIXED_BYTES_MAX + given);
    out.resize(start + RECORD_HEADER_BYTES, 0);
    let mut flags = 0;
    if let Some(id) = event.id {
        flags |= HAS_ID;
        out.extend_from_slice(id.as_bytes());
    }
    if let Some(occurred_at) = event.occurred_at {
        flags |= HAS_OCCURRED_AT;
        out.extend_from_slice(&occurred_at.as_nanos().to_le_bytes());
    }
    if event.schema_version != 1 {
        flags |= HAS_SCHEMA_VERSION;
        out.extend_from_slice(&event.schema_version.to_le_bytes());
    }
    if !event.metadata.is_empty() {
        flags |= HAS_METADATA;
        out.extend_from_slice(&length_u32(event.metadata.len()));
    }
    if !event.tags.is_empty() {
        flags |= HAS_TAGS;
        let length: usize = event.tags.iter().map(|tag| 2 + tag.len()).sum();
        out.extend_from_slice(&length_u32(length));
    }
    out.extend_from_slice(stream.as_bytes());
    out.extend_from_slice(event.event_type.as_bytes());
    for tag in &event.tags {
        out.extend_from_slice(&length_u16(tag.len()));
        out.extend_from_slice(tag.as_bytes());
    }
    match &event.erased {
        None => {
            out.extend_from_slice(&event.metadata);
            out.extend_from_slice(&event.data);
        }
        Some(erasure) => {
            flags |= ERASED;
            out.extend_from_slice(&erasure.to_bytes());
        }
    }

    let record = &mut out[start..];
    let length = record.len();
    let body_checksum = crc32fast::hash(&record[RECORD_HEADER_BYTES..]);
    record[LENGTH..BODY_CHECKSUM].copy_from_slice(&length_u32(length));
    put_u32(record, BODY_CHECKSUM, body_checksum);
    record[FLAGS..CONTENT_TYPE].copy_from_slice(&flags.to_le_bytes());
    record[CONTENT_TYPE] = event.content_type.code();
    record[CODEC] = CODEC_PLAIN;
    record[STREAM_LENGTH..TYPE_LENGTH].copy_from_slice(&length_u16(stream.len()));
    record[TYPE_LENGTH..RECORD_HEADER_BYTES].copy_from_slice(&length_u16(event.event_type.len()));
    Ok(())
}

/// Appends the record that stands for a lost event, all but what [`complete_record`] fills in. The stream is empty if
/// it is not known.
pub(crate) fn encode_lost(out: &mut Vec<u8>, stream: &str) -> Result<(), Invalid> {
    if !stream.is_empty() {
        check_stream_name(stream)?;
    }
    let start = out.len();
    out.resize(start + RECORD_HEADER_BYTES, 0);
    out.extend_from_slice(stream.as_bytes());
    let record = &mut out[start..];
    let length = record.len();
    let body_checksum = crc32fast::hash(&record[RECORD_HEADER_BYTES..]);
    record[LENGTH..BODY_CHECKSUM].copy_from_slice(&length_u32(length));
    put_u32(record, BODY_CHECKSUM, body_checksum);
    record[FLAGS..CONTENT_TYPE].copy_from_slice(&LOST.to_le_bytes());
    record[STREAM_LENGTH..TYPE_LENGTH].copy_from_slice(&length_u16(stream.len()));
    Ok(())
}

/// Fills in what is known only under the writer's lock, and returns the record's checksum.
pub(crate) fn complete_record(
    record: &mut [u8],
    binding: Binding,
    position: Position,
    version: Version,
    recorded_at: Timestamp,
) -> u32 {
    put_u64(record, VERSION, version.get());
    put_i64(record, RECORDED_AT, recorded_at.as_nanos());
    let checksum = header_checksum(record, binding, position);
    put_u32(record, CHECKSUM, checksum);
    checksum
}

/// Makes the checksum of the body of a record right that this program makes.
pub(crate) fn reseal_body(record: &mut [u8]) {
    let checksum = crc32fast::hash(&record[RECORD_HEADER_BYTES..]);
    put_u32(record, BODY_CHECKSUM, checksum);
}

/// See [`crate::reseal`].
pub fn reseal_record(bytes: &mut [u8], binding: Binding, position: Position) {
    let Some(length) = record_length(bytes) else { return };
    if let Some(body) = bytes.get(RECORD_HEADER_BYTES..length) {
        let checksum = crc32fast::hash(body);
        put_u32(bytes, BODY_CHECKSUM, checksum);
    }
    let checksum = header_checksum(bytes, binding, position);
    put_u32(bytes, CHECKSUM, checksum);
}

/// Lengths were bounded by `NewEvent::check`, far below 4 GiB.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the limits asserted below")]
pub(super) fn length_u32(length: usize) -> [u8; 4] {
    (length as u32).to_le_bytes()
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by the limits asserted below")]
fn length_u16(length: usize) -> [u8; 2] {
    (length as u16).to_le_bytes()
}

const _: () = {
    assert!(limits::STREAM_NAME_BYTES_MAX <= u16::MAX as usize);
    assert!(limits::EVENT_TYPE_BYTES_MAX <= u16::MAX as usize);
    assert!(limits::TAG_BYTES_MAX <= u16::MAX as usize);
    assert!(limits::BATCH_BYTES_MAX <= u32::MAX as usize);
};
