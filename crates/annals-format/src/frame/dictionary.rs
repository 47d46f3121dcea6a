//! The frame in front of all others that has no records, but the dictionary of a rewritten segment.

use super::{
    CHECKSUM, DURABLE, FIRST_POSITION, FRAME_HEADER_BYTES, FrameFault, FrameHeader, FrameStamp, LENGTH,
    MAGIC, RECORDED_AT, header_checksum,
};
use crate::binding::Binding;
use crate::damage::Damage;
use crate::payload::Dictionary;
use crate::segment::SEGMENT_HEADER_BYTES;
use crate::wire::{put_i64, put_u32, put_u64};

/// The frame with a dictionary, as it lies in front of the frame with this stamp, which is the first one with records.
#[must_use]
pub fn dictionary_frame(dictionary: &Dictionary, stamp: &FrameStamp) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    frame.extend(dictionary.encode(stamp.binding));
    let length = frame.len();
    put_u32(&mut frame, 0, MAGIC);
    #[expect(clippy::cast_possible_truncation, reason = "bounded by DICTIONARY_BYTES_MAX")]
    put_u32(&mut frame, LENGTH, length as u32);
    put_u64(&mut frame, FIRST_POSITION, stamp.first_position.get());
    put_u64(&mut frame, DURABLE, stamp.durable.get());
    put_i64(&mut frame, RECORDED_AT, stamp.recorded_at.as_nanos());
    let sum = header_checksum(&frame[..FRAME_HEADER_BYTES], stamp.binding);
    put_u32(&mut frame, CHECKSUM, sum);
    frame
}

/// The dictionary of the segment with these bytes, from its header on; `None` if its first frame has records. Looks at that frame only,
/// and at none of its records.
///
/// # Errors
/// That the header of that frame, or its dictionary, is damaged.
pub fn first_dictionary(segment: &[u8], binding: Binding) -> Result<Option<Dictionary>, Damage> {
    let at = SEGMENT_HEADER_BYTES as u64;
    let bytes = segment.get(SEGMENT_HEADER_BYTES..).unwrap_or_default();
    let room = |needed| Damage::new(at, "room for a frame", bytes.len() as u64, needed);
    let header = FrameHeader::decode(bytes, binding, at).map_err(|fault| match fault {
        FrameFault::Damaged(damage) => damage,
        FrameFault::Blank => Damage::new(at, "frame magic", 0u32, MAGIC),
        FrameFault::Short { needed } => room(needed),
    })?;
    if !header.has_dictionary() {
        return Ok(None);
    }
    let end = usize::try_from(header.length).unwrap_or(usize::MAX);
    let body = bytes.get(FRAME_HEADER_BYTES..end).ok_or_else(|| room(header.length))?;
    check(body, binding, at + FRAME_HEADER_BYTES as u64).map(Some)
}

/// The dictionary that fills `body`.
pub(super) fn check(body: &[u8], binding: Binding, offset: u64) -> Result<Dictionary, Damage> {
    let (dictionary, length) = Dictionary::decode(body, binding, offset)?;
    if length != body.len() {
        let at = offset + length as u64;
        return Err(Damage::new(at, "bytes behind a dictionary", body.len() as u64, length as u64));
    }
    Ok(dictionary)
}
