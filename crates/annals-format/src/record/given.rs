//! What the producer gave, as it is found in a record that this program made or has checked.

use super::{
    CONTENT_TYPE, FLAGS, HAS_ID, HAS_METADATA, HAS_OCCURRED_AT, HAS_SCHEMA_VERSION, HAS_TAGS,
    RECORD_HEADER_BYTES, STREAM_LENGTH, TYPE_LENGTH,
};
use crate::wire::{u16_at, u32_at};
use annals_types::{Tags, Timestamp, Uuid};

/// What an event is found by, beside its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordTerms<'a> {
    /// What happened.
    pub event_type: &'a str,
    /// Names to find it by.
    pub tags: Tags<'a>,
    /// Its id, if the producer gave it one.
    pub given_id: Option<Uuid>,
}

/// What the event in a record that this program has just made is found by. `like` is the type that it is likely to have:
/// equal bytes need not be looked at again to be text.
pub(crate) fn own_terms<'a>(record: &'a [u8], like: &'a str) -> Option<RecordTerms<'a>> {
    let flags = u16_at(record, FLAGS);
    let width = |flag: u16, bytes: usize| if flags & flag != 0 { bytes } else { 0 };
    let (_, body) = record.split_at_checked(RECORD_HEADER_BYTES)?;
    let (_, rest) = body.split_at_checked(width(HAS_ID, 16) + width(HAS_OCCURRED_AT, 8))?;
    let (_, rest) = rest.split_at_checked(width(HAS_SCHEMA_VERSION, 4) + width(HAS_METADATA, 4))?;
    let (tags_length, rest) = rest.split_at_checked(width(HAS_TAGS, 4))?;
    let tags_length = tags_length.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let (_, rest) = rest.split_at_checked(u16_at(record, STREAM_LENGTH).into())?;
    let (event_type, rest) = rest.split_at_checked(u16_at(record, TYPE_LENGTH).into())?;
    let event_type =
        if event_type == like.as_bytes() { like } else { std::str::from_utf8(event_type).ok()? };
    let tags = Tags::from_encoded(rest.get(..tags_length)?)?;
    Some(RecordTerms { event_type, tags, given_id: given_id(record) })
}

/// The id that the producer gave, if it gave one. The record must have been made by this program.
pub(crate) fn given_id(record: &[u8]) -> Option<Uuid> {
    let id = record.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + 16)?;
    if u16_at(record, FLAGS) & HAS_ID != 0 { Uuid::from_slice(id).ok() } else { None }
}

/// When the event occurred, if the producer said so. The record must have been made by this program.
pub(crate) fn given_occurred_at(record: &[u8]) -> Option<Timestamp> {
    let flags = u16_at(record, FLAGS);
    let at = RECORD_HEADER_BYTES + if flags & HAS_ID != 0 { 16 } else { 0 };
    let time = record.get(at..)?.first_chunk().filter(|_| flags & HAS_OCCURRED_AT != 0)?;
    Some(Timestamp::from_nanos(i64::from_le_bytes(*time)))
}

/// Whether two records say the same: all the producer gave is equal, byte for byte.
///
/// Both must have been checked or made by this program. What the store assigned (position, version,
/// recorded_at) does not count.
#[must_use]
pub fn same_content(one: &[u8], other: &[u8]) -> bool {
    let given = |record: &[u8]| (u16_at(record, FLAGS), record[CONTENT_TYPE], u32_at(record, STREAM_LENGTH));
    given(one) == given(other) && one[RECORD_HEADER_BYTES..] == other[RECORD_HEADER_BYTES..]
}
