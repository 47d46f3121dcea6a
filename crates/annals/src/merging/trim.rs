//! Writing anew what is left of runs that are looked at through windows, so that what lies outside goes from the disk.
//!
//! Their files stay as long as anything of them counts. So one of which little counts takes room for nothing, and names that stand
//! nowhere else any more are still to be read in it.

use super::job::Job;
use super::{Merges, STEP_TERMS};
use crate::core::Core;
use crate::part::{Part, RunPart};
use annals_format::RunEntry;
use annals_wal::LogError;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

impl Core {
    /// Writes those runs with a window anew that are `wanted`, and has their files removed. `false` if it was told to end before that was
    /// done. One that turns out to be damaged is made again from the log, as always.
    pub(crate) fn trim_runs(
        &self,
        wanted: &dyn Fn(&RunEntry) -> bool,
        may_go_on: &dyn Fn() -> bool,
    ) -> Result<bool, LogError> {
        let has_window =
            |run: &RunPart| run.entry().is_some_and(|entry| entry.file.is_some() && wanted(entry));
        loop {
            let parts = self.parts.load_full();
            let part = parts.index.iter().find(|part| part.as_run().is_some_and(has_window));
            let Some((part, run)) = part.and_then(|part| Some((part, part.as_run()?))) else {
                return Ok(true);
            };
            if !may_go_on() {
                return Ok(false);
            }
            if run.sound().is_none() && run.is_missing() {
                self.break_up(part, run)?;
            } else if !self.trim(part, run, may_go_on)? {
                return Ok(false);
            }
        }
    }

    fn trim(&self, part: &Arc<Part>, run: &RunPart, may_go_on: &dyn Fn() -> bool) -> Result<bool, LogError> {
        let mut job = Job::begin(self, vec![Arc::clone(part)], self.budget.merging / 4)?;
        loop {
            if !may_go_on() {
                job.abandon(self);
                return Ok(false);
            }
            match job.step(STEP_TERMS) {
                Ok(None) => {}
                Ok(Some(identity)) => return job.finish(self, &identity).map(|()| true),
                Err(error) => {
                    job.failed(self, error)?;
                    return self.break_up(part, run).map(|()| true);
                }
            }
        }
    }
}

impl Merges {
    /// A run to be written anew for the room that it takes: of its file no more than half counts.
    pub(super) fn choose_waste(&self, parts: &[Arc<Part>]) -> Option<Range<usize>> {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for entry in parts.iter().filter_map(|part| part.as_run()?.entry()) {
            *counts.entry(entry.id).or_default() += entry.bytes();
        }
        let wasteful = |part: &Arc<Part>| {
            let entry = part.as_run().and_then(RunPart::entry).filter(|entry| entry.file.is_some());
            entry.is_some_and(|entry| counts.get(&entry.id).is_some_and(|bytes| *bytes <= entry.length / 2))
        };
        let chosen = parts.iter().position(|part| wasteful(part) && self.is_free(part))?;
        Some(chosen..chosen + 1)
    }
}
