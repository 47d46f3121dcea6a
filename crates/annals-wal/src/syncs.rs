//! Syncs of the log that run beside the writer.

use crate::commit::{LANES, SyncGroup};
use crate::output::{Durable, Output};
use crate::watermark::Watermark;
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::{Condvar, Deadline, Mutex};
use annals_vfs::{Access, Disk, File};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A handle of a segment's file for each sync that may run at once.
///
/// A system tells an error in writing back once to each handle, when that is next synced. With one handle for two syncs,
/// the error of one group could be told to the sync of the other, and the group that was lost would be acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Handles(Arc<[Arc<dyn File>]>);

impl Handles {
    /// `file`, and more handles of the file at `path`. As many as the system has: with fewer, syncs wait for each other.
    pub(crate) fn open(disk: &dyn Disk, path: &str, file: Arc<dyn File>) -> Self {
        let others = (1..LANES).map_while(|_| disk.open(path, Access::ReadWrite).ok());
        Handles(std::iter::once(file).chain(others).collect())
    }

    /// The one to write with.
    pub(crate) fn first(&self) -> &dyn File {
        &*self.0[0]
    }
}

/// Which syncs are under way.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    state: Mutex<State>,
    none_left: Condvar,
    failed: AtomicBool,
    /// For files that have fewer handles than there are lanes: they are synced one after the other, and after one that failed
    /// all others have, since the error may have been theirs.
    crowded: Mutex<bool>,
}

#[derive(Debug, Default)]
struct State {
    under_way: usize,
}

impl Syncs {
    /// Whether one has failed.
    pub(crate) fn have_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Waits until all that were begun have ended and are accounted for. Only the writer begins any.
    pub(crate) fn wait(&self) {
        let mut state = self.state.lock();
        while state.under_way > 0 {
            self.none_left.wait_until(&mut state, Deadline::after(Duration::MAX));
        }
    }

    /// Begins one, which covers everything that was written to this output.
    pub(crate) fn begin(
        self: &Arc<Self>,
        output: &Output,
        watermark: &Arc<Watermark>,
        last: Position,
    ) -> (SyncJob, Landing) {
        self.state.lock().under_way += 1;
        let job = SyncJob { durable: output.durable(), syncs: Arc::clone(self) };
        (job, Landing { syncs: Arc::clone(self), watermark: Arc::clone(watermark), last, ended: false })
    }
}

/// A sync that is to be run, on any thread.
#[derive(Debug)]
pub struct SyncJob {
    durable: Durable,
    syncs: Arc<Syncs>,
}

impl SyncGroup for SyncJob {
    fn sync(self, lane: usize) -> io::Result<()> {
        let cached = match &self.durable {
            Durable::Write(writes) => return writes.write(),
            Durable::Sync(cached) => cached,
        };
        let handles = &*cached.0;
        match handles.get(lane) {
            Some(_) if planted(Bug::LanesShareHandle) => sync_file(&*handles[0]),
            Some(own) if handles.len() == LANES => sync_file(&**own),
            _ => {
                let mut failed = self.syncs.crowded.lock();
                if *failed {
                    return Err(io::Error::other("a sync of the same file has failed"));
                }
                let result = sync_file(cached.first());
                *failed = result.is_err();
                result
            }
        }
    }
}

/// What is to be noted when a sync and all that were begun before it have ended.
#[derive(Debug)]
pub struct Landing {
    syncs: Arc<Syncs>,
    watermark: Arc<Watermark>,
    last: Position,
    ended: bool,
}

impl Landing {
    /// Up to which position everything is durable now.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last
    }

    /// The sync, and all before it, ended well: what it covers is durable.
    pub fn succeeded(mut self) {
        self.watermark.set_durable(self.last);
        self.end();
    }

    /// It or one before it has failed: nothing is written any more. The same as dropping this.
    pub fn failed(self) {}

    fn end(&mut self) {
        self.ended = true;
        let mut state = self.syncs.state.lock();
        state.under_way -= 1;
        if state.under_way == 0 {
            self.syncs.none_left.notify_all();
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.ended {
            self.syncs.failed.store(!planted(Bug::NotPoisonedAfterFailure), Ordering::Release);
            self.end();
        }
    }
}

/// Syncs a file of the log.
pub(crate) fn sync_file(file: &dyn File) -> io::Result<()> {
    if planted(Bug::AppendWithoutSync) || planted(Bug::SyncBeforeWrite) {
        return Ok(());
    }
    match file.sync_data() {
        Err(_) if planted(Bug::SyncErrorIgnored) => Ok(()),
        Err(_) if planted(Bug::FailedSyncTriedAgain) => file.sync_data(),
        other => other,
    }
}
