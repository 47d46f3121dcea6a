//! An entry of the index of a sorted file of snapshots.

use super::key::SnapshotKey;
use crate::wire::{i64_at, put_i64, put_u32, put_u64, u32_at, u64_at};
use annals_types::{Timestamp, Version};
use std::cmp::{Ordering, Reverse};

const TAG_HASH: usize = 8;
const VERSION: usize = 16;
const SEQUENCE: usize = 24;
const OCCURRED_MAX: usize = 32;
const OFFSET: usize = 40;
const LENGTH: usize = 44;

/// Length of an entry.
pub const SNAPSHOT_ENTRY_BYTES: usize = 48;
/// Offsets and lengths are stored in units of this many bytes.
const UNIT: u64 = super::record::SNAPSHOT_ALIGNMENT as u64;

/// Where a snapshot is, and what a lookup has to know of it.
///
/// Entries are in the order of their keys; of one key the highest version comes first, and of one version the snapshot that
/// was put last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The hashes of its stream and tag.
    pub key: SnapshotKey,
    /// Its version.
    pub version: Version,
    /// Its place in the order of puts.
    pub sequence: u64,
    /// The latest occurred_at of all events that were folded in.
    pub occurred_max: Timestamp,
    /// Where its record begins, a multiple of 8.
    pub offset: u64,
    /// Length of its record, a multiple of 8.
    pub length: u64,
}

impl SnapshotEntry {
    /// What entries are sorted by.
    #[must_use]
    pub fn order(&self) -> (SnapshotKey, Reverse<Version>, Reverse<u64>) {
        (self.key, Reverse(self.version), Reverse(self.sequence))
    }

    /// Compares by [`SnapshotEntry::order`].
    #[must_use]
    pub fn compare(&self, other: &SnapshotEntry) -> Ordering {
        self.order().cmp(&other.order())
    }

    /// The entry as bytes. Offset and length are below 2^35.
    #[must_use]
    pub fn encode(&self) -> [u8; SNAPSHOT_ENTRY_BYTES] {
        debug_assert!(self.offset.is_multiple_of(UNIT) && self.length.is_multiple_of(UNIT));
        debug_assert!(self.offset.max(self.length) / UNIT <= u32::MAX.into());
        let mut bytes = [0; SNAPSHOT_ENTRY_BYTES];
        put_u64(&mut bytes, 0, self.key.stream);
        put_u64(&mut bytes, TAG_HASH, self.key.tag);
        put_u64(&mut bytes, VERSION, self.version.get());
        put_u64(&mut bytes, SEQUENCE, self.sequence);
        put_i64(&mut bytes, OCCURRED_MAX, self.occurred_max.as_nanos());
        put_u32(&mut bytes, OFFSET, (self.offset / UNIT) as u32);
        put_u32(&mut bytes, LENGTH, (self.length / UNIT) as u32);
        bytes
    }

    /// Reads an entry. Any bytes are one: who uses it compares it with the record.
    #[must_use]
    pub fn decode(bytes: &[u8; SNAPSHOT_ENTRY_BYTES]) -> Self {
        SnapshotEntry {
            key: SnapshotKey { stream: u64_at(bytes, 0), tag: u64_at(bytes, TAG_HASH) },
            version: Version::new(u64_at(bytes, VERSION)),
            sequence: u64_at(bytes, SEQUENCE),
            occurred_max: Timestamp::from_nanos(i64_at(bytes, OCCURRED_MAX)),
            offset: u64::from(u32_at(bytes, OFFSET)) * UNIT,
            length: u64::from(u32_at(bytes, LENGTH)) * UNIT,
        }
    }
}
