//! The suite of crash states: a workload is done once, and at every call that changes something it is looked at what a
//! crash could leave of the disk at that moment.
//!
//! | fault | where |
//! |---|---|
//! | kill at every call (F1), and everything written, nothing but what was synced | every workload, every call: [`states`] |
//! | each change of a name lost alone, kept alone (T12, T13, F5) | every workload, every call |
//! | an ordered journal, with each number of changes (F2) | every workload, every call |
//! | each write torn at each 512 bytes: front, back, middle missing, random; rubbish for the rest (T8, T9, T18, F3) | every workload, its last writes |
//! | batches of 1 to many events, empty, zero-length, larger than a segment (T2, T3, T19) | [`Workload::Rolling`], [`Workload::Groups`] |
//! | old segment unsynced, new one reaches the disk first (T10, F4) | [`Workload::Unsynced`], [`Workload::Rolling`] |
//! | the very first calls (T14, T15, T16) | [`Workload::First`] |
//! | group commit; the second of two unsynced writes valid, the first torn (T23) | [`Workload::Groups`], [`Workload::Unsynced`] |
//! | failed sync, restart without reboot, reader and writer, then power loss (T38, F7, F8) | [`Workload::FailedSync`] |
//! | a merge: scratch, new run, manifest, removal of its sources (T30, F17) | [`Workload::Rolling`], [`Workload::Groups`] |
//! | a close that seals the active segment | [`Workload::Closing`] |
//! | a compaction: new files, manifest, removal of the old ones, the ledger (T30) | [`Workload::Compacting`] |
//! | conditions that race in a group, decisions | [`Workload::Groups`] |
//! | a direct write of the log, before, in the middle of and behind it | every fourth seed of every workload |
//! | crash inside recovery (F6), reader first, append after recovery and read both (T17) | [`judge`] |

mod judge;
mod states;
#[cfg(test)]
mod tests;
mod workload;

use crate::account::Account;
use crate::dice::Dice;
use crate::suite::{Failure, Suite};
use crate::watch::Watcher;
use annals::vfs::{Call, MemoryDisk};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use workload::Workload;

/// A workload's calls are shared out among so many cases, so that each takes a moment.
const PARTS: u64 = 64;

/// The suite of crash states.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crashes;

impl Suite for Crashes {
    fn name(&self) -> &'static str {
        "crashes"
    }

    fn unit(&self) -> &'static str {
        "crash states"
    }

    fn cases(&self) -> Option<u64> {
        None
    }

    fn run(&self, case: u64) -> Result<u64, Failure> {
        let kinds = Workload::ALL.len() as u64;
        let workload = Workload::ALL[usize::try_from(case % kinds).unwrap_or(0)];
        // Parts of one seed lie apart, so that few cases already see many places of many seeds.
        let number = case / kinds;
        explore(workload, number, (number / PARTS + number) % PARTS)
    }
}

/// Does a workload and looks at every crash state of one part of its calls. Returns how many there were.
fn explore(workload: Workload, seed: u64, part: u64) -> Result<u64, Failure> {
    let explorer = Arc::new(Explorer::new(workload, seed, part));
    let done = workload.run(seed, &explorer);
    // The moment after the last call counts as well.
    explorer.look("the end");
    let found = explorer.found.lock();
    if let Some(wrong) = &found.wrong {
        return Err(Failure::new(wrong.clone()));
    }
    match done {
        Ok(()) => Ok(found.states),
        Err(wrong) => Err(Failure::new(format!("{workload:?}, seed {seed}, without a crash: {wrong}"))),
    }
}

/// Watches the disk of a workload, and looks at what a crash could leave.
#[derive(Debug)]
struct Explorer {
    workload: Workload,
    seed: u64,
    part: u64,
    disk: MemoryDisk,
    account: Mutex<Account>,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    calls: u64,
    /// Calls are not even counted.
    looks_away: bool,
    states: u64,
    wrong: Option<String>,
}

impl Explorer {
    fn new(workload: Workload, seed: u64, part: u64) -> Self {
        let (disk, account, found) = (MemoryDisk::new(), Mutex::default(), Mutex::default());
        Explorer { workload, seed, part, disk, account, found }
    }

    /// Lets what comes now go by, or not any more.
    fn look_away(&self, looks_away: bool) {
        self.found.lock().looks_away = looks_away;
    }

    /// Looks at every state that a crash could leave now.
    fn look(&self, what: &str) {
        let mut found = self.found.lock();
        if found.looks_away {
            return;
        }
        let call = found.calls;
        found.calls += 1;
        if call % PARTS != self.part || found.wrong.is_some() {
            return;
        }
        let account = self.account.lock().clone();
        let dice = Dice::new(self.seed).fork(call);
        for (number, left) in (0..).zip(states::states(&self.disk, &mut dice.fork(1))) {
            found.states += 1;
            let state = left.of(&self.disk);
            if let Err(wrong) = judge::judge(state, left, account.clone(), &mut dice.fork(number + 2)) {
                let (workload, seed) = (self.workload, self.seed);
                let place = format!("{workload:?}, seed {seed}, before call {call} ({what})");
                found.wrong = Some(format!("{place}, {left}: {wrong}"));
                return;
            }
        }
    }
}

impl Watcher for Explorer {
    fn before(&self, call: Call, path: &str) -> io::Result<()> {
        if Call::CHANGING.contains(&call) {
            self.look(&format!("{call:?} {path}"));
        }
        Ok(())
    }
}
