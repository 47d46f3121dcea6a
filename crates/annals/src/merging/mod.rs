//! Merging runs, a step at a time, so that whoever does it can look in between whether something is more urgent.

mod choose;
mod held;
mod job;
mod trim;

use crate::core::Core;
use crate::part::Part;
use annals_format::RunEntry;
use annals_index::MergeError;
use annals_vfs::sync::atomic::Ordering;
use annals_wal::LogError;
use choose::{Size, choose, choose_settled, most_in_order};
use held::Held;
use job::Job;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Terms that are merged before the worker looks again whether there is something more urgent: about a millisecond.
const STEP_TERMS: usize = 4096;
/// So many runs more than a store in order has are too many: merging comes before sealing then, for lookups have to ask
/// them all.
const RUNS_CROWDED: usize = 24;
/// How many steps of merging come before a segment is sealed, if there are too many runs: about a second, for appends may be
/// waiting for the sealing.
const STEPS_BEFORE_SEALING: usize = 1024;
/// Most merges under way. Each is smaller than those begun before it, and comes first, so that a large one does not hold up
/// the many small ones.
const JOBS_MAX: usize = 3;

/// Merges under way, and runs that cannot be merged.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    jobs: Vec<Job>,
    /// Whether nobody appends, so that there is time to leave fewer runs than lookups need to be quick.
    settling: bool,
    /// Numbers of runs that were tried and do not go together with their neighbours.
    refused: BTreeSet<u64>,
    /// What compaction is about to replace.
    held: Option<Held>,
}

impl Core {
    /// Whether there are so many runs, and something to merge, that this is more urgent than anything else.
    pub(crate) fn is_crowded_with_runs(&self) -> bool {
        let parts = self.parts.load_full();
        if parts.index.len() < RUNS_CROWDED {
            return false;
        }
        let merges = self.merges.lock();
        let sizes = sizes(&parts.index, &merges);
        let crowded = sizes.len() >= RUNS_CROWDED + most_in_order(&sizes);
        crowded && (!merges.jobs.is_empty() || choose(&sizes).is_some())
    }

    /// Merges as long as there are too many runs, and not for long.
    pub(crate) fn merge_while_crowded(&self) -> Result<(), LogError> {
        for _ in 0..STEPS_BEFORE_SEALING {
            if !self.may_go_on() || !self.is_crowded_with_runs() || !self.merge_step()? {
                break;
            }
        }
        Ok(())
    }

    /// Merges on for a moment. Says whether there was anything to do.
    pub(crate) fn merge_step(&self) -> Result<bool, LogError> {
        let mut merges = self.merges.lock();
        let parts = self.parts.load_full();
        // A source that turned out to be damaged, was replaced, or is about to be, ends its merge.
        let held = merges.held;
        let gone = |job: &Job| {
            !job.stands_in(&parts.index) || held.is_some_and(|held| job.runs().any(|run| held.has(run)))
        };
        for job in merges.jobs.extract_if(.., |job| gone(job)) {
            job.abandon(self);
        }
        if merges.jobs.len() < JOBS_MAX
            && let Some(range) = merges.choose(&parts.index)
        {
            let sources = &parts.index[range];
            if merges.jobs.iter().all(|job| length(sources) < job.bytes()) {
                // Half for the first, a quarter for each of the others.
                let memory = self.budget.merging >> (merges.jobs.len() + 1).min(2);
                merges.jobs.push(Job::begin(self, sources.to_vec(), memory)?);
            }
        }
        // The smallest first: it is done soonest, and small runs are the many.
        let smallest = (0..merges.jobs.len()).min_by_key(|index| merges.jobs[*index].bytes());
        let Some(index) = smallest else { return Ok(false) };
        match merges.jobs[index].step(STEP_TERMS) {
            Ok(None) => {}
            Ok(Some(identity)) => {
                let job = merges.jobs.swap_remove(index);
                drop(merges);
                job.finish(self, &identity)?;
            }
            Err(error) => {
                let job = merges.jobs.swap_remove(index);
                merges.refuse(&job, &error);
                drop(merges);
                job.failed(self, error)?;
            }
        }
        Ok(true)
    }

