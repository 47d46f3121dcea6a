//! How the new store begins and ends: with a mark in an empty directory, and with a manifest, from which on it is a store.

use super::super::inherited::Inherited;
use super::super::sparse::{Common, Sparse};
use super::{Destination, failed};
use crate::error::OpenError;
use crate::part::IndexPlan;
use annals_format::{CleanMark, ERASURES_UNDER_WAY_MAX, Erasures, FrameBuilder, Manifest, Removed, names};
use annals_types::{Position, Timestamp};
use annals_vfs::{Disk, Env, replace_file, write_all_at};
use annals_wal::{LogWriter, Mode, RecoveryInput, Watermark, recover};
use hashbrown::HashMap;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

impl<'d> Destination<'d> {
    /// Begins a store in an empty directory.
    pub(in super::super) fn begin(env: &'d Env, inherited: Inherited) -> Result<Self, OpenError> {
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

    /// Makes everything durable, and writes the manifest: from then on it is a store, closed in good order. `last` is the last
    /// position of the log, and `removed` says how many were found to be removed. Gives the last position, and one that has a lost
    /// record only to hold the place of those before it.
    pub(in super::super) fn finish(
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
pub(super) fn begin_log(
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
        room_left: 0,
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
