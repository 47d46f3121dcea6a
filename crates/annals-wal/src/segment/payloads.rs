//! Payloads of a segment that are not stored as they are.

use super::Segment;
use annals_format::payload::{Dictionary, Keys, is_encrypted, plain_payload};
use annals_types::{EventRef, PayloadError, PayloadReader, PlainPayload, Position, ReadPayload};
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
    dictionary: OnceLock<Dictionary>,
    keys: OnceLock<Arc<dyn Keys>>,
}

struct Reader(Arc<Shared>);

impl ReadPayload for Reader {
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
        let keys = self.0.keys.get().map(|keys| &**keys);
        plain_payload(record, position, self.0.dictionary.get(), keys)
    }

    fn is_encrypted(&self, record: &[u8]) -> bool {
        is_encrypted(record)
    }
}

impl Segment {
    /// Says with which dictionary its payloads were compressed. The first one that is said counts.
    pub fn set_dictionary(&self, dictionary: Dictionary) {
        self.payloads.shared.dictionary.get_or_init(|| dictionary);
    }

    /// Says where the keys of its payloads are found. The first ones that are said count.
    pub fn set_keys(&self, keys: &Arc<dyn Keys>) {
        self.payloads.shared.keys.get_or_init(|| Arc::clone(keys));
    }

    /// An event of this segment, with what it takes to read its payload.
    #[inline(always)]
    pub(crate) fn lent<'s>(&'s self, event: EventRef<'s>) -> EventRef<'s> {
        if event.payload.as_plain().is_some() { event } else { self.with_reader(event) }
    }

    #[cold]
    fn with_reader<'s>(&'s self, event: EventRef<'s>) -> EventRef<'s> {
        let made = || PayloadReader::new(Reader(Arc::clone(&self.payloads.shared)));
        let reader = self.payloads.reader.get_or_init(made);
        EventRef { payload: event.payload.with_reader(reader), ..event }
    }
}
