//! The dictionary of a segment: bytes that its payloads have in common.

use crate::binding::Binding;
use crate::damage::Damage;
use crate::wire::{put_u32, u32_at};
use annals_types::planted::{Bug, planted};
use std::fmt;

const MAGIC: &[u8; 8] = b"ANNALDIC";
const CHECKSUM: usize = 8;
const LENGTH: usize = 12;
const BODY_CHECKSUM: usize = 16;
const RESERVED: usize = 20;

/// Length of what stands in front of a dictionary.
pub const DICTIONARY_HEADER_BYTES: usize = 24;
/// Most bytes of a dictionary: the longest way back in an LZ4 block is 64 KiB, and half of that has always been enough.
pub const DICTIONARY_BYTES_MAX: usize = 32 << 10;
/// A dictionary has so many bytes at least, or none.
pub(super) const DICTIONARY_BYTES_MIN: usize = 64;

/// Bytes that payloads have in common, for compressing them one by one. Made by [`super::Trainer`].
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Dictionary(Vec<u8>);

impl Dictionary {
    /// A dictionary of the last so many of these bytes as it may have; empty if they are too few to be worth one.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.drain(..bytes.len().saturating_sub(DICTIONARY_BYTES_MAX));
        if bytes.len() < DICTIONARY_BYTES_MIN {
            bytes.clear();
        }
        Dictionary(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether payloads are compressed each for itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How it is stored in the segment of this binding; the length is a multiple of 8.
    #[must_use]
    pub fn encode(&self, binding: Binding) -> Vec<u8> {
        let mut out = vec![0; DICTIONARY_HEADER_BYTES];
        out[..CHECKSUM].copy_from_slice(MAGIC);
        #[expect(clippy::cast_possible_truncation, reason = "bounded by DICTIONARY_BYTES_MAX")]
        put_u32(&mut out, LENGTH, self.0.len() as u32);
        put_u32(&mut out, BODY_CHECKSUM, crc32fast::hash(&self.0));
        let checksum = header_checksum(&out, binding);
        put_u32(&mut out, CHECKSUM, checksum);
        out.extend_from_slice(&self.0);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }

    /// The dictionary at the front of `bytes`, which may go on behind it, and how many of them are its. `offset` is where that
    /// is in the file.
    ///
    /// # Errors
    /// The first check that fails: room for the header, magic, checksum (bound to store and segment), reserved bytes, length,
    /// room, checksum of the bytes, zeros behind them.
    pub fn decode(bytes: &[u8], binding: Binding, offset: u64) -> Result<(Self, usize), Damage> {
        let damage = |at: usize, what, found: u64, expected: u64| {
            Err(Damage::new(offset + at as u64, what, found, expected))
        };
        let Some(header) = bytes.first_chunk::<DICTIONARY_HEADER_BYTES>() else {
            return damage(0, "room for a dictionary", bytes.len() as u64, DICTIONARY_HEADER_BYTES as u64);
        };
        if !header.starts_with(MAGIC) {
            return damage(0, "dictionary magic", 0, 1);
        }
        let (found, expected) = (u32_at(header, CHECKSUM), header_checksum(header, binding));
        if found != expected {
            return damage(CHECKSUM, "dictionary checksum", found.into(), expected.into());
        }
        if u32_at(header, RESERVED) != 0 {
            return damage(RESERVED, "reserved bytes of a dictionary", u32_at(header, RESERVED).into(), 0);
        }
        let length = u32_at(header, LENGTH) as usize;
        if length > DICTIONARY_BYTES_MAX || (length > 0 && length < DICTIONARY_BYTES_MIN) {
            return damage(LENGTH, "length of a dictionary", length as u64, DICTIONARY_BYTES_MAX as u64);
        }
        let end = (DICTIONARY_HEADER_BYTES + length).next_multiple_of(8);
        let Some(body) = bytes.get(DICTIONARY_HEADER_BYTES..end) else {
            return damage(LENGTH, "room for a dictionary", end as u64, bytes.len() as u64);
        };
        let (body, zeros) = body.split_at(length);
        let (found, expected) = (u32_at(header, BODY_CHECKSUM), crc32fast::hash(body));
        if found != expected && !planted(Bug::DictionaryNotVerified) {
            return damage(BODY_CHECKSUM, "checksum of a dictionary's bytes", found.into(), expected.into());
        }
        if zeros.iter().any(|byte| *byte != 0) {
            return damage(DICTIONARY_HEADER_BYTES + length, "zeros behind a dictionary", 1, 0);
        }
        Ok((Dictionary(body.to_vec()), end))
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dictionary of {} bytes", self.0.len())
    }
}

/// The header's checksum covers that of the bytes, and is bound to store and segment.
fn header_checksum(header: &[u8], binding: Binding) -> u32 {
    binding.checksum_of(&[&header[..CHECKSUM], &header[LENGTH..DICTIONARY_HEADER_BYTES]])
}

/// See [`crate::reseal`].
pub fn reseal_dictionary(bytes: &mut [u8], binding: Binding) {
    if bytes.len() < DICTIONARY_HEADER_BYTES {
        return;
    }
    let length = u32_at(bytes, LENGTH) as usize;
    if let Some(body) = bytes.get(DICTIONARY_HEADER_BYTES..DICTIONARY_HEADER_BYTES.saturating_add(length)) {
        let checksum = crc32fast::hash(body);
        put_u32(bytes, BODY_CHECKSUM, checksum);
    }
    let checksum = header_checksum(bytes, binding);
    put_u32(bytes, CHECKSUM, checksum);
}
