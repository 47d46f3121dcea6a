//! Running a model under many schedules.

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, UncontrolledNondeterminismCheckScheduler as Twice,
};
use shuttle::{Config, Runner};
use std::env;
use std::str::FromStr;
use std::time::Duration;

/// Threads of a model are coroutines, and a store's calls go deep in a build without optimization.
const STACK_BYTES: usize = 1 << 20;

/// How many threads' turns may be cut short in an order of the second kind. Most errors need one or two.
const DEPTHS: [usize; 3] = [2, 3, 5];

/// So many orders are run twice.
const TWICE: usize = 10;

/// Lets the scheduler choose who goes on.
pub fn switch() {
    shuttle::thread::sleep(Duration::ZERO);
}

/// Runs `model` under so many schedules: half of them choose at random at every step, which mixes threads finely; the
/// other half let threads run by rank and change the ranks a few times, which finds what needs one thread to be late by
/// a long way.
///
/// A few of the first kind are run twice, for a failure is worth nothing that does not come again.
///
/// Environment variables choose other schedules; see the crate's documentation.
///
/// # Panics
/// If the model does under one of the schedules, which is printed; or if all its threads wait for each other.
pub fn explore(iterations: usize, model: fn()) {
    if let Ok(schedule) = env::var("ANNALS_SCHEDULE") {
        Runner::new(ReplayScheduler::new_from_encoded(schedule.trim()), config()).run(model);
        return;
    }
    let (iterations, seed) = (number("ANNALS_ITERATIONS", iterations), number("ANNALS_SEED", 1_u64));
    let random = iterations.div_ceil(2);
    Runner::new(Twice::new(RandomScheduler::new_from_seed(seed, TWICE)), config()).run(model);
    let mut run = Runner::new(RandomScheduler::new_from_seed(seed, random), config()).run(model);
    for depth in DEPTHS {
        let some = (iterations - random).div_ceil(DEPTHS.len());
        run += Runner::new(PctScheduler::new_from_seed(seed, depth, some), config()).run(model);
    }
    assert!(run >= iterations, "only {run} of {iterations} schedules were run");
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.silence_warnings = true;
    config
}

fn number<N: FromStr>(name: &str, usual: N) -> N {
    let Ok(text) = env::var(name) else { return usual };
    text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is no number"))
}
