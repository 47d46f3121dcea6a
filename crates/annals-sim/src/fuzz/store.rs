//! Whole lives of a store: the bytes decide a simulation, whose model says what the store must answer.

use crate::dice::Dice;
use crate::simulation::simulate;
use crate::suite::Failure;
use annals::vfs::{Random, SeededRandom};

/// Bytes of an input that count. A simulation has fewer than a hundred operations however long its input is, and few of
/// them take more bytes than this; what follows is left to the dice.
const BYTES_MAX: usize = 8 << 10;

/// A simulation that the input decides: appends, questions, crashes, failing calls. It is run once and not made shorter,
/// because that is what a fuzzer does itself.
///
/// # Panics
/// If the store does what it must not do.
pub fn store(input: &[u8]) {
    if let Err(failure) = run(input) {
        panic!("{failure}");
    }
}

fn run(input: &[u8]) -> Result<u64, Failure> {
    simulate(Dice::from_bytes(&input[..input.len().min(BYTES_MAX)]))
}

/// Bytes without a meaning mean as much as any others here. Short ones leave most to the dice, so that a change of one
/// byte makes another simulation; long ones decide all of it, so that it makes a small difference.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let some = |(seed, length): (u64, usize)| {
        let mut bytes = vec![0; length];
        SeededRandom::new(seed).fill(&mut bytes).map(|()| bytes).unwrap_or_default()
    };
    [(1, 20), (2, 300), (3, 1500), (4, 3000), (5, 6000)].map(some).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_those_that_count_change_nothing() {
        let bytes: Vec<u8> = (0..=255).cycle().take(2 * BYTES_MAX).collect();
        assert_eq!(run(&bytes), run(&bytes[..BYTES_MAX]));
        assert_ne!(run(&bytes), run(&bytes[1..]));
        assert!(run(&bytes).is_ok());
    }
}
