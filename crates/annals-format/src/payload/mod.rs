//! Payloads that are not stored as they are: compressed, encrypted or erased.
//!
//! In such a record something else stands where metadata and data do in a plain one; all other fields stay where they are, so
//! that the event is found and shown without it. Codec 1 in the header says that it is compressed, flag bit 5 that it is
//! encrypted, flag bit 7 that it is erased. What stands there is under the checksum of the body like all the rest.

mod compressor;
pub(crate) mod dictionary;
mod lz4;
mod rewrite;
mod sealed;
mod state;
mod trainer;

pub use compressor::Compressor;
pub use dictionary::{DICTIONARY_BYTES_MAX, DICTIONARY_HEADER_BYTES, Dictionary};
pub use rewrite::{
    erase_record, is_compressed, is_repetition, key_of, plain_payload, plain_payload_in, plain_record,
};
pub(crate) use sealed::SEALED_BYTES_MIN;
pub use sealed::{Key, KeyState, Keys, NONCE_BYTES, encrypt_record};
pub use state::{AboutState, STATE_ENCRYPTED, decrypt_state, encrypt_state, key_of_state};
pub use trainer::Trainer;

use crate::damage::Damage;
use crate::varint::{put_varint, take_varint};
use annals_types::limits::{DATA_BYTES_MAX, METADATA_BYTES_MAX};
use annals_types::{Erasure, PayloadBuffer, PlainPayload};
use sha2::{Digest, Sha256};

/// Codec of data and metadata as they are.
pub(crate) const CODEC_PLAIN: u8 = 0;
/// Codec of data and metadata as an LZ4 block, made with the dictionary of the segment.
pub(crate) const CODEC_LZ4: u8 = 1;

/// What stands at the front of a compressed payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lengths {
    metadata: usize,
    data: usize,
}

impl Lengths {
    /// Takes them off the front; `None` if they are not there, or more than an event may have. So nothing is ever allocated
    /// for a length that cannot be.
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let mut length = |most: usize| {
            take_varint(rest).and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= most)
        };
        Some(Lengths { metadata: length(METADATA_BYTES_MAX)?, data: length(DATA_BYTES_MAX)? })
    }

    fn put(self, out: &mut Vec<u8>) {
        put_varint(out, self.metadata as u64);
        put_varint(out, self.data as u64);
    }

    fn total(self) -> usize {
        self.metadata + self.data
    }
}

/// Checks what can be checked of a compressed payload without its dictionary. `offset` is where it is in the file.
pub(crate) fn check_compressed(payload: &[u8], offset: u64) -> Result<(), Damage> {
    let mut rest = payload;
    match Lengths::take(&mut rest) {
        Some(lengths) if lengths.total() > 0 => Ok(()),
        _ => Err(Damage::new(offset, "lengths of a compressed payload", payload.len() as u64, 0u64)),
    }
}

/// Makes the payload, in front of which its lengths stand, plain in `buffer`.
#[inline]
fn decompress(
    payload: &[u8],
    dictionary: Option<&Dictionary>,
    buffer: &mut PayloadBuffer,
) -> Result<(), &'static str> {
    let mut block = payload;
    let lengths = Lengths::take(&mut block).ok_or("its lengths are more than an event may have")?;
    let dictionary = dictionary.map_or(&[][..], Dictionary::bytes);
    let made = lz4::may_become(block, lengths.total()).then(|| {
        let room = buffer.room(lengths.metadata, lengths.data, lz4::room_behind(block));
        lz4::decompress(block, room, lengths.total(), dictionary)
    });
    made.flatten().ok_or("it cannot be decompressed")
}

/// What stays of a payload that is erased at a time.
#[must_use]
pub fn erasure_of(plain: &PlainPayload<'_>, erased_at: annals_types::Timestamp) -> Erasure {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (data_bytes, metadata_bytes) = (length(&plain.data), length(&plain.metadata));
    let mut hash = Sha256::new();
    hash.update(metadata_bytes.to_le_bytes());
    hash.update(&plain.metadata);
    hash.update(&plain.data);
    Erasure { erased_at, data_bytes, metadata_bytes, sha256: Some(hash.finalize().into()) }
}
