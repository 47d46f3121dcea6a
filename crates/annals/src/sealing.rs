//! Giving full segments their footer and their run, and writing runs that are missing.

use crate::core::{Core, FullSegment};
use crate::part::{Part, PartIndex, RunPart};
use crate::run_file::write_run_file;
use annals_format::{RunEntry, names};
use annals_index::MemoryIndex;
use annals_types::planted::{Bug, planted};
use annals_wal::{LogError, Segment, seal_segment};
use std::sync::Arc;

/// A segment with fewer bytes is read again when the store is opened the next time, which takes half a millisecond.
/// Otherwise a program that opens, appends one event and closes would leave a segment each time.
const SEALED_AT_CLOSE_BYTES: u64 = 256 << 10;

impl Core {
    /// Seals the active segment of a store that is being closed, if it is worth it. Says whether the log may be marked as
    /// closed in good order. What cannot be done is left for the next opening: the log is whole as it is, but a footer may
    /// have been begun behind its end, where nothing is to be after a close in good order.
    pub(crate) fn seal_at_close(&self, active: FullSegment) -> bool {
        if active.frames_end < SEALED_AT_CLOSE_BYTES {
            return true;
        }
        self.add_full(active);
        while self.next_full().is_some() {
            if self.seal_next().is_err() {
                return false;
            }
        }
        true
    }

    /// Gives the oldest full segment its footer and its run.
    pub(crate) fn seal_next(&self) -> Result<(), LogError> {
        let mut catalog = self.catalog.lock();
        let Some(FullSegment { segment, last_position, frames_end, .. }) = self.next_full() else {
            return Ok(());
        };
        let id = segment.id();
        let open = catalog.manifest().open.iter().find(|open| open.id == id).copied();
        let parts = self.parts.load_full();
        let part = parts.index.iter().find(|part| part.open_segment_id() == Some(id));
        let (Some(open), Some(part)) = (open, part) else {
            self.full_is_sealed();
            return Ok(());
        };
        if last_position < segment.first_position() {
            // It was begun, and its first batch did not fit: nothing is in it.
            catalog.forget_open(self.watermark.durable(), id)?;
            self.change_parts(|parts| {
                parts.segments.retain(|segment| segment.id() != id);
                parts.index.retain(|part| part.open_segment_id() != Some(id));
            });
            let _ = self.env.disk.remove(segment.path());
            self.full_is_sealed();
            return Ok(());
        }
        let entry = seal_segment(&*self.env.disk, &segment, open.salt, last_position, frames_end)?;
        let run_id = catalog.new_file_id();
        let run = match &part.index {
            PartIndex::Memory { index, .. } => Some(self.write_run_file(&index.read(), run_id)?),
            PartIndex::Run(_) => None,
        };
        let sealed = catalog.sealed(self.watermark.durable(), entry.clone(), run);
        sealed.inspect_err(|_| self.remove_run(run))?;
        let sealed = Arc::new(Segment::sealed(Arc::clone(&self.env.disk), &self.store_id, entry));
        let part = Arc::new(self.run_part(run, vec![Arc::clone(&sealed)]));
        self.change_parts(|parts| {
            if let Some(slot) = parts.segments.iter_mut().find(|segment| segment.id() == id) {
                *slot = Arc::clone(&sealed);
            }
            if let Some(slot) = parts.index.iter_mut().find(|part| part.open_segment_id() == Some(id)) {
                *slot = Arc::clone(&part);
            }
        });
        self.full_is_sealed();
        Ok(())
    }

