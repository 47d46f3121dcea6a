//! One stretch of positions: a segment of the log together with its part of the index.

use crate::error::ReadError;
use annals_format::{Binding, Corruption, Damage, RunEntry, StoreId, names};
use annals_index::{IndexedEvent, MemoryIndex, Postings, Run, RunIdentity, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Uuid, Version};
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::{OnceLock, RwLock};
use annals_vfs::{Access, Disk};
use annals_wal::Segment;
use std::sync::Arc;

/// All parts of the log as of some moment, in order of positions. Never changed, only replaced.
#[derive(Debug, Default)]
pub(crate) struct Parts(pub(crate) Vec<Arc<Part>>);

/// A segment and what finds its events by name.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) segment: Arc<Segment>,
    pub(crate) index: PartIndex,
}

#[derive(Debug)]
pub(crate) enum PartIndex {
    /// Of a segment without a footer: in memory, growing while it is the active one.
    Memory(Arc<RwLock<MemoryIndex>>),
    /// Of a sealed segment: a file, opened when it is first asked.
    Run(Box<RunIndex>),
}

/// The index of a sealed segment. It is derived data: if the file is missing or damaged, it is made again
/// from the segment, in memory, and the background worker writes it anew.
#[derive(Debug)]
pub(crate) struct RunIndex {
    disk: Arc<dyn Disk>,
    store_id: StoreId,
    entry: Option<RunEntry>,
    run: OnceLock<Option<Run>>,
    rebuilt: OnceLock<Box<MemoryIndex>>,
    /// Whether the segment turned out to be damaged, so that no index can be made from it.
    unbuildable: AtomicBool,
    hash_seed: u64,
}

/// A term found in a part: where its positions are.
#[derive(Debug)]
pub(crate) struct Located {
    kind: TermKind,
    key: Box<str>,
    pub(crate) postings: Postings,
    /// Whether it was found in the index made again, which the file's places mean nothing to.
    rebuilt: bool,
}

impl Parts {
    /// The part that holds a position.
    pub(crate) fn of(&self, position: Position) -> Option<&Part> {
        let after = self.0.partition_point(|part| part.segment.first_position() <= position);
        self.0.get(after.checked_sub(1)?).map(|part| &**part)
    }

    /// The event at a position, which must be visible.
    pub(crate) fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        match self.of(position) {
            Some(part) => Ok(Some(part.segment.event(position)?)),
            None => Ok(None),
        }
    }

    /// The positions of the parts that may hold events up to `last`: first and last position of each.
    pub(crate) fn ranges(
        &self,
        last: Position,
    ) -> impl DoubleEndedIterator<Item = (&Part, Position, Position)> {
        let end_of = move |index: usize| {
            self.0.get(index + 1).map_or(last, |next| next.segment.first_position().previous().min(last))
        };
        self.0
            .iter()
            .enumerate()
            .map(move |(index, part)| (&**part, part.segment.first_position(), end_of(index)))
            .filter(|(_, first, last)| first <= last)
    }
}

impl Part {
    pub(crate) fn in_memory(segment: Arc<Segment>, index: Arc<RwLock<MemoryIndex>>) -> Self {
        Part { segment, index: PartIndex::Memory(index) }
    }

    pub(crate) fn sealed(
        segment: Arc<Segment>,
        disk: Arc<dyn Disk>,
        store_id: StoreId,
        entry: Option<RunEntry>,
        hash_seed: u64,
    ) -> Self {
        let (run, rebuilt) = (OnceLock::new(), OnceLock::new());
        let unbuildable = AtomicBool::new(false);
        let index = RunIndex { disk, store_id, entry, run, rebuilt, unbuildable, hash_seed };
        Part { segment, index: PartIndex::Run(Box::new(index)) }
    }

    pub(crate) fn find(&self, kind: TermKind, key: &str) -> Result<Option<Located>, ReadError> {
        let mut rebuilt = false;
        let postings = self.ask(|index| {
            rebuilt = matches!(index, Index::Rebuilt(_));
            index.find(kind, key)
        })?;
        Ok(postings.map(|postings| Located { kind, key: key.into(), postings, rebuilt }))
    }

    /// The version of a stream's last event in this part, staged ones included.
    pub(crate) fn last_version(&self, stream: &str) -> Result<Option<Version>, ReadError> {
        let postings = self.ask(|index| index.find(TermKind::Stream, stream))?;
        Ok(postings.map(|postings| postings.last_version()))
    }

