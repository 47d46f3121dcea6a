//! Payloads as the producer gave them, and whoever makes them so.

use super::PayloadError;
use crate::buffer::PayloadBuffer;
use crate::numbers::Position;
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

/// Data and metadata as the producer gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainPayload<'a> {
    /// The data.
    pub data: Cow<'a, [u8]>,
    /// The metadata.
    pub metadata: Cow<'a, [u8]>,
}

impl PlainPayload<'_> {
    /// The same, independent of the log.
    #[must_use]
    pub fn into_owned(self) -> PlainPayload<'static> {
        PlainPayload {
            data: Cow::Owned(self.data.into_owned()),
            metadata: Cow::Owned(self.metadata.into_owned()),
        }
    }
}

/// Makes payloads plain that are not.
pub trait ReadPayload: Send + Sync {
    /// The payload of a record, which was verified; `position` is for the error.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError>;

    /// The same in memory that is used again.
    ///
    /// # Errors
    /// As [`ReadPayload::read`].
    fn read_in(
        &self,
        position: Position,
        record: &[u8],
        buffer: &mut PayloadBuffer,
    ) -> Result<(), PayloadError> {
        self.read(position, record).map(|plain| buffer.put(&plain))
    }

    /// The id of the key that the payload of a record is encrypted under; `None` if it is not encrypted.
    fn key_of(&self, record: &[u8]) -> Option<Uuid>;
}

/// Whoever makes payloads plain, behind one thin pointer.
pub struct PayloadReader(pub(super) Box<dyn ReadPayload>);

impl PayloadReader {
    /// A reader.
    #[must_use]
    pub fn new(reader: impl ReadPayload + 'static) -> Self {
        PayloadReader(Box::new(reader))
    }
}

impl fmt::Debug for PayloadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayloadReader")
    }
}
