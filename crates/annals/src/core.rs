//! What all handles, views and the background worker of one open store share.

use crate::budget::Budget;
use crate::catalog::Catalog;
use crate::compaction::{Turns, Worker};
use crate::erasure::Gate;
use crate::guards::SharedGuards;
use crate::keys::Encryption;
use crate::merging::Merges;
use crate::options::Durability;
use crate::part::{IndexPlan, Part, Rebuilt};
use crate::parts::Parts;
use crate::retention::SharedRules;
use crate::schema::Schemas;
use crate::snapshots::LazySnapshots;
use annals_format::StoreId;
use annals_snapshot::SnapshotOptions;
use annals_types::{Compression, Position, Timestamp};
use annals_vfs::Env;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::channel::Sender;
use annals_vfs::sync::{ArcSwap, Condvar, Deadline, Mutex, RwLock};
use annals_wal::{LogError, PreparedSegment, Segment, Watermark};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How many full segments may wait for their footer before an append waits for them, whatever memory their indexes take:
/// after a kill all of them are read again. Models have few segments, and are to see appends wait.
const FULL_SEGMENTS_MAX: usize = if cfg!(feature = "shuttle") { 2 } else { 4 };
/// How long an append waits for that.
const SEALING_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) env: Env,
    pub(crate) store_id: StoreId,
    pub(crate) segment_bytes: u64,
    /// How payloads are stored in segments that are written anew.
    pub(crate) compression: Compression,
    pub(crate) durability: Durability,
    /// Whether the log is written around the system's cache.
    pub(crate) direct_io: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) plan: IndexPlan,
    pub(crate) budget: Budget,
    pub(crate) snapshots: LazySnapshots,
    /// Keeps states of what was erased from being saved. Never taken with `catalog` held.
    pub(crate) gate: RwLock<Gate>,
    pub(crate) guards: SharedGuards,
    /// Who compacts the store, or erases something in it.
    pub(crate) turns: Turns,
    /// Compacts it in the background.
    pub(crate) compactor: Worker,
    /// Merges under way. Never taken with `catalog` held.
    pub(crate) merges: Mutex<Merges>,
    /// What stands in for runs that are missing or damaged.
    pub(crate) rebuilt: Arc<Rebuilt>,
    pub(crate) parts: ArcSwap<Parts>,
    /// Also in the parts, for views.
    pub(crate) schemas: Arc<Schemas>,
    /// Also in the parts.
    pub(crate) retention: Arc<SharedRules>,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) watermark: Arc<Watermark>,
    /// Held while the manifest is changed, input and output included. Never taken with `ahead` held.
    pub(crate) catalog: Mutex<Catalog>,
    /// What is laid out ahead and what waits to be sealed. Held for moments only.
    ahead: Mutex<Ahead>,
    sealed_one: Condvar,
    /// Wakes the worker; `None` if there is none.
    pub(crate) worker: Option<Sender<()>>,
    /// Whether the worker waits without a limit, so that the next append has to wake it.
    pub(crate) worker_sleeps: AtomicBool,
    /// Whether the active segment is so full that the next one has to be laid out.
    next_needed: AtomicBool,
    /// Whether the worker is to end.
    pub(crate) worker_stops: AtomicBool,
}

#[derive(Debug, Default)]
struct Ahead {
    prepared: VecDeque<PreparedSegment>,
    full: VecDeque<FullSegment>,
    /// Why the worker could not do all that there was to do when it last tried.
    failure: Option<LogError>,
}

/// A segment that gets no more frames and waits for its footer and its run.
#[derive(Clone, Debug)]
pub(crate) struct FullSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) last_position: Position,
    pub(crate) frames_end: u64,
    /// Memory that its index takes.
    pub(crate) index_bytes: usize,
}

impl Ahead {
    /// Whether no more segments may become full before one is sealed.
    fn is_crowded(&self, budget: Budget) -> bool {
        let bytes: usize = self.full.iter().map(|full| full.index_bytes).sum();
        self.full.len() >= FULL_SEGMENTS_MAX || bytes > budget.full
    }
}

/// How a store is used as long as it is open.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) durability: Durability,
    pub(crate) budget: Budget,
    pub(crate) snapshots: SnapshotOptions,
    /// Wakes the worker; `None` if there is none.
    pub(crate) worker: Option<Sender<()>>,
    pub(crate) compactor: Worker,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) retention: Arc<SharedRules>,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) compression: Compression,
}

impl Core {
    pub(crate) fn new(
        env: Env,
        catalog: Catalog,
        settings: Settings,
        (mut parts, rebuilt): (Parts, Arc<Rebuilt>),
        watermark: Arc<Watermark>,
        prepared: Vec<PreparedSegment>,
    ) -> Self {
        let Settings {
            durability,
            budget,
            snapshots,
            worker,
            compactor,
            schemas,
            retention,
            encryption,
            compression,
        } = settings;
        (parts.schemas, parts.retention) = (Arc::clone(&schemas), Arc::clone(&retention));
        lend_keys(&parts, encryption.as_ref());
        let manifest = catalog.manifest();
        Core {
            store_id: manifest.store_id,
            segment_bytes: manifest.segment_bytes,
            compression,
            created_at: manifest.created_at,
            direct_io: catalog.direct,
            env,
            durability,
            plan: IndexPlan::of(manifest),
            budget,
            snapshots: LazySnapshots::new(snapshots),
            gate: RwLock::default(),
            guards: SharedGuards::default(),
            turns: Turns::default(),
            compactor,
            merges: Mutex::new(Merges::default()),
            rebuilt,
            parts: ArcSwap::from_pointee(parts),
            schemas,
            retention,
            encryption,
            watermark,
            catalog: Mutex::new(catalog),
            ahead: Mutex::new(Ahead { prepared: prepared.into(), ..Ahead::default() }),
            sealed_one: Condvar::new(),
            worker,
            worker_sleeps: AtomicBool::new(false),
            next_needed: AtomicBool::new(false),
            worker_stops: AtomicBool::new(false),
        }
    }

