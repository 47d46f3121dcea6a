//! Comparing runs with the log: segment by segment, with the index made of each, so that it takes no more memory than
//! one of them, however much a run is about.

use super::{Verification, file};
use crate::part::identity;
use annals_format::run::{RUN_HEADER_BYTES, RunHeader};
use annals_format::{Damage, Manifest, RunEntry, SealedSegment, StoreId, names};
use annals_index::{IndexedEvent, MemoryIndex, Postings, Run, TermKind};
use annals_types::Position;
use annals_vfs::{Access, Disk};
use std::io;

const PAGE: usize = 1024;

/// The runs of a store, looked at one after the other while the segments are.
pub(crate) struct Runs<'a> {
    disk: &'a dyn Disk,
    manifest: &'a Manifest,
    current: Option<Current>,
}

/// A run, and what the segments that it is about have said of it so far.
struct Current {
    entry: RunEntry,
    name: String,
    /// `None` if it cannot be compared.
    run: Option<Run>,
    /// Terms that occurred, positions they have, for each kind; ids.
    terms: [u64; 4],
    positions: [u64; 4],
    ids: u64,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(disk: &'a dyn Disk, manifest: &'a Manifest) -> Self {
        Runs { disk, manifest, current: None }
    }

    /// Turns to the run that a segment is in.
    pub(crate) fn enter(&mut self, segment: &SealedSegment, found: &mut Verification) {
        let first = segment.first_position;
        if self.current.as_ref().is_some_and(|current| current.entry.covers(first)) {
            return;
        }
        let Some(entry) = self.manifest.runs.iter().find(|run| run.covers(first)).copied() else {
            found.notes.push(format!("no run for the positions from {first} on; it will be made again"));
            return;
        };
        let name = names::run(entry.id);
        let mut run = open_run(self.disk, &self.manifest.store_id, &entry, found);
        if entry.first_position != first {
            found.finding(&name, None, format!("the run begins within the segment of position {first}"));
            run = None;
        }
        self.current = Some(Current { entry, name, run, terms: [0; 4], positions: [0; 4], ids: 0 });
    }

    /// An event of the log: if it has an id, the run has to lead to it.
    pub(crate) fn event(&mut self, event: &IndexedEvent<'_>, found: &mut Verification) {
        let (Some(id), true) = (event.id, self.manifest.ids_indexed) else { return };
        let Some(current) = self.current.as_mut() else { return };
        current.ids += 1;
        let Some(run) = &current.run else { return };
        let mut candidates = Vec::new();
        let answer = run.find_id(id, &mut candidates);
        if answer.is_ok() && !candidates.contains(&event.position) {
            let what = format!("the id of position {} is not found", event.position);
            current.differs(Ok(Some(what)), found);
        } else if let Err(damage) = answer {
            current.differs(Err(damage), found);
        }
    }

    /// Compares what the run has of a segment with the index made from it: `None` if the segment is damaged.
    pub(crate) fn leave(
        &mut self,
        segment: &SealedSegment,
        index: Option<&MemoryIndex>,
        found: &mut Verification,
    ) {
        let last = segment.last_position();
        let Some(current) = self.current.as_mut().filter(|current| current.entry.covers(last)) else {
            return;
        };
        match index {
            None => current.run = None,
            Some(index) => {
                for kind in TermKind::ALL {
                    let compared = current.compare(kind, index, segment);
                    current.differs(compared, found);
                }
            }
        }
        if current.entry.end() == last.next()
            && let Some(mut current) = self.current.take()
        {
            current.finish(found);
        }
    }
}

/// Opens a run and reads all of it. What is wrong is told.
pub(crate) fn open_run(
    disk: &dyn Disk,
    store_id: &StoreId,
    entry: &RunEntry,
    found: &mut Verification,
) -> Option<Run> {
    let name = &*names::run(entry.id);
    let file = match disk.open(name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.notes.push(format!("{name} is not there; it will be made again"));
            return None;
        }
        Err(error) => {
            found.refused(name, None, "open", &error);
            return None;
        }
    };
    let length = match file.length() {
        Ok(length) => length,
        Err(error) => {
            found.refused(name, None, "look at", &error);
            return None;
        }
    };
    if length != entry.length {
        let what = format!("the file has {length} bytes instead of {}", entry.length);
        found.finding(name, Some(length), what);
        return None;
    }
    if !file::is_readable(&*file, name, found) {
        return None;
    }
    let mapping = match file.map(length) {
        Ok(mapping) => mapping,
        Err(error) => {
            found.refused(name, None, "map", &error);
            return None;
        }
    };
    if mapping
        .bytes(0..RUN_HEADER_BYTES as u64)
        .and_then(<[u8]>::first_chunk)
        .is_some_and(RunHeader::is_outdated)
    {
        found.notes.push(format!("{name} is of an older version of the format; it will be made again"));
        return None;
    }
    found.runs += 1;
    found.bytes += length;
    let run = Run::open(mapping, store_id, &identity(entry));
    match run.and_then(|run| run.check_all().map(|()| run).map_err(Into::into)) {
        Ok(run) => Some(run.with_window(entry.first_position..entry.end())),
        Err(error) => {
            found.undecodable(name, "run", error);
            None
        }
    }
}

