//! The records of a file, one behind the other, over whatever is damaged between them.

use crate::window::{Source, Window};
use annals_format::snapshot::{
    PayloadChecksum, SNAPSHOT_ALIGNMENT, SNAPSHOT_HEAD_BYTES_MAX, SNAPSHOT_RECORD_HEADER_BYTES, SnapshotHead,
    may_be_snapshot, snapshot_head_length,
};
use annals_format::{Binding, Damage};
use std::io;
use std::ops::Range;

/// Bytes that are looked through at a time for the next record.
const SEARCH_BYTES: usize = 4096;
/// Bytes of a payload that are looked at at a time.
pub(crate) const PIECE_BYTES: usize = 128 << 10;

/// What is found next.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The sound header of a record for which there is room, and where it begins.
    Record(u64, SnapshotHead<'static>),
    /// Bytes that are no record, and what is wrong with the first of them.
    Bad(Range<u64>, Damage),
}

/// A walk.
#[derive(Debug)]
pub(crate) struct Walk {
    window: Window,
    binding: Binding,
    next: u64,
    end: u64,
}

impl Walk {
    /// Over the records in a range of a file.
    pub(crate) fn new(source: Source, range: Range<u64>, binding: Binding) -> Self {
        Walk { window: Window::new(source, range.end), binding, next: range.start, end: range.end }
    }

    /// How far it has come.
    pub(crate) fn offset(&self) -> u64 {
        self.next
    }

    /// The next record or stretch of damage; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let start = self.next;
        match self.head_at(start)? {
            Ok(head) => {
                let (needed, room) = (head.record_length(), self.end - start);
                if needed <= room {
                    self.next = start + needed;
                    return Ok(Some(Piece::Record(start, head)));
                }
                // Its header is sound, so nothing else can lie where its payload should be.
                self.next = self.end;
                let damage = Damage::new(start, "room for a snapshot", room, needed);
                Ok(Some(Piece::Bad(start..self.end, damage)))
            }
            Err(damage) => {
                self.next = self.search(start + SNAPSHOT_ALIGNMENT as u64)?;
                Ok(Some(Piece::Bad(start..self.next, damage)))
            }
        }
    }

    fn head_at(&mut self, offset: u64) -> io::Result<Result<SnapshotHead<'static>, Damage>> {
        let first = self.window.at(offset, SNAPSHOT_RECORD_HEADER_BYTES)?;
        let length =
            if may_be_snapshot(first) { first.first_chunk().map(snapshot_head_length) } else { None };
        let bytes = match length {
            Some(length) => self.window.at(offset, length)?,
            None => self.window.at(offset, SNAPSHOT_RECORD_HEADER_BYTES)?,
        };
        Ok(SnapshotHead::decode(bytes, offset, self.binding).map(SnapshotHead::into_owned))
    }

    /// Where the next sound header is, from an offset on; the end if there is none.
    fn search(&mut self, from: u64) -> io::Result<u64> {
        let mut at = from;
        while at < self.end {
            let piece = self.window.at(at, SEARCH_BYTES.max(SNAPSHOT_HEAD_BYTES_MAX))?;
            let places = piece.chunks_exact(SNAPSHOT_ALIGNMENT);
            let count = places.len();
            match places.into_iter().position(may_be_snapshot) {
                Some(place) => {
                    at += (place * SNAPSHOT_ALIGNMENT) as u64;
                    if self.head_at(at)?.is_ok() {
                        return Ok(at);
                    }
                    at += SNAPSHOT_ALIGNMENT as u64;
                }
                None if count == 0 => break,
                None => at += (count * SNAPSHOT_ALIGNMENT) as u64,
            }
        }
        Ok(self.end)
    }

    /// Bytes of a payload, or of anything else; fewer at the end.
    pub(crate) fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        self.window.at(offset, length)
    }

    /// The payload of a record, or what is wrong with it.
    pub(crate) fn payload(
        &mut self,
        offset: u64,
        head: &SnapshotHead<'_>,
    ) -> io::Result<Result<Vec<u8>, Damage>> {
        if let Err(damage) = self.check_payload(offset, head)? {
            return Ok(Err(damage));
        }
        let (start, length) = (offset + head.head_length(), head.payload_length as usize);
        let mut payload = Vec::with_capacity(length);
        while payload.len() < length {
            let at = start + payload.len() as u64;
            let piece = self.window.at(at, PIECE_BYTES.min(length - payload.len()))?;
            if piece.is_empty() {
                return Ok(Err(Damage::new(at, "room for the payload of a snapshot", at, start)));
            }
            payload.extend_from_slice(piece);
        }
        Ok(Ok(payload))
    }

    /// What is wrong with the payload of a record, if anything.
    pub(crate) fn check_payload(
        &mut self,
        offset: u64,
        head: &SnapshotHead<'_>,
    ) -> io::Result<Result<(), Damage>> {
        let start = offset + head.head_length();
        let end = start + u64::from(head.payload_length);
        let (mut at, mut checksum) = (start, PayloadChecksum::default());
        while at < end {
            let piece = self.window.at(at, PIECE_BYTES.min((end - at) as usize))?;
            if piece.is_empty() {
                return Ok(Err(Damage::new(at, "room for the payload of a snapshot", at, end)));
            }
            checksum.update(piece);
            at += piece.len() as u64;
        }
        let found = checksum.finish();
        if found != head.payload_checksum {
            let damage = Damage::new(start, "checksum of a payload", found, head.payload_checksum);
            return Ok(Err(damage));
        }
        Ok(Ok(()))
    }

    /// What is wrong with the zeros behind the payload of a record, if anything. Nobody reads them.
    pub(crate) fn check_zeros(
        &mut self,
        offset: u64,
        head: &SnapshotHead<'_>,
    ) -> io::Result<Result<(), Damage>> {
        let end = offset + head.head_length() + u64::from(head.payload_length);
        let zeros = self.window.at(end, (offset + head.record_length() - end) as usize)?;
        match zeros.iter().position(|byte| *byte != 0) {
            Some(at) => Ok(Err(Damage::new(end + at as u64, "zeros behind a snapshot", zeros[at], 0u32))),
            None => Ok(Ok(())),
        }
    }
}
