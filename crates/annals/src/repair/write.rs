//! The new store: records at their old positions, bound anew, in segments of its own.
//!
//! Nothing of the original's files is copied as it is. Every record is written behind the one before it, in batches as
//! they were, with the checksums of a new segment, so there is one way for sound and for damaged segments, and bytes of
//! the original never look valid here. The manifest is written last; until then there is no store.

use super::sparse::{Common, Sparse};
use crate::erasure::ERASURE_STREAM;
use crate::error::OpenError;
use crate::part::IndexPlan;
use crate::run_file::write_run_file;
use annals_format::{
    Binding, CleanMark, CompactionEntry, ERASURES_UNDER_WAY_MAX, Erasures, FrameBuilder, FrameStamp,
    Manifest, OpenSegment, Removed, RunEntry, SealedSegment, StoreId, names,
};
use annals_index::{IndexedEvent, MemoryIndex, TermKind};
use annals_types::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX};
use annals_types::{EventRef, Position, Timestamp, Version};
use annals_vfs::{Disk, Env, Lock, replace_file, write_all_at};
use annals_wal::{
    LogWriter, Mode, RecoveryInput, Segment, Watermark, WriteFailed, prepare_segment, recover, seal_segment,
};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

/// Frames are gathered up to so many bytes before they are written.
const GROUP_BYTES: usize = 1 << 20;
/// So many lost positions make a frame where no batch is known.
const LOST_FRAME_RECORDS: usize = 4096;

/// What the new store takes over.
#[derive(Clone, Debug)]
pub(super) struct Inherited {
    pub(super) store_id: StoreId,
    pub(super) generation: u64,
    pub(super) created_at: Timestamp,
    /// No event was recorded before.
    pub(super) began: Timestamp,
    pub(super) segment_bytes: u64,
    pub(super) durability: u8,
    pub(super) ids_indexed: bool,
    pub(super) has_rules: bool,
    /// Requests to erase; those that were finished stay so, where that is known.
    pub(super) erasures: Option<Erasures>,
    /// What compaction has removed; `None` in a store that was never compacted.
    pub(super) removed: Option<Removed>,
    /// Up to here positions may be missing, or are in segments that were written anew; [`Position::ZERO`] if none are.
    pub(super) sparse: Position,
    /// Compactions that are not in the ledger yet.
    pub(super) compactions: Vec<CompactionEntry>,
}

/// The store that is being written.
#[derive(Debug)]
pub(super) struct Destination<'d> {
    env: &'d Env,
    inherited: Inherited,
    hash_seed: u64,
    _lock: Box<dyn Lock>,
    /// While positions may be missing.
    sparse: Option<Sparse<'d>>,
    /// A position that has a lost record only to end a segment.
    stand_in: Option<Position>,
    writer: LogWriter,
    watermark: Arc<Watermark>,
    active: Option<Active>,
    frame: FrameBuilder,
    /// Versions of the records of `frame`.
    versions: Vec<Version>,
    /// The last versions of the streams of `frame`.
    heads: HashMap<Box<str>, Version, RandomState>,
    recorded_at: Timestamp,
    staged: Vec<FrameBuilder>,
    staged_bytes: usize,
    /// The number of the last request to erase.
    requested: u64,
    next_file_id: u64,
    sealed: Vec<SealedSegment>,
    runs: Vec<RunEntry>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    entry: OpenSegment,
    index: MemoryIndex,
}

