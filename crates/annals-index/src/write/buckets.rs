//! Pairs of a hash and a value that come in any order and are needed in the order of the hashes.
//!
//! They are dealt out by the highest bits of the hash. Hashes are evenly spread, so each bucket has about as many as the
//! others, few enough that one of them at a time is sorted in memory. What the buckets cannot hold in memory goes into
//! one scratch file, in chunks of one size, each of one bucket.

use super::scratch::{Scratch, ScratchFile};
use crate::merge::MergeError;
use std::io;

/// A hash and what stands under it.
pub(crate) type Pair = (u64, u64);

const PAIR_BYTES: usize = 16;
/// Pairs of a bucket, about. Sorting so many takes a millisecond or two, which is what a step of a merge may take.
const BUCKET_PAIRS: u64 = 32 * 1024;
/// Of the hash of an id more bits than these are known.
const BITS_MAX: u32 = 12;

/// Pairs, to be had bucket by bucket. There are two to the power of `bits` buckets, numbered by the highest bits of the
/// hashes in them.
pub(crate) trait HashOrder {
    /// How many bits of a hash choose its bucket.
    fn bits(&self) -> u32;

    /// Puts the pairs of a bucket into `out`, which is empty, in any order. All buckets are asked for one after the other,
    /// several times over.
    fn load(&mut self, bucket: usize, out: &mut Vec<Pair>) -> Result<(), MergeError>;
}

/// By how many bits so many pairs are dealt out, so that a few of the buckets fit into the memory.
pub(crate) fn bucket_bits(pairs: u64, memory_bytes: usize) -> u32 {
    let most = (memory_bytes / PAIR_BYTES / 8) as u64;
    let buckets = pairs.div_ceil(BUCKET_PAIRS.min(most).max(1));
    (u64::BITS - buckets.saturating_sub(1).leading_zeros()).min(BITS_MAX)
}

/// The bucket of a hash.
#[inline]
pub(crate) fn bucket_of(hash: u64, bits: u32) -> usize {
    hash.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}

/// Pairs that were gathered.
pub(super) struct Buckets {
    bits: u32,
    buckets: Vec<Bucket>,
    /// Pairs of a bucket in memory at which they go into the file.
    chunk_pairs: usize,
    file: ScratchFile,
    chunks: u32,
    /// A chunk on its way.
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Bucket {
    pairs: Vec<Pair>,
    /// The numbers of its chunks in the file.
    chunks: Vec<u32>,
}

impl Buckets {
    /// For about `pairs` pairs.
    pub(super) fn new(pairs: u64, memory_bytes: usize) -> Self {
        let bits = bucket_bits(pairs, memory_bytes);
        let in_memory = pairs.saturating_mul(PAIR_BYTES as u64) <= memory_bytes as u64 / 2;
        let chunk_pairs = (memory_bytes / 2 / PAIR_BYTES) >> bits;
        let chunk_pairs = if in_memory { usize::MAX } else { chunk_pairs.max(1) };
        let buckets = (0..1 << bits).map(|_| Bucket::default()).collect();
        Buckets { bits, buckets, chunk_pairs, file: ScratchFile::default(), chunks: 0, bytes: Vec::new() }
    }

    /// Adds a pair.
    #[inline]
    pub(super) fn push(&mut self, (hash, value): Pair, scratch: &mut Scratch) -> io::Result<()> {
        let number = bucket_of(hash, self.bits);
        let pairs = &mut self.buckets[number].pairs;
        pairs.push((hash, value));
        if pairs.len() >= self.chunk_pairs { self.overflow(number, scratch) } else { Ok(()) }
    }

    #[cold]
    fn overflow(&mut self, number: usize, scratch: &mut Scratch) -> io::Result<()> {
        let bucket = &mut self.buckets[number];
        self.bytes.clear();
        for (hash, value) in bucket.pairs.drain(..) {
            self.bytes.extend_from_slice(&hash.to_le_bytes());
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
        let offset = u64::from(self.chunks) * (self.chunk_pairs * PAIR_BYTES) as u64;
        self.file.write(&self.bytes, offset, scratch)?;
        bucket.chunks.push(self.chunks);
        self.chunks = self.chunks.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(())
    }
}

impl HashOrder for Buckets {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn load(&mut self, bucket: usize, out: &mut Vec<Pair>) -> Result<(), MergeError> {
        let bucket = &self.buckets[bucket];
        out.extend_from_slice(&bucket.pairs);
        // Without a file there are no chunks, however long they would be.
        let length = self.chunk_pairs.saturating_mul(PAIR_BYTES);
        for chunk in &bucket.chunks {
            self.bytes.resize(length, 0);
            self.file.read(&mut self.bytes, u64::from(*chunk) * length as u64)?;
            let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
            let words = self.bytes.as_chunks::<8>().0.as_chunks::<2>().0;
            out.extend(words.iter().map(|[hash, value]| (word(hash), word(value))));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_vfs::{Disk, MemoryDisk};

    #[test]
    fn pairs_come_back_in_the_bucket_of_their_hash_whatever_the_memory() {
        let pairs: Vec<Pair> =
            (0..5000u64).map(|number| (number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number)).collect();
        for memory_bytes in [0, 100, 4096, 50_000, usize::MAX] {
            let disk = MemoryDisk::new();
            let mut scratch = Scratch::new(Box::new(move || disk.create("scratch")));
            let mut buckets = Buckets::new(pairs.len() as u64, memory_bytes);
            pairs.iter().for_each(|pair| buckets.push(*pair, &mut scratch).unwrap());
            assert_eq!(buckets.file.is_used(), memory_bytes < 100_000);
            let mut all = Vec::new();
            for number in 0..1 << buckets.bits() {
                let mut loaded = Vec::new();
                buckets.load(number, &mut loaded).unwrap();
                assert!(loaded.iter().all(|(hash, _)| bucket_of(*hash, buckets.bits()) == number));
                all.append(&mut loaded);
            }
            all.sort_unstable_by_key(|(_, number)| *number);
            assert_eq!(all, pairs);
        }
    }

    #[test]
    fn buckets_are_as_many_as_the_pairs_need() {
        assert_eq!(bucket_bits(0, usize::MAX), 0);
        assert_eq!(bucket_bits(BUCKET_PAIRS, usize::MAX), 0);
        assert_eq!(bucket_bits(BUCKET_PAIRS + 1, usize::MAX), 1);
        assert_eq!(bucket_bits(u64::MAX, 0), BITS_MAX);
    }
}
