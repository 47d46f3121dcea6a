//! What is left of a payload that was erased.

use crate::limits::{DATA_BYTES_MAX, METADATA_BYTES_MAX};
use crate::time::Timestamp;

/// Length of what is stored in the place of an erased payload.
pub const ERASURE_BYTES: usize = 48;

/// What stands for a payload that is being erased. No event can have had one of such a length, so it is never stored.
pub(super) static UNDER_WAY: [u8; ERASURE_BYTES] = [u8::MAX; ERASURE_BYTES];

/// What is left of an erased payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// When it was erased.
    pub erased_at: Timestamp,
    /// How many bytes of data there were.
    pub data_bytes: u32,
    /// How many bytes of metadata there were.
    pub metadata_bytes: u32,
    /// SHA-256 of the number of bytes of metadata (`u32`, little-endian), the metadata and the data, by which a payload that
    /// somebody shows can be recognised as this one; `None` if it was not kept. Mind that short payloads can be guessed from it.
    pub sha256: Option<[u8; 32]>,
}

impl Erasure {
    /// From the encoded form: SHA-256 (32 bytes, zeros for none), time (`i64`), bytes of data (`u32`), bytes of metadata (`u32`),
    /// all little-endian. Any bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ERASURE_BYTES]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[..32]);
        let mut time = [0; 8];
        time.copy_from_slice(&bytes[32..40]);
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Erasure {
            erased_at: Timestamp::from_nanos(i64::from_le_bytes(time)),
            data_bytes: number(40),
            metadata_bytes: number(44),
            sha256: (hash != [0; 32]).then_some(hash),
        }
    }

    /// The encoded form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ERASURE_BYTES] {
        let mut bytes = [0; ERASURE_BYTES];
        bytes[..32].copy_from_slice(&self.sha256.unwrap_or_default());
        bytes[32..40].copy_from_slice(&self.erased_at.as_nanos().to_le_bytes());
        bytes[40..44].copy_from_slice(&self.data_bytes.to_le_bytes());
        bytes[44..].copy_from_slice(&self.metadata_bytes.to_le_bytes());
        bytes
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.data_bytes == u32::MAX && self.metadata_bytes == u32::MAX
    }

    /// Whether nothing is known of the payload but when it was erased: nobody could read it then.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        self.data_bytes == 0 && self.metadata_bytes == 0 && self.sha256.is_none()
    }

    /// Whether an event could have had such a payload.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.data_bytes as usize <= DATA_BYTES_MAX && self.metadata_bytes as usize <= METADATA_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Position;
    use crate::payload::{PayloadError, PayloadRef};

    #[test]
    fn an_erased_payload_tells_what_it_was_and_when_it_went() {
        let erasure = Erasure {
            erased_at: Timestamp::from_nanos(-5),
            data_bytes: 3,
            metadata_bytes: 2,
            sha256: Some([7; 32]),
        };
        for erasure in [erasure, Erasure { sha256: None, ..erasure }] {
            let bytes = erasure.to_bytes();
            assert_eq!(Erasure::from_bytes(&bytes), erasure);
            let payload = PayloadRef::erased(&bytes);
            let error = payload.read(Position::new(9)).unwrap_err();
            assert_eq!(error, PayloadError::Erased { position: Position::new(9), erasure });
            assert!(payload.is_erased() && error.is_erased() && !error.is_damage());
        }
        assert!(erasure.is_possible());
        let payload = PayloadRef::being_erased();
        let error = payload.read(Position::new(9)).unwrap_err();
        assert_eq!(error, PayloadError::BeingErased { position: Position::new(9) });
        assert!(payload.is_erased() && error.is_erased() && !error.is_damage());
        assert!(!Erasure::from_bytes(&UNDER_WAY).is_possible());
        assert!(!Erasure { data_bytes: u32::MAX, ..erasure }.is_possible());
    }
}
