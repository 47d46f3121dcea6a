//! What was done to the bytes of a file since they were last made durable.
//!
//! Only the present bytes are kept whole. The durable ones are found by taking the operations back, newest
//! first; so a sync costs nothing but to forget the operations, and a write costs one copy of its bytes.

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
    kind: Kind,
    undo: Undo,
}

#[derive(Clone, Debug)]
enum Kind {
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
struct Undo {
    length: usize,
    cleared: Range<usize>,
    old: Arc<[u8]>,
}

/// The operations of one file, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal(Vec<Operation>);

impl Journal {
    pub(super) fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// Writes bytes and remembers it.
    pub(super) fn write(
        &mut self,
        content: &mut Content,
        name: (u64, &Arc<str>),
        offset: usize,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let old = content.stored(offset..end).into();
        let undo = Undo { length: content.length(), cleared: offset..end, old };
        content.write(offset, &bytes)?;
        self.push(name, Kind::Write { offset, bytes: bytes.into() }, undo);
        Ok(())
    }

    /// Writes bytes that are durable at once, and nothing else with them; but changes of the file's length come first. What was
    /// written in the same place before is written over for good.
    pub(super) fn write_durably(
        &mut self,
        content: &mut Content,
        offset: usize,
        bytes: &[u8],
    ) -> io::Result<()> {
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if self.0.iter().any(Operation::sets_length) {
            self.sync(content)?;
        }
        // Bytes that are there already need not be written again: others may be looking at them.
        let same = bytes.iter().zip(content.bytes(offset..end)).take_while(|(new, old)| new == old).count();
        content.write(offset + same, &bytes[same..])?;
        let operations = std::mem::take(&mut self.0);
        self.0 = operations.into_iter().flat_map(|operation| operation.outside(offset..end, bytes)).collect();
        Ok(())
    }

    /// Sets the length and remembers it.
    pub(super) fn set_length(
        &mut self,
        content: &mut Content,
        name: (u64, &Arc<str>),
        length: usize,
    ) -> io::Result<()> {
        let old_length = content.length();
        let old = content.stored(length..old_length).into();
        content.set_length(length)?;
        self.push(name, Kind::SetLength(length), Undo { length: old_length, cleared: length..length, old });
        Ok(())
    }

    /// Makes everything durable, except what an earlier sync has left behind.
    pub(super) fn sync(&mut self, content: &Content) -> io::Result<()> {
        if self.0.iter().any(|operation| matches!(operation.kind, Kind::Stranded)) {
            let mut durable = self.durable(content)?;
            for operation in &self.0 {
                operation.apply(&mut durable, Fate::Kept)?;
            }
            self.strand_above(content, &durable);
        } else {
            self.0.clear();
        }
        Ok(())
    }

    /// What a sync that fails does: nothing becomes durable, and later syncs take it for written.
    pub(super) fn strand(&mut self, content: &Content) -> io::Result<()> {
        let durable = self.durable(content)?;
        self.strand_above(content, &durable);
        Ok(())
    }

    /// The bytes that are durable.
    pub(super) fn durable(&self, content: &Content) -> io::Result<Content> {
        let mut durable = content.copy()?;
        for operation in self.0.iter().rev() {
            operation.take_back(&mut durable)?;
        }
        Ok(durable)
    }

    fn strand_above(&mut self, content: &Content, durable: &Content) {
        let Some(Operation { sequence, path, .. }) = self.0.first() else { return };
        let name = (*sequence, &Arc::clone(path));
        let undo = Undo {
            length: durable.length(),
            cleared: 0..content.length(),
            old: durable.stored(0..durable.length()).into(),
        };
        self.0.clear();
        self.push(name, Kind::Stranded, undo);
    }

