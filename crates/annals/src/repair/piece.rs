//! What is met on the way along the log: each walk over the original hands over the same pieces, in order of positions.

use super::presence::Fate;
use super::report::Cause;
use super::source::SourceSegment;
use crate::error::OpenError;
use annals_format::payload::{Dictionary, is_compressed, plain_record};
use annals_format::{Damage, decode_record};
use annals_types::{EventRef, Position};

/// Something met on the way along the log.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A sound record; it may be one that stands for an event that was lost earlier.
    Record {
        /// What it says.
        event: EventRef<'a>,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// The end of a batch, as far as that can be seen.
    BatchEnd,
    /// A record is sound, but what its payload was compressed with is damaged.
    Unreadable { event: EventRef<'a>, cause: &'a Cause },
    /// Positions whose records cannot be read.
    Lost { first: Position, last: Position, cause: &'a Cause },
    /// Positions whose events compaction has removed.
    Removed { first: Position, last: Position },
    /// Positions of which nothing in the log tells whether their events were removed or lost.
    Unsure { first: Position, last: Position, cause: &'a Cause },
    /// Another segment begins.
    Segment {
        /// Whether positions may be missing in it.
        sparse: bool,
        /// Whether its payloads were compressed.
        compressed: bool,
    },
    /// The log ends here, before bytes that are no part of it.
    Torn(&'a Cause),
    /// So many bytes of a file are done.
    Done(u64),
}

/// Takes the pieces, in order of positions.
pub(super) type Sink<'s> = dyn FnMut(Piece<'_>) -> Result<(), OpenError> + 's;

/// Where a record lies.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) segment: &'s SourceSegment,
    pub(super) offset: u64,
}

/// Hands over a record that was verified, with its payload as it is if that was compressed.
pub(super) fn give(
    event: &EventRef<'_>,
    record: &[u8],
    place: Place<'_>,
    dictionary: &Result<Option<Dictionary>, Damage>,
    sink: &mut Sink<'_>,
) -> Result<(), OpenError> {
    if !is_compressed(record) {
        return sink(Piece::Record { event: *event, bytes: record });
    }
    let (binding, position) = (place.segment.binding, event.position);
    let plain = match dictionary {
        Ok(dictionary) => {
            plain_record(record, position, dictionary.as_ref()).map_err(|error| error.to_string())
        }
        Err(damage) => Err(format!("what payloads were compressed with is damaged: {damage}")),
    };
    let what = match &plain {
        Ok(Some(plain)) => match decode_record(plain, binding, position) {
            Some(event) => return sink(Piece::Record { event, bytes: plain }),
            None => "compressed payload".to_owned(),
        },
        Ok(None) => "compressed payload".to_owned(),
        Err(what) => what.clone(),
    };
    let cause = Cause { file: place.segment.name.clone(), offset: place.offset, what };
    sink(Piece::Unreadable { event: *event, cause: &cause })
}

/// Hands over positions that were not found.
pub(super) fn tell(
    (first, last): (Position, Position),
    fate: Fate,
    cause: &Cause,
    sink: &mut Sink<'_>,
) -> Result<(), OpenError> {
    sink(match fate {
        Fate::There => Piece::Lost { first, last, cause },
        Fate::Removed => Piece::Removed { first, last },
        Fate::Unknown => Piece::Unsure { first, last, cause },
    })
}
