//! The header of a run.

use crate::FORMAT_VERSION;
use crate::binding::StoreId;
use crate::damage::{Damage, FormatError};
use crate::wire::{put_u32, put_u64, u32_at, u64_at};
use annals_types::Position;

const MAGIC: [u8; 8] = *b"ANNALRUN";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const STORE_ID: usize = 16;
const RUN_ID: usize = 32;
const FIRST_POSITION: usize = 40;
const RESERVED: usize = 48;

/// Length of a run's header; the dictionary begins here.
pub const RUN_HEADER_BYTES: usize = 64;

const _: () = assert!(RESERVED + 16 == RUN_HEADER_BYTES);

/// The first bytes of a run: what it is, whose it is, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHeader {
    /// The store it belongs to.
    pub store_id: StoreId,
    /// Its number.
    pub run_id: u64,
    /// The first position that it covers.
    pub first_position: Position,
}

impl RunHeader {
    /// The header as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; RUN_HEADER_BYTES] {
        let mut bytes = [0; RUN_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        bytes[STORE_ID..RUN_ID].copy_from_slice(&self.store_id);
        put_u64(&mut bytes, RUN_ID, self.run_id);
        put_u64(&mut bytes, FIRST_POSITION, self.first_position.get());
        let checksum = header_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// Reads a header. The checks, in order: magic, checksum, version, reserved bytes.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn decode(bytes: &[u8; RUN_HEADER_BYTES]) -> Result<Self, FormatError> {
        if bytes[..8] != MAGIC {
            return Err(FormatError::Foreign { expected: "an index run of an Annals store" });
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), header_checksum(bytes));
        if found != expected {
            return Err(Damage::new(CHECKSUM as u64, "run header checksum", found, expected).into());
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(FormatError::Newer { found: version, supported: FORMAT_VERSION });
        }
        for at in [RESERVED, RESERVED + 8] {
            let found = u64_at(bytes, at);
            if found != 0 {
                return Err(Damage::new(at as u64, "reserved bytes of the run header", found, 0u64).into());
            }
        }
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[STORE_ID..RUN_ID]);
        Ok(RunHeader {
            store_id,
            run_id: u64_at(bytes, RUN_ID),
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
        })
    }
}

/// See [`crate::reseal`].
pub(super) fn reseal_run_header(bytes: &mut [u8]) {
    if let Some(header) = bytes.first_chunk_mut() {
        let checksum = header_checksum(header);
        put_u32(header, CHECKSUM, checksum);
    }
}

/// The header's own checksum is not seeded: `inspect` reads a header without knowing the store.
fn header_checksum(bytes: &[u8; RUN_HEADER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[STORE_ID..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> RunHeader {
        RunHeader { store_id: *b"0123456789abcdef", run_id: 7, first_position: Position::new(42) }
    }

    #[test]
    fn a_header_comes_back_as_it_was() {
        assert_eq!(RunHeader::decode(&header().encode()), Ok(header()));
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let bytes = header().encode();
        for bit in 0..RUN_HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(RunHeader::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let mut bytes = header().encode();
        put_u32(&mut bytes, VERSION, FORMAT_VERSION + 1);
        let checksum = header_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        let newer = FormatError::Newer { found: FORMAT_VERSION + 1, supported: FORMAT_VERSION };
        assert_eq!(RunHeader::decode(&bytes), Err(newer));
    }
}
