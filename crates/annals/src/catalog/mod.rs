//! The manifest on disk, and every change to it.

mod read;

pub(crate) use read::{MANIFEST_BYTES_MAX, read_manifest};

use crate::error::OpenError;
use annals_format::{
    CleanMark, CompactionEntry, Erasures, Manifest, OpenSegment, Removed, RunEntry, SealedSegment, names,
};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Env, replace_file};
use annals_wal::{LogError, PreparedSegment, Room, prepare_segment};
use std::collections::BTreeSet;

/// No store gets to this number of a file, which leaves room to count on.
const FILE_IDS_BELIEVED: u64 = 1 << 61;

/// What compaction puts in the place of what.
pub(crate) struct Compacted<'a> {
    /// Segments that lie side by side.
    pub(crate) old: &'a [SealedSegment],
    /// What is left of the index beside them: what it has before, and what it has behind.
    pub(crate) beside: Beside,
    pub(crate) sealed: Vec<SealedSegment>,
    pub(crate) runs: Vec<RunEntry>,
    pub(crate) entry: CompactionEntry,
}

/// Behind every position.
pub(crate) const END: Position = Position::new(u64::MAX);

/// The positions beside segments that are replaced: those before the first one, and those from the second one on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    pub(crate) end_before: Position,
    pub(crate) first_behind: Position,
}

/// The manifest in memory and on disk, which are changed together. A change that fails leaves the old one in
/// memory; on disk it may have happened, and says only what is true in either case.
#[derive(Debug)]
pub(crate) struct Catalog {
    env: Env,
    manifest: Manifest,
    /// Whether segments are laid out for being written around the system's cache.
    pub(crate) direct: bool,
}

impl Catalog {
    pub(crate) fn new(env: Env, manifest: Manifest) -> Self {
        Catalog { env, manifest, direct: false }
    }

    /// Takes over what another process has written since: this one only reads.
    pub(crate) fn follow(&mut self, manifest: Manifest) {
        self.manifest = manifest;
    }

