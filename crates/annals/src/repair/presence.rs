//! Which positions a segment has of which compaction has removed events, as far as that is proven.
//!
//! What is not there was removed if the stretches of the footer say so, or the table of a frame, or if there are as many records
//! in sound frames as there were. That nothing lies between two frames proves nothing: a whole frame may have been written in the
//! place of another one.

use super::source::{SourceSegment, footer_of};
use crate::error::OpenError;
use annals_format::{
    Binding, Footer, FrameFault, FrameHeader, FrameStretches, SEGMENT_HEADER_BYTES, Stretch, check_frame,
};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::{File, read_exact_at};
use annals_wal::Window;

/// Tables of a footer that are longer are not read into memory: no segment has them.
const TABLES_BYTES_MAX: u64 = 1 << 29;

/// What is proven of a position that was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It had an event.
    There,
    /// Compaction has removed its event.
    Removed,
    /// One of the two.
    Unknown,
}

/// First and last positions of stretches, in order.
pub(super) type Stretches = Vec<(Position, Position)>;

/// Which positions a segment has.
#[derive(Debug)]
pub(super) enum Presence {
    /// All of them.
    All,
    /// These, and no others.
    Told(Stretches),
    /// Nothing tells.
    Untold,
}

impl Presence {
    /// What the segment's footer or its frames prove.
    pub(super) fn of(segment: &SourceSegment) -> Result<Self, OpenError> {
        let positions = segment.end.zip(segment.first).map(|(end, first)| end.events_since(first));
        if planted(Bug::RepairTakesRemovedForLost) {
            return Ok(Presence::All);
        }
        if !segment.sparse || (segment.named && positions.is_some() && positions == segment.count) {
            return Ok(Presence::All);
        }
        let Some(file) = &segment.file else { return Ok(Presence::Untold) };
        if let Some(told) = by_footer(&**file, segment) {
            return Ok(Presence::Told(told));
        }
        Ok(by_frames(&**file, segment)?.map_or(Presence::Untold, Presence::Told))
    }

    /// Cuts positions that were not found into pieces of which the same is proven.
    pub(super) fn split<E>(
        &self,
        (first, last): (Position, Position),
        take: &mut dyn FnMut(Position, Position, Fate) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = match self {
            Presence::All => return take(first, last, Fate::There),
            Presence::Untold if planted(Bug::RepairTakesLostForRemoved) => {
                return take(first, last, Fate::Removed);
            }
            Presence::Untold => return take(first, last, Fate::Unknown),
            Presence::Told(told) => told,
        };
        let mut next = first;
        for (low, high) in &told[told.partition_point(|stretch| stretch.1 < first)..] {
            if *low > last {
                break;
            }
            if next < *low {
                take(next, low.previous(), Fate::Removed)?;
            }
            let (from, to) = (next.max(*low), last.min(*high));
            take(from, to, Fate::There)?;
            next = to.next();
        }
        if next <= last { take(next, last, Fate::Removed) } else { Ok(()) }
    }
}

/// What the footer says, if it is that of the segment and its stretches are as they were written.
fn by_footer(file: &dyn File, segment: &SourceSegment) -> Option<Stretches> {
    let (footer, length) = footer_of(file, segment.binding, segment.length)?;
    let first = segment.first.unwrap_or(footer.first_position);
    let same = footer.first_position == first
        && segment.count.is_none_or(|count| count == footer.count)
        && segment.frames_end.is_none_or(|frames_end| frames_end == footer.frames_end);
    if !same {
        return None;
    }
    // Without a manifest the last position that it has is all that is known.
    let named_end = segment.end.filter(|_| segment.named);
    let positions = named_end.map_or(u32::MAX.into(), |end| end.events_since(first));
    stretches_of(file, &footer, length, positions)
}

