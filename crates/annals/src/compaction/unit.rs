//! One part of the index and its segments, written anew.
//!
//! A run of the index cannot be changed, and answers for all of its segments. So these are the unit of work: those from which
//! something goes are written anew, all of them get runs of their own, and one manifest puts them in the place of the old ones. What
//! is written before that takes room beside them; if there is none, it is removed and nothing has happened.

use super::fate::{Fate, Fates};
use super::handle::CompactError;
use super::job::Run;
use crate::core::Core;
use crate::error::ReadError;
use crate::part::{Part, insert_stored};
use crate::run_file::write_run_file;
use annals_compaction::{Action, Plan};
use annals_format::{ErasedRange, REASONS, RunEntry, SealedSegment, names};
use annals_index::MemoryIndex;
use annals_types::{EventRef, Position, Timestamp};
use annals_wal::{Choice, LogError, Rewrite, RewriteTarget, Segment};
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// So many events are indexed in one step.
const INDEXED_TOGETHER: u64 = 512;

/// Parts of the index that lie side by side, mostly one, and what is to be done with their segments, in their order.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(super) parts: Vec<Arc<Part>>,
    groups: Vec<Group>,
}

#[derive(Debug)]
enum Group {
    /// It stays as it is.
    Keep(Arc<Segment>),
    /// They become one, or nothing is left of them.
    Write(Vec<Arc<Segment>>),
}

/// A segment of a part that was written anew.
#[derive(Debug)]
pub(super) enum Piece {
    Old(Arc<Segment>),
    New(SealedSegment),
}

/// What went.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(super) events: [u64; REASONS.len()],
    pub(super) first: Option<Position>,
    pub(super) last: Position,
    /// What only lost its payload.
    pub(crate) erased: ErasedRange,
    /// When that was, as the events tell it.
    pub(super) erased_at: Option<Timestamp>,
}

impl Default for Gone {
    fn default() -> Self {
        let (events, last, erased) = ([0; REASONS.len()], Position::ZERO, ErasedRange::NONE);
        Gone { events, first: None, last, erased, erased_at: None }
    }
}

/// Files that are in no manifest yet.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(super) pieces: Vec<Piece>,
    pub(super) runs: Vec<RunEntry>,
    pub(crate) gone: Gone,
    pub(super) dropped: u64,
    pub(crate) rewritten: u64,
    pub(super) merged: u64,
}

impl Unit {
    /// The parts of which something is to be written anew. Those that share a segment that is to be are one unit.
    pub(super) fn all(parts: &[Arc<Part>], plan: &Plan) -> Vec<Self> {
        let newest = plan.segments.iter().rev().find(|segment| segment.figures.sealed);
        let newest = newest.map(|segment| segment.figures.segment_id);
        let actions: HashMap<u64, &Action> =
            plan.segments.iter().map(|segment| (segment.figures.segment_id, &segment.action)).collect();
        Self::by(parts, &actions, newest)
    }

    /// The parts with these segments, which are to be written anew.
    pub(crate) fn rewriting(parts: &[Arc<Part>], segments: &HashSet<u64>) -> Vec<Self> {
        let actions = segments.iter().map(|segment| (*segment, &Action::Rewrite)).collect();
        Self::by(parts, &actions, None)
    }

