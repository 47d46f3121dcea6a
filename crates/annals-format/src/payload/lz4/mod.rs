//! One payload as an LZ4 block, made with a dictionary.
//!
//! An LZ4 block ends with at least five literals, and no match begins in the twelve bytes before its end. In payloads of
//! 30 bytes that is half of what is stored. So five zeros are appended to what is compressed, which the block then ends with,
//! and these are not stored: payloads of 45 bytes become 30 % of themselves instead of 42 % (`docs/decisions/0020`).

mod choice;
mod places;
mod sequence;

pub(super) use places::Places;

use choice::Found;
use lz4_flex::block::{self, compress_with_dict, decompress_into_with_dict};

/// What is appended to what is compressed, and taken off what comes of it.
const TAIL: [u8; 5] = [0; 5];
/// What is longer has most of its matches in itself: it is compressed as the library does it.
const CHOSEN_BYTES_MAX: usize = 4 << 10;

/// `plain` compressed; `None` if that is not shorter by more than `least_gain` bytes. The places are those of the dictionary.
pub(super) fn compress(
    plain: &[&[u8]; 2],
    dictionary: &[u8],
    places: &Places,
    least_gain: usize,
) -> Option<Vec<u8>> {
    let whole = [plain[0], plain[1], &TAIL].concat();
    let length = whole.len() - TAIL.len();
    let mut block = if whole.len() > CHOSEN_BYTES_MAX {
        compress_with_dict(&whole, dictionary)
    } else {
        let mut found = Found::none(whole.len());
        found.add_of(&block::compress(&whole))?;
        found.add_with(dictionary, places, &whole[..length])?;
        found.cheapest(&whole)
    };
    // The format of LZ4 promises it; what is not so is left plain.
    if !block.ends_with(&TAIL) {
        return None;
    }
    block.truncate(block.len() - TAIL.len());
    if block.len() + least_gain >= length {
        return None;
    }
    // It is about to take the place of the only copy, so it is read once, by the library: that is a hundredth of what it took to make it.
    let mut room = vec![0; length + room_behind(&block)];
    decompress(&block, &mut room, length, dictionary)?;
    whole.starts_with(&room[..length]).then_some(block)
}

/// Whether a block can have been made of so many bytes: one of n bytes becomes at most 255 × n. What claims more is not allocated.
pub(super) fn may_become(block: &[u8], length: usize) -> bool {
    length <= block.len().saturating_add(TAIL.len()).saturating_mul(255)
}

/// How much more than what a block was made of a reader needs room for: for the tail, and for the block as it was before that was taken off.
pub(super) fn room_behind(block: &[u8]) -> usize {
    TAIL.len() + block.len() + TAIL.len()
}

/// Fills the first `length` bytes of `room` with what a block was made of; `None` if it was not made of so many. It has
/// [`room_behind`] more bytes than these.
pub(super) fn decompress(block: &[u8], room: &mut [u8], length: usize, dictionary: &[u8]) -> Option<()> {
    let (plain, whole) = room.split_at_mut_checked(length + TAIL.len())?;
    let (front, tail) = whole.split_at_mut_checked(block.len())?;
    front.copy_from_slice(block);
    tail.copy_from_slice(&TAIL);
    let made = decompress_into_with_dict(whole, plain, dictionary).ok()?;
    (made == plain.len() && plain.ends_with(&TAIL)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compress(plain: &[&[u8]; 2], dictionary: &[u8]) -> Option<Vec<u8>> {
        super::compress(plain, dictionary, &Places::of(dictionary), 0)
    }

    fn decompress(block: &[u8], length: usize, dictionary: &[u8]) -> Option<Vec<u8>> {
        if !may_become(block, length) {
            return None;
        }
        let mut plain = vec![7; length + room_behind(block)];
        super::decompress(block, &mut plain, length, dictionary)?;
        plain.truncate(length);
        Some(plain)
    }

    #[test]
    fn a_block_that_claims_more_than_it_can_be_is_refused_without_memory() {
        let block = compress(&[&[b'a'; 4000], &[]], &[]).unwrap();
        assert!(block.len() < 40);
        assert_eq!(decompress(&block, 4000, &[]), Some(vec![b'a'; 4000]));
        for length in [0, 3999, 4001, 5000, 1 << 24, 80 << 20, usize::MAX - 5] {
            assert_eq!(decompress(&block, length, &[]), None, "{length}");
        }
    }

    #[test]
    fn more_of_a_large_dictionary_is_found_than_the_library_finds_at_once() {
        let piece = |number: u128| {
            format!("{:032x}", (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C62_1A2B_3C4D))
        };
        let dictionary: String = (0..1024).map(piece).collect();
        let dictionary = dictionary.as_bytes();
        let places = Places::of(dictionary);
        let (mut here, mut at_once) = (0, 0);
        for number in 0..1000 {
            let plain = [piece(number), piece(number * 7 % 1024)].concat();
            let block = super::compress(&[b"", plain.as_bytes()], dictionary, &places, 0).unwrap();
            assert_eq!(decompress(&block, plain.len(), dictionary).as_deref(), Some(plain.as_bytes()));
            here += block.len();
            at_once += compress_with_dict(&[plain.as_bytes(), &TAIL].concat(), dictionary).len() - TAIL.len();
        }
        assert!(here < at_once / 2, "{here} bytes instead of {at_once}");
    }

    #[test]
    fn long_payloads_are_compressed_as_well() {
        let dictionary = b"{\"a\":null}zz".repeat(800);
        for length in [CHOSEN_BYTES_MAX - 5, CHOSEN_BYTES_MAX - 4, 70_000] {
            let plain: Vec<u8> = (0..length).map(|at| b"{\"b\":null}"[at % 10] ^ (at / 1000) as u8).collect();
            let block = compress(&[&plain, &[]], &dictionary).unwrap();
            assert!(block.len() < plain.len() / 10);
            assert_eq!(decompress(&block, plain.len(), &dictionary), Some(plain));
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(
            parts in prop::collection::vec(prop::sample::select(vec!["{\"a\":", "null", "zz", "\0\0\0", "x"]), 0..60),
            dictionary in prop::sample::select(vec![String::new(), "{\"a\":null}zz".repeat(8), "x{\"a\":zznull".repeat(700)]),
        ) {
            let (plain, dictionary) = (parts.concat(), dictionary.into_bytes());
            let (front, back) = plain.as_bytes().split_at(plain.len() / 3);
            if let Some(block) = compress(&[front, back], &dictionary) {
                prop_assert!(block.len() < plain.len());
                let back = decompress(&block, plain.len(), &dictionary);
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
