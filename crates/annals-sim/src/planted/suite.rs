//! What can notice a bug: tests of a crate, or the suites of this program.

use super::binaries::Binaries;
use std::fmt;
use std::process::Command;

/// Something that passes if the engine is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Suite {
    /// The tests of a package, in one of its targets, whose names contain some words.
    Tests { package: &'static str, target: &'static str, named: &'static str },
    /// This program, with these arguments.
    Own(&'static [&'static str]),
}

impl Suite {
    /// How it is run.
    pub(super) fn command(self, binaries: &Binaries) -> anyhow::Result<Command> {
        match self {
            Suite::Tests { package, target, named } => {
                let mut command = binaries.tests(package, target)?;
                command.arg(named);
                Ok(command)
            }
            Suite::Own(arguments) => {
                let mut command = Command::new(&binaries.own);
                command.args(arguments);
                // As many processes as there are cores are under way already.
                command.args(["--jobs", "1"]);
                Ok(command)
            }
        }
    }

    /// Whether this is the output of tests that are not there: nothing fails then.
    pub(super) fn ran_nothing(self, output: &str) -> bool {
        matches!(self, Suite::Tests { .. }) && output.contains("running 0 tests")
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suite::Tests { package, target: "lib", named } => write!(f, "{package} {named}"),
            Suite::Tests { package, target, named } => write!(f, "{package} {target} {named}"),
            Suite::Own(arguments) => write!(f, "annals-sim {}", arguments.join(" ")),
        }
    }
}