    pub(crate) fn positions(
        &self,
        term: &mut Located,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> Result<(), ReadError> {
        let before = out.len();
        self.ask_about(term, |index, postings| {
            out.truncate(before);
            index.positions(postings, from, limit, out)
        })
    }

    /// How many of the term's positions are at or before `position`.
    pub(crate) fn rank(&self, term: &mut Located, position: Position) -> Result<u64, ReadError> {
        self.ask_about(term, |index, postings| index.rank(postings, position))
    }

    /// Positions that may have this id; the events there have to be looked at.
    pub(crate) fn find_id(&self, id: Uuid, out: &mut Vec<Position>) -> Result<(), ReadError> {
        let before = out.len();
        self.ask(|index| {
            out.truncate(before);
            index.find_id(id, out)
        })
    }

    /// The terms of a kind that begin with `prefix`, in byte order, strictly after `after`: at least `least` of
    /// them if there are so many. A part in memory, which the writer shares, gives all at once.
    pub(crate) fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        least: usize,
    ) -> Result<Vec<(String, Located)>, ReadError> {
        let mut rebuilt = false;
        let terms = match &self.index {
            PartIndex::Memory(memory) => terms_in_memory(memory, kind, prefix, after),
            PartIndex::Run(_) => self.ask(|index| {
                rebuilt = matches!(index, Index::Rebuilt(_));
                index.terms(kind, prefix, after, least)
            })?,
        };
        let locate = |(key, postings): (String, Postings)| {
            let located = Located { kind, key: key.as_str().into(), postings, rebuilt };
            (key, located)
        };
        Ok(terms.into_iter().map(locate).collect())
    }

    /// How many different terms of a kind there are up to `last`; `None` if the index has events behind it, which are
    /// being written or whose writing has failed.
    pub(crate) fn term_count(&self, kind: TermKind, last: Position) -> Result<Option<u64>, ReadError> {
        let visible = last.events_since(self.segment.first_position().previous());
        self.ask(|index| match index {
            Index::Memory(index) if index.event_count() != visible => Ok(None),
            index => Ok(Some(index.term_count(kind))),
        })
    }

    /// How many of the positions up to `last` are those of lost events.
    pub(crate) fn lost(&self, last: Position) -> Result<u64, ReadError> {
        match self.find(TermKind::Type, LOST)? {
            Some(mut located) => self.rank(&mut located, last),
            None => Ok(0),
        }
    }

    /// Whether there is a run file for this part.
    pub(crate) fn has_run(&self) -> bool {
        matches!(&self.index, PartIndex::Run(run) if run.entry.is_some())
    }

    /// Whether a run file has to be written for this part: there is none, or it turned out to be damaged.
    pub(crate) fn needs_run(&self) -> bool {
        match &self.index {
            PartIndex::Memory(_) => false,
            PartIndex::Run(run) => run.entry.is_none() || run.rebuilt.get().is_some(),
        }
    }

    /// The index for the run file that is missing, `None` if none is missing or it cannot be made. A segment that turned
    /// out to be damaged is not read again for it before the store is opened the next time; one that the system could
    /// not read is.
    pub(crate) fn missing_run(&self) -> Option<MemoryIndex> {
        let PartIndex::Run(run) = &self.index else { return None };
        if !self.needs_run() || run.unbuildable.load(Ordering::Relaxed) {
            return None;
        }
        let rebuilt = self.rebuild();
        if rebuilt.as_ref().is_err_and(ReadError::is_corruption) {
            run.unbuildable.store(true, Ordering::Relaxed);
        }
        rebuilt.ok()
    }

    /// The index of this part made again from its segment.
    pub(crate) fn rebuild(&self) -> Result<MemoryIndex, ReadError> {
        let PartIndex::Run(run) = &self.index else {
            return Ok(MemoryIndex::new(self.segment.first_position(), 0));
        };
        let mut index = MemoryIndex::new(self.segment.first_position(), run.hash_seed);
        let last =
            self.segment.sealed_entry().map_or(Position::ZERO, annals_format::SealedSegment::last_position);
        let mut position = self.segment.first_position();
        while position <= last {
            let event = self.segment.event(position)?;
            insert_stored(&mut index, &self.segment, &event).map_err(ReadError::Corrupt)?;
            position = position.next();
        }
        Ok(index)
    }