    /// A segment to write to next: one that was laid out ahead or, if the worker is behind, one laid out now.
    pub(crate) fn take_prepared(&self) -> Result<PreparedSegment, LogError> {
        self.wait_for_sealing()?;
        if let Some(prepared) = self.ahead.lock().prepared.pop_front() {
            return Ok(prepared);
        }
        let mut catalog = self.catalog.lock();
        // The worker may have been laying one out while we waited for the catalog.
        if let Some(prepared) = self.ahead.lock().prepared.pop_front() {
            return Ok(prepared);
        }
        catalog.prepare(self.watermark.durable())
    }

    /// Takes back a segment that could not be used. It stays the next one: segments are begun in the order in
    /// which the manifest has them, and one that was passed over would look like one that was lost.
    pub(crate) fn give_back(&self, prepared: PreparedSegment) {
        self.ahead.lock().prepared.push_front(prepared);
    }

    /// Gives back pressure when sealing is far behind. Without a worker the caller seals.
    fn wait_for_sealing(&self) -> Result<(), LogError> {
        let mut ahead = self.ahead.lock();
        let deadline = Deadline::after(SEALING_PATIENCE);
        while ahead.is_crowded(self.budget) {
            let Some(worker) = &self.worker else {
                drop(ahead);
                self.seal_next()?;
                ahead = self.ahead.lock();
                continue;
            };
            // What has failed before may be possible by now.
            ahead.failure = None;
            let _ = worker.try_send(());
            let timed_out = self.sealed_one.wait_until(&mut ahead, deadline);
            if !ahead.is_crowded(self.budget) {
                break;
            }
            // A full disk, say. Going on would take memory without a bound.
            if let Some(failure) = ahead.failure.take() {
                return Err(failure);
            }
            if timed_out {
                let source = io::Error::other("the segments before it cannot be given their footers");
                return Err(LogError::Io { what: "begin a new segment".into(), source });
            }
        }
        Ok(())
    }

    /// Notes how the worker's last attempt ended, for those who wait for it.
    pub(crate) fn note_attempt(&self, attempt: Result<(), LogError>) {
        if let Err(failure) = attempt {
            self.ahead.lock().failure = Some(failure);
            self.sealed_one.notify_all();
        }
    }

    /// Makes a new part the active one, and hands the one before it to the worker.
    pub(crate) fn begin_part(&self, segment: &Arc<Segment>, part: Part, full: Option<FullSegment>) {
        let part = Arc::new(part);
        self.change_parts(|parts| {
            parts.segments.push(Arc::clone(segment));
            parts.index.push(Arc::clone(&part));
        });
        self.next_needed.store(false, Ordering::SeqCst);
        if let Some(full) = full {
            self.add_full(full);
        }
        self.wake_worker();
    }

    pub(crate) fn add_full(&self, full: FullSegment) {
        self.ahead.lock().full.push_back(full);
    }

    pub(crate) fn wake_worker(&self) {
        if let Some(worker) = &self.worker {
            // A full mailbox means that the worker is going to look anyway.
            let _ = worker.try_send(());
        }
    }

    /// Tells the worker to do what is left and end.
    pub(crate) fn stop_worker(&self) {
        self.worker_stops.store(true, Ordering::SeqCst);
        self.wake_worker();
    }

    /// Shows readers the events up to `position`.
    pub(crate) fn publish(&self, position: Position) {
        self.watermark.publish(position);
        if self.worker_sleeps.load(Ordering::SeqCst) && self.worker_sleeps.swap(false, Ordering::SeqCst) {
            self.wake_worker();
        }
    }

    pub(crate) fn next_full(&self) -> Option<FullSegment> {
        self.ahead.lock().full.front().cloned()
    }

    pub(crate) fn full_is_sealed(&self) {
        self.ahead.lock().full.pop_front();
        self.sealed_one.notify_all();
    }

    /// Has the next segment laid out, if it is not yet.
    pub(crate) fn next_is_needed(&self) {
        if !self.next_needed.swap(true, Ordering::SeqCst) {
            self.wake_worker();
        }
    }

    pub(crate) fn needs_prepared(&self) -> bool {
        self.next_needed.load(Ordering::SeqCst)
            && !self.worker_stops.load(Ordering::SeqCst)
            && self.ahead.lock().prepared.is_empty()
    }

    /// Gives back the space of segments that were laid out and not used, when the store is closed.
    pub(crate) fn cut_unused(&self) {
        for prepared in self.ahead.lock().prepared.drain(..) {
            // Space that is not given back only takes room until the store is opened again.
            let _ = prepared.cut_unused();
        }
    }

    pub(crate) fn add_prepared(&self, prepared: PreparedSegment) {
        self.ahead.lock().prepared.push_back(prepared);
    }

    /// Replaces the lists of segments and parts. Views that were made before keep theirs.
    pub(crate) fn change_parts(&self, change: impl Fn(&mut Parts)) {
        self.parts.rcu(|parts| {
            let mut parts = Parts::clone(parts);
            change(&mut parts);
            lend_keys(&parts, self.encryption.as_ref());
            parts
        });
    }
}

/// Tells the segments where the keys of their payloads are found.
fn lend_keys(parts: &Parts, encryption: Option<&Encryption>) {
    if let Some(encryption) = encryption {
        parts.segments.iter().for_each(|segment| segment.set_keys(encryption.keys()));
    }
}
