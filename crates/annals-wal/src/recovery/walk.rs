//! Walking the frames of an open segment up to the first bytes that are none, and looking behind them.

use super::open_file::OpenFile;
use super::{Recovered, RecoveryInput, Visit};
use crate::error::LogError;
use crate::scan::ZEROS;
use crate::segment::Segment;
use crate::window::Window;
use annals_format::{
    Binding, CleanMark, Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameFault, FrameHeader,
    SEGMENT_HEADER_BYTES, check_frame,
};
use annals_types::Position;
use annals_types::limits::BATCH_BYTES_MAX;
use annals_types::planted::{Bug, planted};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// What a walk over the frames of a segment ended with.
pub(super) struct Walk {
    /// Where the frames end.
    pub(super) end: u64,
    /// The first frame that holds a position which is not known to be durable.
    pub(super) unproven_from: Option<u64>,
    /// What is there instead of a frame. Blank space counts: it is wrong where more was durable.
    pub(super) damage: Damage,
    /// Whether there is anything but zeros behind the end.
    pub(super) rubbish: bool,
    /// The highest durable position that a sound frame behind the end tells of.
    pub(super) durable_behind: Position,
}

pub(super) fn walk_frames(
    input: &RecoveryInput<'_>,
    file: &OpenFile,
    segment: &Arc<Segment>,
    state: &mut Recovered,
    visit: &mut Visit<'_>,
) -> Result<Walk, LogError> {
    let mut window = file.window()?;
    let mut end = SEGMENT_HEADER_BYTES as u64;
    // Frames whose last position is above what is proven so far; later frames may prove them.
    let mut unproven: VecDeque<(Position, u64)> = VecDeque::new();
    let damage = loop {
        if end >= window.file_length() {
            break Damage::new(end, "end of the file", end, end);
        }
        let mut wanted = FRAME_HEADER_BYTES;
        let result = loop {
            let bytes = window.at(end, wanted).map_err(file.failed("read"))?;
            let most = bytes.len();
            match check_next(bytes, file.binding, end, state.next) {
                Err(FrameFault::Short { needed })
                    // A file that became shorter meanwhile does not get longer by asking again.
                    if wanted as u64 <= most as u64
                        && needed > most as u64
                        && needed <= window.file_length() - end =>
                {
                    wanted = usize::try_from(needed).unwrap_or(usize::MAX);
                }
                result => break result,
            }
        };
        let ends_the_file = |header: &FrameHeader| end + header.length == window.file_length();
        match result {
            Ok(header) if ends_the_file(&header) && planted(Bug::FrameAtEndOfFileDropped) => {
                break Damage::new(end, "end of the file", end, end);
            }
            Ok(header) => {
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                let bytes = window.at(end, length).map_err(file.failed("read"))?;
                take_frame(bytes, file.binding, end, segment, visit)?;
                state.next = header.last_position().next();
                state.durable = state.durable.max(header.durable);
                if !planted(Bug::RecordedAtForgottenOnOpen) {
                    state.last_recorded = state.last_recorded.max(header.recorded_at);
                }
                // An empty frame is proven by what proves the event behind it: it was written before that one,
                // and without a sync of its own.
                unproven.push_back((header.last_position().max(header.first_position), end));
                while unproven.front().is_some_and(|(last, _)| *last <= state.durable) {
                    unproven.pop_front();
                }
                end += header.length;
            }
            Err(FrameFault::Blank) => break Damage::new(end, "frame, found zeros", 0u64, state.next.get()),
            Err(FrameFault::Short { needed }) => {
                break Damage::new(end, "room for a frame", window.file_length() - end, needed);
            }
            Err(FrameFault::Damaged(damage)) => break damage,
        }
    };
    // After a close in good order nothing was written behind the end, so there is nothing to look for.
    let closed_here = CleanMark { segment_id: file.entry.id, frames_end: end };
    let (durable_behind, blank) = if input.clean == Some(closed_here) {
        (Position::ZERO, true)
    } else {
        search(&mut window, end, farthest_end(input), file.binding).map_err(file.failed("read"))?
    };
    let unbegun = end == SEGMENT_HEADER_BYTES as u64;
    let unproven_from = if unbegun { Some(end) } else { unproven.front().map(|(_, offset)| *offset) };
    Ok(Walk { end, unproven_from, damage, rubbish: !blank, durable_behind })
}