    /// Asks about a term that was found before; finds it again if the index was made again since.
    fn ask_about<R>(
        &self,
        term: &mut Located,
        mut question: impl FnMut(Index<'_>, &Postings) -> Result<R, Damage>,
    ) -> Result<R, ReadError>
    where
        R: Default,
    {
        self.ask(|index| {
            let rebuilt = matches!(index, Index::Rebuilt(_));
            if rebuilt && !term.rebuilt {
                let Some(postings) = index.find(term.kind, &term.key)? else { return Ok(R::default()) };
                (term.postings, term.rebuilt) = (postings, true);
            }
            question(index, &term.postings)
        })
    }

    /// Puts a question to the index; if its file is damaged, makes the index again and asks once more.
    fn ask<R>(&self, mut question: impl FnMut(Index<'_>) -> Result<R, Damage>) -> Result<R, ReadError> {
        let run = match &self.index {
            PartIndex::Memory(memory) => return self.trusted(question(Index::Memory(&memory.read()))),
            PartIndex::Run(run) => run,
        };
        if run.rebuilt.get().is_none()
            && let Some(file) = run.run.get_or_init(|| run.open())
            && let Ok(answer) = question(Index::Run(file))
        {
            return Ok(answer);
        }
        let rebuilt = match run.rebuilt.get() {
            Some(rebuilt) => rebuilt,
            None => {
                let index = Box::new(self.rebuild()?);
                run.rebuilt.get_or_init(|| index)
            }
        };
        self.trusted(question(Index::Rebuilt(rebuilt)))
    }

    fn trusted<R>(&self, answer: Result<R, Damage>) -> Result<R, ReadError> {
        answer.map_err(|damage| ReadError::damage(self.segment.path(), damage))
    }
}

/// How many terms are copied while the writer has to wait.
const TERMS_AT_ONCE: usize = 4096;

/// Copies the names in small steps and sorts them with the index unlocked, so that appends go on meanwhile.
fn terms_in_memory(
    memory: &RwLock<MemoryIndex>,
    kind: TermKind,
    prefix: &str,
    after: Option<&str>,
) -> Vec<(String, Postings)> {
    let (mut terms, mut from) = (Vec::new(), 0);
    loop {
        let next = memory.read().terms_as_they_came(kind, prefix, from, TERMS_AT_ONCE, &mut terms);
        if next == from {
            break;
        }
        from = next;
    }
    terms.retain(|(name, _)| after.is_none_or(|after| name.as_str() > after));
    terms.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    terms
}

impl RunIndex {
    /// `None` if the file is missing, damaged, or not the one that the manifest means.
    fn open(&self) -> Option<Run> {
        let entry = self.entry?;
        let file = self.disk.open(&names::run(entry.id), Access::Read).ok()?;
        if file.length().ok()? != entry.length {
            return None;
        }
        let mapping = file.map(entry.length).ok()?;
        Run::open(mapping, &self.store_id, &identity(&entry)).ok()
    }
}

pub(crate) fn identity(entry: &RunEntry) -> RunIdentity {
    RunIdentity {
        run_id: entry.id,
        first_position: entry.first_position,
        count: entry.count,
        length: entry.length,
        trailer_checksum: entry.trailer_checksum,
    }
}

/// The event type under which the index has the positions of lost events. No event has it.
pub(crate) const LOST: &str = "";

/// The event as the index sees it: only ids that producers gave are looked up there.
pub(crate) fn indexed<'a>(event: &EventRef<'a>, binding: Binding) -> IndexedEvent<'a> {
    let made = binding.made_id(event.position, event.recorded_at);
    IndexedEvent {
        position: event.position,
        stream: event.stream,
        version: event.version,
        event_type: event.event_type,
        tags: event.tags,
        id: (event.id != made).then_some(event.id),
    }
}

/// Takes an event of the log into an index, where it must follow the one before it in its stream.
pub(crate) fn insert_stored(
    index: &mut MemoryIndex,
    segment: &Segment,
    event: &EventRef<'_>,
) -> Result<(), Corruption> {
    index.try_insert(&indexed(event, segment.binding())).map_err(|expected| {
        let offset = segment.offset_of(event.position).map_or(0, u64::from);
        let damage = Damage::new(offset, "version in its stream", event.version.get(), expected.get());
        let mut corruption = damage.in_file(segment.path());
        corruption.what = format!("{} (position {})", corruption.what, event.position);
        corruption
    })
}

/// The forms of an index behind one face.
#[derive(Clone, Copy)]
enum Index<'a> {
    Memory(&'a MemoryIndex),
    Rebuilt(&'a MemoryIndex),
    Run(&'a Run),
}

impl Index<'_> {
    fn find(self, kind: TermKind, key: &str) -> Result<Option<Postings>, Damage> {
        match self {
            Index::Memory(index) | Index::Rebuilt(index) => Ok(index.find(kind, key)),
            Index::Run(run) if planted(Bug::DamagedRunSaysNotThere) => {
                Ok(run.find(kind, key).unwrap_or_default())
            }
            Index::Run(run) => run.find(kind, key),
        }
    }

    fn positions(
        self,
        postings: &Postings,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> Result<(), Damage> {
        match self {
            Index::Memory(index) | Index::Rebuilt(index) => {
                index.positions(postings, from, limit, out);
                Ok(())
            }
            Index::Run(run) => run.positions(postings, from, limit, out),
        }
    }

    fn rank(self, postings: &Postings, position: Position) -> Result<u64, Damage> {
        match self {
            Index::Memory(index) | Index::Rebuilt(index) => Ok(index.rank(postings, position)),
            Index::Run(run) => run.rank(postings, position),
        }
    }

    fn find_id(self, id: Uuid, out: &mut Vec<Position>) -> Result<(), Damage> {
        match self {
            Index::Memory(index) | Index::Rebuilt(index) => {
                index.find_id(id, out);
                Ok(())
            }
            Index::Run(run) => run.find_id(id, out),
        }
    }

    fn terms(
        self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Postings)>, Damage> {
        match self {
            Index::Memory(index) | Index::Rebuilt(index) => Ok(index.terms(kind, prefix, after, limit)),
            Index::Run(run) => run.terms(kind, prefix, after, limit),
        }
    }

    fn term_count(self, kind: TermKind) -> u64 {
        match self {
            Index::Memory(index) | Index::Rebuilt(index) => index.term_count(kind),
            Index::Run(run) => run.term_count(kind),
        }
    }
}
