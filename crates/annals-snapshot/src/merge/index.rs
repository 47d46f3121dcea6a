//! What stands behind the records of a sorted file: index, filter, page checksums, trailer.

use super::output::Output;
use crate::walk::{Piece, Walk};
use crate::window::Source;
use crate::written::entry_of;
use annals_format::run::{FilterBlock, FilterShape};
use annals_format::snapshot::{PayloadChecksum, SnapshotFileHeader, SnapshotTrailer};
use annals_format::{PAGE_BYTES, page_checksums};
use std::io;
use std::sync::Arc;

/// Hash bits of a key in the filter.
const HASH_BITS: u32 = 64;
/// Index and filter begin at multiples of this.
const ALIGNMENT: u64 = 64;

/// The second walk of a merge: over the records that it has written.
#[derive(Debug)]
pub(crate) struct Indexing {
    walk: Walk,
    records_end: u64,
    shape: FilterShape,
    /// One and a third bytes for each key: below 4 MiB for the largest file that is merged by default.
    filter: Vec<FilterBlock>,
    /// Bytes of the page that is not full yet.
    page: Vec<u8>,
    sums: Vec<u8>,
    totals: Totals,
    /// Records that were written and not read yet.
    left: u64,
}

/// What the first walk has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) keys: u64,
    pub(crate) last_sequence: u64,
}

impl Indexing {
    /// Begins, where the records end.
    pub(crate) fn new(output: &mut Output, header: &SnapshotFileHeader, totals: Totals) -> io::Result<Self> {
        let records_end = output.end();
        output.align(ALIGNMENT)?;
        output.flush()?;
        let shape = FilterShape::new(totals.keys, HASH_BITS);
        let records = header.length() as u64..records_end;
        Ok(Indexing {
            walk: Walk::new(Source::File(Arc::clone(&output.file)), records, header.binding()),
            records_end,
            shape,
            filter: vec![FilterBlock::default(); shape.blocks as usize],
            page: Vec::with_capacity(PAGE_BYTES),
            sums: Vec::new(),
            totals,
            left: totals.count,
        })
    }

    /// Writes the entries of some more records. Returns how many bytes were read; `None` if there are no more.
    ///
    /// # Errors
    /// What the system says; `InvalidData` if what was written is not what is read.
    pub(crate) fn advance(
        &mut self,
        output: &mut Output,
        header: &SnapshotFileHeader,
    ) -> io::Result<Option<u64>> {
        match self.walk.next()? {
            None => Ok(None),
            Some(Piece::Record(offset, head)) => {
                let entry = entry_of(&head, offset, header);
                let hash = entry.key.filter_hash();
                if let Some(block) = self.filter.get_mut(self.shape.block(hash) as usize) {
                    block.insert(hash);
                }
                self.put(output, &entry.encode())?;
                self.left = self.left.checked_sub(1).ok_or_else(unlike)?;
                Ok(Some(head.head_length()))
            }
            Some(Piece::Bad(..)) => Err(unlike()),
        }
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// As [`Indexing::advance`].
    pub(crate) fn finish(mut self, output: &mut Output, header: &SnapshotFileHeader) -> io::Result<()> {
        if self.left != 0 {
            return Err(unlike());
        }
        let missing = (output.end().next_multiple_of(ALIGNMENT) - output.end()) as usize;
        self.put(output, &[0; ALIGNMENT as usize][..missing])?;
        for block in std::mem::take(&mut self.filter) {
            self.put(output, &block.encode())?;
        }
        self.end_page();
        output.write(&self.sums)?;
        let missing = output.end().next_multiple_of(8) - output.end();
        let zeros = &[0; 8][..missing as usize];
        output.write(zeros)?;
        self.sums.extend_from_slice(zeros);
        let trailer = SnapshotTrailer {
            records_end: self.records_end,
            count: self.totals.count,
            keys: self.totals.keys,
            last_sequence: self.totals.last_sequence,
            filter: self.shape,
            pages_checksum: PayloadChecksum::of(&self.sums),
        };
        output.write(&trailer.encode(header.binding()))?;
        output.flush()
    }

    /// Writes bytes that belong to a page; fewer than a page has.
    fn put(&mut self, output: &mut Output, bytes: &[u8]) -> io::Result<()> {
        output.write(bytes)?;
        let room = PAGE_BYTES - self.page.len();
        let (now, later) = bytes.split_at(bytes.len().min(room));
        self.page.extend_from_slice(now);
        if self.page.len() == PAGE_BYTES {
            self.end_page();
            self.page.extend_from_slice(later);
        }
        Ok(())
    }

    fn end_page(&mut self) {
        self.sums.extend(page_checksums(&self.page).flat_map(u32::to_le_bytes));
        self.page.clear();
    }
}

fn unlike() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what was written is not what is read")
}