impl Current {
    /// Reports a difference; one is enough for a run.
    fn differs(&mut self, compared: Result<Option<String>, Damage>, found: &mut Verification) {
        match compared {
            Ok(None) => return,
            Ok(Some(what)) => found.finding(&self.name, None, what),
            Err(damage) => found.finding(&self.name, Some(damage.offset), damage.to_string()),
        }
        self.run = None;
    }

    /// The first difference between the terms of a kind in one segment.
    fn compare(
        &mut self,
        kind: TermKind,
        index: &MemoryIndex,
        segment: &SealedSegment,
    ) -> Result<Option<String>, Damage> {
        let Some(run) = &self.run else { return Ok(None) };
        for (name, ours) in index.terms(kind, "", None, usize::MAX) {
            let Some(theirs) = run.find(kind, &name)? else {
                return Ok(Some(format!("{kind:?} {name:?} of the log is not found")));
            };
            let before = run.rank(&theirs, segment.first_position.previous())?;
            if !same_positions(run, index, &ours, &theirs, before, segment.last_position())? {
                return Ok(Some(format!("the positions of {kind:?} {name:?} are not the log's")));
            }
            self.terms[kind.index()] += u64::from(before == 0);
            self.positions[kind.index()] += ours.count();
        }
        Ok(None)
    }

    /// Whether there is anything in the run that is not in the log.
    fn finish(&mut self, found: &mut Verification) {
        let Some(run) = &self.run else { return };
        let mut wrong = None;
        for kind in TermKind::ALL {
            match count_of(run, kind) {
                Ok((_, positions)) if positions != self.positions[kind.index()] => {
                    wrong = Some(Ok(Some(format!("the number of positions ({kind:?}) is not the log's"))));
                }
                Ok((terms, _)) if terms != self.terms[kind.index()] => {
                    wrong = Some(Ok(Some(format!("the number of terms ({kind:?}) is not the log's"))));
                }
                Ok(_) => {}
                Err(damage) => wrong = Some(Err(damage)),
            }
        }
        match run.count_ids() {
            _ if wrong.is_some() => {}
            Ok(ids) if ids == self.ids => {}
            Ok(ids) => wrong = Some(Ok(Some(format!("{ids} ids, and the log has {}", self.ids)))),
            Err(damage) => wrong = Some(Err(damage)),
        }
        if let Some(wrong) = wrong {
            self.differs(wrong, found);
        }
    }
}

/// How many terms of a kind there are, and how many positions they have together.
fn count_of(run: &Run, kind: TermKind) -> Result<(u64, u64), Damage> {
    let (mut terms, mut positions, mut after) = (0, 0u64, None::<String>);
    loop {
        let page = run.terms(kind, "", after.as_deref(), PAGE)?;
        terms += page.len() as u64;
        positions = page.iter().fold(positions, |sum, (_, postings)| sum.saturating_add(postings.count()));
        match page.into_iter().last() {
            Some((name, _)) => after = Some(name),
            None if run.is_whole() => return Ok((run.term_count(kind), positions)),
            None => return Ok((terms, positions)),
        }
    }
}

/// Whether a run has the positions of a term in a segment, and no more up to `last`; `before` is how many lie before it.
fn same_positions(
    run: &Run,
    index: &MemoryIndex,
    ours: &Postings,
    theirs: &Postings,
    before: u64,
    last: Position,
) -> Result<bool, Damage> {
    let version = theirs.first_version().plus(if ours.first_version().get() == 0 { 0 } else { before });
    if run.rank(theirs, last)?.saturating_sub(before) != ours.count() || version != ours.first_version() {
        return Ok(false);
    }
    let (mut mine, mut other): (Vec<Position>, Vec<Position>) = (Vec::new(), Vec::new());
    let mut from = 0;
    while from < ours.count() {
        mine.clear();
        other.clear();
        index.positions(ours, from, PAGE, &mut mine);
        let left = usize::try_from(ours.count() - from).unwrap_or(PAGE).min(PAGE);
        run.positions(theirs, before + from, left, &mut other)?;
        if mine != other {
            return Ok(false);
        }
        from += PAGE as u64;
    }
    Ok(true)
}
