//! The walk over all segments of the original, with the positions that lie between what could be found.

use super::report::Cause;
use super::salvage::{End, Piece, Salvage, Sink};
use super::source::{Source, SourceSegment};
use crate::error::OpenError;
use annals_types::Position;
use annals_wal::Window;

/// Hands over all positions of the log in order, kept or lost, up to the last one that is proven.
pub(super) fn walk_log(source: &Source, sink: &mut Sink<'_>) -> Result<(), OpenError> {
    let mut next = Position::FIRST;
    let mut cause = Cause {
        file: annals_format::names::LOG_DIR.into(),
        offset: 0,
        what: "the first segment is not there".into(),
    };
    // Whether something was met that explains why positions are missing from here on.
    let mut explained = false;
    for (index, segment) in source.segments.iter().enumerate() {
        if let Some(first) = segment.first {
            lose(&mut next, first, &cause, sink)?;
        }
        let later = &source.segments[index + 1..];
        let begins = later.iter().find_map(|later| later.first);
        let until = segment.end.or(begins).unwrap_or(Position::MAX.next());
        let (end, reached, trouble) = walk_segment(source, segment, next, until, sink)?;
        // A segment that has nothing, and of which nothing says that it should have, explains nothing.
        let was_begun = segment.first.is_some() || segment.file.is_none() || reached > next;
        if segment.end == Some(reached) {
            let offset = segment.frames_end.unwrap_or(0);
            cause = Cause { file: segment.name.clone(), offset, what: "no segment follows".into() };
            explained = false;
        } else if was_begun || end == End::Torn || (!explained && reached <= source.evidence) {
            cause = trouble;
            explained = true;
        }
        next = reached;
        if end == End::Torn {
            break;
        }
        if let Some(end) = segment.end {
            lose(&mut next, end, &cause, sink)?;
        }
    }
    lose(&mut next, source.evidence.next(), &cause, sink)
}

fn walk_segment(
    source: &Source,
    segment: &SourceSegment,
    next: Position,
    until: Position,
    sink: &mut Sink<'_>,
) -> Result<(End, Position, Cause), OpenError> {
    let Some(file) = &segment.file else { return Ok((End::Open, next, segment.missing.clone())) };
    let mut window = Window::tolerant(&**file).map_err(OpenError::io(format!("look at {}", segment.name)))?;
    let mut salvage = Salvage {
        window: &mut window,
        segment,
        binding: segment.binding,
        next,
        until,
        evidence: source.evidence,
        cause: segment.missing.clone(),
        sink,
    };
    let end = salvage.walk()?;
    let (reached, mut cause) = (salvage.next, salvage.cause);
    if let Some((offset, error)) = window.unreadable() {
        cause =
            Cause { file: segment.name.clone(), offset: *offset, what: format!("cannot be read: {error}") };
    }
    Ok((end, reached, cause))
}

/// Reports the positions up to before `end` as lost.
fn lose(next: &mut Position, end: Position, cause: &Cause, sink: &mut Sink<'_>) -> Result<(), OpenError> {
    if *next >= end {
        return Ok(());
    }
    let (first, last) = (*next, end.previous());
    *next = end;
    sink(Piece::Lost { first, last, cause })
}

/// Takes each position of a stretch.
pub(super) fn each(
    first: Position,
    last: Position,
    mut take: impl FnMut(Position) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let mut position = first;
    while position <= last {
        take(position)?;
        position = position.next();
    }
    Ok(())
}
