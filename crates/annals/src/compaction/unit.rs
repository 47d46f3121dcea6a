//! Some segments side by side, written anew.
//!
//! A unit is what is exchanged at once: a segment, or some small ones, together with runs of their own, in the place of what there was.
//! The runs that they were in keep what they have of the segments beside them ([`RunEntry`]). So a unit is small however large a
//! store is. What is written takes room beside the old files; if there is none, it is removed and nothing has happened.

use super::fate::{Fate, Fates};
use super::handle::CompactError;
use super::job::Run;
use crate::core::Core;
use crate::error::ReadError;
use crate::part::{Part, RunPart, insert_stored};
use crate::run_file::write_run_file;
use annals_compaction::{Action, Plan};
use annals_format::{ErasedRange, REASONS, RunEntry, SealedSegment, names};
use annals_index::MemoryIndex;
use annals_types::{EventRef, Position, Timestamp};
use annals_vfs::Access;
use annals_wal::{Choice, LogError, Rewrite, RewriteTarget, Segment};
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// So many events are indexed in one step.
const INDEXED_TOGETHER: u64 = 512;

/// Segments that lie side by side, in groups, each of which becomes one segment, or nothing is left of it.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    groups: Vec<Vec<Arc<Segment>>>,
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

/// Files that are in no manifest yet: segments, and the run of each.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(super) sealed: Vec<SealedSegment>,
    pub(super) runs: Vec<RunEntry>,
    pub(crate) gone: Gone,
    pub(super) dropped: u64,
    pub(crate) rewritten: u64,
    pub(super) merged: u64,
}

impl Unit {
    /// Everything that a plan has written anew, from the oldest to the newest. Small segments side by side are one unit, up to so many
    /// bytes.
    pub(super) fn all(parts: &[Arc<Part>], plan: &Plan, unit_bytes: u64) -> Vec<Self> {
        let newest = plan.segments.iter().rev().find(|segment| segment.figures.sealed);
        let newest = newest.map(|segment| segment.figures.segment_id);
        let actions: HashMap<u64, &Action> =
            plan.segments.iter().map(|segment| (segment.figures.segment_id, &segment.action)).collect();
        // The newest one tells where the log goes on, so something of it stays.
        let keeps = |id: u64, action: &Action| {
            matches!(action, Action::Keep(_)) || (*action == Action::Drop && newest == Some(id))
        };
        Self::by(parts, unit_bytes, &|id| actions.get(&id).copied().filter(|action| !keeps(id, action)))
    }

    /// The segments with these numbers, to be written anew.
    pub(crate) fn rewriting(parts: &[Arc<Part>], segments: &HashSet<u64>, unit_bytes: u64) -> Vec<Self> {
        Self::by(parts, unit_bytes, &|id| segments.contains(&id).then_some(&Action::Rewrite))
    }

    fn by<'a>(parts: &[Arc<Part>], unit_bytes: u64, action: &dyn Fn(u64) -> Option<&'a Action>) -> Vec<Self> {
        let mut units: Vec<Unit> = Vec::new();
        // The neighbours with which the last segment becomes one.
        let mut neighbours: Option<&Range<usize>> = None;
        // Whether the last segment is in the last unit.
        let mut adjacent = false;
        let runs = parts.iter().map_while(|part| part.as_run());
        for segment in runs.flat_map(RunPart::segments) {
            let Some(action) = action(segment.id()) else {
                (neighbours, adjacent) = (None, false);
                continue;
            };
            let own = if let Action::Merge(own) = action { Some(own) } else { None };
            let continued = own.is_some() && own == neighbours;
            neighbours = own;
            let joins = |unit: &&mut Unit| adjacent && (continued || unit.bytes() < unit_bytes);
            match units.last_mut().filter(joins) {
                Some(unit) => unit.add(segment, continued),
                None => units.push(Unit { groups: vec![vec![Arc::clone(segment)]] }),
            }
            adjacent = true;
        }
        units
    }

    /// Adds the next segment, to what the last one is in or beside it.
    fn add(&mut self, segment: &Arc<Segment>, continued: bool) {
        match self.groups.last_mut().filter(|_| continued) {
            Some(group) => group.push(Arc::clone(segment)),
            None => self.groups.push(vec![Arc::clone(segment)]),
        }
    }

    /// Its segments one by one, for a disk without room for what stays of all of them; `None` if there is only one. Left out is the newest
    /// one of the store: of that something has to stay, which is known of all of them together.
    pub(super) fn apart(&self, newest: Option<u64>) -> Option<Vec<Unit>> {
        let all: Vec<Unit> =
            self.segments().map(|segment| Unit { groups: vec![vec![Arc::clone(segment)]] }).collect();
        let is_newest = |unit: &Unit| unit.segments().any(|segment| Some(segment.id()) == newest);
        (all.len() > 1).then(|| all.into_iter().filter(|unit| !is_newest(unit)).collect())
    }

    /// Its segments as they are now.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = &Arc<Segment>> {
        self.groups.iter().flatten()
    }

    /// The first position that it covers.
    pub(crate) fn first_position(&self) -> Position {
        self.segments().next().map_or(Position::FIRST, |segment| segment.first_position())
    }

    /// The last one.
    pub(crate) fn last_position(&self) -> Position {
        let last = self.segments().next_back().and_then(|segment| segment.sealed_entry());
        last.map_or(Position::ZERO, SealedSegment::last_position)
    }

    /// Bytes that are read to write it anew.
    pub(super) fn bytes(&self) -> u64 {
        self.segments().filter_map(|segment| segment.sealed_entry()).map(|entry| entry.length).sum()
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
        for sources in &self.groups {
            let Some(entry) = write_group(run, fates, sources, &mut written.gone)? else { return Ok(false) };
            let Some(entry) = entry else {
                written.dropped += sources.len() as u64;
                continue;
            };
            written.rewritten += 1;
            written.merged += sources.len() as u64 - 1;
            written.sealed.push(entry);
        }
        for entry in &written.sealed {
            let Some(index) = index(run, entry)? else { return Ok(false) };
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
    remove_left_over(core, target.id, target.edition)?;
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

/// Removes what an attempt that failed may have left.
fn remove_left_over(core: &Core, id: u64, edition: u64) -> Result<(), LogError> {
    let (disk, name) = (&*core.env.disk, names::edition(id, edition));
    let failed = |source| LogError::Io { what: "remove what is left over".into(), source };
    match disk.open(&name, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => drop(found.map_err(failed)?),
    }
    core.catalog.lock().disown(core.watermark.durable(), id, edition)?;
    disk.remove(&name).map_err(failed)
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

/// The index of the events of a new segment; `None` if it was told to end.
fn index(run: &Run<'_>, entry: &SealedSegment) -> Result<Option<MemoryIndex>, CompactError> {
    let segment = Segment::sealed(Arc::clone(&run.core.env.disk), &run.core.store_id, entry.clone());
    let each = entry.length / entry.count.max(1);
    let mut index = run.core.plan.begin(segment.first_position());
    let mut walk = segment.walk(segment.first_position()..entry.last_position().next())?;
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
    index.skip_to(entry.last_position().next());
    Ok(run.may_go_on().then_some(index))
}

impl Written {
    /// Removes the new files. What stays is in no manifest, and is removed when the store is opened the next time.
    pub(crate) fn remove(&self, core: &Core) {
        for entry in &self.sealed {
            let _ = core.env.disk.remove(&entry.path());
        }
        self.runs.iter().for_each(|run| core.remove_runs(&[run.id]));
    }
}
