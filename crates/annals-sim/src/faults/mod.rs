//! The suite of failing calls: each call of a workload to its disk fails, in each way in which it can, once and from
//! then on. Whatever was said of each batch must be true, on this disk and on what a crash leaves of it.
//!
//! Compaction, erasure, backups and restores are scenes of their own: whichever of their calls fails, on either disk, the old or
//! the new is left, and the next attempt makes it the new one.
//!
//! A case is a kind of failure and the number of the call that it begins with. Kinds that a store must not notice at
//! all (short reads and writes, interruptions) are among them.

mod account;
mod aftermath;
mod kinds;
mod prepared;
mod scene;
mod seen;
mod session;

use crate::suite::{Failure, Suite};
use kinds::{Kind, kinds, kinds_of_scenes};
use scene::Scene;
use session::Session;
use std::sync::LazyLock;

/// The suite of failing calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults;

/// What is done while calls fail.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// A workload of appends, with the log written around the system's cache or not.
    Session {
        direct: bool,
    },
    Scene(Scene),
}

/// What is done, with the kinds, each with how many calls of it that can hit.
static PLAN: LazyLock<Vec<(Work, Kind, u64)>> = LazyLock::new(|| {
    let hits = |calls: &[u64], kind: &Kind| kind.calls.iter().map(|call| calls[*call as usize]).sum();
    let mut plan = Vec::new();
    for direct in [false, true] {
        let calls = Session::count_calls(direct);
        let kinds = kinds().into_iter().filter(|kind| !direct || kind.differs_where_direct());
        plan.extend(kinds.map(|kind| (Work::Session { direct }, kind, hits(&calls, &kind))));
    }
    for scene in Scene::all() {
        let calls = scene.count_calls();
        let kinds = kinds_of_scenes().into_iter();
        plan.extend(kinds.map(|kind| (Work::Scene(scene), kind, hits(&calls, &kind))));
    }
    plan
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
        for (work, kind, hits) in PLAN.iter() {
            if left < *hits {
                let nth = left + 1;
                let (way, result) = match work {
                    Work::Session { direct: false } => (String::new(), Session::run(kind, false, nth)),
                    Work::Session { direct: true } => ("direct, ".into(), Session::run(kind, true, nth)),
                    Work::Scene(scene) => (format!("{scene}, "), scene.run(kind, nth)),
                };
                let failed = |failure| Failure::new(format!("{way}{kind}, call {nth}: {failure}"));
                return result.map(|()| 1).map_err(failed);
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

    #[test]
    fn scenes_have_something_to_do() {
        for scene in Scene::all() {
            let calls = scene.count_calls();
            assert!(calls.iter().sum::<u64>() > 5, "{scene}: {calls:?}");
        }
    }
}
