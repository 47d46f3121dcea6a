//! Payloads of a segment that are not stored as they are.

use super::Segment;
use annals_format::payload::{Dictionary, plain_payload};
use annals_types::{EventRef, PayloadError, PayloadReader, PlainPayload, Position, ReadPayload};

/// What it takes to read the payloads of one segment.
struct Payloads {
    dictionary: Option<Dictionary>,
}

impl ReadPayload for Payloads {
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
        plain_payload(record, position, self.dictionary.as_ref())
    }
}

impl Segment {
    /// Says with which dictionary its payloads were compressed. To be said before the first of them is read; who comes later
    /// changes nothing.
    pub fn set_dictionary(&self, dictionary: Dictionary) {
        self.payloads.get_or_init(|| PayloadReader::new(Payloads { dictionary: Some(dictionary) }));
    }

    /// An event of this segment, with what it takes to read its payload.
    #[inline(always)]
    pub(super) fn lent<'s>(&'s self, event: EventRef<'s>) -> EventRef<'s> {
        if event.payload.as_plain().is_some() { event } else { self.with_reader(event) }
    }

    #[cold]
    fn with_reader<'s>(&'s self, event: EventRef<'s>) -> EventRef<'s> {
        let reader = self.payloads.get_or_init(|| PayloadReader::new(Payloads { dictionary: None }));
        EventRef { payload: event.payload.with_reader(reader), ..event }
    }
}
