//! One payload as an LZ4 block, made with a dictionary.
//!
//! An LZ4 block ends with at least five literals, and no match begins in the twelve bytes before its end. In payloads of
//! 30 bytes that is half of what is stored. So five zeros are appended to what is compressed, which the block then ends with,
//! and these are not stored: payloads of 45 bytes become 30 % of themselves instead of 42 % (`docs/decisions/0020`).

use lz4_flex::block::{compress_with_dict, decompress_into_with_dict};
use smallvec::SmallVec;

/// What is appended to what is compressed, and taken off what comes of it.
const TAIL: [u8; 5] = [0; 5];
/// Blocks up to so many bytes are short.
const SHORT: usize = 256;

/// `plain` compressed; `None` if that is not shorter by more than `least_gain` bytes. The dictionary is empty or has at least
/// [`super::dictionary::DICTIONARY_BYTES_MIN`].
pub(super) fn compress(plain: &[&[u8]; 2], dictionary: &[u8], least_gain: usize) -> Option<Vec<u8>> {
    let length = plain[0].len() + plain[1].len();
    let mut whole = Vec::with_capacity(length + TAIL.len());
    plain.iter().for_each(|part| whole.extend_from_slice(part));
    whole.extend_from_slice(&TAIL);
    let mut block = compress_with_dict(&whole, dictionary);
    // The format of LZ4 promises it; what is not so is left plain.
    if !block.ends_with(&TAIL) {
        return None;
    }
    block.truncate(block.len() - TAIL.len());
    (block.len() + least_gain < length).then_some(block)
}

/// How much more than what a block was made of a reader needs room for.
pub(super) const MORE: usize = TAIL.len();

/// Whether a block can have been made of so many bytes: one of n bytes becomes at most 255 × n. What claims more is not allocated.
pub(super) fn may_become(block: &[u8], length: usize) -> bool {
    length <= block.len().saturating_add(TAIL.len()).saturating_mul(255)
}

/// Fills `plain` with what a block was made of, and [`MORE`] bytes behind it; `None` if it was not made of so many.
pub(super) fn decompress(block: &[u8], plain: &mut [u8], dictionary: &[u8]) -> Option<()> {
    // Most blocks are short, and need no memory of their own.
    let mut whole: SmallVec<[u8; SHORT]> = SmallVec::from_slice(block);
    whole.extend_from_slice(&TAIL);
    let made = decompress_into_with_dict(&whole, plain, dictionary).ok()?;
    (made == plain.len() && plain.ends_with(&TAIL)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decompress(block: &[u8], length: usize, dictionary: &[u8]) -> Option<Vec<u8>> {
        if !may_become(block, length) {
            return None;
        }
        let mut plain = vec![7; length + MORE];
        super::decompress(block, &mut plain, dictionary)?;
        plain.truncate(length);
        Some(plain)
    }

    #[test]
    fn a_block_that_claims_more_than_it_can_be_is_refused_without_memory() {
        let block = compress(&[&[b'a'; 4000], &[]], &[], 0).unwrap();
        assert!(block.len() < 40);
        assert_eq!(decompress(&block, 4000, &[]), Some(vec![b'a'; 4000]));
        for length in [0, 3999, 4001, 5000, 1 << 24, 80 << 20, usize::MAX - 5] {
            assert_eq!(decompress(&block, length, &[]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(
            parts in prop::collection::vec(prop::sample::select(vec!["{\"a\":", "null", "zz", "\0\0\0", "x"]), 0..60),
            dictionary in prop::sample::select(vec![String::new(), "{\"a\":null}zz".repeat(8)]),
        ) {
            let plain = parts.concat();
            let (front, back) = plain.as_bytes().split_at(plain.len() / 3);
            if let Some(block) = compress(&[front, back], dictionary.as_bytes(), 0) {
                prop_assert!(block.len() < plain.len());
                let back = decompress(&block, plain.len(), dictionary.as_bytes());
                prop_assert_eq!(back.as_deref(), Some(plain.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_a_block_or_none(block in prop::collection::vec(any::<u8>(), 0..64), length in 0usize..300) {
            if let Some(plain) = decompress(&block, length, &[7; 64]) {
                prop_assert_eq!(plain.len(), length);
            }
        }
    }
}
