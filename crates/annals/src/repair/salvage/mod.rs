//! What is sound in one segment, in order, over damage of any kind.
//!
//! Whole frames are taken as they are. Where there is none, the bytes up to the next frame header are searched for
//! records.

mod search;

use super::piece::{Piece, Place, Sink, give, tell};
use super::presence::Presence;
use super::report::Cause;
use super::source::SourceSegment;
use crate::error::OpenError;
use annals_format::payload::Dictionary;
use annals_format::{
    Binding, Damage, FRAME_HEADER_BYTES, FrameFault, FrameHeader, FrameStretches, SEGMENT_HEADER_BYTES,
    check_frame, parse_record, record_length,
};
use annals_types::Position;
use annals_types::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX};
use annals_wal::Window;

/// The walk over one segment.
pub(super) struct Salvage<'w, 'f, 's, 'k> {
    pub(super) window: &'w mut Window<'f>,
    pub(super) segment: &'s SourceSegment,
    pub(super) binding: Binding,
    /// The position that comes next.
    pub(super) next: Position,
    /// Positions from here on belong to later segments, or there are none.
    pub(super) until: Position,
    /// The last position that is proven to have been durable.
    pub(super) evidence: Position,
    /// What was wrong last.
    pub(super) cause: Cause,
    /// Which positions the segment has.
    pub(super) presence: &'s Presence,
    /// The same of a frame that is damaged, from its table: which ones, within which.
    pub(super) table: Option<Table>,
    /// What its payloads were compressed with; an error if that is damaged.
    pub(super) dictionary: &'s Result<Option<Dictionary>, Damage>,
    pub(super) sink: &'s mut Sink<'k>,
}

/// Which positions a frame has, from the first to the last.
type Table = ((Position, Position), Presence);

/// How a walk over a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The log goes on in the next segment, if there is one.
    Open,
    /// The log ends here.
    Torn,
}

impl Salvage<'_, '_, '_, '_> {
    pub(super) fn walk(&mut self) -> Result<End, OpenError> {
        let limit = self.limit();
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        let mut behind_damage = false;
        (self.sink)(Piece::Done(offset.min(limit)))?;
        while offset < limit && self.next < self.until {
            let done = match self.frame(offset, limit)? {
                Ok(header) if self.in_order(&header) && self.may_be(&header, offset) => {
                    if header.record_count > 0 && header.first_position > self.next {
                        if !behind_damage {
                            self.cause = self.cause_at(offset, "frame that comes next, found a later one");
                        }
                        if header.first_position.previous() > self.evidence {
                            return self.end(offset);
                        }
                    }
                    self.take_frame(offset, &header)?;
                    behind_damage = false;
                    header.length
                }
                unusable => {
                    let what = match unusable {
                        Ok(header) => {
                            format!("frame of position {}, which is not next", header.first_position)
                        }
                        Err(what) => what,
                    };
                    self.cause = self.cause_at(offset, what);
                    behind_damage = true;
                    match self.damaged(offset, limit)? {
                        Some(next) => next - offset,
                        None => return Ok(End::Torn),
                    }
                }
            };
            (self.sink)(Piece::Done(done))?;
            offset += done;
        }
        if self.next < self.until && !behind_damage && offset > SEGMENT_HEADER_BYTES as u64 {
            self.cause = self.cause_at(offset, "no frame follows");
        }
        (self.sink)(Piece::Done(limit.saturating_sub(offset)))?;
        Ok(End::Open)
    }

    /// Where frames can lie: before the footer, and not further than any segment reaches.
    fn limit(&self) -> u64 {
        let most = SEGMENT_BYTES_MAX + BATCH_BYTES_MAX as u64;
        let frames = self.segment.frames_end.unwrap_or(most);
        self.window.file_length().min(frames).min(most)
    }

    fn in_order(&self, header: &FrameHeader) -> bool {
        let empty = header.record_count == 0;
        empty || (header.first_position >= self.next && header.last_position() < self.until)
    }

    fn may_be(&self, header: &FrameHeader, offset: u64) -> bool {
        header.check_place(self.segment.sparse, offset).is_ok()
    }

