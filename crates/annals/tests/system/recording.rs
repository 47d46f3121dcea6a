//! A disk that writes down every call that changes something: when it began, when it ended.

use annals::vfs::{Access, DirEntry, Disk, File, Lock, Mapping};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A call that returned without an error, and the moments of its beginning and its end.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) call: Call,
}

/// What was done. Files are named by the path at which they were created or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Create(String),
    CreateDir(String),
    Write { path: String, offset: u64, bytes: Vec<u8> },
    SetLength(String),
    SyncData(String),
    SyncDir(String),
    Rename { from: String, to: String },
    Remove(String),
}

/// What was recorded, and the counter of moments.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    moment: AtomicU64,
    entries: Mutex<Vec<Entry>>,
    /// Files whose path begins so cannot be created: there is no space for them.
    no_space_for: Mutex<Option<&'static str>>,
}

impl Recorder {
    /// A moment after all that have been given, and before all that will be.
    pub(crate) fn moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn no_space_for(&self, prefix: Option<&'static str>) {
        *self.no_space_for.lock().unwrap() = prefix;
    }

    fn has_space_for(&self, path: &str) -> io::Result<()> {
        let refused = self.no_space_for.lock().unwrap().is_some_and(|prefix| path.starts_with(prefix));
        if refused { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Everything so far, in the order of beginnings.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.lock().unwrap().clone();
        entries.sort_by_key(|entry| entry.begun);
        entries
    }

    fn record<T>(&self, call: impl FnOnce(&T) -> Call, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let begun = self.moment();
        let result = run()?;
        let entry = Entry { begun, ended: self.moment(), call: call(&result) };
        self.entries.lock().unwrap().push(entry);
        Ok(result)
    }
}

/// The disk that does the work, and the recorder beside it.
#[derive(Debug)]
pub(crate) struct RecordingDisk {
    inner: Arc<dyn Disk>,
    recorder: Arc<Recorder>,
}

impl RecordingDisk {
    pub(crate) fn over(inner: Arc<dyn Disk>) -> (Arc<dyn Disk>, Arc<Recorder>) {
        let recorder = Arc::new(Recorder::default());
        (Arc::new(RecordingDisk { inner, recorder: Arc::clone(&recorder) }), recorder)
    }

    fn file(&self, inner: Arc<dyn File>, path: &str) -> Arc<dyn File> {
        Arc::new(RecordingFile { inner, path: path.to_owned(), recorder: Arc::clone(&self.recorder) })
    }
}

impl Disk for RecordingDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let create = || self.recorder.has_space_for(path).and_then(|()| self.inner.create(path));
        let file = self.recorder.record(|_| Call::Create(path.to_owned()), create)?;
        Ok(self.file(file, path))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        Ok(self.file(self.inner.open(path, access)?, path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let call = Call::Rename { from: from.to_owned(), to: to.to_owned() };
        self.recorder.record(|()| call, || self.inner.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.recorder.record(|()| Call::Remove(path.to_owned()), || self.inner.remove(path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.recorder.record(|()| Call::CreateDir(path.to_owned()), || self.inner.create_dir(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.recorder.record(|()| Call::SyncDir(path.to_owned()), || self.inner.sync_dir(path))
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

#[derive(Debug)]
struct RecordingFile {
    inner: Arc<dyn File>,
    path: String,
    recorder: Arc<Recorder>,
}

impl File for RecordingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let call = |taken: &usize| {
            let bytes = parts.iter().flat_map(|part| part.iter().copied()).take(*taken).collect();
            Call::Write { path: self.path.clone(), offset, bytes }
        };
        self.recorder.record(call, || self.inner.write_at(parts, offset))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.recorder.record(|()| Call::SyncData(self.path.clone()), || self.inner.sync_data())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.recorder.record(|()| Call::SetLength(self.path.clone()), || self.inner.set_len(length))
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.recorder.record(|()| Call::SetLength(self.path.clone()), || self.inner.preallocate(length))
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn map(&self, length: u64) -> io::Result<Mapping> {
        self.inner.map(length)
    }
}
