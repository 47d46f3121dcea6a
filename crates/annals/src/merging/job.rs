//! One merge: from its sources to the manifest that has the new run in their place.

use super::length;
use crate::core::Core;
use crate::part::{Part, RunPart};
use crate::run_file::{RunFile, entry};
use annals_format::names;
use annals_index::{Merge, MergeError, MergeTarget, Run, RunIdentity};
use annals_vfs::sync::Mutex;
use annals_vfs::{Disk, File};
use annals_wal::LogError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// A merge under way.
pub(super) struct Job {
    sources: Vec<Arc<Part>>,
    run_id: u64,
    bytes: u64,
    merge: Merge,
    /// The file that the merge writes into.
    file: Arc<Mutex<Option<RunFile>>>,
    scratch: Arc<Mutex<Vec<String>>>,
}

impl Job {
    /// Begins to merge parts that lie side by side, with so much memory. One that turns out to be damaged is an error, though
    /// it is made again before the next attempt: where files cannot be opened the new one cannot be either, and who goes on at
    /// once would write runs for ever.
    pub(super) fn begin(core: &Core, sources: Vec<Arc<Part>>, memory_bytes: usize) -> Result<Self, LogError> {
        let runs: Vec<Arc<Run>> =
            sources.iter().filter_map(|part| part.as_run()?.sound().map(Arc::clone)).collect();
        if runs.len() < sources.len() {
            let source = io::Error::other("one of them is damaged, or there are too many open files");
            return Err(LogError::Io { what: "open the runs that are to be merged".into(), source });
        }
        let bytes = length(&sources);
        let mut catalog = core.catalog.lock();
        let (run_id, gaps) = (catalog.new_file_id(), catalog.manifest().removed.is_some());
        drop(catalog);
        let failed = |source| LogError::Io { what: format!("write {}", names::run(run_id)), source };
        let file = RunFile::create(&*core.env.disk, run_id).map_err(failed)?;
        let file = Arc::new(Mutex::new(Some(file)));
        let scratch = Arc::new(Mutex::new(Vec::new()));
        let target = MergeTarget {
            store_id: core.store_id,
            run_id,
            hash_seed: core.plan.hash_seed,
            sink: sink(Arc::clone(&file)),
            gaps,
            scratch: scratch_files(Arc::clone(&core.env.disk), run_id, Arc::clone(&scratch)),
        };
        match Merge::new(runs, target, memory_bytes) {
            Ok(merge) => Ok(Job { sources, run_id, bytes, merge, file, scratch }),
            Err(error) => {
                core.remove_runs(&[run_id]);
                condemn_damaged(&sources, &error);
                Err(failed(io::Error::other(error)))
            }
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn has(&self, part: &Arc<Part>) -> bool {
        self.sources.iter().any(|source| Arc::ptr_eq(source, part))
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &RunPart> {
        self.sources.iter().filter_map(|part| part.as_run())
    }

    pub(super) fn source_ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.sources.iter().filter_map(|part| part.as_run()?.entry()).map(|entry| entry.id)
    }

    /// Whether all sources are still among the parts.
    pub(super) fn stands_in(&self, parts: &[Arc<Part>]) -> bool {
        self.sources.iter().all(|source| {
            let sound = source.as_run().is_some_and(|run| !run.is_missing());
            sound && parts.iter().any(|part| Arc::ptr_eq(part, source))
        })
    }

    pub(super) fn step(&mut self, terms: usize) -> Result<Option<RunIdentity>, MergeError> {
        self.merge.step(terms)
    }

    /// Makes the run durable, puts it in the place of its sources in the manifest, and removes these.
    pub(super) fn finish(self, core: &Core, identity: &RunIdentity) -> Result<(), LogError> {
        let disk = &*core.env.disk;
        let Some(file) = self.file.lock().take() else { return Ok(()) };
        let failed = |source| LogError::Io { what: format!("write {}", names::run(self.run_id)), source };
        if let Err(error) = file.finish(disk).map_err(failed) {
            self.abandon(core);
            return Err(error);
        }
        let entry = entry(identity);
        let (first, last) =
            (identity.first_position, identity.first_position.plus(identity.count).previous());
        let mut catalog = core.catalog.lock();
        if !self.stands_in(&core.parts.load_full().index) {
            drop(catalog);
            self.abandon(core);
            return Ok(());
        }
        let gone = catalog.replace_runs(core.watermark.durable(), first, last, Some(entry));
        let gone = match gone {
            Ok(gone) => gone,
            Err(error) => {
                // The manifest on disk may have been replaced all the same, and its name not be durable. Then the run
                // stays, and is rubbish if the next manifest does not name it. Otherwise it goes, for it may be what
                // has filled the disk.
                if catalog.is_named_on_disk(self.run_id) {
                    self.remove_scratch(disk);
                } else {
                    self.abandon(core);
                }
                return Err(error);
            }
        };
        let segments = self.sources.iter().filter_map(|part| part.as_run());
        let segments = segments.flat_map(|run| run.segments().iter().cloned()).collect();
        let merged = Arc::new(core.run_part(Some(entry), segments));
        core.replace_parts(&self.sources, &[merged]);
        drop(catalog);
        core.remove_runs(&gone);
        self.remove_scratch(disk);
        Ok(())
    }

    /// What a failed step means: a damaged source is made again before it is merged.
    pub(super) fn failed(self, core: &Core, error: MergeError) -> Result<(), LogError> {
        condemn_damaged(&self.sources, &error);
        let what = format!("merge runs into {}", names::run(self.run_id));
        self.abandon(core);
        match error {
            MergeError::Io(source) => Err(LogError::Io { what, source }),
            // The sources stay as they are, and answer as before.
            _ => Ok(()),
        }
    }

    /// Removes what was written.
    pub(super) fn abandon(self, core: &Core) {
        core.remove_runs(&[self.run_id]);
        self.remove_scratch(&*core.env.disk);
    }

    fn remove_scratch(&self, disk: &dyn Disk) {
        for name in self.scratch.lock().drain(..) {
            // What stays is removed when the store is opened the next time.
            let _ = disk.remove(&name);
        }
    }
}

fn condemn_damaged(sources: &[Arc<Part>], error: &MergeError) {
    if let MergeError::Damage { run, .. } = error
        && let Some(run) = sources.get(*run).and_then(|part| part.as_run())
    {
        run.condemn();
    }
}

type Sink = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;
type ScratchFiles = Box<dyn FnMut() -> io::Result<Arc<dyn File>> + Send>;

fn sink(file: Arc<Mutex<Option<RunFile>>>) -> Sink {
    Box::new(move |bytes| match &mut *file.lock() {
        Some(file) => file.write(bytes),
        None => Err(io::ErrorKind::NotFound.into()),
    })
}

fn scratch_files(disk: Arc<dyn Disk>, run_id: u64, made: Arc<Mutex<Vec<String>>>) -> ScratchFiles {
    Box::new(move || {
        let mut made = made.lock();
        let name = names::scratch(run_id, made.len() as u64);
        let file = disk.create(&name)?;
        made.push(name);
        Ok(file)
    })
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("run_id", &self.run_id).finish_non_exhaustive()
    }
}
