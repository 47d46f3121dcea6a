//! What ties bytes to their place: store, segment, position.

use crate::crc;
use crate::id::made_id;
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp, Uuid};
use crc32fast::Hasher;

/// Sixteen random bytes that name a store for its whole life.
pub type StoreId = [u8; 16];

/// The seed of all checksums of one segment or file of snapshots, so that bytes of another store, of another
/// file, or of an earlier life of the same disk blocks never look valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    seed: u32,
    id_key: u32,
}

impl Binding {
    /// The binding of segment `segment_id` of a store, with the segment's random salt.
    #[must_use]
    pub fn new(store_id: &StoreId, segment_id: u64, salt: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(store_id);
        let id_key = hasher.clone().finalize();
        if planted(Bug::ChecksumWithoutSegment) {
            return Binding { seed: id_key, id_key };
        }
        hasher.update(&segment_id.to_le_bytes());
        hasher.update(&salt.to_le_bytes());
        Binding { seed: hasher.finalize(), id_key }
    }

    /// The id that the store makes for the event at a position of this segment, if its producer gave none.
    #[inline]
    #[must_use]
    pub fn made_id(self, position: Position, recorded_at: Timestamp) -> Uuid {
        made_id(self.id_key, position, recorded_at)
    }

    /// Whether [`Binding::made_id`] gives this id for the position at any time at all.
    #[must_use]
    pub fn may_have_made(self, id: Uuid, position: Position) -> bool {
        // All but the 48 bits of the time.
        let without_time = |id: Uuid| id.as_u128() & (u128::MAX >> 48);
        without_time(id) == without_time(self.made_id(position, Timestamp::EPOCH))
    }

    /// The first four bytes (little-endian) of something whose other bytes are `behind` and whose checksum is this.
    #[must_use]
    pub(crate) fn solve(self, checksum: u32, behind: &[u8]) -> u32 {
        crc::first_word(self.seed, behind, checksum)
    }

    /// The checksum of bytes of this segment.
    #[must_use]
    pub(crate) fn checksum(self, bytes: &[u8]) -> u32 {
        self.checksum_of(&[bytes])
    }

    /// The checksum of several stretches of bytes, one after the other.
    #[must_use]
    pub(crate) fn checksum_of(self, parts: &[&[u8]]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.seed);
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize()
    }
}
