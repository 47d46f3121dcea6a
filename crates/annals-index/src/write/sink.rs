//! Bytes on their way into a file, with the checksums of their pages.

use annals_format::{PAGE_BYTES, page_checksums};
use std::io;

/// Bytes that are gathered before they are handed on: whole pages.
const BUFFER_BYTES: usize = 64 * PAGE_BYTES;

/// Takes bytes, hands them on in large pieces, and remembers the checksum of every page.
pub(super) struct PageSink<'a> {
    sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    buffer: Vec<u8>,
    checksums: Vec<u32>,
    handed_on: u64,
}

impl<'a> PageSink<'a> {
    pub(super) fn new(sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>) -> Self {
        PageSink { sink, buffer: Vec::with_capacity(2 * BUFFER_BYTES), checksums: Vec::new(), handed_on: 0 }
    }

    /// How many bytes there have been.
    pub(super) fn length(&self) -> u64 {
        self.handed_on + self.buffer.len() as u64
    }

    /// Takes bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        let whole = self.buffer.len() / PAGE_BYTES * PAGE_BYTES;
        let left = self.buffer.split_off(whole);
        self.hand_on()?;
        self.buffer.extend_from_slice(&left);
        Ok(())
    }

    /// Takes zeros up to the next multiple of eight bytes.
    pub(super) fn align(&mut self) -> io::Result<()> {
        let missing = (self.length().next_multiple_of(8) - self.length()) as usize;
        self.write(&[0; 8][..missing])
    }

    /// Ends the pages: hands on what there is, then the checksums and `end(checksums)`, which belong to no
    /// page. Returns the length of everything.
    pub(super) fn finish(mut self, end: impl FnOnce(&[u8]) -> Vec<u8>) -> io::Result<u64> {
        self.hand_on()?;
        let mut table: Vec<u8> = self.checksums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        table.resize(table.len().next_multiple_of(8), 0);
        let end = end(&table);
        (self.sink)(&table)?;
        (self.sink)(&end)?;
        Ok(self.handed_on + (table.len() + end.len()) as u64)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.checksums.extend(page_checksums(&self.buffer));
        (self.sink)(&self.buffer)?;
        self.handed_on += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_give_the_same_bytes_and_checksums() {
        let bytes: Vec<u8> = (0..BUFFER_BYTES * 2 + 5000).map(|index| (index % 251) as u8).collect();
        for size in [1000, PAGE_BYTES, BUFFER_BYTES, BUFFER_BYTES * 2 + 5000] {
            let mut out = Vec::new();
            let mut sink = |piece: &[u8]| {
                out.extend_from_slice(piece);
                Ok(())
            };
            let mut pages = PageSink::new(&mut sink);
            bytes.chunks(size).for_each(|piece| pages.write(piece).unwrap());
            assert_eq!(pages.length(), bytes.len() as u64);
            let length = pages.finish(|table| table[..4].to_vec()).unwrap();
            assert_eq!(length, out.len() as u64);
            let table: Vec<u8> = page_checksums(&bytes).flat_map(u32::to_le_bytes).collect();
            assert_eq!(out[..bytes.len()], bytes);
            assert_eq!(out[bytes.len()..][..table.len()], table);
            assert_eq!(out[out.len() - 4..], table[..4]);
        }
    }
}
