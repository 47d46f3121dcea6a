//! What all suites have in common.

use std::fmt;

/// A number of cases, each decided by its number alone: run again, it does the same.
pub trait Suite: Sync {
    /// Its name, as on the command line.
    fn name(&self) -> &'static str;

    /// What is counted, in the plural: `crash states`.
    fn unit(&self) -> &'static str;

    /// How many cases there are; `None` if there is one for every number.
    fn cases(&self) -> Option<u64>;

    /// Runs a case, and says how many of its units it has checked.
    ///
    /// # Errors
    /// What the store did that it must not do. A panic counts as such, too.
    fn run(&self, case: u64) -> Result<u64, Failure>;

    /// What else there is to say about the cases that were run.
    fn note(&self) -> Option<String> {
        None
    }
}

/// What a store did that it must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened, and where.
    pub what: String,
}

impl Failure {
    /// A failure, in words.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Failure { what: what.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