impl<'d> Destination<'d> {
    /// Begins a store in an empty directory.
    pub(super) fn begin(env: &'d Env, inherited: Inherited) -> Result<Self, OpenError> {
        let disk = &*env.disk;
        let path = || PathBuf::from(disk.describe());
        let entries = disk.list("").map_err(OpenError::io(format!("list {}", path().display())))?;
        if !entries.is_empty() {
            return Err(OpenError::DestinationTaken { path: path() });
        }
        let lock = disk.try_lock(names::LOCK).map_err(OpenError::io("lock the new store (file LOCK)"))?;
        let Some(lock) = lock else { return Err(OpenError::Locked { path: path() }) };
        lay_out(disk).map_err(OpenError::io(format!("create {}", path().display())))?;
        let mut hash_seed = [0; 8];
        env.random.fill(&mut hash_seed).map_err(OpenError::io("get random bytes"))?;
        let hash_seed = u64::from_le_bytes(hash_seed);
        let (writer, watermark) = begin_log(env, &inherited, Position::FIRST, Timestamp::MIN)?;
        let common = Common {
            store_id: inherited.store_id,
            segment_bytes: inherited.segment_bytes,
            plan: IndexPlan { hash_seed, ids: inherited.ids_indexed },
            compaction: inherited.removed.map_or(0, |removed| removed.compaction),
            through: inherited.sparse,
        };
        let sparse = (inherited.sparse > Position::ZERO).then(|| Sparse::new(env, common));
        Ok(Destination {
            env,
            inherited,
            hash_seed,
            _lock: lock,
            sparse,
            stand_in: None,
            writer,
            watermark,
            active: None,
            frame: FrameBuilder::new(),
            versions: Vec::new(),
            heads: HashMap::default(),
            recorded_at: Timestamp::MIN,
            staged: Vec::new(),
            staged_bytes: 0,
            next_file_id: 1,
            requested: 0,
            sealed: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Whether an event can stand behind those before it. It always can where a store has written the log; it cannot
    /// if segments of different copies of a store were put together.
    pub(super) fn fits(&self, event: &EventRef<'_>) -> bool {
        event.recorded_at >= self.recorded_at && self.version_fits(event.stream, event.version)
    }

    fn version_fits(&self, stream: &str, version: Version) -> bool {
        if stream.is_empty() {
            return true;
        }
        if let Some(sparse) = &self.sparse {
            return sparse.head(stream).is_none_or(|head| head.next() == version);
        }
        let head = self.heads.get(stream).copied().or_else(|| {
            let postings = self.active.as_ref()?.index.find(TermKind::Stream, stream)?;
            Some(postings.last_version())
        });
        head.is_none_or(|head| head.next() == version)
    }

    /// Writes a record as it was, behind what was written before. It must fit.
    pub(super) fn keep(&mut self, event: &EventRef<'_>, record: &[u8]) -> Result<(), OpenError> {
        if event.recorded_at != self.recorded_at {
            self.end_batch()?;
        }
        self.recorded_at = event.recorded_at;
        self.push(event.position, (event.stream, event.version), Some(record))
    }

    /// Another segment of the original begins.
    pub(super) fn begin_source(&mut self, compressed: bool) -> Result<(), OpenError> {
        self.end_batch()?;
        if let Some(sparse) = &mut self.sparse {
            sparse.begin_source(compressed);
        }
        Ok(())
    }

    /// Writes what stands for a lost event. If the version does not fit, the stream is not taken for known; says
    /// whether it was.
    pub(super) fn lose(
        &mut self,
        position: Position,
        stream: &str,
        version: Version,
    ) -> Result<bool, OpenError> {
        let sparse = self.sparse.as_ref().map_or(0, Sparse::batch_records);
        if sparse.max(self.frame.record_count()) >= LOST_FRAME_RECORDS {
            self.end_batch()?;
        }
        if self.recorded_at == Timestamp::MIN {
            // Nothing was recorded before it that could lend it a time.
            self.recorded_at = self.inherited.began;
        }
        let fits = !stream.is_empty() && self.version_fits(stream, version);
        let (stream, version) = if fits { (stream, version) } else { ("", Version::ZERO) };
        self.push(position, (stream, version), None)?;
        Ok(fits)
    }

    fn push(
        &mut self,
        position: Position,
        (stream, version): (&str, Version),
        record: Option<&[u8]>,
    ) -> Result<(), OpenError> {
        if self.sparse.as_ref().is_some_and(|sparse| sparse.ends_before(position)) {
            self.begin_dense(position)?;
        }
        if stream == ERASURE_STREAM {
            self.requested = version.get();
        }
        if let Some(sparse) = &mut self.sparse {
            return sparse.push(position, (stream, version), record, self.recorded_at);
        }
        let add = |frame: &mut FrameBuilder| match record {
            Some(record) => frame.push_record(record),
            None => frame.push_lost(stream),
        };
        let mut added = add(&mut self.frame);
        if added.is_err() && self.frame.record_count() > 0 {
            // Lost records may be longer than what they stand for, as far as a whole batch goes.
            self.end_batch()?;
            added = add(&mut self.frame);
        }
        added.map_err(|invalid| OpenError::Io {
            what: "write a batch".into(),
            source: io::Error::other(invalid),
        })?;
        self.versions.push(version);
        if !stream.is_empty() {
            match self.heads.get_mut(stream) {
                Some(head) => *head = version,
                None => drop(self.heads.insert(stream.into(), version)),
            }
        }
        Ok(())
    }

    /// Ends the batch: what was kept and lost since the last one becomes a frame.
    pub(super) fn end_batch(&mut self) -> Result<(), OpenError> {
        if let Some(sparse) = &mut self.sparse {
            return sparse.end_batch(self.recorded_at);
        }
        if self.frame.record_count() == 0 {
            return Ok(());
        }
        debug_assert!(
            self.frame.bytes().len() <= BATCH_BYTES_MAX && self.frame.record_count() <= BATCH_EVENTS_MAX
        );
        let mut frame = std::mem::take(&mut self.frame);
        if !self.has_room_for(&frame) {
            self.write_staged()?;
            self.roll(&frame)?;
        }
        let versions = std::mem::take(&mut self.versions);
        let stamp = self.writer.stage(&mut frame, self.recorded_at, |index| versions[index]);
        let (Some(stamp), Some(active)) = (stamp, &mut self.active) else {
            let source = io::Error::other("an earlier write has failed");
            return Err(OpenError::Io { what: "write the new store".into(), source });
        };
        index_frame(&mut active.index, &stamp, &frame);
        self.versions = versions;
        self.versions.clear();
        self.heads.clear();
        self.staged_bytes += frame.bytes().len();
        self.staged.push(frame);
        if self.staged_bytes >= GROUP_BYTES { self.write_staged() } else { Ok(()) }
    }

    /// From this position on none is missing.
    fn begin_dense(&mut self, next: Position) -> Result<(), OpenError> {
        let Some(sparse) = self.sparse.take() else { return Ok(()) };
        let (files, stands_in) = sparse.close(next.previous(), self.recorded_at)?;
        self.stand_in = stands_in.then_some(next.previous());
        (self.sealed, self.runs, self.next_file_id) = (files.sealed, files.runs, files.next_file_id);
        (self.writer, self.watermark) = begin_log(self.env, &self.inherited, next, self.recorded_at)?;
        Ok(())
    }

    fn has_room_for(&self, frame: &FrameBuilder) -> bool {
        let (events, bytes) = (frame.record_count() as u64, frame.bytes().len() as u64);
        self.active.as_ref().is_some_and(|active| active.index.has_room_for(events, bytes))
            && self.writer.has_room_for(frame)
    }

    fn write_staged(&mut self) -> Result<(), OpenError> {
        let written = self.writer.commit(self.staged.iter().map(FrameBuilder::bytes), false);
        self.staged.clear();
        self.staged_bytes = 0;
        written.map_err(failed)
    }

    /// Seals the segment that is full, and begins the next one, large enough for `frame`.
    fn roll(&mut self, frame: &FrameBuilder) -> Result<(), OpenError> {
        let mut salt = [0; 8];
        self.env.random.fill(&mut salt).map_err(OpenError::io("get random bytes"))?;
        let entry = OpenSegment { id: self.new_file_id(), salt: u64::from_le_bytes(salt) };
        let mut prepared = prepare_segment(&*self.env.disk, entry, self.inherited.segment_bytes, false)?;
        LogWriter::fit(&mut prepared, frame)?;
        let last = self.writer.next_position().previous();
        let full = self.writer.roll(prepared).map_err(failed)?;
        let plan = IndexPlan { hash_seed: self.hash_seed, ids: self.inherited.ids_indexed };
        let index = plan.begin(last.next());
        let before = self.active.replace(Active { entry, index });
        match (before, full) {
            (Some(active), Some((segment, end))) => self.seal(&active, &segment, last, end),
            _ => Ok(()),
        }
    }

    fn seal(&mut self, full: &Active, segment: &Segment, last: Position, end: u64) -> Result<(), OpenError> {
        let disk = Arc::clone(&self.env.disk);
        self.sealed.push(seal_segment(&*disk, segment, full.entry.salt, last, end)?);
        let id = self.new_file_id();
        let run = write_run_file(&*disk, &full.index, &self.inherited.store_id, id, self.hash_seed);
        self.runs.push(run.map_err(OpenError::io(format!("write {}", names::run(id))))?);
        Ok(())
    }

    fn new_file_id(&mut self) -> u64 {
        self.next_file_id += 1;
        self.next_file_id - 1
    }

    /// Makes everything durable, and writes the manifest: from then on it is a store, closed in good order. `last` is the last
    /// position of the log, and `removed` says how many were found to be removed. Gives the last position, and one that has a lost
    /// record only to hold the place of those before it.
    pub(super) fn finish(
        mut self,
        last: Position,
        removed: u64,
    ) -> Result<(Position, Option<Position>), OpenError> {
        self.end_batch()?;
        self.write_staged()?;
        if self.sparse.is_some() && last > Position::ZERO {
            if self.recorded_at == Timestamp::MIN {
                self.recorded_at = self.inherited.began;
            }
            self.begin_dense(last.next())?;
            // The log goes on in a segment of its own, which is begun.
            self.roll(&FrameBuilder::new())?;
            self.writer.begin_segment().map_err(failed)?;
        }
        let removed = self.inherited.removed.map(|told| Removed {
            events: told.events.max(removed),
            through: told.through.max(self.inherited.sparse),
            ..told
        });
        self.writer.sync().map_err(failed)?;
        self.writer.cut_unused().map_err(OpenError::io("cut the last segment"))?;
        debug_assert_eq!(self.watermark.durable(), self.writer.next_position().previous());
        let (segment_id, frames_end) =
            self.writer.active().map_or((0, 0), |(segment, end)| (segment.id(), end));
        let last = self.writer.next_position().previous();
        let manifest = Manifest {
            store_id: self.inherited.store_id,
            generation: self.inherited.generation,
            created_at: self.inherited.created_at,
            segment_bytes: self.inherited.segment_bytes,
            durability: self.inherited.durability,
            ids_indexed: self.inherited.ids_indexed,
            has_rules: self.inherited.has_rules,
            durable: last,
            next_file_id: self.next_file_id,
            hash_seed: self.hash_seed,
            sealed: self.sealed,
            open: self.active.iter().map(|active| active.entry).collect(),
            runs: self.runs,
            clean: Some(CleanMark { segment_id, frames_end }),
            removed,
            compactions: self.inherited.compactions,
            erasures: self.inherited.erasures.or_else(|| erasures_up_to(self.requested)),
        };
        let disk = &*self.env.disk;
        replace_file(disk, names::MANIFEST, &manifest.encode()).map_err(OpenError::io("write MANIFEST"))?;
        Ok((last, self.stand_in))
    }
}

/// A log that begins at a position, behind what is sealed already.
fn begin_log(
    env: &Env,
    inherited: &Inherited,
    next: Position,
    last_recorded: Timestamp,
) -> Result<(LogWriter, Arc<Watermark>), OpenError> {
    let durable = next.previous();
    let input = RecoveryInput {
        store_id: &inherited.store_id,
        open: &[],
        next,
        durable,
        last_recorded,
        segment_bytes: inherited.segment_bytes,
        clean: None,
        cut: None,
        direct: false,
    };
    let mut recovered = recover(&*env.disk, Mode::Repair, &input, &mut |_, _| Ok(()))?;
    let watermark = Arc::new(Watermark::new(durable));
    let writer = LogWriter::new(inherited.store_id, &mut recovered, Arc::clone(&watermark));
    Ok((writer, watermark))
}

/// Where no manifest tells which requests to erase are finished: the last ones are gone through again.
fn erasures_up_to(requested: u64) -> Option<Erasures> {
    let finished = requested.saturating_sub(ERASURES_UNDER_WAY_MAX);
    (requested > 0).then_some(Erasures { requested, finished })
}

/// Marks the directory as one that is being written, and makes the directories in it.
fn lay_out(disk: &dyn Disk) -> io::Result<()> {
    let mark = disk.create(names::REPAIR)?;
    let text =
        b"a repair is writing this store, or was interrupted: then remove the directory and repair again\n";
    write_all_at(&*mark, &mut [IoSlice::new(text)], 0)?;
    mark.sync_data()?;
    for name in [names::LOG_DIR, names::INDEX_DIR, names::SNAPSHOT_DIR] {
        disk.create_dir(name)?;
    }
    disk.sync_dir("")
}

fn index_frame(index: &mut MemoryIndex, stamp: &FrameStamp, frame: &FrameBuilder) {
    for record in 0..frame.record_count() {
        match frame.event(record, stamp) {
            Ok(event) => index.insert(&indexed(&event, stamp.binding)),
            Err(damage) => unreachable!("a record that was found sound: {damage}"),
        }
    }
}

fn indexed<'a>(event: &EventRef<'a>, binding: Binding) -> IndexedEvent<'a> {
    crate::part::indexed(event, binding)
}

fn failed(failed: WriteFailed) -> OpenError {
    OpenError::io("write the new store")(failed.source)
}