    /// Writes the first manifest of a new store.
    pub(crate) fn create(env: Env, manifest: Manifest) -> Result<Self, OpenError> {
        replace_file(&*env.disk, names::MANIFEST, &manifest.encode())
            .map_err(OpenError::io("write MANIFEST"))?;
        Ok(Catalog { env, manifest, direct: false })
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Lays out a segment for later, as far as there is room for it. It is in the manifest, durably, before it can be written to.
    pub(crate) fn prepare(&mut self, durable: Position, room: Room) -> Result<PreparedSegment, LogError> {
        let mut salt = [0; 8];
        let random = self.env.random.fill(&mut salt);
        random.map_err(|source| LogError::Io { what: "get random bytes".into(), source })?;
        if planted(Bug::SaltReused) {
            salt = [0; 8];
        }
        let entry = OpenSegment { id: self.manifest.next_file_id, salt: u64::from_le_bytes(salt) };
        // The number is used up even if the change of the manifest fails: on disk it may have happened.
        self.manifest.next_file_id += 1;
        let prepared = prepare_segment(&*self.env.disk, entry, room, self.direct)?;
        if let Err(error) = self.change(durable, |manifest| manifest.open.push(entry)) {
            // On disk the manifest may name the file, so it stays, but without taking room.
            let _ = prepared.cut_unused();
            return Err(error);
        }
        Ok(prepared)
    }

    /// Records that a segment got its footer, and the run that indexes it.
    pub(crate) fn sealed(
        &mut self,
        durable: Position,
        segment: SealedSegment,
        run: Option<RunEntry>,
    ) -> Result<(), LogError> {
        self.change(durable, |manifest| {
            // Segments are sealed in order: one before it that is still open was passed over and holds nothing.
            manifest.open.retain(|open| open.id > segment.id);
            manifest.sealed.push(segment);
            manifest.runs.extend(run);
        })
    }

    /// Takes an open segment that holds nothing from the list. Its file can go then.
    pub(crate) fn forget_open(&mut self, durable: Position, id: u64) -> Result<(), LogError> {
        self.change(durable, |manifest| manifest.open.retain(|open| open.id != id))
    }

    /// Puts a run, or none, in the place of all that are about positions from `first` to `last`. Returns the numbers of
    /// these: their files can go.
    pub(crate) fn replace_runs(
        &mut self,
        durable: Position,
        first: Position,
        last: Position,
        run: Option<RunEntry>,
    ) -> Result<Vec<u64>, LogError> {
        let within = |old: &RunEntry| old.first_position <= last && old.end() > first;
        let before = self.run_ids();
        self.change(durable, |manifest| {
            manifest.runs.retain(|old| !within(old));
            let at = manifest.runs.partition_point(|other| other.first_position < first);
            manifest.runs.splice(at..at, run);
        })?;
        Ok(self.without_name(before))
    }

    /// Whether the manifest that is on disk names a run, after a change that failed. In doubt it does.
    pub(crate) fn is_named_on_disk(&self, run_id: u64) -> bool {
        match read_manifest(&*self.env.disk) {
            Ok(Some(manifest)) => manifest.runs.iter().any(|run| run.id == run_id),
            _ => true,
        }
    }

    /// Records where the log ends (closed in good order), or that it may grow from now on.
    pub(crate) fn set_clean(&mut self, durable: Position, clean: Option<CleanMark>) -> Result<(), LogError> {
        self.change(durable, |manifest| manifest.clean = clean)
    }

    /// Records what is durable, where the log has no room to tell it.
    pub(crate) fn note_durable(&mut self, durable: Position) -> Result<(), LogError> {
        self.change(durable, |_| {})
    }

    /// Puts segments that were written anew, and their runs, in the place of those that they were made of. What runs have beside these
    /// stays. Returns the numbers of the runs whose files can go.
    pub(crate) fn compacted(
        &mut self,
        durable: Position,
        change: Compacted<'_>,
    ) -> Result<Vec<u64>, LogError> {
        let Compacted { old, beside, sealed, runs, entry } = change;
        let Some(first) = old.first().map(|segment| segment.first_position) else { return Ok(Vec::new()) };
        let ids = self.run_ids();
        self.change(durable, |manifest| {
            manifest.sealed.retain(|segment| !old.contains(segment));
            let at = manifest.sealed.partition_point(|segment| segment.first_position < first);
            manifest.sealed.splice(at..at, sealed);
            let before = manifest.runs.iter().filter_map(|run| run.within(Position::ZERO, beside.end_before));
            let behind = manifest.runs.iter().filter_map(|run| run.within(beside.first_behind, END));
            manifest.runs = before.chain(runs).chain(behind).collect();
            let removed =
                manifest.removed.unwrap_or(Removed { events: 0, through: Position::ZERO, compaction: 0 });
            manifest.removed = Some(Removed {
                events: removed.events + entry.events(),
                through: removed.through.max(entry.last),
                compaction: entry.number,
            });
            manifest.compactions.push(entry);
        })?;
        Ok(self.without_name(ids))
    }

    fn run_ids(&self) -> BTreeSet<u64> {
        self.manifest.runs.iter().map(|run| run.id).collect()
    }

    /// Those of some runs that are not named any more. A file may have been named several times, and still be once.
    fn without_name(&self, runs: BTreeSet<u64>) -> Vec<u64> {
        let named = self.run_ids();
        runs.into_iter().filter(|id| !named.contains(id) || planted(Bug::WindowedFileRemoved)).collect()
    }

    /// Records that the ledger has all compactions up to this number, durably.
    pub(crate) fn in_ledger(&mut self, durable: Position, number: u64) -> Result<(), LogError> {
        self.change(durable, |manifest| manifest.compactions.retain(|entry| entry.number > number))
    }

    /// Whether the manifest that is on disk names this edition of a segment, after a change that failed. In doubt it does.
    pub(crate) fn has_segment_on_disk(&self, entry: &SealedSegment) -> bool {
        match read_manifest(&*self.env.disk) {
            Ok(Some(manifest)) => manifest.sealed.contains(entry),
            _ => true,
        }
    }

    /// Makes sure that the manifest on disk does not name an edition of a segment that this one does not: a change that failed may have
    /// happened there. Then its file can be removed.
    pub(crate) fn disown(&mut self, durable: Position, id: u64, edition: u64) -> Result<(), LogError> {
        let names = |manifest: &Manifest| {
            manifest.sealed.iter().any(|entry| entry.id == id && entry.edition() == edition)
        };
        match read_manifest(&*self.env.disk) {
            Ok(Some(manifest)) if !names(&manifest) => Ok(()),
            _ => self.change(durable, |_| ()),
        }
    }

    /// Records that there may be rules of retention in the log from now on.
    pub(crate) fn note_rules(&mut self, durable: Position) -> Result<(), LogError> {
        if self.manifest.has_rules || planted(Bug::RulesNotNoted) {
            return Ok(());
        }
        self.change(durable, |manifest| manifest.has_rules = true)
    }

    /// Records that requests to erase may be in the log from now on, behind the one that is the last there. Of a log that was cut since,
    /// such as one that was restored, no more can be finished than there are.
    pub(crate) fn note_erasures(&mut self, durable: Position, last: u64, count: u64) -> Result<(), LogError> {
        let finished = self.manifest.erasures.map_or(last, |erasures| erasures.finished.min(last));
        let noted = Erasures { requested: last + count, finished };
        if self.manifest.erasures == Some(noted) || planted(Bug::ErasureNotNoted) {
            return Ok(());
        }
        self.change(durable, |manifest| manifest.erasures = Some(noted))
    }

    /// Records that all requests to erase are finished up to this one.
    pub(crate) fn erasures_finished(&mut self, durable: Position, last: u64) -> Result<(), LogError> {
        self.change(durable, |manifest| {
            if let Some(erasures) = &mut manifest.erasures {
                erasures.finished = erasures.finished.max(last).min(erasures.requested);
            }
        })
    }

    /// Gives no file a number up to this one. One that no store gets to is not believed.
    pub(crate) fn pass_over(&mut self, id: Option<u64>) {
        let next = id.filter(|id| *id < FILE_IDS_BELIEVED).map_or(0, |id| id + 1);
        self.manifest.next_file_id = self.manifest.next_file_id.max(next);
    }

    /// A number for a new run.
    pub(crate) fn new_file_id(&mut self) -> u64 {
        self.manifest.next_file_id += 1;
        self.manifest.next_file_id - 1
    }

    fn change(&mut self, durable: Position, change: impl FnOnce(&mut Manifest)) -> Result<(), LogError> {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        manifest.generation += 1;
        manifest.durable = manifest.durable.max(durable);
        replace_file(&*self.env.disk, names::MANIFEST, &manifest.encode())
            .map_err(|source| LogError::Io { what: "write MANIFEST".into(), source })?;
        self.manifest = manifest;
        Ok(())
    }
}
