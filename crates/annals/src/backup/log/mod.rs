//! Taking the log up to a position, and the index of what is taken.
//!
//! Sealed segments and runs are taken whole, once. Of open segments the frames are copied; what an earlier backup has of them is
//! continued in place, since a segment only grows, and stays the copy's own file when the segment is sealed: until the next
//! manifest is there the file may be opened as an open segment, and would be cut under both of its names if it was a link.

mod open;

use super::Look;
use super::check::Checks;
use super::destination::Base;
use super::error::BackupError;
use super::files::{Copier, Got};
use super::head::{Head, write_head};
use crate::error::ReadError;
use crate::part::identity;
use crate::parts::Parts;
use annals_format::{Corruption, Damage, Manifest, OpenSegment, RunEntry, SealedSegment, names};
use annals_types::Position;
use annals_vfs::Env;
use open::Grown;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The files of the log and the index that the copy has.
pub(super) struct LogCopy<'a> {
    to: &'a Env,
    base: Option<&'a Base>,
    /// What the base's manifest says of sealed segments, by their numbers.
    sealed: BTreeMap<u64, &'a SealedSegment>,
    /// Open segments that are there, by their numbers.
    grown: BTreeMap<u64, Grown>,
    /// Sealed segments and runs that are there.
    whole: BTreeSet<String>,
    /// Those of them that were there before and are still of use.
    kept: BTreeSet<String>,
    /// Runs that are left out.
    left_out: BTreeSet<u64>,
    /// Runs that were gone when they were to be taken.
    gone: BTreeSet<u64>,
    path: PathBuf,
}

/// What of the log was taken.
pub(super) struct Log {
    pub(super) sealed: Vec<SealedSegment>,
    pub(super) open: Vec<OpenSegment>,
    pub(super) runs: Vec<RunEntry>,
    /// The last position.
    pub(super) position: Position,
    /// The last open segment and where its frames end; number 0 if there is none.
    pub(super) tail: (u64, u64),
}

impl<'a> LogCopy<'a> {
    pub(super) fn new(to: &'a Env, base: Option<&'a Base>) -> Result<Self, BackupError> {
        let path = PathBuf::from(to.disk.describe());
        let (mut grown, mut whole) = (BTreeMap::new(), BTreeSet::new());
        let mut sealed = BTreeMap::new();
        if let Some(base) = base {
            sealed.extend(base.manifest.sealed.iter().map(|entry| (entry.id, entry)));
            // Where those end that are full, the original says.
            let tail = base.state.tail;
            let end = |id| if id == tail.segment_id { tail.frames_end } else { u64::MAX };
            let open = base.manifest.open.iter();
            grown.extend(open.map(|open| (open.id, Grown { salt: open.salt, end: end(open.id) })));
            let segments = base.manifest.sealed.iter().map(|entry| (entry.path(), entry.length));
            let runs = base.manifest.runs.iter().map(|entry| (names::run(entry.id), entry.length));
            let named: BTreeMap<String, u64> = segments.chain(runs).collect();
            for directory in [names::LOG_DIR, names::INDEX_DIR] {
                let entries = to
                    .disk
                    .list(directory)
                    .map_err(BackupError::io(format!("list {directory} of the copy")))?;
                for entry in entries {
                    let name = format!("{directory}/{}", entry.name);
                    if named.get(&name).is_some_and(|length| entry.length >= *length) {
                        whole.insert(name);
                    }
                }
            }
        }
        let (kept, left_out, gone) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Ok(LogCopy { to, base, sealed, grown, whole, kept, left_out, gone, path })
    }

    /// Takes what of a look is not there yet. `None` if a file was gone: then it is to be looked again.
    pub(super) fn take(
        &mut self,
        look: &Look,
        copier: &mut Copier<'_>,
        checks: &mut Checks<'_>,
    ) -> Result<Option<Log>, BackupError> {
        let links = copier.links;
        copier.links = links && look.settled;
        self.expect(look, copier, checks);
        let taken = self.take_all(look, copier, checks);
        copier.links = links;
        taken
    }

    fn take_all(
        &mut self,
        look: &Look,
        copier: &mut Copier<'_>,
        checks: &mut Checks<'_>,
    ) -> Result<Option<Log>, BackupError> {
        let (manifest, last) = (&look.manifest, look.position);
        let whole = manifest.sealed.partition_point(|entry| entry.last_position() <= last);
        for entry in &manifest.sealed[..whole] {
            if self.take_sealed(entry, copier, checks)? == Got::Gone {
                return Ok(None);
            }
        }
        let sealed = manifest.sealed[..whole].to_vec();
        let next = sealed.last().map_or(Position::FIRST, |entry| entry.last_position().next());
        let Some(runs) = self.take_runs(manifest, next.previous(), copier, checks)? else { return Ok(None) };
        let mut log = Log { sealed, open: Vec::new(), runs, position: next.previous(), tail: (0, 0) };
        // Where segments were removed as a whole, the position may lie between two.
        let behind = manifest.sealed.get(whole).filter(|entry| entry.first_position <= last);
        // An open segment misses no positions, and none are missing in front of it.
        let has_holes = |entry: &&SealedSegment| entry.rewritten.is_some() || entry.first_position > next;
        if let Some(entry) = behind.filter(has_holes) {
            match write_head(self.to, look, entry, copier)? {
                Head::Gone => return Ok(None),
                Head::Nothing if log.sealed.is_empty() => {
                    let first = first_stored(&look.parts)?;
                    // All before the first batch was removed, so what there was is not known.
                    if first > Position::FIRST {
                        return Err(BackupError::Removed { asked: last, first });
                    }
                }
                Head::Nothing => {}
                Head::Written(head) => {
                    log.position = head.last_position();
                    log.sealed.push(head);
                }
            }
            return Ok(Some(log));
        }
        let cut = behind.map(|entry| {
            let open = OpenSegment { id: entry.id, salt: entry.salt };
            (open, entry.frames_end)
        });
        let open = manifest.open.iter().map(|open| (*open, u64::MAX));
        // What lies behind a sealed segment that is cut is behind the position.
        let open: Vec<_> = match cut {
            Some(cut) => vec![cut],
            None if whole < manifest.sealed.len() => Vec::new(),
            None => open.collect(),
        };
        let taken = self.take_open(manifest, &open, last, &mut log, copier)?;
        Ok((taken == Got::There).then_some(log))
    }

