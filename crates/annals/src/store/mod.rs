//! The handle of an open store: what it has, and what is seen through it.

mod append;
mod backup;
mod close;
mod maintenance;
mod opening;
mod snapshots;
mod waiting;

use crate::committer::Committer;
use crate::core::Core;
use crate::decide::Deciding;
use crate::error::{AppendError, OpenError, ReadError};
use crate::follow::LogEnd;
use crate::options::Options;
use crate::recovery::RecoveryReport;
use crate::retention::Hiding;
use crate::serving::Serving;
use crate::stats::Stats;
use crate::view::View;
use annals_types::Position;
use annals_vfs::Lock;
use annals_vfs::sync::Mutex;
use annals_vfs::sync::thread::JoinHandle;
use annals_wal::CommitQueue;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
