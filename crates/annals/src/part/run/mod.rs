//! A part of the index in a file.
//!
//! It is derived data: where the file is missing or damaged, the segments that it is about answer through indexes made
//! again from each of them, and the background worker writes new runs.

use super::located::{Found, Located};
use super::rebuilt::Rebuilt;
use crate::error::ReadError;
use annals_format::{Damage, RunEntry, StoreId, names};
use annals_index::{IdKey, MemoryIndex, Postings, Run, RunIdentity, TermKey, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Version};
use annals_vfs::sync::OnceLock;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::{Access, Disk, is_shortage};
use annals_wal::Segment;
use std::collections::BTreeMap;
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

    pub(super) fn find(&self, kind: TermKind, name: &str) -> Result<Option<Located>, ReadError> {
        self.find_by(kind, name, |run| run.find(kind, name))
    }

    pub(super) fn find_key(&self, key: &TermKey<'_>) -> Result<Option<Located>, ReadError> {
        self.find_by(key.kind(), key.name(), |run| run.find_key(key))
    }

    fn find_by(
        &self,
        kind: TermKind,
        name: &str,
        find: impl FnOnce(&Run) -> Result<Option<Postings>, Damage>,
    ) -> Result<Option<Located>, ReadError> {
        if let Some(answer) = self.ask(find) {
            return Ok(answer.map(|postings| Located::new(kind, name, postings)));
        }
        if self.answers_nothing() {
            return Ok(None);
        }
        self.find_in_segments(kind, name)
    }

    /// Has what is needed for looking up a term fetched into the processor's cache. Only a hint; a file that is not open
    /// yet is left alone.
    pub(crate) fn prefetch(&self, key: &TermKey<'_>) {
        if let Some(run) = self.opened() {
            run.prefetch_key(key);
        }
    }

    /// Appends to `out` the positions of some ordinals of what was found in the file; `false`, and none are appended, if it
    /// has turned out to be damaged.
    pub(crate) fn positions_of(
        &self,
        postings: &Postings,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> bool {
        self.ask(|run| run.positions(postings, from, limit, out)).is_some()
    }

    pub(super) fn last_version(&self, stream: &TermKey<'_>) -> Result<Option<Version>, ReadError> {
        if let Some(answer) = self.ask(|run| run.find_key(stream)) {
            return Ok(answer.map(|postings| postings.last_version()));
        }
        if self.answers_nothing() {
            return Ok(None);
        }
        Ok(self.find_in_segments(stream.kind(), stream.name())?.map(|located| located.last_version()))
    }

    pub(super) fn positions(
        &self,
        term: &mut Located,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> Result<(), ReadError> {
        if let Found::Whole(postings) = term.found {
            if self.ask(|run| run.positions(&postings, from, limit, out)).is_some() {
                return Ok(());
            }
            self.find_again(term)?;
        }
        let Found::Pieces(pieces) = &term.found else { return Ok(()) };
        let (mut start, wanted) = (0, from..from.saturating_add(limit as u64));
        for (segment, count) in pieces {
            let (low, high) = (wanted.start.max(start), wanted.end.min(start + count));
            if low < high {
                let index = self.rebuilt.of(&self.segments[*segment])?;
                if let Some(postings) = index.find(term.kind, &term.name) {
                    let length = usize::try_from(high - low).unwrap_or(limit);
                    index.positions(&postings, low - start, length, out);
                }
            }
            start += count;
        }
        Ok(())
    }

    pub(super) fn rank(&self, term: &mut Located, position: Position) -> Result<u64, ReadError> {
        if let Found::Whole(postings) = term.found {
            if let Some(rank) = self.ask(|run| run.rank(&postings, position)) {
                return Ok(rank);
            }
            self.find_again(term)?;
        }
        let Found::Pieces(pieces) = &term.found else { return Ok(0) };
        let mut rank = 0;
        for (segment, count) in pieces {
            let segment = &self.segments[*segment];
            let last =
                segment.sealed_entry().map_or(Position::ZERO, annals_format::SealedSegment::last_position);
            if last <= position {
                rank += count;
            } else if segment.first_position() <= position {
                let index = self.rebuilt.of(segment)?;
                rank += index.find(term.kind, &term.name).map_or(0, |found| index.rank(&found, position));
            }
        }
        Ok(rank)
    }

    pub(super) fn find_id(&self, id: &IdKey, out: &mut Vec<Position>) -> Result<(), ReadError> {
        if self.ask(|run| run.find_id_key(id, out)).is_some() {
            return Ok(());
        }
        for segment in &self.segments {
            self.rebuilt.of(segment)?.find_id_key(id, out);
        }
        Ok(())
    }

    pub(super) fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        least: usize,
    ) -> Result<Vec<(String, Located)>, ReadError> {
        if let Some(terms) = self.ask(|run| run.terms(kind, prefix, after, least)) {
            let located = |(name, postings): (String, Postings)| {
                let located = Located::new(kind, &name, postings);
                (name, located)
            };
            return Ok(terms.into_iter().map(located).collect());
        }
        // The first names of all are among the first ones of each.
        let mut names: BTreeMap<String, Located> = BTreeMap::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let index = self.rebuilt.of(segment)?;
            for (name, postings) in index.terms(kind, prefix, after, least) {
                match names.get_mut(&name) {
                    Some(located) => located.add_piece(number, postings.count()),
                    None => drop(names.insert(name.clone(), Located::piece(kind, &name, number, postings))),
                }
            }
            while names.len() > least {
                names.pop_last();
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Puts a question to the file; `None` if there is no sound one.
    fn ask<R>(&self, question: impl FnOnce(&Run) -> Result<R, Damage>) -> Option<R> {
        let answer = question(self.sound()?);
        if answer.is_err() {
            self.condemn();
        }
        answer.ok()
    }

    fn answers_nothing(&self) -> bool {
        planted(Bug::DamagedRunSaysNotThere) && self.entry.is_some()
    }

    fn find_in_segments(&self, kind: TermKind, name: &str) -> Result<Option<Located>, ReadError> {
        let mut found: Option<Located> = None;
        for (number, segment) in self.segments.iter().enumerate() {
            let index = self.rebuilt.of(segment)?;
            let Some(postings) = index.find(kind, name) else { continue };
            match &mut found {
                Some(located) => located.add_piece(number, postings.count()),
                None => found = Some(Located::piece(kind, name, number, postings)),
            }
        }
        Ok(found)
    }

    /// What was found in the file, found in the segments: the file has turned out to be damaged since.
    fn find_again(&self, term: &mut Located) -> Result<(), ReadError> {
        let found = self.find_in_segments(term.kind, &term.name)?;
        term.found = found.map_or(Found::Pieces(Vec::new()), |located| located.found);
        Ok(())
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
