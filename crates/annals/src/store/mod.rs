//! The handle of an open store: opening, reading, maintenance.

mod append;
mod backup;
mod close;
mod snapshots;

use crate::catalog::Catalog;
use crate::committer::Committer;
use crate::compaction::{CompactionOptions, Worker};
use crate::core::{Core, FullSegment, Settings};
use crate::decide::Deciding;
use crate::error::{AppendError, OpenError, ReadError};
use crate::follow::LogEnd;
use crate::maintenance::{MaintainError, maintain, mark_durable, run_worker};
use crate::open::{Opened, environment, observe, open_for_reading, open_for_writing};
use crate::options::{Durability, Options};
use crate::parts::Parts;
use crate::recovery::RecoveryReport;
use crate::retention::{Hiding, SharedRules};
use crate::schema::Schemas;
use crate::serving::Serving;
use crate::stats::Stats;
use crate::view::View;
use annals_types::Position;
use annals_vfs::sync::thread::{self, JoinHandle};
use annals_vfs::sync::{Deadline, Mutex, channel};
use annals_vfs::{Env, Lock};
use annals_wal::{CommitQueue, LogError, LogWriter, Watermark};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often a store that another process writes is looked at while waiting for events.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An open store. Cheap to clone; all clones are the same store, usable from any thread. It is closed when
/// [`Store::close`] is called or the last clone is dropped.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{Expected, NewEvent, Query, Store};
///
/// let store = Store::open(&path)?;
/// let opened = NewEvent::json("opened", r#"{"owner":"Ada"}"#);
/// let deposited = NewEvent::json("deposited", r#"{"cents":500}"#);
/// let appended = store.append("account-1", Expected::NoStream, &[opened, deposited])?;
/// assert_eq!(appended.streams[0].last_version.get(), 2);
///
/// let view = store.view();
/// let types: Vec<&str> = view
///     .read(Query::stream("account-1"))?
///     .map(|event| event.map(|event| event.event_type))
///     .collect::<Result<_, _>>()?;
/// assert_eq!(types, ["opened", "deposited"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store(
    Arc<Handle>,
    #[expect(dead_code, reason = "only held: it closes the store when the last one is dropped")]
    Option<Arc<Closing>>,
);

#[derive(Debug)]
struct Handle {
    path: PathBuf,
    core: Arc<Core>,
    report: RecoveryReport,
    /// `None` if the store is open for reading only.
    writing: Option<Writing>,
    /// Where the log of a store that another process writes ended when it was last looked at.
    end: Mutex<Option<LogEnd>>,
}

/// Closes the store when the last clone that a caller has is dropped. Threads of the store's own have handles without it.
#[derive(Debug)]
struct Closing(Arc<Handle>);

#[derive(Debug)]
struct Writing {
    queue: Arc<CommitQueue<Committer>>,
    deciding: Deciding,
    worker: Mutex<Option<JoinHandle<()>>>,
    serving: Serving,
    /// Whether it was closed, and if so, whether in good order. Held while it is being closed or maintained.
    closed: Mutex<Option<bool>>,
    lock: Mutex<Option<Box<dyn Lock>>>,
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync + 'static>() {}
    shared_between_threads::<Store>();
    shared_between_threads::<View>();
};

