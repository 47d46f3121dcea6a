//! The header of a segment.

use crate::binding::{Binding, StoreId};
use crate::damage::{Damage, FormatError};
use crate::wire::{put_u32, put_u64, u32_at, u64_at};
use crate::{FORMAT_VERSION, frame::FRAME_ALIGNMENT};
use annals_types::Position;

const MAGIC: [u8; 8] = *b"ANNALSEG";
const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const STORE_ID: usize = 16;
const SEGMENT_ID: usize = 32;
const FIRST_POSITION: usize = 40;
const SALT: usize = 48;
const RESERVED: usize = 56;

/// Length of a segment's header; the first frame begins here.
pub const SEGMENT_HEADER_BYTES: usize = 64;

const _: () = assert!(SEGMENT_HEADER_BYTES.is_multiple_of(FRAME_ALIGNMENT));
const _: () = assert!(RESERVED + 8 == SEGMENT_HEADER_BYTES);

/// The first bytes of a segment: what it is, whose it is, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The store it belongs to.
    pub store_id: StoreId,
    /// Its number.
    pub segment_id: u64,
    /// Position of its first event.
    pub first_position: Position,
    /// Random number that goes into every checksum of the segment.
    pub salt: u64,
}

impl SegmentHeader {
    /// The seed of the segment's checksums.
    #[must_use]
    pub fn binding(&self) -> Binding {
        Binding::new(&self.store_id, self.segment_id, self.salt)
    }

    /// The header as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION, FORMAT_VERSION);
        bytes[STORE_ID..SEGMENT_ID].copy_from_slice(&self.store_id);
        put_u64(&mut bytes, SEGMENT_ID, self.segment_id);
        put_u64(&mut bytes, FIRST_POSITION, self.first_position.get());
        put_u64(&mut bytes, SALT, self.salt);
        let checksum = header_checksum(&bytes);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }

    /// Reads a header. The checks, in order: magic, checksum, version, reserved bytes.
    ///
    /// # Errors
    /// What is wrong with it. An all-zero header (not written yet) is `Foreign`.
    pub fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, FormatError> {
        if bytes[..8] != MAGIC {
            return Err(FormatError::Foreign { expected: "a segment of an Annals store" });
        }
        let (found, expected) = (u32_at(bytes, CHECKSUM), header_checksum(bytes));
        if found != expected {
            return Err(Damage::new(CHECKSUM as u64, "segment header checksum", found, expected).into());
        }
        let version = u32_at(bytes, VERSION);
        if version > FORMAT_VERSION {
            return Err(FormatError::Newer { found: version, supported: FORMAT_VERSION });
        }
        let reserved = u64_at(bytes, RESERVED);
        if reserved != 0 {
            return Err(
                Damage::new(RESERVED as u64, "reserved bytes of the segment header", reserved, 0u64).into()
            );
        }
        let mut store_id = [0; 16];
        store_id.copy_from_slice(&bytes[STORE_ID..SEGMENT_ID]);
        Ok(SegmentHeader {
            store_id,
            segment_id: u64_at(bytes, SEGMENT_ID),
            first_position: Position::new(u64_at(bytes, FIRST_POSITION)),
            salt: u64_at(bytes, SALT),
        })
    }
}

/// See [`crate::reseal`].
pub fn reseal_segment_header(bytes: &mut [u8]) {
    if let Some(header) = bytes.first_chunk_mut() {
        let checksum = header_checksum(header);
        put_u32(header, CHECKSUM, checksum);
    }
}

/// The header's own checksum is not seeded: `inspect` reads a header without knowing the store.
fn header_checksum(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CHECKSUM]);
    hasher.update(&bytes[STORE_ID..]);
    hasher.finalize()
}
