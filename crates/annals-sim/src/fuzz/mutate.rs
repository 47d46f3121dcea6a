//! Random changes to an input, for runs without a fuzzer.

use crate::dice::Dice;

/// Longest input that mutations make.
const LENGTH_MAX: usize = 32 << 10;
/// Numbers at borders, which find more than others do.
const NUMBERS: [u64; 12] =
    [0, 1, 7, 8, 127, 128, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, (1 << 48) - 1, i64::MAX as u64, u64::MAX];

/// Changes an input at one to four places: bits, bytes, numbers at borders, stretches copied, removed or repeated.
/// The first byte, which says the mode, changes rarely.
pub fn mutate(input: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        if input.is_empty() {
            return input.push(1);
        }
        let at = if dice.one_in(50) { 0 } else { dice.index(input.len()) };
        match dice.below(8) {
            0 | 1 => input[at] ^= 1 << dice.below(8),
            2 => input[at] = dice.number().to_le_bytes()[0],
            3 => put(input, at, *dice.one_of(&NUMBERS), 1 << dice.below(4)),
            4 => {
                let word = u64::from(input[at]).wrapping_add(dice.below(17)).wrapping_sub(8);
                put(input, at, word, 1);
            }
            5 => copy(input, at, dice),
            6 => drop(input.drain(at..(at + 1 + dice.index(16)).min(input.len()))),
            _ => {
                let end = (at + 1 + dice.index(64)).min(input.len());
                let stretch = input[at..end].to_vec();
                input.splice(at..at, stretch);
            }
        }
        input.truncate(LENGTH_MAX);
    }
}

fn put(input: &mut [u8], at: usize, number: u64, width: usize) {
    let end = (at + width).min(input.len());
    input[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
}

fn copy(input: &mut [u8], to: usize, dice: &mut Dice) {
    let from = dice.index(input.len());
    let length = (1 + dice.index(32)).min(input.len() - from).min(input.len() - to);
    input.copy_within(from..from + length, to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_repeat_are_bounded_and_change_something() {
        let make = |seed| {
            let (mut input, mut dice) = (vec![1; 100], Dice::new(seed));
            (0..100).for_each(|_| mutate(&mut input, &mut dice));
            input
        };
        assert_eq!(make(3), make(3));
        assert_ne!(make(3), make(4));
        assert!((0..100).all(|seed| make(seed).len() <= LENGTH_MAX));
    }
}
