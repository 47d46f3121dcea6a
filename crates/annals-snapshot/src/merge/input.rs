//! A source of a merge: its snapshots, in the order of their keys.

use crate::sorted::Sorted;
use crate::walk::{Piece, Walk};
use crate::window::Source;
use crate::written::{Order, Written, entry_of};
use annals_format::Damage;
use annals_format::snapshot::{SnapshotEntry, SnapshotFileHeader, SnapshotHead};
use annals_vfs::File;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

/// A source.
#[derive(Debug)]
pub(crate) struct Input {
    /// Reads the records.
    pub(crate) walk: Walk,
    header: SnapshotFileHeader,
    /// A written file has an index that knows the order.
    written: Option<Arc<Written>>,
    last: Option<Order>,
    pub(crate) current: Option<(SnapshotEntry, SnapshotHead<'static>)>,
    /// Records and stretches between them that were damaged and are left behind.
    pub(crate) damaged: u64,
    /// The last one of these.
    pub(crate) bad: Option<Damage>,
}

impl Input {
    /// A written file that does not grow any more.
    pub(crate) fn of_written(file: &Arc<Written>) -> io::Result<Self> {
        let mapping = Arc::new(file.file.map(file.records().end)?);
        Input::of_written_in(file, Source::Mapped(mapping))
    }

    /// The same, with its bytes somewhere else.
    pub(crate) fn of_written_in(file: &Arc<Written>, source: Source) -> io::Result<Self> {
        let walk = Walk::new(source, file.records(), file.binding);
        Input::new(walk, file.header.clone(), Some(Arc::clone(file)))
    }

    /// A sorted file. Its records lie in order, so that a damaged index does not matter.
    pub(crate) fn of_sorted(file: &Sorted) -> io::Result<Self> {
        let source = Source::Mapped(Arc::clone(&file.mapping));
        Input::new(Walk::new(source, file.records(), file.binding), file.header.clone(), None)
    }

    /// What is left of a sorted file, up to where its records end or, where nobody knows that, up to the end of the file.
    pub(crate) fn of_rest(header: &SnapshotFileHeader, file: &Arc<dyn File>, end: u64) -> io::Result<Self> {
        let records = header.length() as u64..end;
        let walk = Walk::new(Source::File(Arc::clone(file)), records, header.binding());
        Input::new(walk, header.clone(), None)
    }

    fn new(walk: Walk, header: SnapshotFileHeader, written: Option<Arc<Written>>) -> io::Result<Self> {
        let mut input = Input { walk, header, written, last: None, current: None, damaged: 0, bad: None };
        input.advance()?;
        Ok(input)
    }

    /// Goes to the next snapshot.
    pub(crate) fn advance(&mut self) -> io::Result<()> {
        self.current = None;
        if let Some(written) = self.written.clone() {
            return self.advance_written(&written);
        }
        while let Some(piece) = self.walk.next()? {
            let damage = match piece {
                Piece::Record(offset, head) => {
                    let entry = entry_of(&head, offset, &self.header);
                    // What is out of order cannot be merged. No writer makes such a file.
                    if self.last.is_none_or(|last| last < entry.order()) {
                        self.last = Some(entry.order());
                        self.current = Some((entry, head));
                        return Ok(());
                    }
                    Damage::new(offset, "order of the snapshots in a sorted file", head.sequence, 0u64)
                }
                Piece::Bad(_, damage) => damage,
            };
            self.bad = Some(damage);
            self.damaged += 1;
        }
        Ok(())
    }

    fn advance_written(&mut self, written: &Written) -> io::Result<()> {
        while let Some(entry) = written.entry_from(self.last.map_or(Bound::Unbounded, Bound::Excluded)) {
            self.last = Some(entry.order());
            let bytes = self.walk.bytes(entry.offset, entry.length.min(HEAD_BYTES) as usize)?;
            if let Ok(head) = SnapshotHead::decode(bytes, entry.offset, self.header.binding()) {
                self.current = Some((entry, head.into_owned()));
                return Ok(());
            }
            self.damaged += 1;
        }
        Ok(())
    }
}

const HEAD_BYTES: u64 = annals_format::snapshot::SNAPSHOT_HEAD_BYTES_MAX as u64;