    fn take_sealed(
        &mut self,
        entry: &SealedSegment,
        copier: &mut Copier<'_>,
        checks: &mut Checks<'_>,
    ) -> Result<Got, BackupError> {
        let name = entry.path();
        let known = self.sealed.get(&entry.id).filter(|known| known.edition() == entry.edition());
        if known.is_some_and(|known| *known != entry) {
            return Err(self.diverged());
        }
        if self.whole.contains(&name) {
            if known.is_some() && !copier.has_made(&name) {
                self.count_kept(&name, entry.length, copier);
            }
            return Ok(Got::There);
        }
        // What compaction has written anew has nothing of the file that was grown.
        let got = match self.grown.get(&entry.id).filter(|_| entry.edition() == 0) {
            Some(grown) if grown.salt != entry.salt => return Err(self.diverged()),
            Some(grown) => self.extend(&name, grown.end.min(entry.frames_end), entry.length, copier)?,
            None => copier.take(&name, entry.length)?,
        };
        if got == Got::There {
            self.whole.insert(name);
            checks.sealed(entry, copier)?;
        }
        Ok(got)
    }

    /// The runs that are about nothing behind `last`.
    fn take_runs(
        &mut self,
        manifest: &Manifest,
        last: Position,
        copier: &mut Copier<'_>,
        checks: &mut Checks<'_>,
    ) -> Result<Option<Vec<RunEntry>>, BackupError> {
        let mut taken = Vec::new();
        for entry in &manifest.runs {
            if entry.end().previous() > last || self.left_out.contains(&entry.id) {
                continue;
            }
            let name = names::run(entry.id);
            // It may have been looked at through another window.
            let same = |other: &RunEntry| identity(other) == identity(entry);
            let known = self.base.is_some_and(|base| base.manifest.runs.iter().any(same));
            if known && self.whole.contains(&name) && !copier.has_made(&name) {
                self.count_kept(&name, entry.length, copier);
            } else if !copier.has_made(&name) {
                match copier.take(&name, entry.length) {
                    Ok(Got::There) => {}
                    Ok(Got::Gone) if self.gone.insert(entry.id) => return Ok(None),
                    // The store still names it, so it was not merged into another one: the file was removed.
                    Ok(Got::Gone) => {
                        let missing = Damage::new(0, "file, found none", 0u64, entry.length).in_file(name);
                        self.leave_out(entry, &missing, checks);
                        continue;
                    }
                    // It is derived: what is wrong with it is told, and the copy makes it again.
                    Err(BackupError::Corrupt(corruption)) => {
                        self.leave_out(entry, &corruption, checks);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                if let Some(corruption) = checks.run(entry, copier) {
                    self.leave_out(entry, &corruption, checks);
                    continue;
                }
            }
            taken.push(*entry);
        }
        Ok(Some(taken))
    }

    fn leave_out(&mut self, entry: &RunEntry, corruption: &Corruption, checks: &mut Checks<'_>) {
        self.left_out.insert(entry.id);
        checks.notes.push(format!("{corruption}; it was left out, and will be made again from the log"));
    }

    fn count_kept(&mut self, name: &str, length: u64, copier: &mut Copier<'_>) {
        // Each is met at every look.
        if self.kept.insert(name.to_owned()) {
            copier.counts.kept.add(length);
        }
    }

    fn diverged(&self) -> BackupError {
        let position = self.base.map_or(Position::ZERO, |base| base.state.position);
        BackupError::Diverged { path: self.path.clone(), position }
    }

    /// Tells how much there is to do.
    fn expect(&self, look: &Look, copier: &mut Copier<'_>, checks: &Checks<'_>) {
        let sealed = look.manifest.sealed.iter().filter(|entry| entry.last_position() <= look.position);
        let sealed = sealed.map(|entry| (entry.path(), entry.length));
        let runs = look.manifest.runs.iter().map(|entry| (names::run(entry.id), entry.length));
        let missing =
            sealed.chain(runs).filter(|(name, _)| !self.whole.contains(name) && !copier.has_made(name));
        let bytes = missing.fold(0, |bytes: u64, (_, length)| bytes.saturating_add(length));
        copier.progress.left(bytes.saturating_mul(if checks.verify { 2 } else { 1 }));
    }
}

/// The position of the first event that is there; 1 if there is none.
pub(super) fn first_stored(parts: &Parts) -> Result<Position, ReadError> {
    Ok(parts.nearest(Position::FIRST, false)?.unwrap_or(Position::FIRST))
}
