//! The same event with another payload: for whoever writes a sealed segment anew.

use super::dictionary::Dictionary;
use super::{CODEC_LZ4, CODEC_PLAIN, Lengths, decompress, erasure_of, lz4};
use crate::record::{Layout, same_content};
use annals_types::{Erasure, EventRef, PayloadError, PlainPayload, Position};

/// Metadata and data of a record that has them as they are.
pub(super) fn plain_parts(record: &[u8]) -> Option<[&[u8]; 2]> {
    let layout = Layout::of(record).filter(Layout::is_plain)?;
    let (metadata, data) = layout.record[layout.payload..].split_at(layout.metadata);
    Some([metadata, data])
}

/// A record with its payload compressed; `None` if it is not plain, or would not become shorter: then it is to be taken over as it is.
///
/// The record must have been verified. What comes back is complete but for what a frame fills in: it is for
/// [`FrameBuilder::push_record`](crate::FrameBuilder::push_record).
#[must_use]
pub fn compress_record(record: &[u8], dictionary: &Dictionary) -> Option<Vec<u8>> {
    let layout = Layout::of(record).filter(Layout::is_plain)?;
    let parts = plain_parts(record)?;
    let mut payload = Vec::new();
    Lengths { metadata: parts[0].len(), data: parts[1].len() }.put(&mut payload);
    payload.extend(lz4::compress(&parts, dictionary.bytes(), payload.len())?);
    Some(layout.with_payload(false, CODEC_LZ4, true, &payload))
}

/// A record with nothing but [`Erasure`] for a payload, and without its tags unless they are to be kept; `None` if it was erased
/// before or stands for a lost event. Position, version, stream, type, both times, id and schema version stay.
///
/// The record must have been verified. What comes back is complete but for what a frame fills in.
#[must_use]
pub fn erase_record(record: &[u8], erasure: &Erasure, keep_tags: bool) -> Option<Vec<u8>> {
    let layout = Layout::of(record).filter(|layout| layout.is_plain() || layout.is_compressed())?;
    Some(layout.with_payload(true, CODEC_PLAIN, keep_tags, &erasure.to_bytes()))
}

/// The payload of a record of a segment with this dictionary, if it has one.
///
/// # Errors
/// That it was erased, or is damaged. A plain one never gives an error.
pub fn plain_payload(
    record: &[u8],
    position: Position,
    dictionary: Option<&Dictionary>,
) -> Result<PlainPayload<'static>, PayloadError> {
    let damaged = |what| PayloadError::Damaged { position, what };
    let layout = Layout::of(record).ok_or(damaged("its lengths are wrong"))?;
    let payload = &layout.record[layout.payload..];
    if layout.is_compressed() {
        return decompress(payload, dictionary).map_err(damaged);
    }
    if layout.is_plain() {
        let (metadata, data) = payload.split_at(layout.metadata);
        return Ok(PlainPayload { data: data.to_vec().into(), metadata: metadata.to_vec().into() });
    }
    match payload.first_chunk() {
        Some(left) if layout.is_erased() => {
            Err(PayloadError::Erased { position, erasure: Erasure::from_bytes(left) })
        }
        _ => Err(PayloadError::NoReader { position }),
    }
}

/// Whether a stored event is the one of a record that this program has just made, whatever became of its payload since: as
/// [`same_content`], for what is stored compressed or erased. Of an erased payload, and of the tags that may have gone with it,
/// the SHA-256 decides; if that was not kept, the rest does.
#[must_use]
pub fn is_repetition(stored: &EventRef<'_>, record: &[u8], given: &[u8]) -> bool {
    if stored.payload.as_plain().is_some() {
        return same_content(record, given);
    }
    let (Some(layout), Some(other), Some([metadata, data])) =
        (Layout::of(record), Layout::of(given), plain_parts(given))
    else {
        return false;
    };
    let given = PlainPayload { data: data.into(), metadata: metadata.into() };
    match stored.plain() {
        Ok(plain) => layout.given() == other.given() && plain == given,
        Err(PayloadError::Erased { erasure, .. }) => {
            let same = Erasure { sha256: None, ..erasure_of(&given, erasure.erased_at) };
            layout.given_but_tags() == other.given_but_tags()
                && Erasure { sha256: None, ..erasure } == same
                && erasure
                    .sha256
                    .is_none_or(|hash| Some(hash) == erasure_of(&given, erasure.erased_at).sha256)
        }
        Err(_) => false,
    }
}
