//! A bucket of a hash table: its words in the directory, its entries, and the values that they have for a hash.

use super::{DIRECTORY_WORD_BYTES, TableShape};
use crate::damage::Damage;
use crate::wire::u32_at;
use std::ops::Range;

impl TableShape {
    /// The entry for a hash and a value.
    #[must_use]
    pub fn entry(&self, hash: u64, value: u64) -> u64 {
        debug_assert!(value >> self.value_bits == 0);
        (((hash << self.bucket_bits) >> (u64::BITS - self.hash_bits())) << self.value_bits) | value
    }

    /// The value of an entry.
    #[must_use]
    pub fn value(&self, entry: u64) -> u64 {
        entry & self.value_mask()
    }

    /// The hash of an entry in a bucket, as far as the table knows it; the other bits are zero.
    #[must_use]
    pub fn hash(&self, bucket: u64, entry: u64) -> u64 {
        let above = bucket.checked_shl(u64::BITS - u32::from(self.bucket_bits)).unwrap_or(0);
        above | (((entry >> self.value_bits) << (u64::BITS - self.hash_bits())) >> self.bucket_bits)
    }

    /// As much of a hash as the table knows; the other bits are zero.
    #[must_use]
    pub fn known(&self, hash: u64) -> u64 {
        hash & !u64::MAX.checked_shr(self.known_bits()).unwrap_or(0)
    }

    /// Appends an entry.
    #[inline]
    pub fn put_entry(&self, out: &mut Vec<u8>, entry: u64) {
        let end = out.len() + usize::from(self.entry_bytes);
        // A copy of a length that is not known before would be a call.
        out.extend_from_slice(&entry.to_le_bytes());
        out.truncate(end);
    }

    /// The entries in a stretch of the table.
    #[inline]
    pub fn entries_in<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = u64> + use<'a> {
        bytes.chunks_exact(self.entry_bytes.into()).map(word)
    }

    /// Where in the table the two words of the directory are that bound the bucket of a hash.
    #[must_use]
    pub fn bucket_words(&self, hash: u64) -> Range<u64> {
        let start = self.bucket(hash) * DIRECTORY_WORD_BYTES;
        start..start + 2 * DIRECTORY_WORD_BYTES
    }

    /// Which entries a bucket has, given the two words of the directory. `offset` is where these are in the file.
    ///
    /// # Errors
    /// The words are no range of entries.
    pub fn bucket_range(&self, words: &[u8], offset: u64) -> Result<Range<u64>, Damage> {
        let (start, end) = match words.as_chunks::<{ DIRECTORY_WORD_BYTES as usize }>().0 {
            [start, end, ..] => (word(start), word(end)),
            _ => (0, u64::MAX),
        };
        if end > self.entries {
            let at = offset + DIRECTORY_WORD_BYTES;
            return Err(Damage::new(at, "end of a bucket", end, self.entries));
        }
        if start > end {
            return Err(Damage::new(offset, "start of a bucket", start, end));
        }
        Ok(start..end)
    }

    /// As [`TableShape::bucket_range`], but says where in the table the entries are.
    ///
    /// # Errors
    /// The words are no range of entries.
    pub fn bucket_entries(&self, words: &[u8], offset: u64) -> Result<Range<u64>, Damage> {
        let entries = self.bucket_range(words, offset)?;
        let (first, length) = (self.directory_length(), u64::from(self.entry_bytes));
        Ok(first + entries.start * length..first + entries.end * length)
    }

    /// The values that the entries of a bucket have for a hash, in ascending order.
    pub fn values<'a>(&self, bucket: &'a [u8], hash: u64) -> impl Iterator<Item = u64> + use<'a> {
        let (mask, wanted, length) = (self.value_mask(), self.entry(hash, 0), usize::from(self.entry_bytes));
        let (mut low, mut high) = (0, bucket.len() / length);
        while low < high {
            let middle = low + (high - low) / 2;
            let less = word(&bucket[middle * length..][..length]) < wanted;
            (low, high) = if less { (middle + 1, high) } else { (low, middle) };
        }
        let entries = bucket[low * length..].chunks_exact(length).map(word);
        entries.take_while(move |entry| entry & !mask == wanted).map(move |entry| entry & mask)
    }

    /// The bucket of a hash.
    #[must_use]
    pub fn bucket(&self, hash: u64) -> u64 {
        hash.checked_shr(u64::BITS - u32::from(self.bucket_bits)).unwrap_or(0)
    }

    fn value_mask(&self) -> u64 {
        (1 << self.value_bits) - 1
    }
}

/// Appends a word of a directory.
#[inline]
pub fn put_directory_word(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes()[..DIRECTORY_WORD_BYTES as usize]);
}

