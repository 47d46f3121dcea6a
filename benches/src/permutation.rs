//! A pseudo-random permutation of the numbers below a bound: each comes once, in an order that a seed decides.

use crate::workload::mix;

/// How often the halves are mixed.
const ROUNDS: u64 = 4;

/// A Feistel network over the next larger power of four; what falls outside the bound goes through it again.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    bound: u64,
    half_bits: u32,
    seed: u64,
}

impl Permutation {
    /// The permutation of the numbers below `bound` (at least one) that a seed decides.
    #[must_use]
    pub fn new(bound: u64, seed: u64) -> Self {
        let bits = u64::BITS - bound.saturating_sub(1).leading_zeros();
        Permutation { bound, half_bits: bits.div_ceil(2).max(1), seed: mix(seed) }
    }

    /// Where `number`, which is below the bound, goes.
    #[must_use]
    pub fn at(&self, number: u64) -> u64 {
        let mut place = self.once(number);
        while place >= self.bound {
            place = self.once(place);
        }
        place
    }

    fn once(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut high, mut low) = (number >> self.half_bits, number & mask);
        for round in 0..ROUNDS {
            (high, low) = (low, high ^ (mix(low ^ self.seed.wrapping_add(round << 56)) & mask));
        }
        high << self.half_bits | low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_the_bound_comes_once() {
        for bound in [1, 2, 3, 4, 5, 100, 1000, 4096, 4097] {
            let permutation = Permutation::new(bound, 7);
            let mut places: Vec<u64> = (0..bound).map(|number| permutation.at(number)).collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..bound), "{bound}");
        }
    }

    #[test]
    fn neighbours_do_not_stay_neighbours() {
        let permutation = Permutation::new(10_000, 7);
        let near =
            (1..10_000).filter(|number| permutation.at(*number).abs_diff(permutation.at(number - 1)) < 10);
        assert!(near.count() < 100);
    }
}
