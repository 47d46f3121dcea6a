//! A hash table that never changes: a directory of buckets, then all entries, sorted.
//!
//! An entry is one word. Its low bits are a value (the place of a group, or a position relative to the
//! run's first), its high bits are the high bits of the hash. Sorted as numbers the entries lie in order of
//! hash, those of one hash in order of their values, and a bucket is a stretch of them: the entries that
//! agree in their highest bits. Entries alone are enough to build the table of a larger run.

use crate::damage::Damage;
use crate::wire::u64_at;
use std::ops::Range;

/// Directory and entries are words of this many bytes.
pub const TABLE_WORD_BYTES: u64 = 8;
/// A bucket has half to all of this many entries, on average.
const BUCKET_ENTRIES: u64 = 16;
const BUCKET_BITS_MAX: u32 = 40;
const VALUE_BITS_MAX: u32 = 48;

/// How a hash table is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableShape {
    /// How many entries there are.
    pub entries: u64,
    /// There are two to the power of this many buckets.
    pub bucket_bits: u8,
    /// How many low bits of an entry are its value.
    pub value_bits: u8,
}

impl TableShape {
    /// The shape for some entries whose values are below `value_end`.
    #[must_use]
    pub fn new(entries: u64, value_end: u64) -> Self {
        let bucket_bits = (entries / (BUCKET_ENTRIES / 2)).checked_ilog2().unwrap_or(0);
        let value_bits = u64::BITS - value_end.saturating_sub(1).leading_zeros();
        debug_assert!(bucket_bits <= BUCKET_BITS_MAX && value_bits <= VALUE_BITS_MAX);
        TableShape { entries, bucket_bits: bucket_bits as u8, value_bits: value_bits as u8 }
    }

    /// Whether the numbers are such that lengths and offsets can be computed, in a file of `file_length`
    /// bytes.
    #[must_use]
    pub(super) fn is_possible(&self, file_length: u64) -> bool {
        u32::from(self.bucket_bits) <= BUCKET_BITS_MAX
            && u32::from(self.value_bits) <= VALUE_BITS_MAX
            && u32::from(self.bucket_bits) + u32::from(self.value_bits) <= u64::BITS
            && self.entries <= file_length / TABLE_WORD_BYTES
    }

