//! Random numbers from a seed.

use std::hash::{BuildHasher, RandomState};

/// The environment variable that gives the seed of an earlier run.
const VARIABLE: &str = "ANNALS_TEST_SEED";

/// The random numbers of one test. If the test fails, their seed is told.
pub(super) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub(super) fn of_test(test: &str) -> Self {
        let seed = match std::env::var(VARIABLE) {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => RandomState::new().hash_one(test),
        };
        let state = test.bytes().fold(seed, |state, byte| state.rotate_left(8) ^ u64::from(byte));
        Random { seed, state }
    }

    pub(super) fn from_seed(seed: u64) -> Self {
        Random { seed, state: seed }
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// The next number (SplitMix64).
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the moments of this run came from {VARIABLE}={}", self.seed);
        }
    }
}
