//! Opening a store: its handle around what was found, and its threads.

use super::{Closing, Handle, Store, Writing};
use crate::catalog::Catalog;
use crate::committer::Committer;
use crate::compaction::{CompactionOptions, Worker};
use crate::core::{Core, FullSegment, Settings};
use crate::decide::Deciding;
use crate::error::OpenError;
use crate::maintenance::run_worker;
use crate::open::{Opened, environment, open_for_reading, open_for_writing};
use crate::options::{Durability, Options};
use crate::parts::Parts;
use crate::recovery::RecoveryReport;
use crate::retention::SharedRules;
use crate::schema::Schemas;
use crate::serving::Serving;
use annals_vfs::sync::{Mutex, channel, thread};
use annals_vfs::{Env, Lock};
use annals_wal::{CommitQueue, LogWriter, Watermark};
use std::path::Path;
use std::sync::Arc;

impl Store {
    pub(crate) fn open_with(options: &Options, path: &Path) -> Result<Store, OpenError> {
        let env = environment(options, path)?;
        if options.read_only {
            return Self::read_only(options, env, path);
        }
        let (opened, catalog, lock) = open_for_writing(options, &env, path)?;
        Self::writing(options, env, path, opened, catalog, lock)
    }

    fn read_only(options: &Options, env: Env, path: &Path) -> Result<Store, OpenError> {
        let budget = options.budget();
        let (opened, visible) = open_for_reading(&env, budget, path)?;
        let catalog = Catalog::new(env.clone(), opened.manifest.clone());
        let durability = Durability::from_code(opened.manifest.durability).unwrap_or_default();
        let watermark = Arc::new(Watermark::new(visible));
        let index = (opened.parts, opened.rebuilt);
        let schemas = Arc::new(Schemas::of_reader(options.upcasters.clone()));
        let snapshots = options.snapshot_options(false);
        let retention = Arc::new(SharedRules::of_reader(opened.manifest.has_rules));
        let settings = Settings {
            durability,
            budget,
            snapshots,
            worker: None,
            compactor: Worker::new(CompactionOptions::off(), false),
            schemas,
            retention,
            encryption: options.encryption()?,
            compression: options.compression,
        };
        let core = Core::new(env, catalog, settings, index, watermark, Vec::new());
        Ok(Self::new(path, Arc::new(core), opened.report, None))
    }

    fn writing(
        options: &Options,
        env: Env,
        path: &Path,
        opened: Opened,
        catalog: Catalog,
        lock: Box<dyn Lock>,
    ) -> Result<Store, OpenError> {
        let Opened { manifest, mut recovered, parts, rebuilt, active, report, .. } = opened;
        let has_rules = manifest.has_rules;
        let last = recovered.next.previous();
        let watermark = Arc::new(Watermark::new(last));
        let (sender, mailbox) = channel::bounded(1);
        let own = Durability::from_code(manifest.durability).unwrap_or_default();
        let prepared = std::mem::take(&mut recovered.prepared);
        let full = full_segments(&recovered, &parts);
        let writer = LogWriter::new(manifest.store_id, &mut recovered, Arc::clone(&watermark));
        let core = Arc::new(Core::new(
            env,
            catalog,
            Settings {
                durability: options.durability.unwrap_or(own),
                budget: options.budget(),
                snapshots: options.snapshot_options(true),
                worker: options.background.then_some(sender),
                compactor: Worker::new(options.compaction.clone(), options.background),
                schemas: Arc::new(Schemas::of_writer(options.upcasters.clone())),
                retention: Arc::new(SharedRules::of_writer(manifest.has_rules)),
                encryption: options.encryption()?,
                compression: options.compression,
            },
            (parts, rebuilt),
            watermark,
            prepared,
        ));
        full.into_iter().for_each(|full| core.add_full(full));
        let queue = Arc::new(CommitQueue::new(Committer::new(Arc::clone(&core), writer, active)));
        let worker = if options.background {
            let (core, queue) = (Arc::clone(&core), Arc::clone(&queue));
            let spawned = thread::spawn("annals-worker", move || run_worker(&core, &queue, &mailbox, last));
            Some(spawned.map_err(OpenError::io("start the background thread"))?)
        } else {
            None
        };
        let writing = Writing {
            queue,
            deciding: Deciding::default(),
            worker: Mutex::new(worker),
            serving: Serving::new(options.background),
            closed: Mutex::new(None),
            lock: Mutex::new(Some(lock)),
        };
        let store = Self::new(path, core, report, Some(writing));
        if has_rules || store.erasures_under_way() > 0 {
            store.compact_from_now_on();
        }
        Ok(store)
    }

    fn new(path: &Path, core: Arc<Core>, report: RecoveryReport, writing: Option<Writing>) -> Self {
        let (path, end) = (path.to_owned(), Mutex::new(None));
        let handle = Arc::new(Handle { path, core, report, writing, end });
        let closing = Arc::new(Closing(Arc::clone(&handle)));
        Store(handle, Some(closing))
    }
}

/// Segments that were full when the store was last open: all but the last.
fn full_segments(recovered: &annals_wal::Recovered, parts: &Parts) -> Vec<FullSegment> {
    let index_bytes = |id: u64| {
        let part = parts.index.iter().find(|part| part.open_segment_id() == Some(id));
        part.map_or(0, |part| part.memory_bytes())
    };
    let next_starts = recovered.segments.iter().skip(1).map(|segment| segment.first_position());
    recovered
        .segments
        .iter()
        .zip(&recovered.frames_ends)
        .zip(next_starts)
        .map(|((segment, end), next)| FullSegment {
            segment: Arc::clone(segment),
            last_position: next.previous(),
            frames_end: *end,
            index_bytes: index_bytes(segment.id()),
        })
        .collect()
}
