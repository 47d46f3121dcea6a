//! What was done to the bytes of a file since they were last made durable.
//!
//! Only the present bytes are kept whole. The durable ones are found by taking the operations back, newest
//! first; so a sync costs nothing but to forget the operations, and a write costs one copy of its bytes.

use super::content::Content;
use super::crash::Fate;
use super::operation::{Kind, Operation, Undo};
use std::io;
use std::sync::Arc;

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
