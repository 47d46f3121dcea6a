//! Compressing many payloads with one dictionary.

use super::Lengths;
use super::dictionary::Dictionary;
use super::lz4::{self, Places};
use super::rewrite::plain_parts;
use crate::record::{Form, Layout};

/// A dictionary, and what it takes to find things in it: 96 KiB and some milliseconds for the largest. Made once for all that is compressed
/// with it.
#[derive(Clone, Debug)]
pub struct Compressor {
    dictionary: Dictionary,
    places: Places,
}

impl Compressor {
    /// For this dictionary.
    #[must_use]
    pub fn new(dictionary: Dictionary) -> Self {
        let places = Places::of(dictionary.bytes());
        Compressor { dictionary, places }
    }

    /// Its dictionary.
    #[must_use]
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// A record with its payload compressed; `None` if it is not plain, or would not become shorter: then it is to be taken over as it is.
    ///
    /// The record must have been verified. What comes back is complete but for what a frame fills in: it is for
    /// [`FrameBuilder::push_record`](crate::FrameBuilder::push_record).
    #[must_use]
    pub fn compress_record(&self, record: &[u8]) -> Option<Vec<u8>> {
        let layout = Layout::of(record).filter(Layout::is_plain)?;
        let parts = plain_parts(record)?;
        let mut payload = Vec::new();
        Lengths { metadata: parts[0].len(), data: parts[1].len() }.put(&mut payload);
        payload.extend(lz4::compress(&parts, self.dictionary.bytes(), &self.places, payload.len())?);
        Some(layout.with_payload(Form::Compressed, true, &payload))
    }
}
