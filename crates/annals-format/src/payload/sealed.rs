//! Encrypted payloads: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), under the key of a data subject.
//!
//! The nonce is random, and long enough for that. Bound to the payload is everything that the producer gave beside it (stream,
//! type, id, times, tags, kinds): it cannot be put into a record that says something else. Store and version are not bound: the
//! one may change when a store is repaired or restored, the other is not known yet when the caller's thread encrypts.

use super::{PlainPayload, take_varint};
use crate::record::{Form, Layout};
use crate::varint::put_varint;
use annals_types::{Timestamp, Uuid};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use std::fmt;

pub(super) const ID_BYTES: usize = 16;
/// Length of a nonce.
pub const NONCE_BYTES: usize = 24;
pub(super) const TAG_BYTES: usize = 16;
/// What an encrypted payload takes at least.
pub(crate) const SEALED_BYTES_MIN: usize = ID_BYTES + NONCE_BYTES + 1 + TAG_BYTES;

/// A secret key. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// The key.
    Here(Key),
    /// It was destroyed then.
    Destroyed(Timestamp),
    /// Nothing.
    Missing,
}

/// Where keys are found.
pub trait Keys: Send + Sync + fmt::Debug {
    /// What is known of the key of an id.
    fn key(&self, id: Uuid) -> KeyState;
}

/// A record with its payload encrypted; `None` if it is not plain, or has no payload: then it is to be taken over as it is. A nonce
/// is never used again with the same key.
#[must_use]
pub fn encrypt_record(record: &[u8], id: Uuid, key: &Key, nonce: [u8; NONCE_BYTES]) -> Option<Vec<u8>> {
    let layout = Layout::of(record).filter(Layout::is_plain)?;
    let [metadata, data] = super::rewrite::plain_parts(record)?;
    if metadata.is_empty() && data.is_empty() {
        return None;
    }
    let mut payload = Vec::with_capacity(SEALED_BYTES_MIN + 9 + metadata.len() + data.len());
    payload.extend_from_slice(id.as_bytes());
    payload.extend_from_slice(&nonce);
    let front = payload.len();
    put_varint(&mut payload, metadata.len() as u64);
    payload.extend_from_slice(metadata);
    payload.extend_from_slice(data);
    let end = payload.len();
    payload.extend_from_slice(&[0; TAG_BYTES]);
    let mut sealed = layout.with_payload(Form::Encrypted, true, &payload);
    let (at, bound) = {
        let layout = Layout::of(&sealed)?;
        (layout.payload, layout.bound())
    };
    let tag = seal(&mut sealed[at + front..at + end], &bound, key, nonce)?;
    sealed[at + end..].copy_from_slice(&tag);
    crate::record::reseal_body(&mut sealed);
    Some(sealed)
}

/// The id of the key that a payload is encrypted under.
pub(super) fn key_id(payload: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(payload.get(..ID_BYTES)?).ok()
}

/// What was encrypted; `None` if this is not what was encrypted under this key for this record.
pub(super) fn decrypt(layout: &Layout<'_>, key: &Key) -> Option<PlainPayload<'static>> {
    let text = open(layout.record.get(layout.payload..)?, &layout.bound(), key)?;
    let mut rest = &text[..];
    let metadata = usize::try_from(take_varint(&mut rest)?).ok()?;
    let (metadata, data) = rest.split_at_checked(metadata)?;
    Some(PlainPayload { metadata: metadata.to_vec().into(), data: data.to_vec().into() })
}

/// Encrypts a text where it stands, and gives the tag that proves it, and what is bound to it.
pub(super) fn seal(
    text: &mut [u8],
    bound: &[u8],
    key: &Key,
    nonce: [u8; NONCE_BYTES],
) -> Option<[u8; TAG_BYTES]> {
    let cipher = XChaCha20Poly1305::new(&key.0.into());
    cipher.encrypt_inout_detached(&XNonce::from(nonce), bound, text.into()).ok().map(Into::into)
}

/// The text of id, nonce, encrypted text and tag; `None` if this is not what was encrypted under this key with that bound to it.
pub(super) fn open(sealed: &[u8], bound: &[u8], key: &Key) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.get(ID_BYTES..)?.split_first_chunk::<NONCE_BYTES>()?;
    let (text, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let (mut text, tag) = (text.to_vec(), Tag::from(*tag));
    let cipher = XChaCha20Poly1305::new(&key.0.into());
    cipher
        .decrypt_inout_detached(&XNonce::from(*nonce), bound, text.as_mut_slice().into(), &tag)
        .ok()
        .map(|()| text)
}
