//! What is sound in one segment, in order, over damage of any kind.
//!
//! Whole frames are taken as they are. Where there is none, the bytes up to the next frame header are searched for
//! records, one byte after the other: a record is complete in itself, and its checksum is bound to store, segment and
//! position. So what is found is an event of this log at this position, whatever has become of the frame around it.

use super::presence::{Fate, Presence, Stretches, add};
use super::report::Cause;
use super::source::SourceSegment;
use crate::error::OpenError;
use annals_format::payload::{Dictionary, is_compressed, plain_record};
use annals_format::{
    Binding, Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameFault, FrameHeader, FrameStretches,
    RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, check_frame, decode_record, may_be_record, parse_record,
    position_of_record, record_length,
};
use annals_types::limits::{BATCH_BYTES_MAX, SEGMENT_BYTES_MAX};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position};
use annals_wal::Window;

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

/// Where a record lies.
#[derive(Clone, Copy)]
struct Place<'s> {
    segment: &'s SourceSegment,
    offset: u64,
}

/// Hands over a record that was verified, with its payload as it is if that was compressed.
fn give(
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

/// How a walk over a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The log goes on in the next segment, if there is one.
    Open,
    /// The log ends here.
    Torn,
}

const ZEROS: [u8; 4096] = [0; 4096];

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

    /// What the table of a damaged frame says, if that and the frame's header are sound and nothing else tells.
    fn table_at(&mut self, offset: u64, end: u64) -> Result<Option<Table>, OpenError> {
        if !matches!(self.presence, Presence::Untold) {
            return Ok(None);
        }
        let binding = self.binding;
        let bytes = self.bytes(offset, FRAME_HEADER_BYTES, end)?;
        let Ok(header) = FrameHeader::decode(bytes, binding, offset) else { return Ok(None) };
        if header.record_count == 0 || !self.in_order(&header) {
            return Ok(None);
        }
        let bytes = self.bytes(offset, usize::try_from(header.length).unwrap_or(usize::MAX), end)?;
        let Ok(stretches) = FrameStretches::read(bytes, &header, binding, offset) else { return Ok(None) };
        let mut told = Stretches::new();
        add(&mut told, stretches);
        Ok(Some(((header.first_position, header.last_position()), Presence::Told(told))))
    }

    /// Bytes from `offset` on that are no frame: decides what they are, keeps the sound records among them, and says
    /// where to go on; `None` if the log ends there.
    fn damaged(&mut self, offset: u64, limit: u64) -> Result<Option<u64>, OpenError> {
        let (found, blank) = self.find_frame(offset + FRAME_ALIGNMENT as u64, limit)?;
        let blank = blank && self.is_blank(offset)?;
        let end = found.as_ref().map_or(limit, |(at, _)| *at);
        if self.next > self.evidence {
            // Nothing proves that there was more. Zeros are what is to be expected then.
            if found.is_some() || !blank {
                self.end(offset)?;
                return Ok(None);
            }
            return Ok(Some(limit));
        }
        let behind = found.as_ref().map_or(self.until, |(_, header)| header.first_position);
        let proven = behind.min(self.evidence.next());
        self.table = self.table_at(offset, end)?;
        self.search_records(offset, end, proven)?;
        if found.is_some() && behind == proven && self.next < behind {
            // Told here, so that they go into the batch that they were in.
            self.pass(behind)?;
        }
        self.table = None;
        (self.sink)(Piece::BatchEnd)?;
        if found.is_some() && behind > proven {
            // What follows lies behind something that nothing proves to have been durable.
            self.cause = self.cause_at(end, "frame behind bytes that are no frame");
            self.end(end)?;
            return Ok(None);
        }
        Ok(Some(end))
    }

    /// The log ends: what is proven to have been durable and was not found is for the caller to tell.
    fn end(&mut self, offset: u64) -> Result<End, OpenError> {
        let torn = Cause { offset, ..self.cause.clone() };
        (self.sink)(Piece::Torn(&torn))?;
        Ok(End::Torn)
    }

    fn is_blank(&mut self, offset: u64) -> Result<bool, OpenError> {
        let bytes = self.bytes(offset, FRAME_ALIGNMENT, u64::MAX)?;
        Ok(bytes.iter().take(FRAME_ALIGNMENT).all(|byte| *byte == 0))
    }

    /// The next place with a frame header of this segment that can come next, and whether there are only zeros before
    /// it.
    fn find_frame(&mut self, from: u64, limit: u64) -> Result<(Option<(u64, FrameHeader)>, bool), OpenError> {
        let (mut at, mut blank) = (from, true);
        let (binding, next, until) = (self.binding, self.next, self.until);
        while at < limit {
            let bytes = self.bytes(at, FRAME_HEADER_BYTES, limit)?;
            let slots = (bytes.len() + 1).saturating_sub(FRAME_HEADER_BYTES).div_ceil(FRAME_ALIGNMENT).max(1);
            let mut slot = 0;
            while slot < slots {
                let rest = bytes.get(slot * FRAME_ALIGNMENT..).unwrap_or_default();
                let offset = at + (slot * FRAME_ALIGNMENT) as u64;
                // Asked once in a page: zeros with a byte in between are not to be compared at every slot.
                if offset.is_multiple_of(ZEROS.len() as u64) && rest.starts_with(&ZEROS) {
                    slot += ZEROS.len() / FRAME_ALIGNMENT;
                    continue;
                }
                if rest.iter().take(FRAME_ALIGNMENT).any(|byte| *byte != 0) {
                    blank = false;
                    if let Ok(header) = FrameHeader::decode(rest, binding, offset)
                        && header.first_position >= next
                        && header.first_position <= until
                        && header.last_position() < until
                    {
                        return Ok((Some((offset, header)), blank));
                    }
                }
                slot += 1;
            }
            at += (slot * FRAME_ALIGNMENT) as u64;
        }
        Ok((None, blank))
    }

    /// Keeps the records between two offsets that stand for positions before `behind`.
    fn search_records(&mut self, from: u64, to: u64, behind: Position) -> Result<(), OpenError> {
        let (mut at, binding) = (from, self.binding);
        while at + RECORD_HEADER_BYTES as u64 <= to && self.next < behind {
            let next = self.next;
            let bytes = self.bytes(at, RECORD_HEADER_BYTES, to)?;
            let places = (bytes.len() + 1).saturating_sub(RECORD_HEADER_BYTES);
            let place = (0..places).find_map(|place| {
                let position = record_at(&bytes[place..], binding, next, behind)?;
                Some((place, position, record_length(&bytes[place..])?))
            });
            let Some((place, position, length)) = place else {
                at += places.max(1) as u64;
                continue;
            };
            at += place as u64;
            at += self.take_record(at, to, position, length)?.unwrap_or(1);
        }
        Ok(())
    }

    /// Keeps the record at an offset if all of it is sound; says how long it is.
    fn take_record(
        &mut self,
        at: u64,
        to: u64,
        position: Position,
        length: usize,
    ) -> Result<Option<u64>, OpenError> {
        if length as u64 > to - at {
            return Ok(None);
        }
        let failed = OpenError::io(format!("read {}", self.segment.name));
        let bytes = self.window.at(at, length).map_err(failed)?;
        let Some(bytes) = bytes.get(..length) else { return Ok(None) };
        let Ok(event) = parse_record(bytes, self.binding, position, at) else { return Ok(None) };
        let (bytes, event) = (bytes.to_vec(), event.position);
        self.pass(event)?;
        let place = Place { segment: self.segment, offset: at };
        if let Ok(event) = parse_record(&bytes, self.binding, position, at) {
            give(&event, &bytes, place, self.dictionary, self.sink)?;
        }
        self.next = position.next();
        Ok(Some(length as u64))
    }
}

/// The position of the record that begins here, if its header is sound at one of the positions from `next` to before
/// `behind`.
fn record_at(bytes: &[u8], binding: Binding, next: Position, behind: Position) -> Option<Position> {
    if !may_be_record(bytes) || (planted(Bug::RepairSeeksPlainRecordsOnly) && is_compressed(bytes)) {
        return None;
    }
    // The two differ in the upper half only for a stretch over a multiple of 2^32.
    let candidates = [next, behind.previous()].map(|near| position_of_record(bytes, binding, near));
    candidates.into_iter().flatten().find(|position| *position >= next && *position < behind)
}
