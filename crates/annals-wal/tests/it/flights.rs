//! Groups that are written and synced later.

use crate::log::{Log, batch};
use annals_types::{Position, Timestamp, Version};
use annals_vfs::{
    Access, Call, DirEntry, Disk, Fault, FaultyDisk, File, Lock, Mapping, MemoryDisk, Survival, When,
};
use annals_wal::{Landing, Mode, SyncGroup, SyncJob};
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A disk that notes by which of its handles files are synced.
#[derive(Clone, Debug)]
struct Noting {
    inner: Arc<dyn Disk>,
    handles: Arc<Mutex<u32>>,
    synced: Arc<Mutex<Vec<u32>>>,
    /// Whether a file that was just opened cannot be opened once more, as where a process has no descriptors left.
    scarce: bool,
    last_opened: Arc<Mutex<String>>,
}

#[derive(Debug)]
struct Handle {
    inner: Arc<dyn File>,
    number: u32,
    synced: Arc<Mutex<Vec<u32>>>,
}

impl Noting {
    fn handle(&self, inner: Arc<dyn File>) -> Arc<dyn File> {
        let mut handles = self.handles.lock().unwrap();
        *handles += 1;
        Arc::new(Handle { inner, number: *handles, synced: Arc::clone(&self.synced) })
    }
}

impl Disk for Noting {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        path.clone_into(&mut self.last_opened.lock().unwrap());
        self.inner.create(path).map(|file| self.handle(file))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let mut last_opened = self.last_opened.lock().unwrap();
        if self.scarce && std::mem::take(&mut *last_opened) == path {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        path.clone_into(&mut last_opened);
        self.inner.open(path, access).map(|file| self.handle(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.inner.sync_dir(path)
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.inner.try_lock(path)
    }

    fn is_locked(&self, path: &str) -> io::Result<bool> {
        self.inner.is_locked(path)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl File for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.inner.write_at(parts, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.synced.lock().unwrap().push(self.number);
        self.inner.sync_data()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.inner.preallocate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.inner.map(length)
    }
}

fn new_log(segments: u64) -> (Noting, Log) {
    log_on(Arc::new(MemoryDisk::new()), false, segments)
}

fn log_on(inner: Arc<dyn Disk>, scarce: bool, segments: u64) -> (Noting, Log) {
    let disk = Noting {
        inner,
        scarce,
        handles: Arc::default(),
        synced: Arc::default(),
        last_opened: Arc::default(),
    };
    let mut log = Log::new(Arc::new(disk.clone()), segments);
    log.append(1, 10, true).unwrap();
    disk.synced.lock().unwrap().clear();
    (disk, log)
}

fn launch(log: &mut Log, events: u64) -> (SyncJob, Landing) {
    let mut frame = batch(log.next(), events, 10);
    log.writer.stage(&mut frame, Timestamp::from_nanos(50), |_| Version::FIRST).unwrap();
    log.writer.launch([frame.bytes()].into_iter()).unwrap().expect("there is something to be synced")
}

/// An error in writing back is told once to each handle: with one for both, the wrong group would hear of it.
#[test]
fn syncs_that_run_at_once_have_a_handle_of_the_file_each() {
    let (disk, mut log) = new_log(1);
    let ((one, _), (two, _)) = (launch(&mut log, 1), launch(&mut log, 1));
    two.sync(1).unwrap();
    one.sync(0).unwrap();
    let synced = disk.synced.lock().unwrap().clone();
    assert_eq!(synced.len(), 2);
    assert_ne!(synced[0], synced[1]);
}

/// Whichever of two syncs comes first hears of an error, and it may be the other one's.
#[test]
fn where_there_is_one_handle_a_failed_sync_fails_the_other_one_as_well() {
    let faulty = FaultyDisk::new(Arc::new(MemoryDisk::new()));
    let (disk, mut log) = log_on(Arc::new(faulty.clone()), true, 1);
    let ((one, _), (two, _)) = (launch(&mut log, 1), launch(&mut log, 1));
    faulty.arm(When::nth(Call::SyncData, 1), Fault::Error(io::ErrorKind::Other));
    assert!(two.sync(1).is_err());
    assert!(one.sync(0).is_err());
    assert_eq!(disk.synced.lock().unwrap().len(), 1);
}

#[test]
fn what_was_launched_is_durable_when_it_has_landed_and_not_before() {
    let memory = MemoryDisk::new();
    let (disk, mut log) = log_on(Arc::new(memory.clone()), false, 1);
    let ((one, landing_one), (two, landing_two)) = (launch(&mut log, 2), launch(&mut log, 3));
    assert!(disk.synced.lock().unwrap().is_empty(), "a sync runs only when it is run");
    two.sync(1).unwrap();
    one.sync(0).unwrap();
    assert_eq!(log.watermark.durable(), Position::new(1));
    landing_one.succeeded();
    assert_eq!(log.watermark.durable(), Position::new(3));
    assert_eq!(landing_two.last(), Position::new(6));
    landing_two.succeeded();
    assert_eq!(log.watermark.durable(), Position::new(6));
    let survived = crate::log::recover_on(&memory.crash(Survival::Synced), Mode::Repair, &log.open).unwrap();
    assert_eq!(survived.last, 6);
}

/// Once an append that was refused waited for the sync of a mark, and was told of its failure.
#[test]
fn nothing_is_launched_where_nothing_is_staged_also_behind_a_mark() {
    let (disk, mut log) = new_log(1);
    assert!(log.writer.launch(std::iter::empty()).unwrap().is_none());
    assert!(log.writer.mark_durable().unwrap());
    assert!(log.writer.launch(std::iter::empty()).unwrap().is_none());
    assert!(disk.synced.lock().unwrap().is_empty());
    // The next group's sync covers it.
    let (job, landing) = launch(&mut log, 1);
    job.sync(0).unwrap();
    landing.succeeded();
    assert_eq!(log.watermark.durable(), Position::new(2));
}

#[test]
fn after_a_landing_that_failed_or_was_dropped_nothing_more_is_accepted() {
    for dropped in [false, true] {
        let (_, mut log) = new_log(1);
        let (job, landing) = launch(&mut log, 1);
        drop(job);
        if dropped {
            drop(landing)
        } else {
            landing.failed()
        }
        assert!(log.writer.has_failed());
        assert!(log.writer.launch(std::iter::empty()).is_err() && log.writer.sync().is_err());
        assert_eq!(log.watermark.durable(), Position::new(1));
    }
}

#[test]
fn whoever_needs_the_log_at_rest_waits_for_what_is_under_way() {
    let (_, mut log) = new_log(2);
    let (job, landing) = launch(&mut log, 1);
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(20));
            job.sync(0).unwrap();
            landing.succeeded();
        });
        // Without a sync of its own: everything is durable when the other one has landed.
        log.writer.sync().unwrap();
        assert_eq!(log.watermark.durable(), Position::new(2));
    });
}
