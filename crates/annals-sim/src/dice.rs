//! Numbers that a seed decides.

use std::sync::Arc;

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014): the same seed gives
/// the same numbers, on every machine.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    /// Bytes that decide first, and how many of them have.
    given: Arc<[u8]>,
    taken: usize,
}

impl Dice {
    /// Dice that a seed decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Dice { state: seed, given: Arc::default(), taken: 0 }
    }

    /// Dice that these bytes decide, such as those of a fuzzer, and when they are used up, a seed made of them. A choice
    /// takes as few bytes as it needs, so that a small change of the bytes is a small change of what is done.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let seed = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |seed, byte| {
            (seed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Dice { state: seed, given: bytes.into(), taken: 0 }
    }

    /// Other dice, decided by these and a name, so that what one of them is used for does not move the others.
    #[must_use]
    pub fn fork(&self, name: u64) -> Self {
        let mut fork = Dice::new(self.state ^ name.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        fork.number();
        fork
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        if let Some(given) = self.take(8) {
            return given;
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// 0 to `end - 1`.
    ///
    /// # Panics
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let bytes = match end {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 8,
        };
        self.take(bytes).unwrap_or_else(|| self.number()) % end
    }

    /// An index into something of this length.
    ///
    /// # Panics
    /// If `length` is 0.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// True once in `of` times.
    ///
    /// # Panics
    /// If `of` is 0.
    pub fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// The next bytes that were given, as a number; `None` once they are used up.
    fn take(&mut self, bytes: usize) -> Option<u64> {
        let rest = &self.given[self.taken..];
        if rest.is_empty() {
            return None;
        }
        let bytes = bytes.min(rest.len());
        self.taken += bytes;
        Some(rest[..bytes].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_bytes_decide_first_and_then_a_seed_made_of_them() {
        let mut dice = Dice::from_bytes(&[7, 1, 2]);
        assert_eq!((dice.below(10), dice.below(1000)), (7, 0x102));
        let rest: Vec<u64> = (0..9).map(|_| dice.number()).collect();
        let mut again = Dice::from_bytes(&[7, 1, 2]);
        again.below(10);
        again.below(1000);
        assert!(rest.iter().all(|number| again.number() == *number));
        assert_ne!(
            Dice::from_bytes(&[7, 1, 3]).fork(0).number(),
            Dice::from_bytes(&[7, 1, 2]).fork(0).number()
        );
    }
}
