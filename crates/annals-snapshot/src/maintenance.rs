//! What is done in the background: sorting, merging, rewriting, removing.

use crate::error::SnapshotError;
use crate::files::{Broken, Files, Rest};
use crate::merge::{Job, Keep, Kind, Progress, Sources, Survey, choose};
use crate::sorted::Sorted;
use crate::store::Snapshots;
use crate::written::Written;
use annals_format::snapshot::REPLACED_MAX;
use annals_vfs::sync::MutexGuard;
use annals_vfs::sync::atomic::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most written files that are sorted at once.
const WRITTEN_AT_ONCE: usize = 64;

/// The work that is under way.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    /// The last one is worked on. A merge waits while written files are sorted.
    jobs: Vec<Job>,
    survey: Option<Survey>,
    /// Bytes of files that were sorted since the last survey.
    grown: u64,
    /// Files that are to be made again because much of them is not wanted any more.
    rewrites: Vec<u64>,
    /// What the last survey found: bytes in each file that are not wanted any more.
    pub(crate) superseded: Option<BTreeMap<u64, u64>>,
    /// Since the snapshots were opened.
    pub(crate) dropped: u64,
    pub(crate) damaged: u64,
}

impl Snapshots {
    /// Does a piece of the work that is due: sorts full written files, merges sorted ones, makes files again of which more
    /// than half is not wanted any more or that are damaged, removes what is left over. Says whether there is more to do now.
    ///
    /// The piece ends when about `budget_bytes` have been read and written. The piece that ends a file takes as long as the
    /// system needs to make it durable, though it was told to begin with that before.
    ///
    /// # Errors
    /// [`SnapshotError::ReadOnly`]; [`SnapshotError::Io`] with what the system says, for example that the disk is full. Then
    /// all files are as they were, and the work begins anew with the next call, which should not come at once.
    pub fn step(&self, budget_bytes: u64) -> Result<bool, SnapshotError> {
        self.check_writable()?;
        let mut maintenance = self.maintenance.lock();
        self.removal.run(&*self.env.disk)?;
        if !maintenance.is_sorting()
            && let Some(sources) = self.full_written(&maintenance)
        {
            self.begin_job(&mut maintenance, Kind::Sort, &sources, self.keep())?;
        }
        if maintenance.jobs.is_empty() && maintenance.survey.is_none() && !self.choose(&mut maintenance)? {
            return Ok(false);
        }
        if !maintenance.jobs.is_empty() {
            self.work(&mut maintenance, budget_bytes)?;
        } else if let Some(survey) = &mut maintenance.survey
            && survey.step(budget_bytes)
        {
            self.end_survey(&mut maintenance);
        }
        Ok(true)
    }

    /// Makes all full written files into sorted ones.
    pub(crate) fn sort_written(&self) -> Result<(), SnapshotError> {
        let mut maintenance = self.maintenance.lock();
        self.finish_sorting(&mut maintenance)
    }

    /// As [`Snapshots::sort_written`], and also the active one; what else is under way is given up.
    pub(crate) fn sort_everything_written(&self) -> Result<(), SnapshotError> {
        let mut maintenance = self.maintenance.lock();
        self.abandon(&mut maintenance)?;
        self.writer.lock().end_active();
        self.finish_sorting(&mut maintenance)?;
        self.removal.run(&*self.env.disk)
    }

    fn finish_sorting(&self, maintenance: &mut Maintenance) -> Result<(), SnapshotError> {
        while maintenance.is_sorting() {
            self.work(maintenance, u64::MAX)?;
        }
        while let Some(sources) = self.full_written(maintenance) {
            self.complete_job(maintenance, Kind::Sort, &sources, self.keep())?;
        }
        Ok(())
    }