impl Store {
    /// Opens the store in the directory at `path`, or creates it, for reading and writing.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store, OpenError> {
        Options::new().open(path)
    }

    /// Options to open a store with.
    #[must_use]
    pub fn options() -> Options {
        Options::new()
    }

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

    /// Has what rules let go removed in the background, and erasures finished that a crash has left, unless that was begun before, or there
    /// is nothing to be done there.
    #[inline]
    fn compact_from_now_on(&self) {
        if self.0.core.compactor.is_due() {
            self.0.core.compactor.start(|| Store(Arc::clone(&self.0), None));
        }
    }

    /// A view of everything appended so far. It stays as it is, whatever is appended later.
    #[must_use]
    pub fn view(&self) -> View {
        // The position first: every visible event is in the parts that are loaded after it.
        let core = &self.0.core;
        let position = core.watermark.visible();
        let mut view = View::new(core.parts.load_full(), position);
        view.conceals = true;
        // Behind the position, too: a rule that is not known by now is not visible there.
        if !core.retention.is_empty_at(position) {
            view.hiding = Some(Hiding::at(core.env.clock.now(), position, core.retention.known(position)));
        }
        view
    }

    /// The position of the last visible event.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.0.core.watermark.visible()
    }

    /// Waits until there are events after `position`, at most for `timeout`; says whether there are. For a store
    /// that is open for reading only, this is also what takes in the events that another process has appended.
    ///
    /// Once the store is closed nothing more comes: it says at once whether there are events after `position`, and
    /// [`Store::close`] lets go whoever waits on another clone. `false` before the time is over means that.
    ///
    /// # Errors
    /// As [`ReadError`] says, only for stores that are open for reading only.
    pub fn wait_beyond(&self, position: Position, timeout: Duration) -> Result<bool, ReadError> {
        let core = &self.0.core;
        // Within a decision nothing can come.
        let deciding = self.0.writing.as_ref().is_some_and(|writing| writing.deciding.is_own());
        let timeout = if deciding { Duration::ZERO } else { timeout };
        if self.0.writing.is_some() || core.watermark.visible() > position {
            return Ok(core.watermark.wait_beyond(position, timeout));
        }
        let deadline = Deadline::after(timeout);
        loop {
            if core.watermark.has_ended() {
                return Ok(core.watermark.visible() > position);
            }
            self.take_in()?;
            let left = deadline.left();
            if core.watermark.visible() > position || left.is_zero() {
                return Ok(core.watermark.visible() > position);
            }
            thread::sleep(LOOK_EVERY.min(left));
        }
    }

    /// Looks what another process has appended since.
    fn take_in(&self) -> Result<(), ReadError> {
        let core = &self.0.core;
        let mut end = self.0.end.lock();
        if end.as_ref().is_some_and(|end| end.is_still(&core.env)) {
            return Ok(());
        }
        let known = core.parts.load_full();
        let (opened, visible) = observe(&core.env, &self.0.path, core.budget, &known)?;
        *end = Some(LogEnd::of(&opened));
        core.retention.note_manifest(opened.manifest.has_rules);
        // Also if there is nothing new: compaction may have put other files in the place of those that are known.
        if visible >= core.watermark.visible() {
            let parts = Arc::new(opened.parts);
            core.parts.store(parts);
            // It tells of removals that are not in the ledger yet.
            core.catalog.lock().follow(opened.manifest);
            core.watermark.follow(visible);
            // Without them more events are read.
            let _ = core.refresh_snapshots();
        }
        Ok(())
    }

    /// Makes everything appended so far durable, whatever the store's [`Durability`].
    ///
    /// # Errors
    /// [`AppendError::DurabilityUnknown`] if the sync failed; the store takes no more appends then.
    pub fn sync(&self) -> Result<(), AppendError> {
        let Some(writing) = &self.0.writing else { return Ok(()) };
        writing.deciding.refuse_own()?;
        writing.queue.with_sink(Committer::sync)
    }

    /// Does the background work that is due: lays out a segment, seals full ones, writes runs that are missing.
    /// Only needed with [`Options::background`] switched off.
    ///
    /// # Errors
    /// That something could not be done; it is left for the next call.
    pub fn maintain(&self) -> Result<(), MaintainError> {
        match &self.0.writing {
            Some(writing) => {
                if let Err(source) = writing.deciding.refuse_own() {
                    let source = std::io::Error::other(source);
                    return Err(LogError::Io { what: "maintain the store".into(), source }.into());
                }
                // Once the store is closed, its files may be somebody else's.
                let closed = writing.closed.lock();
                if closed.is_some() { Ok(()) } else { maintain(&self.0.core).map_err(MaintainError::from) }
            }
            None => Ok(()),
        }
    }

    /// Merges the files of the index further than appends make necessary, as the background thread does when nobody has
    /// appended for a second: the fewer there are, the quicker are lookups. Takes time in proportion to the index where
    /// most of it is in small files, and much less otherwise; appends go on meanwhile.
    ///
    /// # Errors
    /// As [`Store::maintain`].
    pub fn settle(&self) -> Result<(), MaintainError> {
        self.0.core.set_settling(true);
        let settled = self.maintain();
        self.0.core.set_settling(false);
        settled
    }

    /// Tells behind the last batch, or in the manifest, what is durable, so that damage to that batch can be told from a
    /// torn tail. The background thread does this after a tenth of a second without appends; only needed with
    /// [`Options::background`] switched off. While other threads append it may do nothing: each batch tells what was durable
    /// before it.
    ///
    /// # Errors
    /// [`AppendError::Io`] if the manifest could not be written: nothing is lost, and the next call tries again.
    /// [`AppendError::DurabilityUnknown`] if the write to the log failed, [`AppendError::Poisoned`] if one has failed
    /// before; the store takes no more appends then.
    pub fn mark_durable(&self) -> Result<(), AppendError> {
        let Some(writing) = &self.0.writing else { return Ok(()) };
        writing.deciding.refuse_own()?;
        let closed = writing.closed.lock();
        if closed.is_some() { Ok(()) } else { mark_durable(&self.0.core, &writing.queue).unwrap_or(Ok(())) }
    }

    /// Has the writer do something outside of a group; it refuses what is not open for writing.
    pub(crate) fn with_writer<R>(
        &self,
        act: impl FnOnce(&mut Committer) -> Result<R, AppendError>,
    ) -> Result<R, AppendError> {
        let Some(writing) = &self.0.writing else { return Err(AppendError::ReadOnly) };
        writing.deciding.refuse_own()?;
        writing.queue.with_sink(act)
    }

    /// Whether it is open for writing.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.writing.is_some()
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.0.report
    }

    /// Whether events can be looked up by the ids that their producers gave, see [`Options::index_ids`].
    #[must_use]
    pub fn ids_indexed(&self) -> bool {
        self.0.core.plan.ids
    }

    /// Counts and sizes of what is stored, also of what rules of retention hide.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn stats(&self) -> Result<Stats, ReadError> {
        let core = &self.0.core;
        let position = core.watermark.visible();
        Stats::collect(core, &View::new(core.parts.load_full(), position))
    }

    /// Closes the store: waits for appends under way, makes everything durable and notes that it was closed in
    /// good order. Other clones can read on, but not append, and are given nothing new: who waits in
    /// [`Store::wait_beyond`] is let go. Dropping the last clone does the same, without the
    /// error.
    ///
    /// # Errors
    /// [`AppendError::Poisoned`] or [`AppendError::DurabilityUnknown`] if a write or sync has failed.
    pub fn close(self) -> Result<(), AppendError> {
        self.0.close()
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

#[cfg(test)]
impl Store {
    /// What the handles share, for tests of single steps of the background work.
    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    /// The writer, for tests that look between staging and writing.
    pub(crate) fn queue(&self) -> &CommitQueue<Committer> {
        &self.0.writing.as_ref().expect("the store is open for writing").queue
    }
}
