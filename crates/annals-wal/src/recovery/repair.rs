//! Carrying out what was decided: the tail cut, written again and synced, space laid out.

use super::open_file::OpenFile;
use super::walk::Walk;
use super::{Mode, Recovered, RecoveryInput};
use crate::error::LogError;
use crate::output::open_output;
use crate::prepare::PreparedSegment;
use crate::room::{Room, lay_out};
use crate::segment::Segment;
use annals_format::{SEGMENT_HEADER_BYTES, TimeRange};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};
use annals_vfs::{Disk, write_all_at};
use std::io::IoSlice;
use std::sync::Arc;

/// What is to be changed once everything is decided.
#[derive(Default)]
pub(super) struct Repairs<'f> {
    /// The last segment with frames, and how the walk over it ended.
    pub(super) tail: Option<(&'f OpenFile, Walk)>,
    /// Segments to be used later, and whether they are blank already.
    pub(super) unused: Vec<(&'f OpenFile, bool)>,
}

impl Repairs<'_> {
    pub(super) fn carry_out(
        self,
        disk: &dyn Disk,
        mode: Mode,
        input: &RecoveryInput<'_>,
        state: &mut Recovered,
    ) -> Result<(), LogError> {
        if let Some((file, walk)) = self.tail {
            let wanted = if mode == Mode::Repair { input.segment_bytes.max(walk.end) } else { walk.end };
            let capacity = make_tail_durable(file, &walk, (wanted, input.room_left))?;
            state.durable = state.next.previous();
            let mapping = if mode == Mode::Repair {
                // What readers see from now on has everything up to here, and what will be written.
                let own = Arc::clone(&file.file);
                let (output, mapping) =
                    open_output(disk, &file.name, own, (walk.end, capacity), input.direct)?;
                state.active = Some((output, capacity));
                mapping
            } else {
                file.file.map(capacity).map_err(file.failed("map"))?
            };
            if let Some(segment) = state.segments.last_mut() {
                let first_position = segment.first_position();
                let remapped = Segment::live(file.entry.id, file.binding, first_position, mapping);
                copy_offsets(segment, &remapped, state.next);
                *segment = Arc::new(remapped);
            }
        }
        if mode != Mode::Repair {
            return Ok(());
        }
        for (file, blank) in self.unused {
            let mut capacity = file.file.length().map_err(file.failed("look at"))?;
            if !blank || capacity < input.segment_bytes {
                file.file.set_len(0).map_err(file.failed("wipe"))?;
                // On a full disk it is laid out when it is taken, as far as there is room by then.
                let room = Room { usual: input.segment_bytes, least: 0, left: input.room_left };
                capacity = lay_out(&*file.file, 0, room).map_err(file.failed("lay out"))?;
                file.file.sync_data().map_err(file.failed("sync"))?;
            }
            let own = Arc::clone(&file.file);
            state.prepared.push(PreparedSegment::new(disk, file.entry, own, capacity, input.direct)?);
        }
        Ok(())
    }
}

/// Cuts what is behind the last frame, writes again the frames that nothing proves to be on the disk (after
/// a failed sync the page cache shows bytes that the disk may not have), and syncs. Lays out space up to `wanted`, or less on a full disk,
/// which is left with so much: gives where it ends.
pub(super) fn make_tail_durable(
    file: &OpenFile,
    walk: &Walk,
    (wanted, left): (u64, u64),
) -> Result<u64, LogError> {
    let mut length = file.file.length().map_err(file.failed("look at"))?;
    let mut changed = false;
    if walk.rubbish && !planted(Bug::TornTailNotCut) {
        file.file.set_len(walk.end).map_err(file.failed("cut"))?;
        length = walk.end;
        changed = true;
    }
    let mut capacity = wanted;
    if length < wanted {
        let room = Room { usual: wanted, least: 0, left };
        capacity = lay_out(&*file.file, length, room).map_err(file.failed("lay out"))?;
        changed = true;
    }
    if let Some(from) = walk.unproven_from.filter(|_| !planted(Bug::TailNotWrittenAgain)) {
        // The segment's header went out with its first frame.
        let from = if from == SEGMENT_HEADER_BYTES as u64 { 0 } else { from };
        let mut window = file.window()?;
        let mut at = from;
        while at < walk.end {
            let left = usize::try_from(walk.end - at).unwrap_or(usize::MAX);
            let bytes = window.at(at, left.min(1 << 20)).map_err(file.failed("read"))?;
            let bytes = &bytes[..bytes.len().min(left)];
            if bytes.is_empty() {
                break;
            }
            let taken = bytes.len() as u64;
            write_all_at(&*file.file, &mut [IoSlice::new(bytes)], at).map_err(file.failed("write again"))?;
            at += taken;
        }
        changed = true;
    }
    if changed && !planted(Bug::RecoveredTailNotSynced) {
        file.file.sync_data().map_err(file.failed("sync"))?;
    }
    Ok(capacity)
}

pub(super) fn copy_offsets(from: &Segment, to: &Segment, end: Position) {
    let mut position = from.first_position();
    while position < end {
        if let Ok(Some(offset)) = from.offset_of(position) {
            to.set_offset(position, offset);
        }
        position = position.next();
    }
    copy_occurred(from, to, end);
}

/// What was noted of a block is copied. Where nothing was (there are no other live segments), the block may hold any time.
fn copy_occurred(from: &Segment, to: &Segment, end: Position) {
    let mut position = from.first_position();
    while position < end {
        let block = from.occurred_block(position).ok().flatten();
        let anything = TimeRange { min: Timestamp::MIN, max: Timestamp::MAX };
        let (positions, occurred) = block.unwrap_or((position..position.next(), anything));
        to.set_occurred(positions.clone(), occurred);
        position = positions.end.max(position.next());
    }
}