    /// Writes a run for a segment whose run is missing or damaged. Says whether there was one.
    pub(crate) fn write_missing_run(&self) -> Result<bool, LogError> {
        let parts = self.parts.load_full();
        // The newest first, as lookups ask them.
        let missing = parts.index.iter().rev().filter(|part| part.as_run().is_some_and(RunPart::is_missing));
        for part in missing {
            let Some(run) = part.as_run() else { continue };
            if run.segments().len() > 1 {
                self.break_up(part, run)?;
                return Ok(true);
            }
            // A damaged segment cannot be indexed again; reading it says what is wrong.
            if let Some(index) = run.made_again() {
                self.write_single_run(part, run, &index)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write_single_run(&self, part: &Arc<Part>, run: &RunPart, index: &MemoryIndex) -> Result<(), LogError> {
        let mut catalog = self.catalog.lock();
        if !self.has_part(part) {
            return Ok(());
        }
        let run_id = catalog.new_file_id();
        let entry = self.write_run_file(index, run_id)?;
        let (first, last) = (run.first_position(), run.last_position());
        let gone = catalog.replace_runs(self.watermark.durable(), first, last, Some(entry));
        let gone = gone.inspect_err(|_| self.remove_run(Some(entry)))?;
        let new = Arc::new(self.run_part(Some(entry), run.segments().to_vec()));
        self.replace_parts(&[Arc::clone(part)], &[new]);
        run.segments().iter().for_each(|segment| self.rebuilt.forget(segment.id()));
        self.remove_runs(&gone);
        Ok(())
    }

    /// Puts missing runs of single segments, which can be made one by one, in the place of a damaged one of many.
    pub(crate) fn break_up(&self, part: &Arc<Part>, run: &RunPart) -> Result<(), LogError> {
        let mut catalog = self.catalog.lock();
        if !self.has_part(part) {
            return Ok(());
        }
        let (first, last) = (run.first_position(), run.last_position());
        let gone = catalog.replace_runs(self.watermark.durable(), first, last, None)?;
        let single = |segment: &Arc<Segment>| Arc::new(self.run_part(None, vec![Arc::clone(segment)]));
        let mut singles: Vec<Arc<Part>> = run.segments().iter().map(single).collect();
        if planted(Bug::PiecesInWrongOrder) {
            singles.reverse();
        }
        self.replace_parts(&[Arc::clone(part)], &singles);
        self.remove_runs(&gone);
        Ok(())
    }

    /// Whether a part is still the one that stands for its positions. Asked with the catalog held: another thread may have
    /// put a run in its place, and merged that with others, which must not be taken out of the manifest.
    pub(crate) fn has_part(&self, part: &Arc<Part>) -> bool {
        self.parts.load_full().index.iter().any(|own| Arc::ptr_eq(own, part))
    }

    /// Puts parts in the place of others, which lie side by side.
    pub(crate) fn replace_parts(&self, old: &[Arc<Part>], new: &[Arc<Part>]) {
        self.change_parts(|parts| {
            let Some(first) = old.first() else { return };
            let at = parts.index.iter().position(|part| Arc::ptr_eq(part, first));
            if let Some(at) = at {
                parts.index.splice(at..at + old.len(), new.iter().cloned());
            }
        });
    }

    pub(crate) fn run_part(&self, entry: Option<RunEntry>, segments: Vec<Arc<Segment>>) -> Part {
        let (disk, rebuilt) = (Arc::clone(&self.env.disk), Arc::clone(&self.rebuilt));
        Part::run(RunPart::new(disk, self.store_id, entry, segments, rebuilt))
    }

    /// Removes runs that the manifest does not name any more. What stays is only rubbish; the next open removes it.
    pub(crate) fn remove_runs(&self, ids: &[u64]) {
        for id in ids {
            let _ = self.env.disk.remove(&names::run(*id));
        }
    }

    /// Removes a run whose manifest could not be written, for the next attempt makes another one. Should the manifest
    /// name it all the same, then it is a run that is missing, and is made again.
    pub(crate) fn remove_run(&self, run: Option<RunEntry>) {
        if let Some(run) = run {
            self.remove_runs(&[run.id]);
        }
    }

    /// Writes a run and makes it durable, name included. The manifest does not name it yet.
    fn write_run_file(&self, index: &MemoryIndex, run_id: u64) -> Result<RunEntry, LogError> {
        let name = names::run(run_id);
        write_run_file(&*self.env.disk, index, &self.store_id, run_id, self.plan.hash_seed).map_err(
            |source| {
                let _ = self.env.disk.remove(&name);
                LogError::Io { what: format!("write {name}"), source }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expected, NewEvent, Options, Store};
    use annals_vfs::{Env, MemoryDisk};

    fn open(disk: &MemoryDisk) -> Store {
        let env = Env::system(Arc::new(disk.clone()));
        Options::new().env(env).segment_bytes(16 << 10).background(false).open("memory").unwrap()
    }

    /// A closed store of some segments, its runs merged.
    fn merged() -> MemoryDisk {
        let disk = MemoryDisk::new();
        let store = open(&disk);
        for _ in 0..12 {
            store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 12_000])]).unwrap();
        }
        store.maintain().unwrap();
        store.close().unwrap();
        disk
    }

    fn without_index(disk: &MemoryDisk) -> MemoryDisk {
        let mut image = disk.image();
        image.retain(|path, _| !path.starts_with("index/"));
        MemoryDisk::from_image(image).unwrap()
    }

    fn runs(store: &Store) -> Vec<RunEntry> {
        store.core().catalog.lock().manifest().runs.clone()
    }

    /// Two threads made the same missing run. The slower one put it in the place of the one into which that of the faster
    /// one had been merged.
    #[test]
    fn a_run_that_another_thread_has_made_and_merged_meanwhile_stays() {
        let disk = without_index(&merged());
        let store = open(&disk);
        let parts = store.core().parts.load_full();
        let part = &parts.index[1];
        let run = part.as_run().unwrap();
        let index = run.made_again().unwrap();
        store.maintain().unwrap();
        let before = runs(&store);
        assert!(before.iter().any(|run| run.first_position < part.first_position() && run.count > 1));
        store.core().write_single_run(part, run, &index).unwrap();
        assert_eq!(runs(&store), before);
    }

    /// The same with a damaged run of many segments: the slower thread took out of the manifest what the faster one had put
    /// in its place.
    #[test]
    fn a_damaged_run_that_another_thread_has_replaced_meanwhile_is_not_broken_up_again() {
        let store = open(&merged());
        let parts = store.core().parts.load_full();
        let part = parts.index.iter().find(|part| part.as_run().is_some_and(|run| run.segments().len() > 1));
        let part = part.unwrap();
        let run = part.as_run().unwrap();
        run.condemn();
        store.maintain().unwrap();
        let before = runs(&store);
        store.core().break_up(part, run).unwrap();
        assert_eq!(runs(&store), before);
        assert_eq!(store.stats().unwrap().runs_missing, 0);
    }
}
