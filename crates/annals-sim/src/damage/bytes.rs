//! Changes to the bytes of one file.

use crate::dice::Dice;
use annals::vfs::{Random, SeededRandom};

/// Flips the `item`-th bit: every byte first, with one of its bits; then the others.
pub(super) fn flip(bytes: &mut [u8], item: usize) -> Option<String> {
    let length = bytes.len();
    let (at, round) = (item.checked_rem(length)?, item / length);
    let bit = (round + at.wrapping_mul(5) + at / 8) % 8;
    bytes[at] ^= 1 << bit;
    Some(format!("bit {bit} of byte {at} flipped"))
}

/// Fills the `item`-th block with zeros, ones or rubbish.
pub(super) fn block(bytes: &mut [u8], item: usize, dice: &mut Dice) -> Option<String> {
    let small = bytes.len().div_ceil(512);
    let (size, at) = match (item / 3).checked_rem(small + bytes.len().div_ceil(4096))? {
        number if number < small => (512, number * 512),
        number => (4096, (number - small) * 4096),
    };
    let length = bytes.len();
    let place = bytes.get_mut(at..length.min(at + size))?;
    match item % 3 {
        0 => place.fill(0),
        1 => place.fill(0xFF),
        _ => place.copy_from_slice(&rubbish(place.len(), dice)),
    }
    Some(format!("{size} bytes at {at} are {}", ["zeros", "ones", "rubbish"][item % 3]))
}

/// Puts bytes over others, and behind the end if there is no room and `longer` says so.
pub(super) fn overwrite(bytes: &mut Vec<u8>, at: usize, with: &[u8], longer: bool) {
    let end = at + with.len();
    if longer && bytes.len() < end {
        bytes.resize(end, 0);
    }
    let end = end.min(bytes.len());
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(&with[..end - at]);
    }
}

/// So many bytes of no meaning.
pub(super) fn rubbish(length: usize, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let _ = SeededRandom::new(dice.number()).fill(&mut bytes);
    bytes
}

/// The places, or the middle of the file if there are none.
pub(super) fn places_or(places: Vec<usize>, length: usize) -> Vec<usize> {
    if places.is_empty() { vec![length / 2] } else { places }
}
