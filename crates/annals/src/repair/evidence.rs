//! What the frames of a segment prove to have been durable.

use super::source::SourceSegment;
use crate::error::OpenError;
use annals_format::{Binding, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES};
use annals_types::Position;
use annals_types::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX};
use annals_wal::Window;

const ZEROS: [u8; 4096] = [0; 4096];

/// The highest durable position that a sound frame header of the segment tells.
pub(super) fn durable_in(window: &mut Window<'_>, segment: &SourceSegment) -> Result<Position, OpenError> {
    let failed = || OpenError::io(format!("read {}", segment.name));
    let limit = window.file_length().min(SEGMENT_BYTES_MAX + BATCH_BYTES_MAX as u64);
    let (mut at, mut durable) = (SEGMENT_HEADER_BYTES as u64, Position::ZERO);
    while at < limit {
        let bytes = window.at(at, FRAME_HEADER_BYTES).map_err(failed())?;
        if let Ok(header) = FrameHeader::decode(bytes, segment.binding, at) {
            durable = durable.max(header.durable);
            // If its records are damaged it says all the same how long it is.
            at += header.length;
            continue;
        }
        // Most of what is no frame was never written.
        let blank = if bytes.starts_with(&ZEROS) { ZEROS.len() } else { 0 };
        at += blank.max(FRAME_ALIGNMENT) as u64;
    }
    Ok(durable)
}

/// The highest position that a sound frame header of a segment that was written anew tells, if any does.
pub(super) fn reached_in(window: &mut Window<'_>, binding: Binding, first: Position) -> Option<Position> {
    let limit = window.file_length().min(SEGMENT_BYTES_MAX + BATCH_BYTES_MAX as u64);
    let most = first.plus(u32::MAX.into());
    let (mut at, mut reached) = (SEGMENT_HEADER_BYTES as u64, None);
    while at < limit {
        let bytes = window.at(at, FRAME_HEADER_BYTES).ok()?;
        let header = FrameHeader::decode(bytes, binding, at).ok();
        at += header.as_ref().map_or(FRAME_ALIGNMENT as u64, |header| header.length);
        let last = header.filter(|header| header.record_count > 0).map(|header| header.last_position());
        reached = reached.max(last.filter(|last| *last < most));
    }
    reached
}
