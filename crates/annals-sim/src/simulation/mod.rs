//! The suite of seeds: whatever a seed does, the store answers as the model, and a crash takes nothing that must stay.
//!
//! A seed is turned into a list of operations first ([`script`]), which are then done on a store and on a model
//! ([`machine`]). A list that fails is made shorter as long as it still fails ([`shrink`]), and printed.

mod calls;
mod copies;
mod draws;
mod looks;
mod machine;
mod op;
mod recovery;
mod retain;
mod script;
mod shrink;
#[cfg(test)]
mod tests;
mod trace;
mod trouble;

use crate::dice::Dice;
use crate::runner::caught;
use crate::suite::{Failure, Suite};
use machine::Machine;
use op::Script;
use std::time::Duration;

/// How long a simulation that fails is made shorter.
const PATIENCE: Duration = Duration::from_secs(30);

/// The suite of seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simulation;

impl Suite for Simulation {
    fn name(&self) -> &'static str {
        "simulation"
    }

    fn unit(&self) -> &'static str {
        "seeds"
    }

    fn cases(&self) -> Option<u64> {
        None
    }

    fn run(&self, case: u64) -> Result<u64, Failure> {
        let script = script::script(&mut Dice::new(case));
        if let Err(failure) = run(&script) {
            let (script, failure) = shrink::shrink(script, failure, PATIENCE, &|script| run(script).err());
            return Err(Failure::new(format!("{failure}\n{script}")));
        }
        Ok(1)
    }
}

/// Runs one simulation that dice decide, such as those of a fuzzer.
///
/// Returns its trace: a number made of everything that was done and of the disk at the end. The same dice give the same.
///
/// # Errors
/// What the store did that it must not do.
pub fn simulate(mut dice: Dice) -> Result<u64, Failure> {
    let script = script::script(&mut dice);
    Machine::run(&script).map_err(|wrong| Failure::new(format!("{wrong}\n{script}")))
}

fn run(script: &Script) -> Result<u64, Failure> {
    caught(|| Machine::run(script).map_err(|wrong| Failure::new(wrong.to_string())))
}
