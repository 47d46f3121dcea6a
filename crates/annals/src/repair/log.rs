//! The walk over all segments of the original, with the positions that lie between what could be found.

use super::piece::{Piece, Sink, tell};
use super::presence::{Fate, Presence};
use super::report::Cause;
use super::salvage::{End, Salvage};
use super::source::{Source, SourceSegment};
use crate::error::OpenError;
use annals_format::payload::{DICTIONARY_BYTES_MAX, Dictionary};
use annals_format::{Damage, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, first_dictionary};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_wal::Window;

/// Hands over all positions of the log in order, kept or lost, up to the last one that is proven.
pub(super) fn walk_log(source: &Source, sink: &mut Sink<'_>) -> Result<(), OpenError> {
    let mut next = Position::FIRST;
    let mut cause = Cause {
        file: annals_format::names::LOG_DIR.into(),
        offset: 0,
        what: "the first segment is not there".into(),
    };
    // Whether a manifest that is current tells that nothing lies in front of what comes next.
    let mut told = true;
    // Whether something was met that explains why positions are missing from here on.
    let mut explained = false;
    for (index, segment) in source.segments.iter().enumerate() {
        if let Some(first) = segment.first {
            let between = told && segment.named;
            pass(source, &mut next, first, between, &cause, sink)?;
        }
        told = segment.named;
        let later = &source.segments[index + 1..];
        let begins = later.iter().find_map(|later| later.first);
        let until = segment.end.or(begins).unwrap_or(Position::MAX.next());
        let presence = Presence::of(segment)?;
        let (end, reached, trouble) = walk_segment((source, segment, &presence), next, until, sink)?;
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
        if let Some(end) = segment.end.filter(|end| next < *end) {
            let first = std::mem::replace(&mut next, end);
            presence.split((first, end.previous()), &mut |first, last, fate| {
                tell((first, last), fate, &cause, sink)
            })?;
        }
    }
    pass(source, &mut next, source.evidence.next(), false, &cause, sink)
}

fn walk_segment(
    (source, segment, presence): (&Source, &SourceSegment, &Presence),
    next: Position,
    until: Position,
    sink: &mut Sink<'_>,
) -> Result<(End, Position, Cause), OpenError> {
    let Some(file) = &segment.file else { return Ok((End::Open, next, segment.missing.clone())) };
    let mut window = Window::tolerant(&**file).map_err(OpenError::io(format!("look at {}", segment.name)))?;
    let dictionary = dictionary_of(&mut window, segment)?;
    let compressed = dictionary.as_ref().is_ok_and(Option::is_some);
    sink(Piece::Segment { sparse: segment.sparse, compressed })?;
    let mut salvage = Salvage {
        window: &mut window,
        segment,
        binding: segment.binding,
        next,
        until,
        evidence: source.evidence,
        cause: segment.missing.clone(),
        presence,
        table: None,
        dictionary: &dictionary,
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

/// What the payloads of a segment that was written anew were compressed with, if they were.
fn dictionary_of(
    window: &mut Window<'_>,
    segment: &SourceSegment,
) -> Result<Result<Option<Dictionary>, Damage>, OpenError> {
    if !segment.sparse || planted(Bug::RepairLosesDictionary) {
        return Ok(Ok(None));
    }
    // More than a dictionary takes, so that the frame that has it is there as a whole.
    let wanted = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + 2 * DICTIONARY_BYTES_MAX;
    let bytes = window.at(0, wanted).map_err(OpenError::io(format!("read {}", segment.name)))?;
    Ok(first_dictionary(bytes, segment.binding))
}

/// Says of the positions up to before `end`, which no segment has, what became of them. In a store from which nothing was removed
/// they are lost; in one that was compacted only a manifest can tell.
fn pass(
    source: &Source,
    next: &mut Position,
    end: Position,
    between: bool,
    cause: &Cause,
    sink: &mut Sink<'_>,
) -> Result<(), OpenError> {
    if *next >= end {
        return Ok(());
    }
    let first = std::mem::replace(next, end);
    let fate = match (source.compacted, between, source.current) {
        (true, true, _) => Fate::Removed,
        (true, false, false) => Fate::Unknown,
        _ => Fate::There,
    };
    tell((first, end.previous()), fate, cause, sink)
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