    fn push(&mut self, (sequence, path): (u64, &Arc<str>), kind: Kind, undo: Undo) {
        self.0.push(Operation { sequence, path: Arc::clone(path), kind, undo });
    }
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
    fn outside(self, range: Range<usize>, durable: &[u8]) -> Vec<Operation> {
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

    fn take_back(&self, content: &mut Content) -> io::Result<()> {
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

    fn name() -> (u64, Arc<str>) {
        (1, "file".into())
    }

    #[test]
    fn taking_everything_back_gives_the_bytes_of_the_last_sync() {
        let (sequence, path) = name();
        let (mut content, mut journal) = (Content::empty(), Journal::default());
        journal.write(&mut content, (sequence, &path), 0, b"durable".to_vec()).unwrap();
        journal.sync(&content).unwrap();
        journal.write(&mut content, (sequence, &path), 4, b"XXXXXXX".to_vec()).unwrap();
        journal.set_length(&mut content, (sequence, &path), 2).unwrap();
        journal.set_length(&mut content, (sequence, &path), 20).unwrap();
        journal.write(&mut content, (sequence, &path), 1, b"Y".to_vec()).unwrap();
        assert_eq!(content.bytes(0..99), b"dY\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(journal.durable(&content).unwrap().bytes(0..99), b"durable");
    }

    /// All ways in which two writes can overlap: what is durable is the last sync with the durable write over it.
    #[test]
    fn a_durable_write_is_durable_and_takes_nothing_along() {
        let (sequence, path) = name();
        for (start, end) in [(0, 20), (2, 4), (4, 6), (6, 14), (8, 10), (12, 16), (0, 12), (19, 20)] {
            let (mut content, mut journal) = (Content::empty(), Journal::default());
            journal.write(&mut content, (sequence, &path), 0, vec![b'.'; 20]).unwrap();
            journal.sync(&content).unwrap();
            journal.write(&mut content, (sequence, &path), 4, vec![b'a'; 6]).unwrap();
            journal.write(&mut content, (sequence, &path), 8, vec![b'b'; 6]).unwrap();
            journal.write_durably(&mut content, start, &vec![b'D'; end - start]).unwrap();
            let (mut durable, mut all) = (vec![b'.'; 20], b"....aaaabbbbbb......".to_vec());
            durable[start..end].fill(b'D');
            all[start..end].fill(b'D');
            assert_eq!(content.bytes(0..99), all, "{start}..{end}");
            let mut kept = journal.durable(&content).unwrap();
            assert_eq!(kept.bytes(0..99), durable, "{start}..{end}");
            for operation in journal.operations() {
                operation.apply(&mut kept, Fate::Kept).unwrap();
            }
            assert_eq!(kept.bytes(0..99), all, "{start}..{end}");
        }
    }

    #[test]
    fn a_durable_write_after_a_failed_sync_is_durable_and_what_the_sync_lost_is_not() {
        let (sequence, path) = name();
        let (mut content, mut journal) = (Content::empty(), Journal::default());
        journal.write(&mut content, (sequence, &path), 0, b"old.".to_vec()).unwrap();
        journal.sync(&content).unwrap();
        journal.write(&mut content, (sequence, &path), 0, b"lost".to_vec()).unwrap();
        journal.strand(&content).unwrap();
        journal.write_durably(&mut content, 2, b"new").unwrap();
        assert_eq!(content.bytes(0..99), b"lonew");
        assert_eq!(journal.durable(&content).unwrap().bytes(0..99), b"olnew");
    }

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

    #[test]
    fn what_a_failed_sync_left_behind_is_not_written_by_the_next_one() {
        let (sequence, path) = name();
        let (mut content, mut journal) = (Content::empty(), Journal::default());
        journal.write(&mut content, (sequence, &path), 0, b"aaaa".to_vec()).unwrap();
        journal.strand(&content).unwrap();
        journal.write(&mut content, (sequence, &path), 2, b"bb".to_vec()).unwrap();
        journal.sync(&content).unwrap();
        assert_eq!(content.bytes(0..99), b"aabb");
        assert_eq!(journal.durable(&content).unwrap().bytes(0..99), b"\0\0bb");
        journal.write(&mut content, (sequence, &path), 0, b"aa".to_vec()).unwrap();
        journal.sync(&content).unwrap();
        assert_eq!(journal.durable(&content).unwrap().bytes(0..99), b"aabb");
    }
}
