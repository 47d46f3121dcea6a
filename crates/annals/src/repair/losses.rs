//! What is lost, and of which streams: the walks over the original before it is copied.

use super::assign::{Assignment, Tracker};
use super::beginnings::Beginnings;
use super::known::{Known, Told};
use super::log::{each, walk_log};
use super::piece::Piece;
use super::progress::Progress;
use super::source::Source;
use crate::compaction::told_compaction;
use crate::error::OpenError;
use annals_types::{Position, Timestamp};
use annals_vfs::Disk;

/// What the first walk over the log has met.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When the first event was recorded.
    pub(super) first_recorded: Option<Timestamp>,
    /// Up to here positions may be missing, or are in segments that were written anew.
    pub(super) sparse: Position,
    /// The last compaction that the ledger tells of.
    pub(super) compaction: u64,
}

/// Finds out what is lost, and which runs may be asked about it.
pub(super) fn look<'d>(
    disk: &'d dyn Disk,
    source: &Source,
    progress: &mut Progress<'_>,
) -> Result<(Known<'d>, Seen), OpenError> {
    // What an old manifest names may be of before a compaction.
    let manifest = source.manifest.as_ref().filter(|_| source.current);
    let mut known = Known::new(disk, &source.store_id, manifest)?;
    let seen = find_losses(source, &mut known, progress)?;
    Ok((known, seen))
}

/// Reads all of the log for the first time.
fn find_losses(
    source: &Source,
    known: &mut Known<'_>,
    progress: &mut Progress<'_>,
) -> Result<Seen, OpenError> {
    let (mut seen, mut in_sparse) = (Seen::default(), false);
    walk_log(source, &mut |piece| {
        match piece {
            Piece::Record { event, .. } => {
                seen.first_recorded.get_or_insert(event.recorded_at);
                seen.compaction = seen.compaction.max(told_compaction(&event));
                if in_sparse {
                    seen.sparse = event.position;
                }
                known.compare(&event);
            }
            Piece::Unreadable { event, .. } => {
                seen.first_recorded.get_or_insert(event.recorded_at);
                seen.sparse = event.position;
            }
            Piece::Lost { first, last, .. } => {
                known.lose(first, last);
                if in_sparse {
                    seen.sparse = last;
                }
            }
            Piece::Removed { last, .. } => seen.sparse = last,
            Piece::Unsure { first, last, .. } => {
                known.lose(first, last);
                seen.sparse = last;
            }
            Piece::Segment { sparse, .. } => in_sparse = sparse,
            Piece::Done(bytes) => progress.add(bytes),
            Piece::BatchEnd | Piece::Torn(_) => {}
        }
        Ok(())
    })?;
    Ok(seen)
}

/// Finds out which streams lost events belonged to: everything behind the first loss, then what was before it. Where editions of
/// different compactions may have met, all of the log is looked at.
pub(super) fn find_streams(
    source: &Source,
    known: &mut Known<'_>,
) -> Result<(Assignment, Beginnings), OpenError> {
    let mixed = source.may_mix_editions();
    let first_lost = match known.first_lost() {
        _ if mixed => Position::ZERO,
        Some(first_lost) => first_lost,
        None => return Ok(Default::default()),
    };
    let mut tracker = Tracker::new(source.compacted, mixed);
    walk_log(source, &mut |piece| {
        match piece {
            Piece::Record { event, .. } | Piece::Unreadable { event, .. }
                if event.position > first_lost && !event.stream.is_empty() =>
            {
                tracker.behind(event.stream, event.version, event.position);
            }
            Piece::Lost { first, last, .. } => each(first, last, |position| {
                match known.stream_at(position) {
                    Some((stream, version)) => tracker.behind(&stream, version, position),
                    None => tracker.free(position, position),
                }
                Ok(())
            })?,
            Piece::Removed { first, last } if first > first_lost => tracker.removed(first, last),
            Piece::Unsure { first, last, .. } => track_unsure((first, last), known, &mut tracker),
            _ => {}
        }
        Ok(())
    })?;
    if first_lost > Position::FIRST {
        track_before(source, first_lost, &mut tracker)?;
    }
    Ok(tracker.finish())
}

/// Positions of which only the index may tell what was at them.
fn track_unsure((first, last): (Position, Position), known: &mut Known<'_>, tracker: &mut Tracker) {
    let mut from = first;
    while let Some(position) = known.next_told(from).filter(|position| *position <= last) {
        tracker.free(from, position.previous());
        match known.told(position) {
            Told::There(stream, version) => tracker.behind(&stream, version, position),
            Told::Removed => tracker.removed(position, position),
            Told::Nothing => tracker.free(position, position),
        }
        from = position.next();
    }
    tracker.free(from, last);
}

/// What was before the first loss.
fn track_before(source: &Source, first_lost: Position, tracker: &mut Tracker) -> Result<(), OpenError> {
    walk_log(source, &mut |piece| {
        if let Piece::Record { event, .. } | Piece::Unreadable { event, .. } = piece
            && event.position < first_lost
        {
            tracker.before(event.stream, event.version, event.position);
        }
        Ok(())
    })
}
