//! Encrypted states in snapshots, under the key of the subject whose events they are made of.
//!
//! Bound to it is what the header of the snapshot says of the event that it was taken behind: a state cannot be put into the snapshot
//! of another stream, tag or version. The position is not bound, nor is the store, as with payloads.

use super::sealed::{self, ID_BYTES, Key, NONCE_BYTES, TAG_BYTES};
use annals_types::{Timestamp, Uuid, Version};

/// The bit of a snapshot's codec that says that its payload is encrypted; the others say what it is once it is not.
pub const STATE_ENCRYPTED: u8 = 0x80;
/// What is bound begins with this, so that no state is ever taken for the payload of an event.
const LABEL: &[u8; 16] = b"annals snapshot\0";

/// What a state is bound to.
#[derive(Clone, Copy, Debug)]
pub struct AboutState<'a> {
    /// The stream whose state it is.
    pub stream: &'a str,
    /// The schema tag.
    pub tag: &'a str,
    /// The version of the last event that was folded in.
    pub version: Version,
    /// Its id.
    pub event_id: Uuid,
    /// When the store took it.
    pub recorded_at: Timestamp,
    /// The latest occurred_at of all events that were folded in.
    pub occurred_max: Timestamp,
    /// What the state is encoded as, without [`STATE_ENCRYPTED`].
    pub codec: u8,
}

impl AboutState<'_> {
    fn bound(&self) -> Vec<u8> {
        let AboutState { stream, tag, version, event_id, recorded_at, occurred_max, codec } = self;
        let mut bytes = LABEL.to_vec();
        bytes.extend_from_slice(&version.get().to_le_bytes());
        bytes.extend_from_slice(event_id.as_bytes());
        bytes.extend_from_slice(&recorded_at.as_nanos().to_le_bytes());
        bytes.extend_from_slice(&occurred_max.as_nanos().to_le_bytes());
        bytes.push(*codec);
        bytes.extend_from_slice(&(stream.len() as u64).to_le_bytes());
        bytes.extend_from_slice(stream.as_bytes());
        bytes.extend_from_slice(tag.as_bytes());
        bytes
    }
}

/// A state encrypted: the payload of a snapshot whose codec has [`STATE_ENCRYPTED`]. A nonce is never used again with the same key.
/// `None` if it is too long for the cipher, 256 GiB.
#[must_use]
pub fn encrypt_state(
    state: &[u8],
    about: &AboutState<'_>,
    id: Uuid,
    key: &Key,
    nonce: [u8; NONCE_BYTES],
) -> Option<Vec<u8>> {
    let front = ID_BYTES + NONCE_BYTES;
    let mut bytes = Vec::with_capacity(front + state.len() + TAG_BYTES);
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(state);
    let tag = sealed::seal(&mut bytes[front..], &about.bound(), key, nonce)?;
    bytes.extend_from_slice(&tag);
    Some(bytes)
}

/// The id of the key that a state is encrypted under; `None` if these bytes are no encrypted state.
#[must_use]
pub fn key_of_state(payload: &[u8]) -> Option<Uuid> {
    if payload.len() < ID_BYTES + NONCE_BYTES + TAG_BYTES { None } else { sealed::key_id(payload) }
}

/// What was encrypted; `None` if this is not what was encrypted under this key for this snapshot.
#[must_use]
pub fn decrypt_state(payload: &[u8], about: &AboutState<'_>, key: &Key) -> Option<Vec<u8>> {
    sealed::open(payload, &about.bound(), key)
}
