//! A part of the index in a file.
//!
//! It is derived data: where the file is missing or damaged, the segments that it is about answer through indexes made
//! again from each of them, and the background worker writes new runs.

mod answers;

use super::rebuilt::Rebuilt;
use crate::error::ReadError;
use annals_format::{RunEntry, StoreId, names};
use annals_index::{MemoryIndex, Run, RunIdentity};
use annals_types::Position;
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::{Access, Disk, is_shortage};
use annals_wal::Segment;
use std::io;
use std::sync::Arc;

/// The index of one or several sealed segments that follow each other.
#[derive(Debug)]
pub(crate) struct RunPart {
    disk: Arc<dyn Disk>,
    store_id: StoreId,
    entry: Option<RunEntry>,
    /// At least one.
    segments: Vec<Arc<Segment>>,
    run: OnceLock<Option<Arc<Run>>>,
    damaged: AtomicBool,
    /// Whether the segment turned out to be damaged, so that no index can be made from it.
    unbuildable: AtomicBool,
    rebuilt: Arc<Rebuilt>,
}

impl RunPart {
    /// `entry` is `None` if there is no file.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        store_id: StoreId,
        entry: Option<RunEntry>,
        segments: Vec<Arc<Segment>>,
        rebuilt: Arc<Rebuilt>,
    ) -> Self {
        debug_assert!(!segments.is_empty());
        let (run, damaged, unbuildable) = (OnceLock::new(), AtomicBool::new(false), AtomicBool::new(false));
        RunPart { disk, store_id, entry, segments, run, damaged, unbuildable, rebuilt }
    }

    pub(crate) fn first_position(&self) -> Position {
        self.segments.first().map_or(Position::FIRST, |segment| segment.first_position())
    }

    pub(crate) fn last_position(&self) -> Position {
        let last = self.segments.last().and_then(|segment| segment.sealed_entry());
        last.map_or(Position::ZERO, annals_format::SealedSegment::last_position)
    }

    /// What the manifest says of the file, if there is one.
    pub(crate) fn entry(&self) -> Option<&RunEntry> {
        self.entry.as_ref()
    }

    /// What stands in for this run and others while they are missing.
    pub(crate) fn rebuilt(&self) -> Arc<Rebuilt> {
        Arc::clone(&self.rebuilt)
    }

    pub(crate) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Those of its segments that lie within some positions, from one on up to and without another, and what the manifest says of the
    /// run then; `None` if there are none.
    pub(crate) fn within(
        &self,
        first: Position,
        end: Position,
    ) -> Option<(Option<RunEntry>, Vec<Arc<Segment>>)> {
        let inside = |segment: &&Arc<Segment>| (first..end).contains(&segment.first_position());
        let segments: Vec<_> = self.segments.iter().filter(inside).cloned().collect();
        let entry = self.entry.and_then(|entry| entry.within(first, end));
        (!segments.is_empty()).then_some((entry, segments))
    }

    /// The file, unless it is missing, or has turned out to be damaged.
    pub(crate) fn sound(&self) -> Option<&Arc<Run>> {
        if self.damaged.load(Ordering::Relaxed) {
            return None;
        }
        if self.run.get().is_none() {
            let opened = self.open();
            // The next question tries again. A run of many segments is not made again for that.
            if opened.as_ref().is_err_and(is_shortage) {
                return None;
            }
            self.run.get_or_init(|| opened.ok().flatten().map(Arc::new));
        }
        let run = self.run.get()?.as_ref();
        if run.is_none() {
            self.damaged.store(true, Ordering::Relaxed);
        }
        run
    }

    /// Whether run files have to be written for this part: there is none, or it turned out to be damaged.
    pub(crate) fn is_missing(&self) -> bool {
        self.entry.is_none() || self.damaged.load(Ordering::Relaxed)
    }

    /// Notes that the file is damaged: it is not asked again.
    pub(crate) fn condemn(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    /// The index for the run file that is missing; `None` if it cannot be made. A segment that turned out to be damaged
    /// is not read again for it before the store is opened the next time; one that the system could not read is.
    pub(crate) fn made_again(&self) -> Option<Arc<MemoryIndex>> {
        let [segment] = &self.segments[..] else { return None };
        if !self.is_missing() || self.unbuildable.load(Ordering::Relaxed) {
            return None;
        }
        let built = self.rebuilt.kept_or_built(segment);
        if built.as_ref().is_err_and(ReadError::is_corruption) {
            self.unbuildable.store(true, Ordering::Relaxed);
        }
        built.ok()
    }

    /// The file, if it is open already and has not turned out to be damaged.
    pub(crate) fn opened(&self) -> Option<&Run> {
        let run = self.run.get()?.as_deref();
        run.filter(|_| !self.damaged.load(Ordering::Relaxed))
    }

    /// `None` if the file is missing, damaged, or not the one that the manifest means.
    fn open(&self) -> io::Result<Option<Run>> {
        let Some(entry) = self.entry else { return Ok(None) };
        let file = self.disk.open(&names::run(entry.id), Access::Read)?;
        if file.length()? != entry.length {
            return Ok(None);
        }
        let mapping = file.map(entry.length)?;
        let run = Run::open(mapping, &self.store_id, &identity(&entry)).ok();
        Ok(run.map(|run| run.with_window(entry.first_position..entry.end())))
    }
}

/// What tells the file of a run from others.
pub(crate) fn identity(entry: &RunEntry) -> RunIdentity {
    let file = entry.file_span();
    RunIdentity {
        run_id: entry.id,
        first_position: file.first_position,
        count: file.count,
        length: entry.length,
        trailer_checksum: entry.trailer_checksum,
    }
}
