//! The same event with another payload: for whoever writes a sealed segment anew.

use super::dictionary::Dictionary;
use super::sealed::{self, KeyState, Keys};
use super::{decompress, erasure_of};
use crate::record::{Form, Layout, same_content};
use annals_types::{Erasure, EventRef, PayloadBuffer, PayloadError, PlainPayload, Position, Uuid};

/// Metadata and data of a record that has them as they are.
pub(super) fn plain_parts(record: &[u8]) -> Option<[&[u8]; 2]> {
    let layout = Layout::of(record).filter(Layout::is_plain)?;
    let (metadata, data) = layout.record[layout.payload..].split_at(layout.metadata);
    Some([metadata, data])
}

/// A record with its payload as it is that was compressed with this dictionary; `None` if it is not compressed: then it is to be
/// taken over as it is.
///
/// The record must have been verified. What comes back is complete but for what a frame fills in.
///
/// # Errors
/// That this is not what was compressed with this dictionary.
pub fn plain_record(
    record: &[u8],
    position: Position,
    dictionary: Option<&Dictionary>,
) -> Result<Option<Vec<u8>>, PayloadError> {
    let Some(layout) = Layout::of(record).filter(Layout::is_compressed) else { return Ok(None) };
    let plain = plain_payload(record, position, dictionary, None)?;
    let mut payload = Vec::with_capacity(plain.metadata.len() + plain.data.len());
    payload.extend_from_slice(&plain.metadata);
    payload.extend_from_slice(&plain.data);
    Ok(Some(layout.with_payload(Form::Plain { metadata: plain.metadata.len() }, true, &payload)))
}

/// A record with nothing but [`Erasure`] for a payload, and without its tags unless they are to be kept; `None` if it stands for a
/// lost event. Position, version, stream, type, both times, id and schema version stay. One that was erased before can lose its
/// hash or its tags in this way.
///
/// The record must have been verified. What comes back is complete but for what a frame fills in.
#[must_use]
pub fn erase_record(record: &[u8], erasure: &Erasure, keep_tags: bool) -> Option<Vec<u8>> {
    let has_payload = |layout: &Layout<'_>| {
        layout.is_plain() || layout.is_compressed() || layout.is_encrypted() || layout.is_erased()
    };
    let layout = Layout::of(record).filter(has_payload)?;
    Some(layout.with_payload(Form::Erased, keep_tags, &erasure.to_bytes()))
}

/// The payload of a record of a segment with this dictionary, if it has one, by somebody who has these keys, if any.
///
/// # Errors
/// That it was erased, that its key is not there, or that it is damaged. A plain one never gives an error.
pub fn plain_payload(
    record: &[u8],
    position: Position,
    dictionary: Option<&Dictionary>,
    keys: Option<&dyn Keys>,
) -> Result<PlainPayload<'static>, PayloadError> {
    let damaged = |what| PayloadError::Damaged { position, what };
    let layout = Layout::of(record).ok_or(damaged("its lengths are wrong"))?;
    let payload = &layout.record[layout.payload..];
    if layout.is_compressed() {
        let mut buffer = PayloadBuffer::new();
        return decompress(payload, dictionary, &mut buffer).map(|()| buffer.into_plain()).map_err(damaged);
    }
    if layout.is_plain() {
        let (metadata, data) = payload.split_at(layout.metadata);
        return Ok(PlainPayload { data: data.to_vec().into(), metadata: metadata.to_vec().into() });
    }
    if layout.is_encrypted() {
        let key = sealed::key_id(payload).ok_or(damaged("its key has no id"))?;
        return match keys.map_or(KeyState::Missing, |keys| keys.key(key)) {
            KeyState::Here(key) => {
                sealed::decrypt(&layout, &key).ok_or(damaged("it is not what was encrypted under its key"))
            }
            KeyState::Destroyed(at) => Err(PayloadError::KeyDestroyed { position, key, at }),
            KeyState::Missing => Err(PayloadError::KeyMissing { position, key }),
        };
    }
    match payload.first_chunk() {
        Some(left) if layout.is_erased() => {
            Err(PayloadError::Erased { position, erasure: Erasure::from_bytes(left) })
        }
        _ => Err(PayloadError::NoReader { position }),
    }
}

/// The same in memory that is used again.
///
/// # Errors
/// As [`plain_payload`].
#[inline]
pub fn plain_payload_in(
    record: &[u8],
    position: Position,
    dictionary: Option<&Dictionary>,
    keys: Option<&dyn Keys>,
    buffer: &mut PayloadBuffer,
) -> Result<(), PayloadError> {
    match Layout::of(record) {
        Some(layout) if layout.is_compressed() => {
            let made = decompress(&layout.record[layout.payload..], dictionary, buffer);
            made.map_err(|what| PayloadError::Damaged { position, what })
        }
        _ => plain_payload(record, position, dictionary, keys).map(|plain| buffer.put(&plain)),
    }
}

/// Whether the payload of a record is compressed.
#[must_use]
pub fn is_compressed(record: &[u8]) -> bool {
    Layout::of(record).is_some_and(|layout| layout.is_compressed())
}

/// The id of the key that the payload of a record is encrypted under; `None` if it is not encrypted.
#[must_use]
pub fn key_of(record: &[u8]) -> Option<Uuid> {
    let layout = Layout::of(record).filter(Layout::is_encrypted)?;
    sealed::key_id(&layout.record[layout.payload..])
}

/// Whether a stored event is the one of a record that this program has just made, whatever became of its payload since: as
/// [`same_content`], for what is stored compressed or erased. Of an erased payload, and of the tags that may have gone with it,
/// the SHA-256 decides; if that was not kept, the rest does. The payload of the given one may be encrypted under one of `keys`.
#[must_use]
pub fn is_repetition(stored: &EventRef<'_>, record: &[u8], given: &[u8], keys: Option<&dyn Keys>) -> bool {
    if same_content(record, given) {
        return true;
    }
    let (Some(layout), Some(other)) = (Layout::of(record), Layout::of(given)) else { return false };
    if layout.is_plain() && other.is_plain() {
        return false;
    }
    let Ok(given) = plain_payload(given, stored.position, None, keys) else { return false };
    match stored.plain() {
        Ok(plain) => layout.given() == other.given() && plain == given,
        // Of a payload that could not be read when it was erased nothing is known.
        Err(PayloadError::Erased { erasure, .. }) if erasure.says_nothing() => {
            layout.given_but_tags() == other.given_but_tags()
        }
        Err(PayloadError::Erased { erasure, .. }) => {
            let same = Erasure { sha256: None, ..erasure_of(&given, erasure.erased_at) };
            layout.given_but_tags() == other.given_but_tags()
                && Erasure { sha256: None, ..erasure } == same
                && erasure
                    .sha256
                    .is_none_or(|hash| Some(hash) == erasure_of(&given, erasure.erased_at).sha256)
        }
        // What is gone cannot be compared, and is not to come back by being appended again.
        Err(PayloadError::KeyDestroyed { .. }) => layout.given() == other.given(),
        Err(_) => false,
    }
}
