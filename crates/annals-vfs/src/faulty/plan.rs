//! Which calls fail, and how.

use parking_lot::Mutex;
use std::io;

/// A kind of call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call {
    /// [`Disk::create`](crate::Disk::create).
    Create,
    /// [`Disk::open`](crate::Disk::open) for reading.
    Open,
    /// [`Disk::open`](crate::Disk::open) for reading and writing, and [`Disk::open_direct`](crate::Disk::open_direct).
    OpenToWrite,
    /// [`Disk::rename`](crate::Disk::rename).
    Rename,
    /// [`Disk::remove`](crate::Disk::remove).
    Remove,
    /// [`Disk::create_dir`](crate::Disk::create_dir).
    CreateDir,
    /// [`Disk::list`](crate::Disk::list).
    List,
    /// [`Disk::sync_dir`](crate::Disk::sync_dir).
    SyncDir,
    /// [`Disk::try_lock`](crate::Disk::try_lock).
    Lock,
    /// [`File::read_at`](crate::File::read_at).
    Read,
    /// [`File::write_at`](crate::File::write_at) and
    /// [`DirectFile::write_durably_at`](crate::DirectFile::write_durably_at).
    Write,
    /// [`File::sync_data`](crate::File::sync_data).
    SyncData,
    /// [`File::set_len`](crate::File::set_len).
    SetLength,
    /// [`File::preallocate`](crate::File::preallocate).
    Preallocate,
    /// [`File::length`](crate::File::length).
    Length,
    /// [`File::map`](crate::File::map).
    Map,
    /// [`Disk::take_from`](crate::Disk::take_from).
    Take,
}

impl Call {
    /// All kinds, in the order of their declaration.
    pub const ALL: &'static [Call] = &[
        Call::Create,
        Call::Open,
        Call::OpenToWrite,
        Call::Rename,
        Call::Remove,
        Call::CreateDir,
        Call::List,
        Call::SyncDir,
        Call::Lock,
        Call::Read,
        Call::Write,
        Call::SyncData,
        Call::SetLength,
        Call::Preallocate,
        Call::Length,
        Call::Map,
        Call::Take,
    ];

    /// The kinds that change something: those that a full disk may refuse.
    pub const CHANGING: &'static [Call] = &[
        Call::Create,
        Call::Rename,
        Call::Remove,
        Call::CreateDir,
        Call::SyncDir,
        Call::Write,
        Call::SyncData,
        Call::SetLength,
        Call::Preallocate,
        Call::Take,
    ];

    /// What a disk that cannot be written refuses: to change something, to open for it, and the lock.
    pub const WRITING: &'static [Call] = &[
        Call::Create,
        Call::OpenToWrite,
        Call::Rename,
        Call::Remove,
        Call::CreateDir,
        Call::SyncDir,
        Call::Lock,
        Call::Write,
        Call::SyncData,
        Call::SetLength,
        Call::Preallocate,
        Call::Take,
    ];

    /// Only this kind.
    #[must_use]
    pub fn only(self) -> &'static [Call] {
        std::slice::from_ref(&Self::ALL[self as usize])
    }
}

/// Which calls a fault happens to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct When {
    /// The kinds of calls that are counted.
    pub calls: &'static [Call],
    /// The how-manieth of them since the fault was armed; the first is 1.
    pub nth: u64,
    /// Whether all later ones are hit as well.
    pub from_then_on: bool,
}

impl When {
    /// The `nth` call of one kind.
    #[must_use]
    pub fn nth(call: Call, nth: u64) -> Self {
        When { calls: call.only(), nth, from_then_on: false }
    }

    /// The `nth` call of any kind.
    #[must_use]
    pub fn nth_of_all(nth: u64) -> Self {
        When { calls: Call::ALL, nth, from_then_on: false }
    }

    /// And all later ones.
    #[must_use]
    pub fn from_then_on(self) -> Self {
        When { from_then_on: true, ..self }
    }
}

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It does nothing and fails. [`io::ErrorKind::Interrupted`] is for reads and writes; other calls of a
    /// real disk do not return it.
    Error(io::ErrorKind),
    /// It does nothing and fails with an error number of the system.
    Os(i32),
    /// It is done, and fails all the same: so the caller must not take it for undone.
    ErrorAfter(io::ErrorKind),
    /// A read or write takes at most this many bytes. Calls of other kinds are not hit.
    Short(usize),
}

/// The counts and faults of a disk.
#[derive(Debug, Default)]
pub(super) struct Plan(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: [u64; Call::ALL.len()],
    armed: Vec<Armed>,
    fired: bool,
}

#[derive(Debug)]
struct Armed {
    when: When,
    fault: Fault,
    /// Calls counted so far.
    seen: u64,
}

impl Plan {
    pub(super) fn arm(&self, when: When, fault: Fault) {
        self.0.lock().armed.push(Armed { when, fault, seen: 0 });
    }

    pub(super) fn disarm(&self) {
        self.0.lock().armed.clear();
    }

    pub(super) fn calls(&self, call: Call) -> u64 {
        self.0.lock().calls[call as usize]
    }

    pub(super) fn fired(&self) -> bool {
        self.0.lock().fired
    }

    /// Does a call that is done whole or not at all.
    pub(super) fn around<T>(&self, call: Call, inner: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.around_some(call, |_| inner())
    }

    /// Does a call that may do less than it was asked for; `inner` gets the most that it may do.
    pub(super) fn around_some<T>(
        &self,
        call: Call,
        inner: impl FnOnce(usize) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.count(call) {
            None => inner(usize::MAX),
            Some(Fault::Short(most)) => inner(most),
            Some(Fault::Error(kind)) => Err(kind.into()),
            Some(Fault::Os(number)) => Err(io::Error::from_raw_os_error(number)),
            Some(Fault::ErrorAfter(kind)) => {
                inner(usize::MAX)?;
                Err(kind.into())
            }
        }
    }

    /// Counts a call and says what happens to it.
    fn count(&self, call: Call) -> Option<Fault> {
        let mut state = self.0.lock();
        state.calls[call as usize] += 1;
        let mut hit = None;
        // Every fault counts every call, also one that another fault has hit.
        for armed in &mut state.armed {
            if armed.counts(call) && hit.is_none() {
                hit = Some(armed.fault);
            }
        }
        state.fired |= hit.is_some();
        hit
    }
}

impl Armed {
    /// Counts a call, and says whether it is hit.
    fn counts(&mut self, call: Call) -> bool {
        let whole = !matches!(call, Call::Read | Call::Write);
        if !self.when.calls.contains(&call) || (whole && matches!(self.fault, Fault::Short(_))) {
            return false;
        }
        self.seen += 1;
        self.seen == self.when.nth || (self.when.from_then_on && self.seen >= self.when.nth)
    }
}
