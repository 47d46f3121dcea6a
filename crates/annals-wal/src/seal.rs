//! Giving a full segment its footer.

use crate::error::LogError;
use crate::segment::{Ahead, Segment};
use annals_format::{
    Damage, FooterBuilder, FrameFault, FrameHeader, Rewritten, SEGMENT_HEADER_BYTES, SPAN_BYTES,
    SealedSegment, check_frame,
};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Access, Disk, write_all_at};
use std::io::IoSlice;

/// So many bytes are summed up at once.
const PIECE_BYTES: usize = 16 * SPAN_BYTES;

/// Writes the footer of a live segment that gets no more frames, cuts the file to its length, and syncs it.
/// `last_position` is the segment's last event, which must be durable; `salt` goes into the entry.
///
/// The segment becomes sealed with the manifest that has the returned entry. A crash before that leaves an
/// open segment with unused bytes behind its last frame, which recovery cuts and which is sealed again.
///
/// # Errors
/// What the system says, or that a frame of the segment is damaged; the segment stays live.
pub fn seal_segment(
    disk: &dyn Disk,
    segment: &Segment,
    salt: u64,
    last_position: Position,
    frames_end: u64,
) -> Result<SealedSegment, LogError> {
    write_footer(disk, segment, &Sealing { salt, last_position, frames_end, rewritten: None })
}

/// What a segment is told to be that gets its footer.
pub(crate) struct Sealing {
    pub(crate) salt: u64,
    /// The last position that it covers.
    pub(crate) last_position: Position,
    pub(crate) frames_end: u64,
    /// With this, positions may be missing.
    pub(crate) rewritten: Option<Rewritten>,
}

pub(crate) fn write_footer(
    disk: &dyn Disk,
    segment: &Segment,
    sealing: &Sealing,
) -> Result<SealedSegment, LogError> {
    let frames_end = sealing.frames_end;
    let mut footer = FooterBuilder::new();
    let mapping = segment.mapping()?;
    let bytes = mapping.bytes(0..frames_end).unwrap_or_default();
    // The sums come first. A reader that finds a span as it was summed up believes in the records in it without looking at
    // their own checksums. If a record were verified first, and its bytes went bad before they were summed up, damage would
    // have a sum that is right; this way round it is found by one of the two, whenever it happens.
    let mut ahead = Ahead::new(mapping, frames_end);
    for (number, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
        ahead.reach((number * PIECE_BYTES) as u64);
        footer.push_bytes(piece);
    }
    push_records(&mut footer, segment, bytes, sealing)?;
    let (bytes, footer) = footer.finish(segment.binding(), segment.id(), segment.first_position());
    let name = segment.path();
    let length = frames_end + bytes.len() as u64;
    let file = disk.open(name, Access::ReadWrite).map_err(LogError::io(format!("open {name}")))?;
    write_all_at(&*file, &mut [IoSlice::new(&bytes)], frames_end)
        .and_then(|()| file.set_len(length))
        .and_then(|()| if planted(Bug::FooterNotSynced) { Ok(()) } else { file.sync_data() })
        .map_err(LogError::io(format!("write the footer of {name}")))?;
    Ok(SealedSegment {
        id: segment.id(),
        salt: sealing.salt,
        first_position: footer.first_position,
        count: footer.count,
        frames_end,
        length,
        recorded: footer.recorded,
        occurred: footer.occurred,
        rewritten: sealing.rewritten,
    })
}

/// Verifies every byte of the frames, and adds their records.
fn push_records(
    footer: &mut FooterBuilder,
    segment: &Segment,
    bytes: &[u8],
    sealing: &Sealing,
) -> Result<(), LogError> {
    let (last_position, sparse) = (sealing.last_position, sealing.rewritten.is_some());
    let (mut offset, mut next) = (SEGMENT_HEADER_BYTES, segment.first_position());
    // Nothing tells yet where the records of a rewritten segment are.
    let refuse = |next: Position, damage: Damage| match sparse {
        true => LogError::corrupt(segment.path(), damage),
        false => damaged(segment, next, last_position, damage),
    };
    while (next <= last_position && !sparse) || offset < bytes.len() {
        let at = offset as u64;
        let rest = bytes.get(offset..).unwrap_or_default();
        let header = push_frame(footer, segment, rest, at, sparse)
            .map_err(|fault| refuse(next, damage_of(fault, at, rest.len())))?;
        header.check_place(sparse, at).map_err(|damage| refuse(next, damage))?;
        let first = header.first_position;
        if first != next && !(sparse && first > next) {
            return Err(refuse(next, Damage::new(at, "frame position", first.get(), next.get())));
        }
        next = header.last_position().next();
        offset += usize::try_from(header.length).unwrap_or(usize::MAX);
    }
    if next > last_position.next() || (next != last_position.next() && !sparse) {
        let (found, expected) = (next.previous().get(), last_position.get());
        let damage = Damage::new(offset as u64, "last position of a full segment", found, expected);
        return Err(LogError::corrupt(segment.path(), damage));
    }
    Ok(())
}

/// Verifies the frame at the front of `bytes`, and adds its records.
fn push_frame(
    footer: &mut FooterBuilder,
    segment: &Segment,
    bytes: &[u8],
    at: u64,
    sparse: bool,
) -> Result<FrameHeader, FrameFault> {
    let mut next = None;
    check_frame(bytes, segment.binding(), at, |within, event| {
        if sparse && next.replace(event.position.next()) != Some(event.position) {
            let distance = event.position.events_since(segment.first_position());
            footer.begin_stretch(u32::try_from(distance).unwrap_or(u32::MAX));
        }
        let offset = u32::try_from(at + within as u64).unwrap_or(0);
        if event.is_lost() {
            footer.push_lost(offset, event.recorded_at);
        } else {
            footer.push(offset, event.recorded_at, event.occurred_at);
        }
    })
}

pub(crate) fn damage_of(fault: FrameFault, offset: u64, room: usize) -> Damage {
    match fault {
        FrameFault::Damaged(damage) => damage,
        FrameFault::Blank => Damage::new(offset, "frame magic", 0u64, 1u64),
        FrameFault::Short { needed } => Damage::new(offset, "room for a frame", room as u64, needed),
    }
}

/// What is wrong with the frame of a position: with one of its records, as who reads that is told, or with itself.
#[cold]
fn damaged(segment: &Segment, first: Position, last: Position, damage: Damage) -> LogError {
    let mut position = first;
    while position <= last {
        if let Err(error) = segment.event(position) {
            return error;
        }
        position = position.next();
    }
    LogError::corrupt(segment.path(), damage)
}
