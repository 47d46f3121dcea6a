//! Over damage: where the next frame begins, and which records are sound before it.
//!
//! Every byte is looked at: a record is complete in itself, and its checksum is bound to store, segment and position. So
//! what is found is an event of this log at this position, whatever has become of the frame around it.

use super::super::piece::{Piece, Place, give};
use super::super::presence::{Presence, Stretches, add};
use super::{Salvage, Table};
use crate::error::OpenError;
use annals_format::payload::is_compressed;
use annals_format::{
    Binding, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, FrameStretches, RECORD_HEADER_BYTES,
    may_be_record, parse_record, position_of_record, record_length,
};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_wal::find_frame_in_window;

impl Salvage<'_, '_, '_, '_> {
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
    pub(super) fn damaged(&mut self, offset: u64, limit: u64) -> Result<Option<u64>, OpenError> {
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

    fn is_blank(&mut self, offset: u64) -> Result<bool, OpenError> {
        let bytes = self.bytes(offset, FRAME_ALIGNMENT, u64::MAX)?;
        Ok(bytes.iter().take(FRAME_ALIGNMENT).all(|byte| *byte == 0))
    }

    /// The next place with a frame header of this segment that can come next, and whether there are only zeros before
    /// it.
    fn find_frame(&mut self, from: u64, limit: u64) -> Result<(Option<(u64, FrameHeader)>, bool), OpenError> {
        let (binding, next, until) = (self.binding, self.next, self.until);
        let comes_next = |header: &FrameHeader| {
            (next..=until).contains(&header.first_position) && header.last_position() < until
        };
        let found = find_frame_in_window(self.window, from, limit, binding, comes_next);
        found.map_err(OpenError::io(format!("read {}", self.segment.name)))
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
