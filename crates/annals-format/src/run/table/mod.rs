//! A hash table that never changes: a directory of buckets, then all entries, sorted.
//!
//! A bucket is what agrees in the highest bits of the hash, so its number says these. An entry has the bits below them
//! and, under these, a value: the place of a group, or a position relative to the run's first. Sorted as numbers the
//! entries of a bucket lie in order of hash, those of one hash in order of their values. A bucket and its entries
//! say all that the table knows of their hashes, which is enough to build the table of a larger run from ids.

mod bucket;

pub use bucket::put_directory_word;

use super::hash::ID_HASH_BITS;

/// Length of a word of the directory.
pub const DIRECTORY_WORD_BYTES: u64 = 6;
/// A bucket has half to all of this many entries, on average.
const BUCKET_ENTRIES: u64 = 32;
const BUCKET_BITS_MAX: u32 = 40;
const VALUE_BITS_MAX: u32 = 48;
const ENTRY_BYTES_MIN: u32 = 6;
const ENTRY_BYTES_MAX: u32 = 8;
/// Hash bits of an entry, at least.
const ENTRY_HASH_BITS_MIN: u32 = 8;
/// Hash bits of an entry of the term table, at least, as written: of 32 entries one agrees with an absent term by chance
/// in one of 500 lookups.
const TERM_ENTRY_HASH_BITS_MIN: u32 = 14;

/// How a hash table is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableShape {
    /// How many entries there are.
    pub entries: u64,
    /// There are two to the power of this many buckets.
    pub bucket_bits: u8,
    /// How many low bits of an entry are its value.
    pub value_bits: u8,
    /// Length of an entry: 6, 7 or 8.
    pub entry_bytes: u8,
}

impl TableShape {
    /// The shape for some terms, whose groups are in a dictionary of this length.
    #[must_use]
    pub fn of_terms(entries: u64, dictionary_length: u64) -> Self {
        let value_bits = bits_below(dictionary_length);
        Self::new(entries, bucket_bits(entries), value_bits, TERM_ENTRY_HASH_BITS_MIN)
    }

    /// The shape for some ids, whose positions are below `count`. An entry has room for all of the hash that is known
    /// of an id.
    #[must_use]
    pub fn of_ids(entries: u64, count: u64) -> Self {
        if entries == 0 {
            return Self::new(0, 0, 0, 0);
        }
        let value_bits = bits_below(count);
        // With very few ids among very many positions, more buckets take what 8 bytes have no room for.
        let bucket_bits = bucket_bits(entries).max((ID_HASH_BITS + value_bits).saturating_sub(u64::BITS));
        let hash_bits = ID_HASH_BITS.saturating_sub(bucket_bits).max(ENTRY_HASH_BITS_MIN);
        Self::new(entries, bucket_bits, value_bits, hash_bits)
    }

    /// The shape whose entries are the shortest ones with room for value and hash bits.
    fn new(entries: u64, bucket_bits: u32, value_bits: u32, hash_bits: u32) -> Self {
        let entry_bytes = (value_bits + hash_bits).div_ceil(8).max(ENTRY_BYTES_MIN);
        let [bucket_bits, value_bits, entry_bytes] =
            [bucket_bits, value_bits, entry_bytes].map(|few| few as u8);
        let shape = TableShape { entries, bucket_bits, value_bits, entry_bytes };
        debug_assert!(shape.is_possible(u64::MAX));
        shape
    }

    /// Whether the numbers are such that lengths and offsets can be computed, in a file of `file_length`
    /// bytes.
    #[must_use]
    pub(super) fn is_possible(&self, file_length: u64) -> bool {
        let entry_bytes = u32::from(self.entry_bytes);
        u32::from(self.bucket_bits) <= BUCKET_BITS_MAX
            && u32::from(self.value_bits) <= VALUE_BITS_MAX
            && (ENTRY_BYTES_MIN..=ENTRY_BYTES_MAX).contains(&entry_bytes)
            && u32::from(self.value_bits) + ENTRY_HASH_BITS_MIN <= entry_bytes * 8
            && self.entries <= file_length / u64::from(entry_bytes)
    }

    /// Whether the table knows the whole hash of an id.
    #[must_use]
    pub(super) fn knows_ids(&self) -> bool {
        self.known_bits() >= ID_HASH_BITS
    }

    /// Length of the table in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.directory_length() + self.entries * u64::from(self.entry_bytes)
    }

    /// Length of the directory in bytes; the entries follow it.
    #[must_use]
    pub fn directory_length(&self) -> u64 {
        (self.buckets() + 1) * DIRECTORY_WORD_BYTES
    }

    /// How many buckets there are.
    #[must_use]
    pub fn buckets(&self) -> u64 {
        1 << self.bucket_bits
    }

    /// How many of the highest bits of a hash the table knows.
    fn known_bits(&self) -> u32 {
        (u32::from(self.bucket_bits) + self.hash_bits()).min(u64::BITS)
    }

    /// Hash bits of an entry: 8 to 64.
    fn hash_bits(&self) -> u32 {
        u32::from(self.entry_bytes) * 8 - u32::from(self.value_bits)
    }
}

/// How many bits choose the bucket.
fn bucket_bits(entries: u64) -> u32 {
    (entries / (BUCKET_ENTRIES / 2)).checked_ilog2().unwrap_or(0)
}

/// How many bits the numbers below `end` need.
fn bits_below(end: u64) -> u32 {
    u64::BITS - end.saturating_sub(1).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_and_its_share_of_the_directory_take_less_than_seven_bytes() {
        for entries in [100, 1000, 1023, 1024, 100_000, 100_000_000, 1 << 32, 1 << 36] {
            let ids = TableShape::of_ids(entries, 2 * entries);
            // Terms of 32 bytes each in the dictionary.
            let terms = TableShape::of_terms(entries.min(1 << 29), entries.min(1 << 29) * 32);
            for shape in [ids, terms] {
                let rest = shape.length() - shape.entries * 6;
                assert!(rest <= shape.entries * 6 / 16 + 6, "{entries}: {shape:?}");
            }
        }
    }

    #[test]
    fn entries_are_wider_where_six_bytes_have_too_few_bits_of_the_hash() {
        let bytes = |dictionary_length| TableShape::of_terms(1 << 20, dictionary_length).entry_bytes;
        assert_eq!([34, 35, 42, 43, 48].map(|bits| bytes(1 << bits)), [6, 7, 7, 8, 8]);
    }

    #[test]
    fn tables_of_ids_know_all_of_the_hash_whatever_they_are_about() {
        for entries in
            (0..44).map(|bits| 1u64 << bits).flat_map(|entries| [entries - 1, entries, entries + 1])
        {
            for count in (0..=48).map(|bits| 1u64 << bits).filter(|count| *count >= entries) {
                let shape = TableShape::of_ids(entries, count);
                assert!(shape.is_possible(u64::MAX), "{shape:?}");
                assert!(shape.knows_ids() || entries == 0, "{shape:?}");
                let rest = shape.length() - entries * u64::from(shape.entry_bytes);
                assert!(entries == 0 || rest <= 12 + entries + count / 100_000, "{count}: {shape:?}");
            }
        }
    }
}
