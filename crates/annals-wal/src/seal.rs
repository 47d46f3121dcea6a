//! Giving a full segment its footer.

use crate::error::LogError;
use crate::segment::{Ahead, Segment};
use annals_format::{FooterBuilder, SealedSegment, names};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Access, Disk, write_all_at};
use std::io::IoSlice;

/// Writes the footer of a live segment that gets no more frames, cuts the file to its length, and syncs it.
/// `last_position` is the segment's last event, which must be durable; `salt` goes into the entry.
///
/// The segment becomes sealed with the manifest that has the returned entry. A crash before that leaves an
/// open segment with unused bytes behind its last frame, which recovery cuts and which is sealed again.
///
/// # Errors
/// What the system says, or that a record of the segment is damaged; the segment stays live.
pub fn seal_segment(
    disk: &dyn Disk,
    segment: &Segment,
    salt: u64,
    last_position: Position,
    frames_end: u64,
) -> Result<SealedSegment, LogError> {
    let mut footer = FooterBuilder::new();
    let mut position = segment.first_position();
    // After a crash nothing of the segment need be in memory.
    let mut ahead = Ahead::new(segment.mapping()?, frames_end);
    while position <= last_position {
        let offset = segment.offset_of(position)?;
        ahead.reach(offset.into());
        let event = segment.event(position)?;
        if event.is_lost() {
            footer.push_lost(offset, event.recorded_at);
        } else {
            footer.push(offset, event.recorded_at, event.occurred_at);
        }
        position = position.next();
    }
    let (bytes, footer) =
        footer.finish(segment.binding(), segment.id(), segment.first_position(), frames_end);
    let name = names::segment(segment.id());
    let length = frames_end + bytes.len() as u64;
    let file = disk.open(&name, Access::ReadWrite).map_err(LogError::io(format!("open {name}")))?;
    write_all_at(&*file, &mut [IoSlice::new(&bytes)], frames_end)
        .and_then(|()| file.set_len(length))
        .and_then(|()| if planted(Bug::FooterNotSynced) { Ok(()) } else { file.sync_data() })
        .map_err(LogError::io(format!("write the footer of {name}")))?;
    Ok(SealedSegment {
        id: segment.id(),
        salt,
        first_position: footer.first_position,
        count: footer.count,
        frames_end,
        length,
        recorded: footer.recorded,
        occurred: footer.occurred,
    })
}