    /// Says whether there is time for more than the merges that appends make necessary.
    pub(crate) fn set_settling(&self, settling: bool) {
        self.merges.lock().settling = settling;
    }

    /// Whether there would be something to merge if there was time for it.
    pub(crate) fn can_settle(&self) -> bool {
        let parts = self.parts.load_full();
        let merges = self.merges.lock();
        let runs = &parts.index[..runs_of(&parts.index)];
        !merges.settling && choose_settled(&sizes(runs, &merges)).is_some()
    }

    /// Drops what is under way; what it has written goes.
    pub(crate) fn abandon_merges(&self) {
        let jobs = std::mem::take(&mut self.merges.lock().jobs);
        jobs.into_iter().for_each(|job| job.abandon(self));
    }

    /// Whether work on the index may go on.
    pub(crate) fn may_go_on(&self) -> bool {
        !self.worker_stops.load(Ordering::SeqCst)
    }
}

impl Merges {
    fn choose(&self, parts: &[Arc<Part>]) -> Option<Range<usize>> {
        let sizes = sizes(parts, self);
        let settled = || choose_settled(&sizes[..runs_of(parts)]).filter(|_| self.settling);
        choose(&sizes).or_else(settled).or_else(|| self.choose_waste(parts))
    }

    /// Whether a part can be merged.
    fn is_free(&self, part: &Arc<Part>) -> bool {
        let run = part.as_run().filter(|run| !run.is_missing() && !self.holds(run));
        let entry = run.and_then(|run| run.entry());
        let busy = self.jobs.iter().any(|job| job.has(part));
        entry.is_some_and(|entry| !self.refused.contains(&entry.id)) && !busy
    }

    /// A merge that would fail again is not tried again before the store is opened the next time.
    fn refuse(&mut self, job: &Job, error: &MergeError) {
        if !matches!(error, MergeError::Io(_) | MergeError::Damage { .. }) {
            self.refused.extend(job.source_ids());
        }
    }
}

/// How many parts there are before those in memory.
fn runs_of(parts: &[Arc<Part>]) -> usize {
    parts.iter().take_while(|part| part.as_run().is_some()).count()
}

/// How many bytes the runs of parts have.
fn length(parts: &[Arc<Part>]) -> u64 {
    parts.iter().filter_map(|part| part.as_run()?.entry()).map(RunEntry::bytes).sum()
}