    fn by(parts: &[Arc<Part>], actions: &HashMap<u64, &Action>, newest: Option<u64>) -> Vec<Self> {
        let mut units: Vec<Unit> = Vec::new();
        // The neighbours with which the last segment becomes one.
        let mut neighbours: Option<&Range<usize>> = None;
        for part in parts {
            let Some(run) = part.as_run() else { break };
            for (number, segment) in run.segments().iter().enumerate() {
                let action = actions.get(&segment.id()).copied();
                let own = if let Some(Action::Merge(own)) = action { Some(own) } else { None };
                let continued = own.is_some() && own == neighbours;
                neighbours = own;
                if number == 0 && !continued {
                    units.push(Unit::default());
                }
                let Some(unit) = units.last_mut() else { continue };
                if number == 0 {
                    unit.parts.push(Arc::clone(part));
                }
                let segment = Arc::clone(segment);
                // The newest one tells where the log goes on, so something of it stays.
                let drops = matches!(action, Some(Action::Drop)) && newest != Some(segment.id());
                match (unit.groups.last_mut(), action) {
                    (Some(Group::Write(sources)), _) if continued => sources.push(segment),
                    (_, Some(Action::Merge(_) | Action::Rewrite)) => {
                        unit.groups.push(Group::Write(vec![segment]))
                    }
                    _ if drops => unit.groups.push(Group::Write(vec![segment])),
                    _ => unit.groups.push(Group::Keep(segment)),
                }
            }
        }
        units.retain(|unit| unit.groups.iter().any(|group| matches!(group, Group::Write(_))));
        units
    }

    /// Its segments as they are now.
    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        let runs = self.parts.iter().filter_map(|part| part.as_run());
        runs.flat_map(|run| run.segments().iter().cloned()).collect()
    }

    /// Bytes that are read to write it anew.
    pub(super) fn bytes(&self) -> u64 {
        let length = |segment: &Arc<Segment>| segment.sealed_entry().map_or(0, |entry| entry.length);
        let sources = self.groups.iter().map(|group| match group {
            Group::Keep(_) => 0,
            Group::Write(sources) => sources.iter().map(length).sum(),
        });
        sources.sum()
    }

    /// Writes the new files. `None` if it was told to end before that was done; then they are removed again, as they are after an
    /// error.
    pub(crate) fn write(
        &self,
        run: &Run<'_>,
        fates: &mut dyn Fates,
    ) -> Result<Option<Written>, CompactError> {
        let mut written = Written::default();
        match self.write_all(run, fates, &mut written) {
            Ok(true) => Ok(Some(written)),
            Ok(false) => {
                written.remove(run.core);
                Ok(None)
            }
            Err(error) => {
                written.remove(run.core);
                Err(error)
            }
        }
    }

    fn write_all(
        &self,
        run: &Run<'_>,
        fates: &mut dyn Fates,
        written: &mut Written,
    ) -> Result<bool, CompactError> {
        for group in &self.groups {
            match group {
                Group::Keep(segment) => written.pieces.push(Piece::Old(Arc::clone(segment))),
                Group::Write(sources) => {
                    let Some(entry) = write_group(run, fates, sources, &mut written.gone)? else {
                        return Ok(false);
                    };
                    match entry {
                        Some(entry) => {
                            written.rewritten += 1;
                            written.merged += sources.len() as u64 - 1;
                            written.pieces.push(Piece::New(entry));
                        }
                        None => written.dropped += sources.len() as u64,
                    }
                }
            }
        }
        for piece in &written.pieces {
            let Some(index) = piece.index(run)? else { return Ok(false) };
            let run_id = run.core.catalog.lock().new_file_id();
            let disk = &*run.core.env.disk;
            let entry = write_run_file(disk, &index, &run.core.store_id, run_id, run.core.plan.hash_seed);
            let entry = entry.map_err(|source| {
                run.core.remove_runs(&[run_id]);
                LogError::Io { what: format!("write {}", names::run(run_id)), source }
            })?;
            written.runs.push(entry);
        }
        Ok(true)
    }
}

