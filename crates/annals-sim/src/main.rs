//! The command line of the proof.

mod planted;
mod report;

use annals_sim::{Crashes, Damage, Faults, Plan, Simulation, Suite, run};
use clap::{Args, Parser, Subcommand};
use report::report;
use std::process::ExitCode;

/// Crash, fail and damage stores, and see that they keep their promises
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status 1 if a store did what it must not do. Every failure comes with the command that repeats it.\n\n\
    Examples:\n  \
    annals-sim --seeds 2000          simulations\n  \
    annals-sim --seed 17             one of them again\n  \
    annals-sim crashes --units 5000  what a crash can leave behind"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many simulations to run
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Run only this seed
    #[arg(long)]
    seed: Option<u64>,
    /// How many to run at once; by default as many as there are cores
    #[arg(long)]
    jobs: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a crash can leave behind, at every call of several workloads
    Crashes(Cases),
    /// Every call to the disk failing, once and from then on
    Faults(Cases),
    /// Bits flipped, files cut, swapped, replaced: exact data or an error
    Damage(Cases),
    /// Known bugs, planted one at a time: each must be noticed by some suite
    Planted(planted::Planting),
    /// All suites, with the figures for every change
    All {
        /// The figures for a release instead; takes hours
        #[arg(long)]
        long: bool,
    },
}

/// Which cases of a suite are run.
#[derive(Debug, Args)]
struct Cases {
    /// Stop when so many units were checked
    #[arg(long)]
    units: Option<u64>,
    /// The first case
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Run only this case
    #[arg(long)]
    case: Option<u64>,
    /// How many to run at once; by default as many as there are cores
    #[arg(long)]
    jobs: Option<usize>,
}

/// The suites, with the units that are checked for every change and for a release; `None` for all there are.
const SUITES: [(&dyn Suite, Option<u64>, Option<u64>); 4] = [
    (&Simulation, Some(2_000), Some(50_000)),
    (&Crashes, Some(5_000), Some(1_000_000)),
    (&Faults, None, None),
    (&Damage, Some(5_000), Some(100_000)),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let well = match arguments.command {
        None => {
            let Arguments { seeds, first, seed, jobs, .. } = arguments;
            let plan = Cases { units: None, first, case: seed, jobs }.plan();
            report(&Simulation, &run(&Simulation, Plan { cases: plan.cases.or(Some(seeds)), ..plan }))
        }
        Some(Command::Crashes(cases)) => cases.run(&Crashes),
        Some(Command::Faults(cases)) => cases.run(&Faults),
        Some(Command::Damage(cases)) => cases.run(&Damage),
        Some(Command::Planted(planting)) => planting.run().unwrap_or_else(|error| {
            eprintln!("planted: {error:#}");
            false
        }),
        Some(Command::All { long }) => SUITES.iter().fold(true, |well, (suite, change, release)| {
            let units = if long { *release } else { *change };
            Cases { units, first: 0, case: None, jobs: None }.run(*suite) && well
        }),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Cases {
    /// Runs them and prints what came of it. Says whether all is well.
    fn run(self, suite: &dyn Suite) -> bool {
        report(suite, &run(suite, self.plan()))
    }

    fn plan(self) -> Plan {
        let Cases { units, first, case, jobs } = self;
        let default = Plan { progress: true, units, first, ..Plan::default() };
        match case {
            Some(case) => Plan { first: case, cases: Some(1), units: None, jobs: 1, ..default },
            None => Plan { jobs: jobs.unwrap_or(default.jobs), ..default },
        }
    }
}
