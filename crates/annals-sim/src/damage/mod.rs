//! The suite of damaged stores.

use crate::suite::{Failure, Suite};

/// The suite of damaged stores.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage;

impl Suite for Damage {
    fn name(&self) -> &'static str {
        "damage"
    }

    fn unit(&self) -> &'static str {
        "damaged stores"
    }

    fn cases(&self) -> Option<u64> {
        None
    }

    fn run(&self, _case: u64) -> Result<u64, Failure> {
        Ok(1)
    }
}
