//! Walking the frames of an open segment up to the first bytes that are none, and looking behind them.

use super::open_file::OpenFile;
use super::{Recovered, RecoveryInput, Visit};
use crate::error::LogError;
use crate::scan::ZEROS;
use crate::segment::Segment;
use crate::window::{STEP, Window};
use annals_format::{
    Binding, CleanMark, Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameFault, FrameHeader,
    SEGMENT_HEADER_BYTES, TimeRange, check_frame,
};
use annals_types::limits::BATCH_BYTES_MAX;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Events of a frame that are kept while the rest of it is verified, so that it is looked at once.
const EVENTS_KEPT: usize = 4096;
/// After so many bytes behind the end of the frames the file system is asked again where there may be anything but zeros:
/// as many as are read at once.
const HOLES_ASKED_BYTES: u64 = STEP as u64;

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
    let cut = input.cut.filter(|cut| cut.segment_id == file.entry.id).map(|cut| cut.frames_end);
    let behind_cut = cut.is_some_and(|cut| cut < window.file_length());
    window.end_at(cut.unwrap_or(u64::MAX));
    let mut end = SEGMENT_HEADER_BYTES as u64;
    // Frames whose last position is above what is proven so far; later frames may prove them.
    let mut unproven: VecDeque<(Position, u64)> = VecDeque::new();
    let mut spare = Events::default();
    let damage = loop {
        if end >= window.file_length() {
            break Damage::new(end, "end of the file", end, end);
        }
        let (mut wanted, file_length) = (FRAME_HEADER_BYTES, window.file_length());
        let (result, bytes, mut events) = loop {
            let bytes = window.at(end, wanted).map_err(file.failed("read"))?;
            let most = bytes.len();
            let mut events = std::mem::take(&mut spare).emptied();
            match check_next(bytes, file.binding, end, state.next, &mut events) {
                Err(FrameFault::Short { needed })
                    // A file that became shorter meanwhile does not get longer by asking again.
                    if wanted as u64 <= most as u64
                        && needed > most as u64
                        && needed <= file_length - end =>
                {
                    wanted = usize::try_from(needed).unwrap_or(usize::MAX);
                    spare = events.emptied();
                }
                result => break (result, bytes, events),
            }
        };
        let ends_the_file = |header: &FrameHeader| end + header.length == file_length;
        match result {
            Ok(header) if ends_the_file(&header) && planted(Bug::FrameAtEndOfFileDropped) => {
                break Damage::new(end, "end of the file", end, end);
            }
            Ok(header) => {
                take_frame((&header, bytes), file.binding, end, &mut events, segment, visit)?;
                spare = events.emptied();
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
                break Damage::new(end, "room for a frame", file_length - end, needed);
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
    Ok(Walk { end, unproven_from, damage, rubbish: !blank || behind_cut, durable_behind })
}

/// Looks at a frame, and keeps its first events. It counts only if it is whole and holds the positions that come next.
fn check_next<'b>(
    bytes: &'b [u8],
    binding: Binding,
    offset: u64,
    next: Position,
    events: &mut Events<'b>,
) -> Result<FrameHeader, FrameFault> {
    let header = check_frame(bytes, binding, offset, |within, event| {
        if events.kept.len() < EVENTS_KEPT {
            events.push(offset + within as u64, event);
        }
    })?;
    if header.first_position != next && !planted(Bug::FramePositionNotChecked) {
        let (found, expected) = (header.first_position.get(), next.get());
        return Err(FrameFault::Damaged(Damage::new(offset, "first position of a frame", found, expected)));
    }
    header.check_place(false, offset).map_err(FrameFault::Damaged)?;
    Ok(header)
}

/// Events of a sound frame, verified, and where their records begin in the file.
#[derive(Default)]
struct Events<'b> {
    kept: Vec<EventRef<'b>>,
    offsets: Vec<u64>,
}

impl<'b> Events<'b> {
    fn push(&mut self, offset: u64, event: EventRef<'b>) {
        self.kept.push(event);
        self.offsets.push(offset);
    }

    /// The memory of these, for those of another frame.
    fn emptied<'c>(self) -> Events<'c> {
        let Events { mut kept, mut offsets } = self;
        kept.clear();
        offsets.clear();
        // The library collects what has the same layout in place.
        Events { kept: kept.into_iter().map(|_| unreachable!("there are none")).collect(), offsets }
    }

    fn take(&self, segment: &Arc<Segment>, visit: &mut Visit<'_>) -> Result<(), LogError> {
        for (event, offset) in self.kept.iter().zip(&self.offsets) {
            segment.set_offset(event.position, u32::try_from(*offset).unwrap_or(0));
            let occurred = TimeRange { min: event.occurred_at, max: event.occurred_at };
            segment.set_occurred(event.position..event.position.next(), occurred);
        }
        visit(segment, &self.kept)
    }
}

/// Takes the events of a sound frame. Those of a frame with more than are kept are made once more, some at a time: a
/// million of them would take more memory than the whole rest of opening.
fn take_frame<'b>(
    (header, bytes): (&FrameHeader, &'b [u8]),
    binding: Binding,
    offset: u64,
    events: &mut Events<'b>,
    segment: &Arc<Segment>,
    visit: &mut Visit<'_>,
) -> Result<(), LogError> {
    if header.record_count as usize == events.kept.len() {
        return events.take(segment, visit);
    }
    let mut some = std::mem::take(events).emptied();
    let mut visited = Ok(());
    let _ = check_frame(bytes, binding, offset, |within, event| {
        some.push(offset + within as u64, event);
        if some.kept.len() == EVENTS_KEPT && visited.is_ok() {
            visited = some.take(segment, visit);
            some = std::mem::take(&mut some).emptied();
        }
    });
    visited.and_then(|()| some.take(segment, visit))
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
    let (end, mut asked) = (window.file_length().min(limit), offset);
    while at < end {
        if at >= asked {
            // Most of a segment's end was reserved and never written. That is not read, see `OpenFile::open`.
            let data = window.data_from(at)?;
            at = at.max(data - data % ZEROS.len() as u64);
            asked = at + HOLES_ASKED_BYTES;
            continue;
        }
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
