//! Payloads of a segment that are not stored as they are.

use super::Segment;
use crate::error::LogError;
use annals_format::first_dictionary;
use annals_format::payload::{Dictionary, Keys, is_compressed, key_of, plain_payload, plain_payload_in};
use annals_types::{
    EventRef, PayloadBuffer, PayloadError, PayloadReader, PlainPayload, Position, ReadPayload, Uuid,
};
use annals_vfs::sync::OnceLock;
use std::sync::Arc;

/// What it takes to read the payloads of one segment.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    shared: Arc<Shared>,
    /// Made with the first payload that needs it.
    reader: OnceLock<PayloadReader>,
}

#[derive(Debug, Default)]
struct Shared {
    /// A copy, so that what was verified stays what it was: at most 32 KiB for each segment of which such payloads are read. Without
    /// one there is none that is sound.
    dictionary: OnceLock<Option<Dictionary>>,
    keys: OnceLock<Arc<dyn Keys>>,
}

struct Reader(Arc<Shared>);

impl ReadPayload for Reader {
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
        let keys = self.0.keys.get().map(|keys| &**keys);
        plain_payload(record, position, self.dictionary(position, record)?, keys)
    }

    fn read_in(
        &self,
        position: Position,
        record: &[u8],
        buffer: &mut PayloadBuffer,
    ) -> Result<(), PayloadError> {
        let keys = self.0.keys.get().map(|keys| &**keys);
        plain_payload_in(record, position, self.dictionary(position, record)?, keys, buffer)
    }

    fn key_of(&self, record: &[u8]) -> Option<Uuid> {
        key_of(record)
    }
}

impl Reader {
    fn dictionary(&self, position: Position, record: &[u8]) -> Result<Option<&Dictionary>, PayloadError> {
        let dictionary = self.0.dictionary.get().and_then(Option::as_ref);
        if dictionary.is_none() && is_compressed(record) {
            return Err(PayloadError::Damaged { position, what: "the dictionary of its segment" });
        }
        Ok(dictionary)
    }
}

impl Segment {
    /// The dictionary that its payloads were compressed with; `None` in a segment that was not compressed.
    ///
    /// # Errors
    /// That the file cannot be read, or that its first frame is damaged.
    pub fn dictionary(&self) -> Result<Option<Dictionary>, LogError> {
        if self.sealed_entry().is_none_or(|entry| entry.rewritten.is_none()) {
            return Ok(None);
        }
        first_dictionary(self.mapped()?, self.binding).map_err(|damage| LogError::corrupt(&self.path, damage))
    }

    /// Whether its payloads were compressed, where that makes them shorter.
    ///
    /// # Errors
    /// As [`Segment::dictionary`].
    pub fn is_compressed(&self) -> Result<bool, LogError> {
        self.dictionary().map(|dictionary| dictionary.is_some())
    }

    /// Says where the keys of its payloads are found. The first ones that are said count.
    pub fn set_keys(&self, keys: &Arc<dyn Keys>) {
        self.payloads.shared.keys.get_or_init(|| Arc::clone(keys));
    }

    /// An event of this segment, with what it takes to read its payload.
    #[inline(always)]
    pub(crate) fn lent<'s>(&'s self, event: EventRef<'s>) -> EventRef<'s> {
        if event.payload.as_plain().is_some() {
            return event;
        }
        EventRef { payload: event.payload.with_reader(self.reader()), ..event }
    }

    #[inline]
    fn reader(&self) -> &PayloadReader {
        self.payloads.reader.get_or_init(|| self.new_reader())
    }

    #[cold]
    fn new_reader(&self) -> PayloadReader {
        let shared = &self.payloads.shared;
        // What is wrong with it, and where, verification tells.
        shared.dictionary.get_or_init(|| self.dictionary().ok().flatten());
        PayloadReader::new(Reader(Arc::clone(shared)))
    }
}