/// A frame counts only if it is whole and holds the positions that come next.
pub(super) fn check_next(
    bytes: &[u8],
    binding: Binding,
    offset: u64,
    next: Position,
) -> Result<FrameHeader, FrameFault> {
    let header = check_frame(bytes, binding, offset, |_, _| {})?;
    if header.first_position != next && !planted(Bug::FramePositionNotChecked) {
        let (found, expected) = (header.first_position.get(), next.get());
        return Err(FrameFault::Damaged(Damage::new(offset, "first position of a frame", found, expected)));
    }
    Ok(header)
}

pub(super) fn take_frame(
    bytes: &[u8],
    binding: Binding,
    offset: u64,
    segment: &Arc<Segment>,
    visit: &mut Visit<'_>,
) -> Result<(), LogError> {
    let mut visited = Ok(());
    let _ = check_frame(bytes, binding, offset, |within, event| {
        segment.set_offset(event.position, u32::try_from(offset + within as u64).unwrap_or(0));
        if visited.is_ok() {
            visited = visit(segment, event);
        }
    });
    visited
}

/// Where the frames of an open segment end at the latest: it has the usual size, or that of one batch that is larger.
/// Behind it nothing was ever written but the beginning of a footer, so nothing there can say what was durable.
pub(super) fn farthest_end(input: &RecoveryInput<'_>) -> u64 {
    input.segment_bytes.max((SEGMENT_HEADER_BYTES + BATCH_BYTES_MAX) as u64)
}

/// Looks at everything from `offset` up to `limit`: the highest durable position told by a sound frame header, and
/// whether there are only zeros. A file that is longer than `limit` is taken for one that has more than zeros, so that
/// it gets its length back. It is not read: it may be sparse, and claim to be terabytes long.
pub(super) fn search(
    window: &mut Window<'_>,
    offset: u64,
    limit: u64,
    binding: Binding,
) -> io::Result<(Position, bool)> {
    let (mut at, mut durable, mut blank) = (offset, Position::ZERO, window.file_length() <= limit);
    while at < window.file_length().min(limit) {
        let bytes = window.at(at, FRAME_HEADER_BYTES)?;
        if bytes.is_empty() {
            break;
        }
        // Whole aligned slots of this window; a header that begins in its last bytes is looked at next time.
        let slots = (bytes.len() + 1).saturating_sub(FRAME_HEADER_BYTES).div_ceil(FRAME_ALIGNMENT).max(1);
        let mut slot = 0;
        while slot < slots {
            let rest = &bytes[slot * FRAME_ALIGNMENT..];
            let here = at + (slot * FRAME_ALIGNMENT) as u64;
            if here.is_multiple_of(ZEROS.len() as u64) && rest.starts_with(&ZEROS) {
                // Most of a segment's end was never written: a page at a time, by memory comparison, and only once
                // in a page, so that zeros with a byte in between are not compared at every slot.
                slot += ZEROS.len() / FRAME_ALIGNMENT;
                continue;
            }
            if rest.iter().take(FRAME_ALIGNMENT).any(|byte| *byte != 0) {
                blank = false;
                if let Ok(header) = FrameHeader::decode(rest, binding, 0) {
                    let claimed = planted(Bug::SoundFrameTakenForEvidence);
                    durable = durable.max(if claimed { header.last_position() } else { header.durable });
                }
            }
            slot += 1;
        }
        at += (slot * FRAME_ALIGNMENT) as u64;
    }
    Ok((durable, blank))
}
