//! The suite of failing calls: each call of a workload to its disk fails, in each way in which it can, once and from
//! then on. Whatever was said of each batch must be true, on this disk and on what a crash leaves of it.
//!
//! A case is a kind of failure and the number of the call that it begins with. Kinds that a store must not notice at
//! all (short reads and writes, interruptions) are among them.

mod account;
mod aftermath;
mod kinds;
mod session;

use crate::suite::{Failure, Suite};
use kinds::{Kind, kinds};
use session::Session;
use std::sync::LazyLock;

/// The suite of failing calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults;

/// Whether the log is written around the system's cache, with the kinds, each with how many calls of the workload it can hit.
static PLAN: LazyLock<Vec<(bool, Kind, u64)>> = LazyLock::new(|| {
    let both = [false, true].into_iter();
    let plan = both.flat_map(|direct| {
        let calls = Session::count_calls(direct);
        let hits = move |kind: &Kind| kind.calls.iter().map(|call| calls[*call as usize]).sum();
        let kinds = kinds().into_iter().filter(move |kind| !direct || kind.differs_where_direct());
        kinds.map(move |kind| (direct, kind, hits(&kind)))
    });
    plan.collect()
});

impl Suite for Faults {
    fn name(&self) -> &'static str {
        "faults"
    }

    fn unit(&self) -> &'static str {
        "failing calls"
    }

    fn cases(&self) -> Option<u64> {
        Some(PLAN.iter().map(|(_, _, hits)| hits).sum())
    }

    fn run(&self, case: u64) -> Result<u64, Failure> {
        let mut left = case;
        for (direct, kind, hits) in PLAN.iter() {
            if left < *hits {
                let nth = left + 1;
                let way = if *direct { "direct, " } else { "" };
                return match Session::run(kind, *direct, nth) {
                    Ok(()) => Ok(1),
                    Err(failure) => Err(Failure::new(format!("{way}{kind}, call {nth}: {failure}"))),
                };
            }
            left -= hits;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals::vfs::Call;

    #[test]
    fn every_kind_of_call_is_made_often_enough_to_mean_something() {
        let calls = Session::count_calls(false);
        // Files are taken from other disks only when backups are made.
        for call in Call::ALL.iter().filter(|call| **call != Call::Take) {
            // Some are made once for each opening, and directories once for each store.
            let least = if matches!(call, Call::CreateDir | Call::Remove | Call::Lock) { 3 } else { 5 };
            assert!(calls[*call as usize] >= least, "{call:?}: {}", calls[*call as usize]);
        }
    }

    #[test]
    fn the_workload_merges_runs() {
        let (segments, runs) = Session::leaves();
        assert!(runs > 0 && runs * 3 < segments, "{segments} segments, {runs} runs");
    }

    #[test]
    fn the_workload_makes_the_same_calls_each_time() {
        for direct in [false, true] {
            assert_eq!(Session::count_calls(direct), Session::count_calls(direct));
        }
        assert_ne!(
            Session::count_calls(false),
            Session::count_calls(true),
            "the log is written in another way"
        );
    }

    #[test]
    fn a_case_beyond_the_last_one_is_none() {
        let cases = Faults.cases().unwrap_or(0);
        assert!(cases > 2_000, "{cases}");
        assert_eq!(Faults.run(cases), Ok(0));
    }
}
