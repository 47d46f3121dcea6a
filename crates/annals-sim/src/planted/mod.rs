//! Planted bugs: known mistakes are made on purpose, one at a time, and some suite must notice each of them.
//!
//! Suites run in processes of their own, because the bug is chosen by an environment variable. First all of them run
//! without a bug and must pass. Then each bug has its suites run, the quickest first, until one fails.

mod binaries;
mod child;
mod suite;
mod table;

use annals_types::planted::Bug;
use binaries::Binaries;
use child::{Ending, run_child};
use clap::Args;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use suite::Suite;

/// Which bugs are planted, and which suites look for them.
#[derive(Debug, Args)]
pub(crate) struct Planting {
    /// Plant only this bug; said again, these
    #[arg(long)]
    bug: Vec<String>,
    /// Run all suites against each bug, also after one has noticed it
    #[arg(long)]
    every_suite: bool,
    /// How many to run at once; by default as many as there are cores
    #[arg(long)]
    jobs: Option<usize>,
}

/// What the suites said of one bug.
struct Verdict {
    bug: Bug,
    /// The suites that noticed it, with what they said.
    noticed: Vec<(Suite, Ending)>,
    took: Duration,
}

impl Planting {
    /// Plants the bugs, prints what became of each, and says whether all of them were noticed.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let known = |name: &String| Bug::ALL.iter().any(|bug| bug.name() == name);
        anyhow::ensure!(self.bug.iter().all(known), "these are the bugs: {}", names());
        let wanted = |bug: &Bug| self.bug.is_empty() || self.bug.iter().any(|name| name == bug.name());
        let bugs: Vec<Bug> = Bug::ALL.iter().copied().filter(wanted).collect();
        let binaries = Binaries::build()?;
        let begun = Instant::now();
        if !self.all_pass_without_a_bug(&bugs, &binaries)? {
            return Ok(false);
        }
        let missed = Mutex::new(0);
        self.side_by_side(bugs.clone(), |bug| {
            let verdict = self.look_for(bug, &binaries)?;
            *missed.lock() += usize::from(verdict.noticed.is_empty());
            verdict.print();
            Ok(())
        })?;
        let (missed, took) = (missed.into_inner(), begun.elapsed().as_secs_f64());
        println!("planted: {} bugs, {missed} not noticed, {took:.1} s", bugs.len());
        Ok(missed == 0)
    }

    /// The suites for a bug, in the order in which they are tried.
    fn suites(&self, bug: Bug) -> Vec<Suite> {
        let own = table::suites(bug);
        let all = if self.every_suite { table::every_suite() } else { table::GENERAL.to_vec() };
        let mut seen = HashSet::new();
        own.into_iter().chain(all).filter(|suite| seen.insert(*suite)).collect()
    }

    fn all_pass_without_a_bug(&self, bugs: &[Bug], binaries: &Binaries) -> anyhow::Result<bool> {
        let suites: HashSet<Suite> = bugs.iter().flat_map(|bug| self.suites(*bug)).collect();
        let failed = Mutex::new(0);
        self.side_by_side(suites.into_iter().collect(), |suite| {
            let ending = run_child(&mut suite.command(binaries)?, None)?;
            let nothing_ran = ending.failed.is_none() && suite.ran_nothing(&ending.output);
            if ending.failed.is_some() || nothing_ran {
                let why = ending.failed.unwrap_or("it has no such test".into());
                println!("{suite} fails without a bug: {why}\n{}", ending.output);
                *failed.lock() += 1;
            }
            Ok(())
        })?;
        Ok(failed.into_inner() == 0)
    }

    fn look_for(&self, bug: Bug, binaries: &Binaries) -> anyhow::Result<Verdict> {
        let begun = Instant::now();
        let mut noticed = Vec::new();
        for suite in self.suites(bug) {
            let ending = run_child(&mut suite.command(binaries)?, Some(bug))?;
            if ending.failed.is_some() {
                noticed.push((suite, ending));
                if !self.every_suite {
                    break;
                }
            }
        }
        Ok(Verdict { bug, noticed, took: begun.elapsed() })
    }

    /// Does something with all of these, as many at once as there may be.
    fn side_by_side<T: Send>(
        &self,
        all: Vec<T>,
        work: impl Fn(T) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<()> {
        let jobs = self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let left = Mutex::new(all.into_iter());
        let take = || left.lock().next();
        std::thread::scope(|scope| {
            let worker = || {
                while let Some(one) = take() {
                    work(one)?;
                }
                Ok(())
            };
            let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("workers do not panic"))
        })
    }
}

impl Verdict {
    fn print(&self) {
        let (name, took) = (self.bug.name(), self.took.as_secs_f64());
        if self.noticed.is_empty() {
            println!("{name:42} {took:5.1} s  NOT NOTICED");
        }
        for (suite, ending) in &self.noticed {
            let how = ending.failed.as_deref().unwrap_or_default();
            println!("{name:42} {took:5.1} s  {suite} ({how})");
        }
    }
}

fn names() -> String {
    Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_a_suite_that_is_to_notice_it() {
        for bug in Bug::ALL {
            assert!(!table::suites(*bug).is_empty(), "{}", bug.name());
        }
    }
}