/// The stretches of a footer, if they are as they were written.
pub(super) fn stretches_of(
    file: &dyn File,
    footer: &Footer,
    length: u64,
    positions: u64,
) -> Option<Stretches> {
    let bytes = length.checked_sub(footer.frames_end).filter(|bytes| *bytes <= TABLES_BYTES_MAX)?;
    let mut tables = vec![0; usize::try_from(bytes).ok()?];
    read_exact_at(file, &mut tables, footer.frames_end).ok()?;
    footer.check_page_table(&tables).ok()?;
    footer.pages_of_stretches().try_for_each(|page| footer.check_page(&tables, page)).ok()?;
    footer.check_stretches(&tables, positions).ok()?;
    let count = footer.stretch_count();
    if count == 0 {
        let first = footer.first_position;
        return Some(vec![(first, first.plus(footer.count).previous())]);
    }
    let mut told = Vec::with_capacity(count as usize);
    for number in 0..count {
        let Stretch { position, record } = footer.stretch(&tables, number)?;
        let next = footer.stretch(&tables, number + 1).map_or(footer.count, |next| next.record.into());
        let first = footer.first_position.plus(position.into());
        told.push((first, first.plus(next.checked_sub(record.into())?).previous()));
    }
    Some(told)
}

/// What the frames have, if that is as many records as there were: then all that is missing was removed.
fn by_frames(file: &dyn File, segment: &SourceSegment) -> Result<Option<Stretches>, OpenError> {
    let (Some(count), Some(first)) = (segment.count, segment.first) else { return Ok(None) };
    let failed = || OpenError::io(format!("read {}", segment.name));
    let mut window = Window::tolerant(file).map_err(failed())?;
    let limit = segment.frames_end.unwrap_or(u64::MAX).min(window.file_length());
    let (mut at, mut next, mut found) = (SEGMENT_HEADER_BYTES as u64, first, 0);
    let mut told = Stretches::new();
    while found < count && at < limit {
        let Some((header, bytes)) = frame_at(&mut window, at, limit, segment.binding).map_err(failed())?
        else {
            return Ok(None);
        };
        if header.record_count > 0 && header.first_position < next {
            return Ok(None);
        }
        let Ok(stretches) = FrameStretches::read(bytes, &header, segment.binding, at) else {
            return Ok(None);
        };
        add(&mut told, stretches);
        found += u64::from(header.record_count);
        next = next.max(header.last_position().next());
        at += header.length;
    }
    let within = segment.end.is_none_or(|end| next <= end);
    Ok((found == count && within).then_some(told))
}

/// Adds the stretches of a frame behind those before it.
pub(super) fn add(told: &mut Stretches, stretches: FrameStretches<'_>) {
    for (first, records) in stretches {
        let last = first.plus(records.into()).previous();
        match told.last_mut() {
            Some(before) if before.1.next() == first => before.1 = last,
            _ => told.push((first, last)),
        }
    }
}

/// The sound frame at an offset, with its bytes, if there is one before `limit`.
fn frame_at<'w>(
    window: &'w mut Window<'_>,
    at: u64,
    limit: u64,
    binding: Binding,
) -> std::io::Result<Option<(FrameHeader, &'w [u8])>> {
    let room = usize::try_from(limit - at).unwrap_or(usize::MAX);
    let bytes = window.at(at, annals_format::FRAME_HEADER_BYTES)?;
    let wanted = match FrameHeader::decode(&bytes[..bytes.len().min(room)], binding, at) {
        Ok(header) => usize::try_from(header.length).unwrap_or(usize::MAX),
        Err(FrameFault::Blank | FrameFault::Short { .. } | FrameFault::Damaged(_)) => return Ok(None),
    };
    if wanted > room {
        return Ok(None);
    }
    let bytes = window.at(at, wanted)?;
    let Some(bytes) = bytes.get(..wanted) else { return Ok(None) };
    Ok(check_frame(bytes, binding, at, |_, _| {}).ok().map(|header| (header, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_no_stretch_was_removed() {
        let at = Position::new;
        let presence = Presence::Told(vec![(at(3), at(5)), (at(9), at(9)), (at(12), at(20))]);
        let split = |first: u64, last: u64| {
            let mut pieces = Vec::new();
            let mut take = |first: Position, last: Position, fate| {
                pieces.push((first.get(), last.get(), fate));
                Ok::<(), ()>(())
            };
            presence.split((at(first), at(last)), &mut take).unwrap();
            pieces
        };
        use Fate::{Removed, There};
        assert_eq!(split(1, 2), [(1, 2, Removed)]);
        assert_eq!(split(4, 5), [(4, 5, There)]);
        assert_eq!(split(1, 4), [(1, 2, Removed), (3, 4, There)]);
        assert_eq!(
            split(5, 12),
            [(5, 5, There), (6, 8, Removed), (9, 9, There), (10, 11, Removed), (12, 12, There)]
        );
        assert_eq!(split(20, 22), [(20, 20, There), (21, 22, Removed)]);
    }
}
