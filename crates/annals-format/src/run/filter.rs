//! A filter: says of most keys that are not there that they are not, for one cache line.
//!
//! It is a split block Bloom filter as Apache Parquet has it
//! (<https://parquet.apache.org/docs/file-format/bloomfilter/>): a key sets one bit in each of the eight words of one
//! block. Which block is given by the highest bits of the hash, so a filter is written front to back by who has the
//! hashes in order.

use std::ops::Range;

/// Length of a block.
pub const FILTER_BLOCK_BYTES: u64 = 32;
/// A filter begins at a multiple of this, so that no block lies in two cache lines or two pages.
pub(crate) const FILTER_ALIGNMENT: u64 = 64;

/// Keys of a block, on average: 10.7 bits for each, of which about one in a hundred absent keys finds all its bits set.
const BLOCK_KEYS: u64 = 24;
/// Bits of a hash below those that choose the block; with fewer a filter would say too little.
const KEY_BITS_MIN: u32 = 12;
/// Odd, and of no other meaning: 2^64 divided by the golden ratio.
const KEY_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// The salts of Apache Parquet.
const SALTS: [u32; 8] =
    [0x47B6_137B, 0x4497_4D91, 0x8824_AD5B, 0xA2B7_289D, 0x7054_95C7, 0x2DF1_424B, 0x9EFC_4947, 0x5C6B_FB31];

/// How many blocks a filter has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilterShape {
    /// The number of blocks; 0 if there is no filter.
    pub blocks: u32,
}

impl FilterShape {
    /// The shape for some keys, of whose hashes only the highest `hash_bits` bits are known (the others are zero). No
    /// filter if that is too few of them.
    #[must_use]
    pub fn new(keys: u64, hash_bits: u32) -> Self {
        let blocks = u32::try_from(keys.div_ceil(BLOCK_KEYS)).unwrap_or(u32::MAX);
        let block_bits = u32::BITS - blocks.saturating_sub(1).leading_zeros();
        FilterShape { blocks: if hash_bits < block_bits + KEY_BITS_MIN { 0 } else { blocks } }
    }

    /// Length of the filter in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        u64::from(self.blocks) * FILTER_BLOCK_BYTES
    }

    /// The number of the block of a hash. It never falls as the hash grows.
    #[must_use]
    pub fn block(&self, hash: u64) -> u64 {
        ((u128::from(hash) * u128::from(self.blocks)) >> 64) as u64
    }

    /// Where in the filter the block of a hash is; `None` if there is no filter.
    #[must_use]
    pub fn block_bytes(&self, hash: u64) -> Option<Range<u64>> {
        let start = self.block(hash) * FILTER_BLOCK_BYTES;
        (self.blocks > 0).then_some(start..start + FILTER_BLOCK_BYTES)
    }
}

/// A block of a filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilterBlock([u32; 8]);

impl FilterBlock {
    /// Adds the key of a hash.
    pub fn insert(&mut self, hash: u64) {
        let bits = mask(hash);
        self.0.iter_mut().zip(bits).for_each(|(word, bit)| *word |= bit);
    }

    /// The block as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FILTER_BLOCK_BYTES as usize] {
        let mut bytes = [0; FILTER_BLOCK_BYTES as usize];
        for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// Whether the key of a hash may have been added to the block with these bytes. Too few bytes exclude nothing.
    #[must_use]
    pub fn may_contain(bytes: &[u8], hash: u64) -> bool {
        let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        // Without a branch for each word the processor does all of them at once.
        words.zip(mask(hash)).fold(0, |missing, (word, bit)| missing | (bit & !word)) == 0
    }
}

/// The bit that a hash has in each word of its block.
fn mask(hash: u64) -> [u32; 8] {
    // The highest half of the product depends on every bit of the hash from bit 32 on and on most of those below, also
    // where the lowest ones are zero; those of the block alone would be the same for all keys of a block.
    let key = (hash.wrapping_mul(KEY_FACTOR) >> 32) as u32;
    SALTS.map(|salt| 1 << (key.wrapping_mul(salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(shape: FilterShape, hashes: &[u64]) -> Vec<u8> {
        let mut blocks = vec![FilterBlock::default(); shape.blocks as usize];
        hashes.iter().for_each(|hash| blocks[shape.block(*hash) as usize].insert(*hash));
        blocks.iter().flat_map(FilterBlock::encode).collect()
    }

    fn may_contain(shape: FilterShape, filter: &[u8], hash: u64) -> bool {
        let range = shape.block_bytes(hash).unwrap();
        FilterBlock::may_contain(&filter[range.start as usize..range.end as usize], hash)
    }

    /// Well mixed numbers, as hashes are.
    fn hash(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(&number.to_le_bytes(), 1)
    }

    /// How many of 100,000 absent keys pass a filter of as many, if the lowest bits of all hashes are zero.
    fn wrong_of_100_000(zero_bits: u32) -> usize {
        let hash = |number| hash(number) >> zero_bits << zero_bits;
        let hashes: Vec<u64> = (0..100_000).map(hash).collect();
        let shape = FilterShape::new(hashes.len() as u64, 64 - zero_bits);
        let bytes = filter(shape, &hashes);
        assert!(hashes.iter().all(|hash| may_contain(shape, &bytes, *hash)));
        (100_000..200_000).filter(|number| may_contain(shape, &bytes, hash(*number))).count()
    }

    #[test]
    fn few_absent_keys_pass() {
        assert!(wrong_of_100_000(0) < 1500, "{}", wrong_of_100_000(0));
        assert!(wrong_of_100_000(30) < 1500, "{}", wrong_of_100_000(30));
    }

    #[test]
    fn the_fewest_bits_that_make_a_filter_still_exclude_most_keys() {
        // 100,000 keys have 4167 blocks, which 13 bits choose.
        assert!(wrong_of_100_000(64 - 25) < 5000, "{}", wrong_of_100_000(64 - 25));
        assert_eq!(FilterShape::new(100_000, 24).blocks, 0);
    }

    #[test]
    fn bits_are_part_of_the_format() {
        let mut block = FilterBlock::default();
        block.insert(0x0123_4567_89AB_CDEF);
        assert_eq!(block.0.map(u32::trailing_zeros), GOLDEN_BITS);
        assert_eq!(block.0.map(u32::count_ones), [1; 8]);
        let shape = FilterShape { blocks: 1000 };
        assert_eq!([0, 1 << 63, u64::MAX].map(|hash| shape.block(hash)), [0, 500, 999]);
    }

    const GOLDEN_BITS: [u32; 8] = [31, 2, 1, 15, 25, 25, 20, 1];

    #[test]
    fn no_keys_have_no_filter() {
        assert_eq!(FilterShape::new(0, 64), FilterShape::default());
        assert_eq!(FilterShape::default().block_bytes(7), None);
    }

    #[test]
    fn the_most_blocks_there_can_be_have_a_length() {
        let shape = FilterShape::new(u64::MAX, 64);
        assert_eq!(shape.block_bytes(u64::MAX).unwrap().end, shape.length());
    }

    proptest! {
        #[test]
        fn a_filter_never_denies_a_key(hashes in proptest::collection::vec(any::<u64>(), 1..300), zero_bits in 0..40u32) {
            let hashes: Vec<u64> = hashes.iter().map(|hash| hash >> zero_bits << zero_bits).collect();
            let shape = FilterShape::new(hashes.len() as u64, 64 - zero_bits);
            let bytes = filter(shape, &hashes);
            prop_assert_eq!(bytes.len() as u64, shape.length());
            prop_assert!(hashes.iter().all(|hash| may_contain(shape, &bytes, *hash)));
        }
    }
}
