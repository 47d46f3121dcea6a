//! One operation on the bytes of a file: how it is done again, in whole or in part, and how it is taken back.

use super::content::Content;
use super::crash::{Fate, Filling, Unsynced};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The byte of [`Fate::Garbage`].
const GARBAGE: u8 = 0xA5;

/// One operation that is not durable.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Its place among all operations of the disk.
    pub(super) sequence: u64,
    /// The name the file had.
    pub(super) path: Arc<str>,
    pub(super) kind: Kind,
    pub(super) undo: Undo,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Write {
        offset: usize,
        bytes: Arc<[u8]>,
    },
    SetLength(usize),
    /// All that a sync that failed has left in memory and that no later sync writes.
    Stranded,
}

/// How to take an operation back: a file of `length` bytes, zeros in `cleared`, then the old bytes from
/// its start on. Old zeros at the end of the file are not stored.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    pub(super) length: usize,
    pub(super) cleared: Range<usize>,
    pub(super) old: Arc<[u8]>,
}

impl Operation {
    /// What to ask about it, `None` if it is lost in any case.
    pub(super) fn question(&self) -> Option<Unsynced<'_>> {
        let path = &*self.path;
        match &self.kind {
            Kind::Write { offset, bytes } => Some(Unsynced::Write { path, offset: *offset as u64, bytes }),
            Kind::SetLength(length) => Some(Unsynced::SetLength { path, length: *length as u64 }),
            Kind::Stranded => None,
        }
    }

    /// Whether it sets the length of the file.
    pub(super) fn sets_length(&self) -> bool {
        matches!(self.kind, Kind::SetLength(_))
    }

    /// Whether it is a write that made the file longer.
    pub(super) fn extends(&self) -> bool {
        matches!(&self.kind, Kind::Write { offset, bytes } if offset + bytes.len() > self.undo.length)
    }

    /// Does it to the durable bytes, as far as fate lets it.
    pub(super) fn apply(&self, content: &mut Content, fate: Fate) -> io::Result<()> {
        match (&self.kind, fate) {
            (Kind::Stranded, _) | (_, Fate::Lost) => Ok(()),
            (Kind::SetLength(length), Fate::Kept) => content.set_length(*length),
            (Kind::SetLength(_), _) => Ok(()),
            (Kind::Write { offset, bytes }, Fate::Kept) => content.write(*offset, bytes),
            (Kind::Write { offset, bytes }, Fate::Torn { kept }) => {
                content.write(*offset, &bytes[..kept.min(bytes.len())])
            }
            (Kind::Write { offset, bytes }, Fate::Sectors { size, kept }) => {
                write_sectors(content, *offset, bytes, (size, kept), None)
            }
            (Kind::Write { offset, bytes }, Fate::Filled { size, kept, with }) => {
                write_sectors(content, *offset, bytes, (size, kept), Some(with))
            }
            (Kind::Write { offset, bytes }, Fate::Zeros) => content.write(*offset, &vec![0; bytes.len()]),
            (Kind::Write { offset, bytes }, Fate::Garbage) => {
                content.write(*offset, &vec![GARBAGE; bytes.len()])
            }
        }
    }

    /// What is left of it outside of a range that has durable bytes now.
    pub(super) fn outside(self, range: Range<usize>, durable: &[u8]) -> Vec<Operation> {
        match &self.kind {
            Kind::Write { offset, bytes } => {
                let own = *offset..*offset + bytes.len();
                let parts = [own.start..range.start.min(own.end), range.end.max(own.start)..own.end];
                parts.into_iter().filter(|part| part.start < part.end).map(|part| self.part(part)).collect()
            }
            Kind::SetLength(_) => vec![self],
            Kind::Stranded => {
                let mut old = self.undo.old.to_vec();
                old.resize(old.len().max(range.end), 0);
                old[range.clone()].copy_from_slice(durable);
                let length = self.undo.length.max(range.end);
                let cleared = 0..self.undo.cleared.end.max(range.end);
                vec![Operation { undo: Undo { length, cleared, old: old.into() }, ..self }]
            }
        }
    }

    /// A part of a write, as a write.
    fn part(&self, range: Range<usize>) -> Operation {
        let Kind::Write { offset, bytes } = &self.kind else { return self.clone() };
        let (start, end) = (range.start - offset, range.end - offset);
        let old = &self.undo.old;
        let old = old[start.min(old.len())..end.min(old.len())].into();
        let undo = Undo { length: self.undo.length, cleared: range.clone(), old };
        let kind = Kind::Write { offset: range.start, bytes: bytes[start..end].into() };
        Operation { sequence: self.sequence, path: Arc::clone(&self.path), kind, undo }
    }

    pub(super) fn take_back(&self, content: &mut Content) -> io::Result<()> {
        content.set_length(content.length().max(self.undo.length))?;
        content.clear(self.undo.cleared.clone());
        content.write(self.undo.cleared.start, &self.undo.old)?;
        content.set_length(self.undo.length)
    }
}

/// Writes those sectors of a write whose bit is set. Sectors lie on multiples of their size in the file. The others
/// are filled, if they were empty.
fn write_sectors(
    content: &mut Content,
    offset: usize,
    bytes: &[u8],
    (size, kept): (usize, u64),
    filling: Option<Filling>,
) -> io::Result<()> {
    let size = size.max(1);
    let (mut done, mut sector) = (0, 0_u32);
    while done < bytes.len() {
        let at = offset + done;
        let taken = (size - at % size).min(bytes.len() - done);
        if kept & (1 << (sector % u64::BITS)) != 0 {
            content.write(at, &bytes[done..done + taken])?;
        } else if let Some(filling) = filling
            && content.stored(at..at + taken).iter().all(|byte| *byte == 0)
        {
            content.write(at, &filling.bytes(at, taken))?;
        }
        done += taken;
        sector = sector.wrapping_add(1);
    }
    Ok(())
}

impl Filling {
    /// As many bytes of it as are asked for, at a place in the file.
    fn bytes(self, at: usize, length: usize) -> Vec<u8> {
        match self {
            Filling::Ones => vec![0xFF; length],
            Filling::Random(seed) => {
                let mix = |place: usize| (seed ^ place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (at..at + length).map(|place| mix(place).to_be_bytes()[0]).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_chosen_sectors_survive() {
        let mut content = Content::empty();
        content.write(0, b"........").unwrap();
        // From offset 2 on, sectors of 4 bytes: 2..4, 4..8, 8..10.
        write_sectors(&mut content, 2, b"aabbbbcc", (4, 0b101), None).unwrap();
        assert_eq!(content.bytes(0..99), b"..aa....cc");
    }

    #[test]
    fn rubbish_comes_only_where_nothing_was() {
        let mut content = Content::empty();
        content.write(0, b"old.\0\0\0\0old.").unwrap();
        write_sectors(&mut content, 0, b"aaaabbbbccccdddd", (4, 0), Some(Filling::Ones)).unwrap();
        assert_eq!(content.bytes(0..99), b"old.\xFF\xFF\xFF\xFFold.\xFF\xFF\xFF\xFF");
    }
}