fn sizes(parts: &[Arc<Part>], merges: &Merges) -> Vec<Size> {
    let size = |part: &Arc<Part>| {
        let run = part.as_run().filter(|run| !run.is_missing());
        let entry = run.and_then(|run| run.entry());
        Size { bytes: entry.map_or(0, RunEntry::bytes), free: merges.is_free(part) }
    };
    parts.iter().map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maintenance::maintain;
    use crate::{Expected, NewEvent, Options, Store};
    use annals_vfs::{Call, Env, Fault, FaultyDisk, MemoryDisk, Survival, When};
    use annals_wal::Room;
    use std::io::ErrorKind;

    fn open(disk: Arc<dyn annals_vfs::Disk>) -> Store {
        Options::new()
            .env(Env::system(disk))
            .segment_bytes(16 << 10)
            .background(false)
            .open("memory")
            .unwrap()
    }

    /// A store of so many segments, whose runs were not merged, and what of it is on which disk.
    fn unmerged(segments: u64) -> (Store, MemoryDisk, FaultyDisk) {
        let memory = MemoryDisk::new();
        let disk = FaultyDisk::new(Arc::new(memory.clone()));
        let store = open(Arc::new(disk.clone()));
        for number in 0..segments {
            let event = NewEvent::new("t", vec![number as u8; 12_000]).with_tag(format!("n:{number}"));
            store.append("s", Expected::Any, &[event]).unwrap();
        }
        (store, memory, disk)
    }

    fn runs(disk: &MemoryDisk) -> Vec<String> {
        disk.image().into_keys().filter(|path| path.starts_with("index/")).collect()
    }

    fn merge(store: &Store) -> Result<(), LogError> {
        while store.core().merge_step()? {}
        Ok(())
    }

    #[test]
    fn runs_that_do_not_go_together_keep_nothing_else_from_being_done() {
        let (store, _, _) = unmerged(70);
        let core = store.core();
        let ids = core.catalog.lock().manifest().runs.iter().map(|run| run.id).collect();
        core.merges.lock().refused = ids;
        maintain(core).unwrap();
        assert!(core.next_full().is_none() && !core.needs_prepared());
    }

    #[test]
    fn merges_under_way_are_few_and_each_is_smaller_than_the_one_before() {
        let (store, _, _) = unmerged(100);
        let mut most = 0;
        while store.core().merge_step().unwrap() {
            let merges = store.core().merges.lock();
            assert!(merges.jobs.is_sorted_by(|one, next| one.bytes() > next.bytes()));
            most = most.max(merges.jobs.len());
        }
        assert!((1..=JOBS_MAX).contains(&most), "{most}");
        assert!(store.core().parts.load_full().index.len() < 20);
    }

    #[test]
    fn segments_are_sealed_though_there_are_too_many_runs_and_no_room_to_merge_them() {
        let (store, _, disk) = unmerged(70);
        let core = store.core();
        let prepared =
            core.catalog.lock().prepare(store.last_position(), Room::whole(core.segment_bytes)).unwrap();
        core.add_prepared(prepared);
        assert!(core.is_crowded_with_runs() && core.next_full().is_some());
        // The first file to be created is that of the merge.
        disk.arm(When::nth(Call::Create, 1), Fault::Error(ErrorKind::StorageFull));
        assert!(core.merge_while_crowded().is_err() && disk.fired());
        disk.arm(When::nth(Call::Create, 1), Fault::Error(ErrorKind::StorageFull));
        maintain(core).unwrap();
        assert!(core.next_full().is_none());
    }

    #[test]
    fn a_merge_whose_manifest_finds_no_room_gives_its_own_back() {
        let (store, memory, disk) = unmerged(12);
        let before = runs(&memory);
        disk.arm(When::nth(Call::Rename, 1).from_then_on(), Fault::Error(ErrorKind::StorageFull));
        for _ in 0..3 {
            assert!(merge(&store).is_err());
            assert_eq!(runs(&memory), before);
        }
        disk.disarm();
        merge(&store).unwrap();
        assert!(runs(&memory).len() < before.len());
    }

    #[test]
    fn a_merge_whose_manifest_may_be_there_keeps_both_what_was_merged_and_the_result() {
        let (store, memory, disk) = unmerged(12);
        let (before, last) = (runs(&memory), store.last_position());
        disk.arm(When::nth(Call::Rename, 1), Fault::ErrorAfter(ErrorKind::Other));
        assert!(merge(&store).is_err());
        assert!(before.iter().all(|run| runs(&memory).contains(run)) && runs(&memory).len() > before.len());
        std::mem::forget(store);
        for survival in [Survival::All, Survival::Synced] {
            let store = open(Arc::new(memory.crash(survival)));
            assert_eq!((store.last_position(), store.stats().unwrap().runs_missing), (last, 0));
        }
    }

    #[test]
    fn a_store_whose_runs_are_being_merged_is_sound_in_between() {
        let (store, memory, _) = unmerged(40);
        let env = Env::system(Arc::new(memory.clone()));
        let last = store.last_position();
        while store.core().merge_step().unwrap() {
            let found = crate::verify_in(&env, &mut |_| {}).unwrap();
            assert_eq!((found.findings, found.last_position), (vec![], last));
        }
    }

    #[test]
    fn a_store_that_is_being_closed_does_not_wait_for_runs_that_are_missing() {
        let (store, memory, _) = unmerged(12);
        maintain(store.core()).unwrap();
        store.close().unwrap();
        let mut image = memory.image();
        image.retain(|path, _| !path.starts_with("index/"));
        let memory = MemoryDisk::from_image(image).unwrap();
        let store = open(Arc::new(memory.clone()));
        store.core().stop_worker();
        maintain(store.core()).unwrap();
        assert_eq!(runs(&memory), [] as [String; 0]);
    }
}
