//! Little-endian numbers in byte slices, with bounds checked once and errors that say where.

use crate::damage::Damage;
use byteorder::{ByteOrder, LittleEndian};

/// Reads a number at an offset of a slice that is known to be long enough.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    LittleEndian::read_u16(&bytes[offset..])
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    LittleEndian::read_u32(&bytes[offset..])
}

#[inline]
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    LittleEndian::read_u64(&bytes[offset..])
}

#[inline]
pub(crate) fn i64_at(bytes: &[u8], offset: usize) -> i64 {
    LittleEndian::read_i64(&bytes[offset..])
}

pub(crate) fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    LittleEndian::write_u32(&mut bytes[offset..], value);
}

pub(crate) fn put_u64(bytes: &mut [u8], offset: usize, value: u64) {
    LittleEndian::write_u64(&mut bytes[offset..], value);
}

pub(crate) fn put_i64(bytes: &mut [u8], offset: usize, value: i64) {
    LittleEndian::write_i64(&mut bytes[offset..], value);
}

/// Walks a slice from the front; what is asked for beyond its end is a [`Damage`] at the right offset.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    next: usize,
    base: u64,
}

impl<'a> Reader<'a> {
    /// `base` is the file offset of the slice's first byte.
    pub(crate) fn new(bytes: &'a [u8], base: u64) -> Self {
        Reader { bytes, next: 0, base }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.base + self.next as u64
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.next
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Damage> {
        if length > self.remaining() {
            return Err(Damage::new(self.offset(), what, length as u64, self.remaining() as u64));
        }
        let taken = &self.bytes[self.next..self.next + length];
        self.next += length;
        Ok(taken)
    }

    /// So many bytes, without taking them; `None` if there are less.
    #[inline]
    pub(crate) fn peek(&self, length: usize) -> Option<&'a [u8]> {
        self.bytes[self.next..].get(..length)
    }

    /// Takes as many bytes as [`Reader::peek`] has shown.
    #[inline]
    pub(crate) fn skip(&mut self, length: usize) {
        self.next += length;
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Damage> {
        self.take(1, what).map(|bytes| bytes[0])
    }

    #[inline]
    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Damage> {
        self.take(4, what).map(LittleEndian::read_u32)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Damage> {
        self.take(8, what).map(LittleEndian::read_u64)
    }

    #[inline]
    pub(crate) fn i64(&mut self, what: &'static str) -> Result<i64, Damage> {
        self.take(8, what).map(LittleEndian::read_i64)
    }
}
