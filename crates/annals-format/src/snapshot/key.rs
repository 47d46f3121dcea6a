//! What snapshots are found by: the hashes of the stream's name and of the schema tag.

use crate::binding::StoreId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The seed of the hashes in a store's files of snapshots. It is made of the store id, so that all files of a store agree
/// on their order, and nobody who does not know the store can choose names that fall into one place.
#[must_use]
pub fn snapshot_hash_seed(store_id: &StoreId) -> u64 {
    xxh3_64_with_seed(store_id, 0)
}

/// The hashes of a stream's name and of a schema tag (XXH3, 64 bit). Files of snapshots are in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotKey {
    /// Of the stream's name.
    pub stream: u64,
    /// Of the schema tag.
    pub tag: u64,
}

impl SnapshotKey {
    /// The key of a stream and a tag, with the seed of the store.
    #[must_use]
    pub fn new(stream: &str, tag: &str, seed: u64) -> Self {
        SnapshotKey {
            stream: xxh3_64_with_seed(stream.as_bytes(), seed),
            tag: xxh3_64_with_seed(tag.as_bytes(), seed.wrapping_add(1)),
        }
    }

    /// The hash that stands for the key in a filter.
    #[must_use]
    pub const fn filter_hash(&self) -> u64 {
        self.stream ^ self.tag.rotate_left(32)
    }
}
