//! Memory for payloads that have to be made plain, which is used again and again.

use crate::payload::PlainPayload;
use std::borrow::Cow;

/// Memory in which payloads are made plain, one after the other, for [`EventRef::plain_in`](crate::EventRef::plain_in). It grows to the
/// largest of them, with what is stored of it (at most 160 MiB), and keeps that.
#[derive(Clone, Default)]
pub struct PayloadBuffer {
    /// Metadata and data, and behind them whatever was there before.
    bytes: Vec<u8>,
    metadata: usize,
    end: usize,
}

impl PayloadBuffer {
    /// Without memory.
    #[must_use]
    pub const fn new() -> Self {
        PayloadBuffer { bytes: Vec::new(), metadata: 0, end: 0 }
    }

    /// Room for so many bytes of metadata, of data behind them, and some more that belong to neither. What is there is of no meaning.
    #[inline]
    pub fn room(&mut self, metadata: usize, data: usize, more: usize) -> &mut [u8] {
        (self.metadata, self.end) = (metadata, metadata + data);
        let wanted = self.end + more;
        if self.bytes.len() < wanted {
            self.grow(wanted);
        }
        &mut self.bytes[..wanted]
    }

    #[cold]
    fn grow(&mut self, wanted: usize) {
        self.bytes.resize(wanted, 0);
    }

    /// Has a copy of this payload.
    pub fn put(&mut self, plain: &PlainPayload<'_>) {
        let (metadata, data) = (&*plain.metadata, &*plain.data);
        let room = self.room(metadata.len(), data.len(), 0);
        room[..metadata.len()].copy_from_slice(metadata);
        room[metadata.len()..].copy_from_slice(data);
    }

    /// What it has, independent of it.
    #[must_use]
    pub fn into_plain(mut self) -> PlainPayload<'static> {
        self.bytes.truncate(self.end);
        let data = if self.metadata == 0 {
            std::mem::take(&mut self.bytes)
        } else {
            self.bytes.split_off(self.metadata)
        };
        PlainPayload { data: Cow::Owned(data), metadata: Cow::Owned(self.bytes) }
    }

    /// Data and metadata that it has.
    #[inline]
    #[must_use]
    pub fn parts(&self) -> (&[u8], &[u8]) {
        (&self.bytes[self.metadata..self.end], &self.bytes[..self.metadata])
    }
}

impl std::fmt::Debug for PayloadBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PayloadBuffer of {} bytes", self.bytes.len())
    }
}