/// Writes some segments into one. The outer `None` says that it was told to end, the inner one that nothing stays.
#[expect(clippy::option_option, reason = "two answers that do not depend on each other")]
fn write_group(
    run: &Run<'_>,
    fates: &mut dyn Fates,
    sources: &[Arc<Segment>],
    gone: &mut Gone,
) -> Result<Option<Option<SealedSegment>>, CompactError> {
    let core = run.core;
    let mut salt = [0; 8];
    let random = core.env.random.fill(&mut salt);
    random.map_err(|source| LogError::Io { what: "get random bytes".into(), source })?;
    let Some(first) = sources.first().and_then(|source| source.sealed_entry()) else { return Ok(None) };
    let target = RewriteTarget {
        store_id: core.store_id,
        id: first.id,
        salt: u64::from_le_bytes(salt),
        edition: first.edition() + 1,
        compaction: run.number,
        compression: run.compression,
    };
    let disk = &*core.env.disk;
    // What an attempt that failed may have left. No manifest has ever named it.
    let left = disk.remove(&names::edition(target.id, target.edition));
    if let Err(source) = left
        && source.kind() != io::ErrorKind::NotFound
    {
        return Err(LogError::Io { what: "remove what is left over".into(), source }.into());
    }
    let mut rewrite = Rewrite::begin(disk, target, sources.to_vec())?;
    let mut choose = |event: &EventRef<'_>| match fates.of(event) {
        Ok(fate) => Ok(gone.note(event.position, fate)),
        Err(ReadError::Corrupt(corruption)) => Err(LogError::Corrupt(corruption)),
        Err(error) => {
            Err(LogError::Io { what: "find out what goes".into(), source: io::Error::other(error) })
        }
    };
    loop {
        if !run.may_go_on() {
            rewrite.abandon();
            return Ok(None);
        }
        let begun = run.begin_step();
        let step = match rewrite.step(&mut choose) {
            Ok(step) => step,
            Err(error) => {
                rewrite.abandon();
                return Err(error.into());
            }
        };
        run.end_step(&begun, step.read, step.written);
        if !step.goes_on {
            break;
        }
    }
    let begun = run.begin_step();
    let finished = rewrite.finish()?;
    run.end_step(&begun, 0, 0);
    Ok(Some(finished))
}

impl Gone {
    fn note(&mut self, position: Position, fate: Fate) -> Choice {
        match fate {
            Fate::Stays => Choice::Keep,
            Fate::Goes(reason) => {
                self.events[reason as usize] += 1;
                self.first.get_or_insert(position);
                self.last = position;
                Choice::Drop
            }
            Fate::Erased { erasure, keep_tags } => {
                let first = if self.erased.events == 0 { position } else { self.erased.first };
                self.erased = ErasedRange { events: self.erased.events + 1, first, last: position };
                self.erased_at = Some(erasure.erased_at);
                Choice::Erase { erasure, keep_tags }
            }
        }
    }
}

impl Piece {
    pub(super) fn segment(&self, core: &Core) -> Arc<Segment> {
        match self {
            Piece::Old(segment) => Arc::clone(segment),
            Piece::New(entry) => {
                Arc::new(Segment::sealed(Arc::clone(&core.env.disk), &core.store_id, entry.clone()))
            }
        }
    }

    /// The index of its events; `None` if it was told to end.
    fn index(&self, run: &Run<'_>) -> Result<Option<MemoryIndex>, CompactError> {
        let segment = self.segment(run.core);
        let entry = segment.sealed_entry();
        let last = entry.map_or(Position::ZERO, SealedSegment::last_position);
        let each = entry.map_or(0, |entry| entry.length / entry.count.max(1));
        let mut index = run.core.plan.begin(segment.first_position());
        let mut walk = segment.walk(segment.first_position()..last.next())?;
        let (mut begun, mut events) = (run.begin_step(), 0);
        while let Some(event) = walk.next_event()? {
            index.skip_to(event.position);
            insert_stored(&mut index, &segment, &event).map_err(LogError::Corrupt)?;
            events += 1;
            if events % INDEXED_TOGETHER == 0 {
                run.rest(&begun, INDEXED_TOGETHER * each);
                if !run.may_go_on() {
                    return Ok(None);
                }
                begun = run.begin_step();
            }
        }
        index.skip_to(last.next());
        Ok(run.may_go_on().then_some(index))
    }
}

impl Written {
    /// Removes the new files. What stays is in no manifest, and is removed when the store is opened the next time.
    pub(crate) fn remove(&self, core: &Core) {
        for piece in &self.pieces {
            if let Piece::New(entry) = piece {
                let _ = core.env.disk.remove(&entry.path());
            }
        }
        self.runs.iter().for_each(|run| core.remove_runs(&[run.id]));
    }
}
