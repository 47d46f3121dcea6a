//! The handle of an open store.

use crate::batch::{Appended, Batch};
use crate::catalog::Catalog;
use crate::committer::{Committer, Item, Outcome};
use crate::core::{Core, FullSegment, Settings};
use crate::decide::{DecideError, Decided, Deciding, Situation, decide};
use crate::error::{AppendError, OpenError, ReadError};
use crate::follow::LogEnd;
use crate::maintenance::{MaintainError, maintain, mark_durable, run_worker};
use crate::open::{Opened, environment, observe, open_for_reading, open_for_writing};
use crate::options::{Durability, Options};
use crate::parts::Parts;
use crate::query::Query;
use crate::recovery::RecoveryReport;
use crate::stats::Stats;
use crate::view::View;
use annals_format::CleanMark;
use annals_types::{Expected, Invalid, NewEvent, Position};
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
pub struct Store(Arc<Handle>);

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

#[derive(Debug)]
struct Writing {
    queue: Arc<CommitQueue<Committer>>,
    deciding: Deciding,
    worker: Mutex<Option<JoinHandle<()>>>,
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
        let settings = Settings { durability, budget, worker: None };
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
        let Opened { manifest, mut recovered, parts, rebuilt, active, report } = opened;
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
                worker: options.background.then_some(sender),
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
            closed: Mutex::new(None),
            lock: Mutex::new(Some(lock)),
        };
        Ok(Self::new(path, core, report, Some(writing)))
    }

    fn new(path: &Path, core: Arc<Core>, report: RecoveryReport, writing: Option<Writing>) -> Self {
        let (path, end) = (path.to_owned(), Mutex::new(None));
        Store(Arc::new(Handle { path, core, report, writing, end }))
    }

    /// Appends events to one stream. When it returns, they are as durable as the store's [`Durability`] says.
    ///
    /// # Errors
    /// As [`AppendError`] says; [`AppendError::Conflict`] if the stream is not as expected.
    pub fn append(
        &self,
        stream: &str,
        expected: Expected,
        events: &[NewEvent<'_>],
    ) -> Result<Appended, AppendError> {
        let mut batch = Batch::new();
        batch.expect(stream, expected)?;
        for event in events {
            batch.push(stream, event)?;
        }
        self.append_batch(batch)
    }

    /// Appends a batch, all or nothing. Batches of other threads share its sync.
    ///
    /// Appending it again is safe if its events have ids, or if it expects versions: a batch that is stored
    /// already, event for event, gives the first result, with `already_applied`.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, Expected, NewEvent, Uuid};
    /// let transfer = || {
    ///     let mut batch = Batch::new();
    ///     batch.push("account-1", &NewEvent::json("withdrawn", "500").with_id(Uuid::from_u128(1)))?;
    ///     batch.push("account-2", &NewEvent::json("deposited", "500").with_id(Uuid::from_u128(2)))?;
    ///     Ok::<_, annals::Invalid>(batch)
    /// };
    /// let first = store.append_batch(transfer()?)?;
    /// let again = store.append_batch(transfer()?)?;
    /// assert!(again.already_applied && again.first_position == first.first_position);
    /// assert_eq!(store.last_position().get(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`AppendError`] says.
    pub fn append_batch(&self, batch: Batch) -> Result<Appended, AppendError> {
        let Some(writing) = &self.0.writing else { return Err(AppendError::ReadOnly) };
        writing.deciding.refuse_own()?;
        batch.check_ids()?;
        appended(writing.queue.commit(Item::Batch(batch)))
    }

    /// Appends several batches with one write and one sync, where they fit into one segment. Each is all or nothing by
    /// itself and has its own outcome (that of [`Store::append_batch`]), in the order given: one that is refused does not
    /// keep the others out, and each sees those before it. If the write or the sync fails, all of them that it was for
    /// have an unknown outcome, and those behind them are refused.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, Expected, NewEvent};
    /// let mut first = Batch::new();
    /// first.push("account-1", &NewEvent::json("opened", "{}"))?;
    /// let mut second = Batch::new();
    /// second.push("account-1", &NewEvent::json("opened", "{}"))?;
    /// second.expect("account-1", Expected::NoStream)?;
    /// let outcomes = store.append_batches(vec![first, second]);
    /// assert!(outcomes[0].is_ok() && outcomes[1].is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append_batches(&self, batches: Vec<Batch>) -> Vec<Result<Appended, AppendError>> {
        let Some(writing) = &self.0.writing else {
            return batches.iter().map(|_| Err(AppendError::ReadOnly)).collect();
        };
        if writing.deciding.is_own() {
            return batches.iter().map(|_| Err(AppendError::WithinDecide)).collect();
        }
        let invalid: Vec<_> = batches.iter().map(|batch| batch.check_ids().err()).collect();
        let valid = batches.into_iter().zip(&invalid).filter(|(_, invalid)| invalid.is_none());
        let items = valid.map(|(batch, _)| Item::Batch(batch)).collect();
        let mut outcomes = writing.queue.commit_all(items).into_iter().map(appended);
        let outcome = |invalid: Option<Invalid>| match invalid {
            Some(invalid) => Err(invalid.into()),
            None => outcomes.next().unwrap_or(Err(AppendError::DurabilityUnknown { source: None })),
        };
        invalid.into_iter().map(outcome).collect()
    }

    /// Decides and appends in the writer's order: nobody appends between what the closure sees and what it appends, so
    /// nothing has to be tried again, however many decide at the same time. It runs once, on the caller's thread, while other
    /// appends wait, so it should be quick. The syncs are shared: the writer is given up before this call's one.
    ///
    /// The closure sees the events of `query`, also those that are not durable yet. It gives back what to append, an empty
    /// batch for nothing, and an answer of its own, or a refusal. What it gives back is only handed on once everything
    /// that it was able to see is as durable as the store's [`Durability`] says. The batch is checked as in
    /// [`Store::append_batch`], expectations and conditions included. If the closure panics, nothing is appended, the panic
    /// goes on, and the store can be used as before.
    ///
    /// In the closure the store can be read. Calls that need the writer are refused with [`AppendError::WithinDecide`]; to
    /// wait there for another thread that appends is to wait for ever.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Batch, DecideError, NewEvent, Query};
    /// let withdraw = |cents: i64| {
    ///     store.decide(&Query::stream("account-1"), |account| {
    ///         let mut balance = 0;
    ///         for event in account.events()? {
    ///             let event = event?;
    ///             let amount: i64 = std::str::from_utf8(event.data)?.parse()?;
    ///             balance += if event.event_type == "deposited" { amount } else { -amount };
    ///         }
    ///         if balance < cents {
    ///             return Err(Box::<dyn std::error::Error>::from("not enough money"));
    ///         }
    ///         let mut batch = Batch::new();
    ///         batch.push("account-1", &NewEvent::json("withdrawn", cents.to_string()))?;
    ///         Ok((batch, balance - cents))
    ///     })
    /// };
    /// store.append("account-1", annals::Expected::Any, &[NewEvent::json("deposited", "500")])?;
    /// assert_eq!(withdraw(300)?.answer, 200);
    /// assert!(matches!(withdraw(300), Err(DecideError::Refused(_))));
    /// assert_eq!(store.last_position().get(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecideError::Refused`] with what the closure refuses with. [`DecideError::Append`] with what
    /// [`Store::append_batch`] would say, or, if what the closure saw did not become durable: with
    /// [`AppendError::DurabilityUnknown`] if its batch may be there when the store is opened again, with
    /// [`AppendError::Poisoned`] if it had none.
    ///
    /// # Panics
    /// If the closure does.
    pub fn decide<T, E>(
        &self,
        query: &Query,
        closure: impl FnOnce(&Situation<'_>) -> Result<(Batch, T), E>,
    ) -> Result<Decided<T>, DecideError<E>> {
        let Some(writing) = &self.0.writing else { return Err(AppendError::ReadOnly.into()) };
        writing.deciding.refuse_own()?;
        decide(&writing.queue, &writing.deciding, query, closure)
    }

    /// A view of everything appended so far. It stays as it is, whatever is appended later.
    #[must_use]
    pub fn view(&self) -> View {
        // The position first: every visible event is in the parts that are loaded after it.
        let position = self.0.core.watermark.visible();
        View::new(self.0.core.parts.load_full(), position)
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
        if visible > core.watermark.visible() {
            let parts = Arc::new(opened.parts);
            core.parts.store(parts);
            core.watermark.follow(visible);
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

    /// Counts and sizes.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn stats(&self) -> Result<Stats, ReadError> {
        Stats::collect(&self.0.core, &self.view())
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

impl Handle {
    fn close(&self) -> Result<(), AppendError> {
        if let Some(writing) = &self.writing {
            writing.deciding.refuse_own()?;
        }
        let result = self.close_files();
        // Behind everything that may still publish. A close that failed ends the store as well.
        self.core.watermark.end();
        result
    }

    fn close_files(&self) -> Result<(), AppendError> {
        let Some(writing) = &self.writing else { return Ok(()) };
        let mut closed = writing.closed.lock();
        match *closed {
            None => *closed = Some(false),
            Some(true) => return Ok(()),
            Some(false) => return Err(AppendError::Poisoned),
        }
        let end = writing.queue.with_sink(Committer::close);
        writing.stop_worker(&self.core);
        self.core.abandon_merges();
        self.core.cut_unused();
        let result = end.and_then(|end| {
            let (segment_id, frames_end) =
                end.as_ref().map_or((0, 0), |end| (end.segment.id(), end.frames_end));
            let in_order = end.is_none_or(|active| self.core.seal_at_close(active));
            let clean = in_order.then_some(CleanMark { segment_id, frames_end });
            let durable = self.core.watermark.durable();
            let noted = self.core.catalog.lock().set_clean(durable, clean);
            noted.map_err(|error| ReadError::from(error).into())
        });
        writing.lock.lock().take();
        *closed = Some(result.is_ok());
        result
    }
}

impl Writing {
    fn stop_worker(&self, core: &Core) {
        core.stop_worker();
        if let Some(worker) = self.worker.lock().take() {
            // A worker that panicked has left files that the next open puts in order.
            let _ = worker.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A thread that unwinds may have left anything: the log is in order after any crash, so leave it at that.
        if thread::panicking() {
            if let Some(writing) = &self.writing
                && writing.closed.lock().replace(false).is_none()
            {
                writing.stop_worker(&self.core);
            }
            return;
        }
        let _ = self.close();
    }
}

/// The outcome of a batch.
fn appended(outcome: Outcome) -> Result<Appended, AppendError> {
    outcome.and_then(|appended| appended.ok_or(AppendError::DurabilityUnknown { source: None }))
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