    /// Length of the table in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.directory_length() + self.entries * TABLE_WORD_BYTES
    }

    /// Length of the directory in bytes; the entries follow it.
    #[must_use]
    pub fn directory_length(&self) -> u64 {
        ((1 << self.bucket_bits) + 1) * TABLE_WORD_BYTES
    }

    /// The entry for a hash and a value.
    #[must_use]
    pub fn entry(&self, hash: u64, value: u64) -> u64 {
        debug_assert!(value >> self.value_bits == 0);
        (hash & !self.value_mask()) | value
    }

    /// The value of an entry.
    #[must_use]
    pub fn value(&self, entry: u64) -> u64 {
        entry & self.value_mask()
    }

    /// The words of the directory: for each bucket which entry is its first, then the number of entries.
    #[cfg(test)]
    fn directory<'a>(&self, sorted: &'a [u64]) -> impl Iterator<Item = u64> + use<'a> {
        debug_assert!(sorted.is_sorted() && sorted.len() as u64 == self.entries);
        let shape = *self;
        let mut next = 0;
        (0..=1u64 << self.bucket_bits).map(move |bucket| {
            while sorted.get(next).is_some_and(|entry| shape.bucket(*entry) < bucket) {
                next += 1;
            }
            next as u64
        })
    }

    /// Where in the table the two words of the directory are that bound the bucket of a hash.
    #[must_use]
    pub fn bucket_words(&self, hash: u64) -> Range<u64> {
        let start = self.bucket(hash) * TABLE_WORD_BYTES;
        start..start + 2 * TABLE_WORD_BYTES
    }

    /// Where in the table the entries of a bucket are, given the two words of the directory. `offset` is where
    /// these are in the file.
    ///
    /// # Errors
    /// The words are no range of entries.
    pub fn bucket_entries(&self, words: &[u8], offset: u64) -> Result<Range<u64>, Damage> {
        let (start, end) = match words.as_chunks::<8>().0 {
            [start, end, ..] => (u64::from_le_bytes(*start), u64::from_le_bytes(*end)),
            _ => (0, u64::MAX),
        };
        if end > self.entries {
            return Err(Damage::new(offset + 8, "end of a bucket", end, self.entries));
        }
        if start > end {
            return Err(Damage::new(offset, "start of a bucket", start, end));
        }
        let first = self.directory_length();
        Ok(first + start * TABLE_WORD_BYTES..first + end * TABLE_WORD_BYTES)
    }

    /// The values that the entries of a bucket have for a hash, in ascending order.
    pub fn values<'a>(&self, bucket: &'a [u8], hash: u64) -> impl Iterator<Item = u64> + use<'a> {
        let (mask, wanted) = (self.value_mask(), hash & !self.value_mask());
        let (words, _) = bucket.as_chunks::<8>();
        let first = words.partition_point(|word| u64_at(word, 0) < wanted);
        let entries = words[first..].iter().map(|word| u64_at(word, 0));
        entries.take_while(move |entry| entry & !mask == wanted).map(move |entry| entry & mask)
    }

    /// The bucket of a hash, or of an entry.
    #[must_use]
    pub fn bucket(&self, hash: u64) -> u64 {
        hash.checked_shr(u64::BITS - u32::from(self.bucket_bits)).unwrap_or(0)
    }

    fn value_mask(&self) -> u64 {
        (1 << self.value_bits) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(shape: TableShape, pairs: &[(u64, u64)]) -> Vec<u8> {
        let mut entries: Vec<u64> = pairs.iter().map(|(hash, value)| shape.entry(*hash, *value)).collect();
        entries.sort_unstable();
        shape.directory(&entries).chain(entries.iter().copied()).flat_map(u64::to_le_bytes).collect()
    }

    fn lookup(shape: TableShape, table: &[u8], hash: u64) -> Vec<u64> {
        let slice = |range: Range<u64>| &table[range.start as usize..range.end as usize];
        let words = slice(shape.bucket_words(hash));
        shape.values(slice(shape.bucket_entries(words, 0).unwrap()), hash).collect()
    }

    #[test]
    fn an_empty_table_answers_nothing() {
        let shape = TableShape::new(0, 0);
        let bytes = table(shape, &[]);
        assert_eq!(bytes.len() as u64, shape.length());
        assert_eq!(lookup(shape, &bytes, u64::MAX), [] as [u64; 0]);
    }

    #[test]
    fn values_of_one_hash_come_in_ascending_order() {
        let shape = TableShape::new(3, 1000);
        let bytes = table(shape, &[(u64::MAX, 999), (u64::MAX, 3), (0, 7)]);
        assert_eq!(lookup(shape, &bytes, u64::MAX), [3, 999]);
        assert_eq!(lookup(shape, &bytes, 0), [7]);
    }

    #[test]
    fn the_room_for_an_entry_stays_below_ten_bytes() {
        for entries in [8, 15, 16, 1000, 1023, 1024, 100_000_000] {
            let shape = TableShape::new(entries, entries);
            assert!(shape.length() <= 9 * entries + 16, "{entries}: {shape:?}");
        }
    }

    #[test]
    fn words_of_the_directory_that_are_no_range_are_damage() {
        let shape = TableShape::new(4, 4);
        let words = |start: u64, end: u64| [start.to_le_bytes(), end.to_le_bytes()].concat();
        assert!(shape.bucket_entries(&words(0, 5), 0).is_err());
        assert!(shape.bucket_entries(&words(3, 2), 0).is_err());
        assert!(shape.bucket_entries(&words(u64::MAX, u64::MAX), 0).is_err());
        assert!(shape.bucket_entries(&[], 0).is_err());
    }

    proptest! {
        #[test]
        fn every_entry_is_found_under_its_hash(
            hashes in proptest::collection::vec(any::<u64>(), 1..200),
            other: u64,
        ) {
            let shape = TableShape::new(hashes.len() as u64, hashes.len() as u64);
            let pairs: Vec<_> = hashes.iter().copied().zip(0..).collect();
            let bytes = table(shape, &pairs);
            prop_assert_eq!(bytes.len() as u64, shape.length());
            for (hash, value) in pairs {
                prop_assert!(lookup(shape, &bytes, hash).contains(&value));
            }
            prop_assert!(lookup(shape, &bytes, other).len() < 2 || hashes.contains(&other));
        }
    }
}
