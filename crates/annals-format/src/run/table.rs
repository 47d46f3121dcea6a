//! A hash table that never changes: a directory of buckets, then all entries, sorted.
//!
//! A bucket is what agrees in the highest bits of the hash, so its number says these. An entry has the bits below them
//! and, under these, a value: the place of a group, or a position relative to the run's first. Sorted as numbers the
//! entries of a bucket lie in order of hash, those of one hash in order of their values. A bucket and its entries
//! say all that the table knows of their hashes, which is enough to build the table of a larger run from ids.

use super::hash::ID_HASH_BITS;
use crate::damage::Damage;
use crate::wire::u32_at;
use std::ops::Range;

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

    /// How many of the highest bits of a hash the table knows.
    fn known_bits(&self) -> u32 {
        (u32::from(self.bucket_bits) + self.hash_bits()).min(u64::BITS)
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

    /// Hash bits of an entry: 8 to 64.
    fn hash_bits(&self) -> u32 {
        u32::from(self.entry_bytes) * 8 - u32::from(self.value_bits)
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
pub(super) fn word(bytes: &[u8]) -> u64 {
    // Two reads of 4 bytes that overlap: bytes that both have are the same in both.
    let above = bytes.len() - 4;
    u64::from(u32_at(bytes, 0)) | (u64::from(u32_at(bytes, above)) << (8 * above))
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
