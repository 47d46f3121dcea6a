//! Bytes on their way into a file, with the checksums of their pages.

use super::scratch::Scratch;
use super::spool::Spool;
use annals_format::run::PageTableChecksum;
use annals_format::{PAGE_BYTES, page_checksums};
use std::io;

/// Most bytes that are gathered before they are handed on: whole pages.
const BUFFER_BYTES: usize = 64 * PAGE_BYTES;
/// Bytes of the page checksums that are handed on at a time.
const TABLE_PIECE_BYTES: usize = 64 * 1024;

/// Takes bytes, hands them on in large pieces, and remembers the checksum of every page.
pub(super) struct PageSink<S> {
    sink: S,
    scratch: Scratch,
    buffer_bytes: usize,
    buffer: Vec<u8>,
    checksums: Spool,
    handed_on: u64,
    table_checksum: PageTableChecksum,
}

impl<S: FnMut(&[u8]) -> io::Result<()>> PageSink<S> {
    /// Takes about as much memory as is given, but at least two pages.
    pub(super) fn new(sink: S, scratch: Scratch, memory_bytes: usize) -> Self {
        let buffer_bytes = (memory_bytes / 4 / PAGE_BYTES * PAGE_BYTES).clamp(PAGE_BYTES, BUFFER_BYTES);
        PageSink {
            sink,
            scratch,
            buffer_bytes,
            buffer: Vec::with_capacity(2 * buffer_bytes),
            checksums: Spool::new(memory_bytes / 2),
            handed_on: 0,
            table_checksum: PageTableChecksum::default(),
        }
    }

    /// Where whoever writes gets scratch files from.
    pub(super) fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    /// How many bytes there have been.
    #[inline]
    pub(super) fn length(&self) -> u64 {
        self.handed_on + self.buffer.len() as u64
    }

    /// Takes bytes.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < self.buffer_bytes {
            return Ok(());
        }
        self.hand_on(self.buffer.len() / PAGE_BYTES * PAGE_BYTES)
    }

    /// Takes zeros up to the next multiple of so many bytes.
    pub(super) fn align(&mut self, alignment: u64) -> io::Result<()> {
        let missing = (self.length().next_multiple_of(alignment) - self.length()) as usize;
        self.write(&[0; 64][..missing])
    }

    /// Hands on what there is: the last page ends here.
    pub(super) fn end_pages(&mut self) -> io::Result<()> {
        self.hand_on(self.buffer.len())
    }

    /// Hands on some of the page checksums, which belong to no page. Returns the checksum of them once all are through.
    pub(super) fn write_page_table(&mut self) -> io::Result<Option<u32>> {
        let piece = &mut self.buffer;
        self.checksums.take(TABLE_PIECE_BYTES, piece)?;
        let ended = piece.is_empty();
        if ended {
            let length = self.handed_on as usize;
            piece.resize(length.next_multiple_of(8) - length, 0);
        }
        self.table_checksum.update(piece);
        (self.sink)(piece)?;
        self.handed_on += piece.len() as u64;
        piece.clear();
        Ok(ended.then(|| self.table_checksum.clone().finish()))
    }

    /// Hands on the trailer. Returns the length of everything.
    pub(super) fn write_trailer(&mut self, trailer: &[u8]) -> io::Result<u64> {
        (self.sink)(trailer)?;
        self.handed_on += trailer.len() as u64;
        Ok(self.handed_on)
    }

    fn hand_on(&mut self, length: usize) -> io::Result<()> {
        let bytes = &self.buffer[..length];
        for sum in page_checksums(bytes) {
            self.checksums.put(&sum.to_le_bytes(), &mut self.scratch)?;
        }
        (self.sink)(bytes)?;
        self.handed_on += length as u64;
        self.buffer.drain(..length);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_format::run::page_table_checksum;

    #[test]
    fn pieces_of_any_size_give_the_same_bytes_and_checksums() {
        let bytes: Vec<u8> = (0..BUFFER_BYTES * 2 + 5000).map(|index| (index % 251) as u8).collect();
        for size in [1000, PAGE_BYTES, BUFFER_BYTES, BUFFER_BYTES * 2 + 5000] {
            let (mut out, mut checksum) = (Vec::new(), None);
            let sink = |piece: &[u8]| {
                out.extend_from_slice(piece);
                Ok(())
            };
            let mut pages = PageSink::new(sink, Scratch::none(), usize::MAX);
            bytes.chunks(size).for_each(|piece| pages.write(piece).unwrap());
            assert_eq!(pages.length(), bytes.len() as u64);
            pages.align(8).unwrap();
            pages.end_pages().unwrap();
            while checksum.is_none() {
                checksum = pages.write_page_table().unwrap();
            }
            let length = pages.write_trailer(b"trailer!").unwrap();
            assert_eq!(length, out.len() as u64);
            let table: Vec<u8> = page_checksums(&bytes).flat_map(u32::to_le_bytes).collect();
            let end = bytes.len() + table.len();
            assert_eq!(out[..bytes.len()], bytes);
            assert_eq!(out[bytes.len()..end], table);
            assert_eq!(checksum, Some(page_table_checksum(&out[bytes.len()..out.len() - 8])));
            assert_eq!((out.len() - 8, &out[out.len() - 8..]), (end.next_multiple_of(8), &b"trailer!"[..]));
        }
    }
}
