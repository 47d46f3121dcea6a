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

/// The first version of the format whose runs are read. Those of the versions before are made again from the log.
pub(super) const RUN_VERSION_MIN: u32 = 2;
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

    /// Whether this is the sound header of a run that is not read because its version of the format is too old. Such a run
    /// is made again from the log.
    #[must_use]
    pub fn is_outdated(bytes: &[u8; RUN_HEADER_BYTES]) -> bool {
        let sound = bytes[..8] == MAGIC && u32_at(bytes, CHECKSUM) == header_checksum(bytes);
        sound && u32_at(bytes, VERSION) < RUN_VERSION_MIN
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
        check_version(u32_at(bytes, VERSION), VERSION as u64)?;
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

/// Whether a run of a version is read. `at` is where in the file it was found.
pub(super) fn check_version(found: u32, at: u64) -> Result<(), FormatError> {
    match found {
        0..RUN_VERSION_MIN => {
            Err(Damage::new(at, "version of a run, too old", found, RUN_VERSION_MIN).into())
        }
        RUN_VERSION_MIN..=FORMAT_VERSION => Ok(()),
        _ => Err(FormatError::Newer { found, supported: FORMAT_VERSION }),
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
    fn an_older_version_is_refused_and_known_as_such() {
        for version in 0..RUN_VERSION_MIN {
            let mut bytes = header().encode();
            put_u32(&mut bytes, VERSION, version);
            assert!(!RunHeader::is_outdated(&bytes), "the checksum is another one");
            reseal_run_header(&mut bytes);
            assert!(RunHeader::is_outdated(&bytes));
            let error = RunHeader::decode(&bytes).unwrap_err();
            assert!(
                matches!(error, FormatError::Damaged(damage) if damage.what.starts_with("version of a run"))
            );
        }
        assert!(!RunHeader::is_outdated(&header().encode()));
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
