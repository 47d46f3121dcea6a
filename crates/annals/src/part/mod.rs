//! One part of the index: in memory for a segment without a footer, otherwise a run, which may be about many segments.

mod indexed;
mod located;
mod rebuilt;
mod run;

pub(crate) use indexed::{IndexPlan, LOST, indexed, insert_all_stored, insert_stored};
pub(crate) use located::Located;
pub(crate) use rebuilt::Rebuilt;
pub(crate) use run::{RunPart, identity};

use crate::error::ReadError;
use annals_index::{IdKey, MemoryIndex, Postings, TermKey, TermKind};
use annals_types::{Position, Version};
use annals_vfs::sync::RwLock;
use annals_wal::Segment;
use located::Found;
use std::sync::Arc;

/// A stretch of positions and what finds its events by name.
#[derive(Debug)]
pub(crate) struct Part {
    first_position: Position,
    pub(crate) index: PartIndex,
}

#[derive(Debug)]
pub(crate) enum PartIndex {
    /// Of a segment without a footer: in memory, growing while it is the active one.
    Memory { segment: Arc<Segment>, index: Arc<RwLock<MemoryIndex>> },
    /// Of sealed segments: a file, opened when it is first asked.
    Run(Box<RunPart>),
}

impl Part {
    pub(crate) fn in_memory(segment: Arc<Segment>, index: Arc<RwLock<MemoryIndex>>) -> Self {
        Part { first_position: segment.first_position(), index: PartIndex::Memory { segment, index } }
    }

    pub(crate) fn run(run: RunPart) -> Self {
        Part { first_position: run.first_position(), index: PartIndex::Run(Box::new(run)) }
    }

    /// The first position that it is about.
    pub(crate) fn first_position(&self) -> Position {
        self.first_position
    }

    /// The run, unless the part is in memory.
    pub(crate) fn as_run(&self) -> Option<&RunPart> {
        match &self.index {
            PartIndex::Memory { .. } => None,
            PartIndex::Run(run) => Some(run),
        }
    }

    /// The number of the segment that the part is about, if it is in memory.
    pub(crate) fn open_segment_id(&self) -> Option<u64> {
        match &self.index {
            PartIndex::Memory { segment, .. } => Some(segment.id()),
            PartIndex::Run(_) => None,
        }
    }

    /// Memory that its index takes, if it is in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.index {
            PartIndex::Memory { index, .. } => index.read().memory_bytes(),
            PartIndex::Run(_) => 0,
        }
    }

    pub(crate) fn find(&self, kind: TermKind, name: &str) -> Result<Option<Located>, ReadError> {
        match &self.index {
            PartIndex::Memory { index, .. } => {
                Ok(index.read().find(kind, name).map(|postings| Located::new(kind, name, postings)))
            }
            PartIndex::Run(run) => run.find(kind, name),
        }
    }

    /// As [`Part::find`], with the hash computed before.
    pub(crate) fn find_key(&self, key: &TermKey<'_>) -> Result<Option<Located>, ReadError> {
        match &self.index {
            PartIndex::Memory { index, .. } => {
                Ok(index.read().find_key(key).map(|postings| Located::of_key(key, postings)))
            }
            PartIndex::Run(run) => run.find_key(key),
        }
    }

    /// Whether it can have no positions behind this one.
    pub(crate) fn ends_by(&self, last: Position) -> bool {
        self.as_run().is_some_and(|run| run.last_position() <= last)
    }

    /// The version of a stream's last event in this part, staged ones included.
    pub(crate) fn last_version(&self, stream: &TermKey<'_>) -> Result<Option<Version>, ReadError> {
        match &self.index {
            PartIndex::Memory { index, .. } => {
                let postings = index.read().find_key(stream);
                Ok(postings.map(|postings| postings.last_version()))
            }
            PartIndex::Run(run) => run.last_version(stream),
        }
    }

    /// Appends to `out` the positions of the ordinals `from..from + limit`, as far as there are, ascending.
    pub(crate) fn positions(
        &self,
        term: &mut Located,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> Result<(), ReadError> {
        match (&self.index, &term.found) {
            (PartIndex::Memory { index, .. }, Found::Whole(postings)) => {
                index.read().positions(postings, from, limit, out);
                Ok(())
            }
            (PartIndex::Run(run), _) => run.positions(term, from, limit, out),
            // A memory index has no pieces.
            (PartIndex::Memory { .. }, Found::Pieces(_)) => Ok(()),
        }
    }

    /// How many of the term's positions are at or before `position`.
    pub(crate) fn rank(&self, term: &mut Located, position: Position) -> Result<u64, ReadError> {
        match (&self.index, &term.found) {
            (PartIndex::Memory { index, .. }, Found::Whole(postings)) => {
                Ok(index.read().rank(postings, position))
            }
            (PartIndex::Run(run), _) => run.rank(term, position),
            (PartIndex::Memory { .. }, Found::Pieces(_)) => Ok(0),
        }
    }

    /// Positions that may have this id; the events there have to be looked at.
    pub(crate) fn find_id(&self, id: &IdKey, out: &mut Vec<Position>) -> Result<(), ReadError> {
        match &self.index {
            PartIndex::Memory { index, .. } => {
                index.read().find_id_key(id, out);
                Ok(())
            }
            PartIndex::Run(run) => run.find_id(id, out),
        }
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
        match &self.index {
            PartIndex::Memory { index, .. } => Ok(terms_in_memory(index, kind, prefix, after)),
            PartIndex::Run(run) => run.terms(kind, prefix, after, least),
        }
    }

    /// How many different terms of a kind there are up to `last`, if that can be told without looking at each: not if the
    /// index has events behind it (they may be in the middle of being written), and not of a run that is damaged or looked at through
    /// a window.
    pub(crate) fn term_count(&self, kind: TermKind, last: Position) -> Option<u64> {
        let visible = last.events_since(self.first_position.previous());
        match &self.index {
            PartIndex::Memory { index, .. } => {
                let index = index.read();
                (index.event_count() == visible).then(|| index.term_count(kind))
            }
            PartIndex::Run(run) if run.last_position() <= last => {
                run.sound().filter(|run| run.is_whole()).map(|run| run.term_count(kind))
            }
            PartIndex::Run(_) => None,
        }
    }

    /// How many of the positions up to `last` are those of lost events.
    pub(crate) fn lost(&self, last: Position) -> Result<u64, ReadError> {
        match self.find(TermKind::Type, LOST)? {
            Some(mut located) => self.rank(&mut located, last),
            None => Ok(0),
        }
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
) -> Vec<(String, Located)> {
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
    let located = |(name, postings): (String, Postings)| {
        let located = Located::new(kind, &name, postings);
        (name, located)
    };
    terms.into_iter().map(located).collect()
}
