//! Merging runs, a step at a time, so that whoever does it can look in between whether something is more urgent.

mod choose;
mod job;

use crate::core::Core;
use crate::part::Part;
use annals_index::MergeError;
use annals_vfs::sync::atomic::Ordering;
use annals_wal::LogError;
use choose::{Size, choose, choose_settled};
use job::Job;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Terms that are merged before the worker looks again whether there is something more urgent: about a millisecond.
const STEP_TERMS: usize = 4096;
/// With so many parts of the index, short merges come before sealing: lookups have to ask them all.
const PARTS_CROWDED: usize = 24;
/// A merge of so many bytes takes half a second. Appends may have to wait for it, but never for a long one.
const SHORT_MERGE_BYTES: u64 = 64 << 20;

/// Merges under way, and runs that cannot be merged.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    jobs: Vec<Job>,
    /// Whether nobody appends, so that there is time to leave fewer runs than lookups need to be quick.
    settling: bool,
    /// Numbers of runs that were tried and do not go together with their neighbours.
    refused: BTreeSet<u64>,
}

impl Core {
    /// Whether there are so many runs that a short merge is more urgent than sealing.
    pub(crate) fn is_crowded_with_runs(&self) -> bool {
        let parts = self.parts.load_full();
        if parts.index.len() < PARTS_CROWDED {
            return false;
        }
        let merges = self.merges.lock();
        let sizes = sizes(&parts.index, &merges);
        let next = choose(&sizes).map(|range| sizes[range].iter().map(|size| size.bytes).sum());
        let shortest = merges.jobs.iter().map(Job::bytes).chain(next).min();
        shortest.is_some_and(|bytes: u64| bytes <= SHORT_MERGE_BYTES)
    }

    /// Merges on for a moment. Says whether there was anything to do.
    pub(crate) fn merge_step(&self) -> Result<bool, LogError> {
        let mut merges = self.merges.lock();
        let parts = self.parts.load_full();
        // A source that turned out to be damaged, or was replaced, ends its merge.
        let gone = |job: &Job| !job.stands_in(&parts.index);
        for job in merges.jobs.extract_if(.., |job| gone(job)) {
            job.abandon(self);
        }
        let chosen = merges.choose(&parts.index);
        if let Some(range) = chosen.clone() {
            merges.jobs.extend(Job::begin(self, parts.index[range].to_vec())?);
        }
        // The smallest first: it is done soonest, and small runs are the many.
        let smallest = (0..merges.jobs.len()).min_by_key(|index| merges.jobs[*index].bytes());
        let Some(index) = smallest else { return Ok(chosen.is_some()) };
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

    /// Whether merging may go on.
    pub(crate) fn may_merge(&self) -> bool {
        !self.worker_stops.load(Ordering::SeqCst)
    }
}

impl Merges {
    fn choose(&self, parts: &[Arc<Part>]) -> Option<Range<usize>> {
        let sizes = sizes(parts, self);
        let settled = || choose_settled(&sizes[..runs_of(parts)]).filter(|_| self.settling);
        choose(&sizes).or_else(settled)
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

fn sizes(parts: &[Arc<Part>], merges: &Merges) -> Vec<Size> {
    let size = |part: &Arc<Part>| {
        let run = part.as_run().filter(|run| !run.is_missing());
        let entry = run.and_then(|run| run.entry());
        let busy = merges.jobs.iter().any(|job| job.has(part));
        let free = entry.is_some_and(|entry| !merges.refused.contains(&entry.id)) && !busy;
        Size { bytes: entry.map_or(0, |entry| entry.length), free }
    };
    parts.iter().map(size).collect()
}
