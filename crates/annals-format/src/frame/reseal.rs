//! Making the checksums of a changed frame right, for tests: see [`crate::reseal`].

use super::{
    CHECKSUM, FIRST_POSITION, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameStretches, LENGTH, MISSING,
    RECORD_COUNT, RECORDS_CHECKSUM, header_checksum, stretches,
};
use crate::binding::Binding;
use crate::payload::dictionary::reseal_dictionary;
use crate::record::{RECORD_HEADER_BYTES, record_length, reseal_record, stored_checksum};
use crate::wire::{put_u32, u32_at, u64_at};
use annals_types::Position;
use crc32fast::Hasher;

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
