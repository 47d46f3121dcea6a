//! What all handles, views and the background worker of one open store share.

mod segments;

pub(crate) use segments::FullSegment;

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
use annals_vfs::sync::{ArcSwap, Condvar, Mutex, RwLock};
use annals_wal::{PreparedSegment, Segment, Watermark};
use segments::Ahead;
use std::sync::Arc;

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
            ahead: Mutex::new(Ahead::new(prepared)),
            sealed_one: Condvar::new(),
            worker,
            worker_sleeps: AtomicBool::new(false),
            next_needed: AtomicBool::new(false),
            worker_stops: AtomicBool::new(false),
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
