//! A file in memory, whether it has a name or not.

use super::content::Content;
use super::journal::Journal;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What all files of a disk have in common.
#[derive(Debug)]
pub(super) struct Common {
    /// Operations and files so far.
    sequence: AtomicU64,
    /// Most bytes that the files with names may have together.
    pub(super) capacity: AtomicU64,
    /// Bytes that they have.
    used: AtomicU64,
    /// The operation up to which the last sync came that said `Ok`.
    pub(super) committed: AtomicU64,
    /// Successful syncs until one fails, counted down; 0 if none is to fail.
    pub(super) sync_failure: AtomicU64,
    /// Whether files can be opened for direct writes.
    pub(super) direct: AtomicBool,
    /// Whether files of other disks can be linked.
    pub(super) linkable: AtomicBool,
}

impl Common {
    pub(super) fn new(sequence: u64, capacity: u64) -> Arc<Self> {
        Arc::new(Common {
            sequence: AtomicU64::new(sequence),
            capacity: AtomicU64::new(capacity),
            used: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            sync_failure: AtomicU64::new(0),
            direct: AtomicBool::new(true),
            linkable: AtomicBool::new(true),
        })
    }

    /// The next number.
    pub(super) fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst)
    }

    /// Notes that a sync was done. An ordered journal commits with it whatever was done before.
    pub(super) fn commit(&self) {
        self.committed.fetch_max(self.sequence.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Takes space.
    ///
    /// # Errors
    /// `StorageFull` if there is not enough; then none is taken.
    fn take(&self, bytes: u64) -> io::Result<()> {
        let capacity = self.capacity.load(Ordering::SeqCst);
        let taken = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
            used.checked_add(bytes).filter(|used| bytes == 0 || *used <= capacity)
        });
        taken.map(|_| ()).map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Whether this sync is the one that was to fail.
    fn sync_fails(&self) -> bool {
        let counted =
            self.sync_failure.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        counted == Ok(1)
    }
}

/// A file. Alive as long as a name, a handle or something unsynced refers to it.
#[derive(Debug)]
pub(super) struct Node {
    /// Tells it from every other file of the disk.
    pub(super) id: u64,
    pub(super) state: Mutex<State>,
    common: Arc<Common>,
}

/// What is in a file.
#[derive(Debug)]
pub(super) struct State {
    pub(super) content: Content,
    pub(super) journal: Journal,
    /// Its name, or its last one.
    pub(super) path: Arc<str>,
    /// Whether it has a name, and so counts for the capacity.
    named: bool,
    /// Whether another disk has it, too, so that a write would be seen there.
    frozen: bool,
}

impl State {
    pub(super) fn new(path: &str, content: Content, journal: Journal) -> Self {
        State { content, journal, path: path.into(), named: false, frozen: false }
    }

    /// What a file is after a loss of power.
    pub(super) fn durable(content: Content, frozen: bool) -> Self {
        State { frozen, ..State::new("", content, Journal::default()) }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// A copy that shares nothing that changes.
    pub(super) fn copy(&self) -> io::Result<Self> {
        let copy = State::new(&self.path, self.content.copy()?, self.journal.clone());
        Ok(State { frozen: self.frozen, ..copy })
    }
}

impl Node {
    pub(super) fn new(common: &Arc<Common>, state: State) -> Arc<Self> {
        Arc::new(Node { id: common.next(), state: Mutex::new(state), common: Arc::clone(common) })
    }

    /// `StorageFull` if the disk has no room for so many bytes.
    pub(super) fn has_room_for(&self, bytes: u64) -> io::Result<()> {
        self.common.take(bytes)?;
        self.common.give_back(bytes);
        Ok(())
    }

    /// Notes the name of the file. Names are given even if the disk is too full for the bytes: only growing
    /// is refused.
    pub(super) fn named(&self, path: &str) {
        let mut state = self.state.lock();
        state.path = path.into();
        if !std::mem::replace(&mut state.named, true) {
            self.common.used.fetch_add(state.content.length() as u64, Ordering::SeqCst);
        }
    }

    /// Notes that the file has no name any more; its space is free from now on.
    pub(super) fn unnamed(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.named, false) {
            self.common.give_back(state.content.length() as u64);
        }
    }

    /// Replaces the bytes by durable ones.
    pub(super) fn replace(&self, content: Content) {
        let mut state = self.state.lock();
        if state.named {
            self.common.give_back(state.content.length() as u64);
            self.common.used.fetch_add(content.length() as u64, Ordering::SeqCst);
        }
        state.content = content;
        state.journal = Journal::default();
    }

    pub(super) fn length(&self) -> u64 {
        self.state.lock().content.length() as u64
    }

    /// What another disk takes of it; from now on it is not written any more.
    pub(super) fn frozen(&self, path: &str) -> io::Result<State> {
        let mut state = self.state.lock();
        state.frozen = true;
        Ok(State { path: path.into(), ..state.copy()? })
    }

    /// Changes the file, which becomes at least `length` bytes long by it.
    fn grow(&self, length: usize, change: impl FnOnce(&mut State, u64) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.frozen {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file is linked to another disk",
            ));
        }
        let more = length.saturating_sub(state.content.length()) as u64;
        let counted = if state.named { more } else { 0 };
        self.common.take(counted)?;
        change(&mut state, self.common.next()).inspect_err(|_| self.common.give_back(counted))
    }

    pub(super) fn write(&self, bytes: Vec<u8>, offset: u64) -> io::Result<usize> {
        let taken = bytes.len();
        if taken == 0 {
            return Ok(0);
        }
        let offset = within(offset)?;
        let end = offset.checked_add(taken).ok_or(io::ErrorKind::FileTooLarge)?;
        self.grow(end, |state, sequence| {
            state.journal.write(&mut state.content, (sequence, &state.path), offset, bytes)
        })?;
        Ok(taken)
    }

    /// Writes bytes that are durable when this returns, unless it was to fail; then they are there and never become durable.
    pub(super) fn write_durably(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let offset = within(offset)?;
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let fails = self.common.sync_fails();
        self.grow(end, |state, sequence| {
            let State { content, journal, path, .. } = state;
            if fails {
                journal.write(content, (sequence, &*path), offset, bytes.to_vec())?;
                return journal.strand(content);
            }
            journal.write_durably(content, offset, bytes)
        })?;
        if fails {
            return Err(rustix::io::Errno::IO.into());
        }
        self.common.commit();
        Ok(bytes.len())
    }

    pub(super) fn set_length(&self, length: usize, shrink: bool) -> io::Result<()> {
        self.grow(length, |state, sequence| {
            let old = state.content.length();
            if length == old || (length < old && !shrink) {
                return Ok(());
            }
            state.journal.set_length(&mut state.content, (sequence, &state.path), length)?;
            if state.named {
                self.common.give_back(old.saturating_sub(length) as u64);
            }
            Ok(())
        })
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let State { content, journal, .. } = &mut *state;
        if self.common.sync_fails() {
            journal.strand(content)?;
            return Err(rustix::io::Errno::IO.into());
        }
        journal.sync(content)?;
        self.common.commit();
        Ok(())
    }
}

/// An offset as a place in memory.
pub(super) fn within(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