/// The number in the 4 to 8 bytes of a word.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    // Two reads of 4 bytes that overlap: bytes that both have are the same in both.
    let above = bytes.len() - 4;
    u64::from(u32_at(bytes, 0)) | (u64::from(u32_at(bytes, above)) << (8 * above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(shape: TableShape, pairs: &[(u64, u64)]) -> Vec<u8> {
        let mut pairs: Vec<_> = pairs.iter().map(|(hash, value)| (shape.known(*hash), *value)).collect();
        pairs.sort_unstable();
        let mut bytes = Vec::new();
        for bucket in 0..=shape.buckets() {
            let before = pairs.iter().filter(|(hash, _)| shape.bucket(*hash) < bucket).count();
            put_directory_word(&mut bytes, before as u64);
        }
        pairs.iter().for_each(|(hash, value)| shape.put_entry(&mut bytes, shape.entry(*hash, *value)));
        bytes
    }

    fn lookup(shape: TableShape, table: &[u8], hash: u64) -> Vec<u64> {
        let slice = |range: Range<u64>| &table[range.start as usize..range.end as usize];
        let words = slice(shape.bucket_words(hash));
        shape.values(slice(shape.bucket_entries(words, 0).unwrap()), hash).collect()
    }

    #[test]
    fn an_empty_table_answers_nothing() {
        for shape in [TableShape::of_terms(0, 0), TableShape::of_ids(0, 0), TableShape::of_ids(0, 1 << 48)] {
            let bytes = table(shape, &[]);
            assert_eq!((bytes.len() as u64, shape.length()), (12, 12));
            assert_eq!(lookup(shape, &bytes, u64::MAX), [] as [u64; 0]);
        }
    }

    #[test]
    fn values_of_one_hash_come_in_ascending_order() {
        for shape in [TableShape::of_terms(3, 1000), TableShape::of_ids(3, 1000)] {
            let bytes = table(shape, &[(u64::MAX, 999), (u64::MAX, 3), (0, 7)]);
            assert_eq!(lookup(shape, &bytes, u64::MAX), [3, 999]);
            assert_eq!(lookup(shape, &bytes, 0), [7]);
        }
    }

    #[test]
    fn an_entry_has_these_bytes() {
        let shape = TableShape { entries: 1, bucket_bits: 4, value_bits: 12, entry_bytes: 6 };
        let mut bytes = Vec::new();
        shape.put_entry(&mut bytes, shape.entry(0xA123_4567_89BC_DEF0, 0x777));
        assert_eq!(bytes, [0x77, 0x97, 0x78, 0x56, 0x34, 0x12]);
        assert_eq!(shape.entries_in(&bytes).collect::<Vec<_>>(), [0x1234_5678_9777]);
        assert_eq!(shape.bucket(0xA123_4567_89BC_DEF0), 0xA);
        assert_eq!(shape.hash(0xA, 0x1234_5678_9777), 0xA123_4567_8900_0000);
        let wide = TableShape { entry_bytes: 8, ..shape };
        assert_eq!(wide.entry(0xA123_4567_89BC_DEF0, 0x777), 0x1234_5678_9BCD_E777);
    }

    #[test]
    fn words_of_the_directory_that_are_no_range_are_damage() {
        let shape = TableShape::of_ids(4, 4);
        let words = |start: u64, end: u64| {
            let mut bytes = Vec::new();
            for word in [start, end] {
                put_directory_word(&mut bytes, word);
            }
            bytes
        };
        assert_eq!(shape.bucket_entries(&words(1, 3), 0), Ok(18..30));
        for (start, end) in [(0, 5), (3, 2), (u64::MAX, u64::MAX), (5, 5)] {
            assert!(shape.bucket_entries(&words(start, end), 0).is_err());
        }
        assert!(shape.bucket_entries(&words(1, 3)[..11], 0).is_err());
        assert!(shape.bucket_entries(&[], 0).is_err());
    }

    prop_compose! {
        fn shape()(bucket_bits in 0..=40u8, value_bits in 0..=48u8, more in 0..=2u8) -> TableShape {
            let entry_bytes = ((value_bits + 8).div_ceil(8).max(6) + more).min(8);
            TableShape { entries: 1, bucket_bits, value_bits, entry_bytes }
        }
    }

    proptest! {
        #[test]
        fn every_entry_is_found_under_its_hash(
            hashes in proptest::collection::vec(any::<u64>(), 1..200),
            other: u64,
            length in 200..1u64 << 48,
        ) {
            let entries = hashes.len() as u64;
            for shape in [TableShape::of_terms(entries, length), TableShape::of_ids(entries, 200)] {
                let pairs: Vec<_> = hashes.iter().copied().zip(0..).collect();
                let bytes = table(shape, &pairs);
                prop_assert_eq!(bytes.len() as u64, shape.length());
                for (hash, value) in pairs {
                    prop_assert!(lookup(shape, &bytes, hash).contains(&value));
                }
                prop_assert!(lookup(shape, &bytes, other).len() < 2 || hashes.contains(&other));
            }
        }

        #[test]
        fn bucket_and_entry_give_back_what_the_table_knows_of_a_hash(shape in shape(), hash: u64, value: u64) {
            prop_assert!(shape.is_possible(u64::MAX));
            let value = value & shape.value_mask();
            let (bucket, entry) = (shape.bucket(hash), shape.entry(hash, value));
            prop_assert_eq!(shape.hash(bucket, entry), shape.known(hash));
            prop_assert_eq!(shape.value(entry), value);
            prop_assert!(bucket < shape.buckets());
            prop_assert_eq!(shape.known(hash) ^ hash, hash & u64::MAX.checked_shr(shape.known_bits()).unwrap_or(0));
            let mut bytes = Vec::new();
            shape.put_entry(&mut bytes, entry);
            prop_assert_eq!(bytes.len(), usize::from(shape.entry_bytes));
            prop_assert_eq!(shape.entries_in(&bytes).collect::<Vec<_>>(), [entry]);
        }

        #[test]
        fn any_bucket_of_any_bytes_has_values_within_their_bits(
            shape in shape(),
            bucket in proptest::collection::vec(any::<u8>(), 0..200),
            hash: u64,
        ) {
            prop_assert!(shape.values(&bucket, hash).all(|value| value <= shape.value_mask()));
        }
    }
}
