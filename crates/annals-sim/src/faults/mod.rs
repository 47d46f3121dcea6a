//! The suite of failing calls.

use crate::suite::{Failure, Suite};

/// The suite of failing calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults;

impl Suite for Faults {
    fn name(&self) -> &'static str {
        "faults"
    }

    fn unit(&self) -> &'static str {
        "failing calls"
    }

    fn cases(&self) -> Option<u64> {
        Some(0)
    }

    fn run(&self, _case: u64) -> Result<u64, Failure> {
        Ok(1)
    }
}