    /// Written files that do not grow any more and that nobody works on.
    pub(crate) fn full_written(&self, maintenance: &Maintenance) -> Option<Sources> {
        let (active, files) = {
            let writer = self.writer.lock();
            (writer.active_id(), self.files())
        };
        let busy = |file: &Written| maintenance.jobs.iter().any(|job| job.sources.contains(&file.id));
        let full = files.written.iter().filter(|file| Some(file.id) != active && !busy(file));
        let mut room = self.options.merged_bytes;
        let mut written = Vec::new();
        for file in full.take(WRITTEN_AT_ONCE) {
            let bytes = file.end();
            if bytes > room && !written.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes);
            written.push(Arc::clone(file));
        }
        (!written.is_empty()).then(|| Sources { written, ..Sources::default() })
    }

    /// Begins what is due besides sorting. Says whether there is anything.
    fn choose(&self, maintenance: &mut Maintenance) -> Result<bool, SnapshotError> {
        self.discard_broken();
        let files = self.files();
        if let Some(id) = files.to_make_again().first()
            && let Some(sources) = Sources::rewriting(&files, *id)
        {
            self.begin_job(maintenance, Kind::Rewrite, &sources, self.keep())?;
            return Ok(true);
        }
        if let Some(sorted) = choose(&files.sorted, self.options.merged_bytes) {
            let sources = Sources { sorted, ..Sources::default() };
            self.begin_job(maintenance, Kind::Merge, &sources, self.keep())?;
            return Ok(true);
        }
        while let Some(id) = maintenance.rewrites.pop() {
            if let Some(sources) = Sources::rewriting(&files, id) {
                self.begin_job(maintenance, Kind::Rewrite, &sources, self.keep())?;
                return Ok(true);
            }
        }
        let total: u64 = files.sorted.iter().map(|file| file.length()).sum();
        // One pass over the indexes each time that half as much has come in as there is: a few bytes of reading for each put.
        if files.sorted.len() > 1 && maintenance.grown > total / 2 {
            maintenance.survey = Some(Survey::new(&files, self.options.keep_last));
            maintenance.grown = 0;
            return Ok(true);
        }
        Ok(self.removal.is_pending())
    }

    fn end_survey(&self, maintenance: &mut Maintenance) {
        let Some(survey) = maintenance.survey.take() else { return };
        let superseded = survey.superseded();
        let files = self.files();
        let half = |file: &&Arc<Sorted>| {
            let bytes = superseded.get(&file.id).copied().unwrap_or(0);
            bytes * 2 > file.records().end - file.records().start
        };
        maintenance.rewrites = files.sorted.iter().filter(half).map(|file| file.id).collect();
        maintenance.superseded = Some(superseded);
    }

    /// What stays when files are merged in the background.
    fn keep(&self) -> Keep {
        Keep::newest(self.options.keep_last)
    }

    /// Has files go in which nothing is left, unless somebody else can read them.
    pub(crate) fn discard_broken(&self) {
        let files = self.files();
        let nothing = files.broken.iter().filter(|broken| matches!(broken.rest, Rest::Nothing));
        let ids: Vec<u64> = nothing.map(|broken| broken.id).collect();
        if !ids.is_empty() {
            self.change_files(|files| files.replace(&ids, None));
            ids.iter().for_each(|id| self.removal.add(*id));
        }
    }

    fn begin_job(
        &self,
        maintenance: &mut Maintenance,
        kind: Kind,
        sources: &Sources,
        keep: Keep,
    ) -> Result<(), SnapshotError> {
        if self.removal.doomed().len() + sources.count() > REPLACED_MAX {
            // More than a file can name. Once their removal is durable they need no naming.
            self.removal.run(&*self.env.disk)?;
            self.removal.sync_names(&*self.env.disk)?;
        }
        let id = self.writer.lock().take_id();
        let job = Job::begin(self, kind, id, sources, keep)?;
        maintenance.jobs.push(job);
        Ok(())
    }

    /// Begins something and works on it to its end.
    pub(crate) fn complete_job(
        &self,
        maintenance: &mut Maintenance,
        kind: Kind,
        sources: &Sources,
        keep: Keep,
    ) -> Result<(), SnapshotError> {
        self.begin_job(maintenance, kind, sources, keep)?;
        let jobs = maintenance.jobs.len();
        while maintenance.jobs.len() == jobs {
            self.work(maintenance, u64::MAX)?;
        }
        Ok(())
    }

    /// Works on the last job. If that fails it is given up, and the space is given back.
    fn work(&self, maintenance: &mut Maintenance, budget: u64) -> Result<(), SnapshotError> {
        let Some(mut job) = maintenance.jobs.pop() else { return Ok(()) };
        let result = job.step(self, budget);
        match result {
            Ok(Progress::More) => maintenance.jobs.push(job),
            Ok(Progress::Done) => {
                maintenance.dropped += job.dropped;
                maintenance.damaged += job.damaged;
                if job.kind == Kind::Sort {
                    let files = self.files();
                    let new = files.sorted.iter().find(|file| file.id == job.id);
                    maintenance.grown += new.map_or(0, |file| file.length());
                }
            }
            Err(error) => {
                self.removal.add_temporary(job.id);
                drop(job);
                // What is told is the first error.
                self.removal.run(&*self.env.disk).unwrap_or_default();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives up what is under way.
    pub(crate) fn abandon(&self, maintenance: &mut Maintenance) -> Result<(), SnapshotError> {
        maintenance.survey = None;
        maintenance.rewrites.clear();
        for job in std::mem::take(&mut maintenance.jobs) {
            self.removal.add_temporary(job.id);
        }
        self.removal.run(&*self.env.disk)
    }

    /// The work that is under way, for whoever asks how far it is.
    pub(crate) fn lock_maintenance(&self) -> MutexGuard<'_, Maintenance> {
        self.maintenance.lock()
    }
}

impl Maintenance {
    fn is_sorting(&self) -> bool {
        self.jobs.last().is_some_and(|job| job.kind == Kind::Sort)
    }
}

impl Files {
    /// Files that are damaged where only their records are needed.
    pub(crate) fn to_make_again(&self) -> Vec<u64> {
        let sorted =
            self.sorted.iter().filter(|file| file.damaged.load(Ordering::Relaxed)).map(|file| file.id);
        let records = |broken: &&Broken| matches!(broken.rest, Rest::Records(..));
        sorted.chain(self.broken.iter().filter(records).map(|broken| broken.id)).collect()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> Result<u64, SnapshotError> {
        let sorted: u64 = self.sorted.iter().map(|file| file.length()).sum();
        let broken: u64 = self.broken.iter().map(|file| file.length).sum();
        let mut written = 0;
        for file in &self.written {
            written += file.file.length().map_err(SnapshotError::io(format!("read {}", file.path())))?;
        }
        Ok(sorted + broken + written)
    }
}
