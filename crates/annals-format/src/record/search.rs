//! Looking for records behind damage: what can be told of bytes before their checksums are verified.

use super::{
    CODEC, FLAGS, FLAGS_KNOWN, LENGTH, LOST, RECORD_HEADER_BYTES, STREAM_LENGTH, TYPE_LENGTH, stored_checksum,
};
use crate::binding::Binding;
use crate::payload::CODEC_LZ4;
use crate::wire::{u16_at, u32_at};
use annals_types::{Position, limits};

/// Whether a record could begin here, as far as its fixed part tells without a checksum: all but a few in a billion of
/// other bytes are told apart, so that a search for records behind damage computes few checksums.
#[must_use]
pub fn may_be_record(bytes: &[u8]) -> bool {
    if bytes.len() < RECORD_HEADER_BYTES || bytes[CODEC] > CODEC_LZ4 {
        return false;
    }
    let flags = u16_at(bytes, FLAGS);
    let (stream, event_type) =
        (usize::from(u16_at(bytes, STREAM_LENGTH)), usize::from(u16_at(bytes, TYPE_LENGTH)));
    let length = u32_at(bytes, LENGTH) as usize;
    flags & !FLAGS_KNOWN == 0
        && stream <= limits::STREAM_NAME_BYTES_MAX
        && event_type <= limits::EVENT_TYPE_BYTES_MAX
        && (flags == LOST || (stream > 0 && event_type > 0))
        && (RECORD_HEADER_BYTES + stream + event_type..=limits::BATCH_BYTES_MAX).contains(&length)
}

/// The one position near `near` (with the same upper half) for which the checksum of the record header at the front of
/// `bytes` would be right. Whether it is a record's at all is for [`parse_record`](super::parse_record) to say; of bytes that are none, this is
/// a random number.
#[must_use]
pub fn position_of_record(bytes: &[u8], binding: Binding, near: Position) -> Option<Position> {
    let header = bytes.get(LENGTH..RECORD_HEADER_BYTES)?;
    let upper = near.get() >> 32;
    let mut behind = [0; 4 + RECORD_HEADER_BYTES - LENGTH];
    behind[..4].copy_from_slice(&near.get().to_le_bytes()[4..]);
    behind[4..].copy_from_slice(header);
    let lower = binding.solve(stored_checksum(bytes), &behind);
    Some(Position::new(upper << 32 | u64::from(lower)))
}