    fn cause_at(&self, offset: u64, what: impl Into<String>) -> Cause {
        Cause { file: self.segment.name.clone(), offset, what: what.into() }
    }

    /// The whole frame at an offset, or what is wrong there.
    fn frame(&mut self, offset: u64, limit: u64) -> Result<Result<FrameHeader, String>, OpenError> {
        let (binding, mut wanted) = (self.binding, FRAME_HEADER_BYTES);
        loop {
            let bytes = self.bytes(offset, wanted, limit)?;
            let most = bytes.len();
            return Ok(match check_frame(bytes, binding, offset, |_, _| {}) {
                Ok(header) => Ok(header),
                Err(FrameFault::Short { needed }) if needed > most as u64 && needed <= limit - offset => {
                    wanted = usize::try_from(needed).unwrap_or(usize::MAX);
                    if most >= wanted {
                        return Ok(Err("frame length".into()));
                    }
                    continue;
                }
                Err(FrameFault::Blank) => Err("zeros in the place of a frame".into()),
                Err(FrameFault::Short { needed }) => {
                    Err(format!("room for a frame: found {}, expected {needed}", limit - offset))
                }
                Err(FrameFault::Damaged(damage)) => Err(damage.to_string()),
            });
        }
    }

    fn bytes(&mut self, offset: u64, wanted: usize, limit: u64) -> Result<&[u8], OpenError> {
        let failed = OpenError::io(format!("read {}", self.segment.name));
        let bytes = self.window.at(offset, wanted).map_err(failed)?;
        let most = usize::try_from(limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    fn take_frame(&mut self, offset: u64, header: &FrameHeader) -> Result<(), OpenError> {
        if header.record_count == 0 {
            return Ok(());
        }
        if header.first_position > self.next {
            self.pass(header.first_position)?;
        }
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        let failed = OpenError::io(format!("read {}", self.segment.name));
        let bytes = self.window.at(offset, length).map_err(failed)?;
        // The frame was verified, and so was its table.
        let Ok(stretches) = FrameStretches::read(bytes, header, self.binding, offset) else { return Ok(()) };
        let (mut at, mut next) = (stretches.records_at(), header.first_position);
        for position in stretches.positions() {
            let record = bytes.get(at..).unwrap_or_default();
            let (Some(length), Ok(event)) =
                (record_length(record), parse_record(record, self.binding, position, offset + at as u64))
            else {
                break;
            };
            if position > next {
                (self.sink)(Piece::Removed { first: next, last: position.previous() })?;
            }
            next = position.next();
            let place = Place { segment: self.segment, offset: offset + at as u64 };
            give(&event, &record[..length], place, self.dictionary, self.sink)?;
            at += length;
        }
        self.next = header.last_position().next();
        (self.sink)(Piece::BatchEnd)
    }

    /// Says of the positions up to before `next` what became of them.
    fn pass(&mut self, next: Position) -> Result<(), OpenError> {
        let first = std::mem::replace(&mut self.next, next);
        if first >= next {
            return Ok(());
        }
        let (sink, cause, presence) = (&mut *self.sink, &self.cause, self.presence);
        let mut told = |first, last, fate| tell((first, last), fate, cause, sink);
        let last = next.previous();
        // The table of a frame tells only of what lies within that.
        match &self.table {
            Some(((from, to), table)) if *from <= last && *to >= first => {
                if first < *from {
                    presence.split((first, from.previous()), &mut told)?;
                }
                table.split((first.max(*from), last.min(*to)), &mut told)?;
                if *to < last { presence.split((to.next(), last), &mut told) } else { Ok(()) }
            }
            _ => presence.split((first, last), &mut told),
        }
    }

    /// The log ends: what is proven to have been durable and was not found is for the caller to tell.
    fn end(&mut self, offset: u64) -> Result<End, OpenError> {
        let torn = Cause { offset, ..self.cause.clone() };
        (self.sink)(Piece::Torn(&torn))?;
        Ok(End::Torn)
    }
}
