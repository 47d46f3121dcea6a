//! The disk of a simulation: it stops at a call, as a crash does, and lets a call fail.

use super::op::{Fault, How};
use super::trace::Trace;
use crate::watch::Watcher;
use annals::CompactionControl;
use annals::vfs::{Call, MemoryDisk};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Watches the disk of one life of the system.
#[derive(Debug)]
pub(super) struct Trouble(Mutex<State>);

#[derive(Debug)]
struct State {
    disk: MemoryDisk,
    /// Calls that change something, until nothing is done any more.
    left: Option<u64>,
    stopped: bool,
    fault: Option<Fault>,
    fired: u64,
    /// A compaction that is told to stop after so many calls that change something.
    compaction: Option<(u64, CompactionControl)>,
    trace: Trace,
}

/// Watches another disk of the same system.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) trouble: Arc<Trouble>,
    pub(super) disk: MemoryDisk,
}

impl Watcher for Beside {
    fn before(&self, call: Call, path: &str) -> io::Result<()> {
        self.trouble.before_on(call, path, Some(&self.disk))
    }
}

impl Trouble {
    pub(super) fn new(disk: MemoryDisk) -> Self {
        let trace = Trace::default();
        let state =
            State { disk, left: None, stopped: false, fault: None, fired: 0, compaction: None, trace };
        Trouble(Mutex::new(state))
    }

    /// After so many more calls that change something, nothing is changed any more.
    pub(super) fn stop_after(&self, calls: u64) {
        self.0.lock().left = Some(calls);
    }

    pub(super) fn stop(&self) {
        self.0.lock().stopped = true;
    }

    pub(super) fn stopped(&self) -> bool {
        self.0.lock().stopped
    }

    /// Lets a call fail, instead of the one that was to fail before.
    pub(super) fn arm(&self, fault: Fault) {
        self.0.lock().fault = Some(fault);
    }

    pub(super) fn disarm(&self) {
        let mut state = self.0.lock();
        (state.fault, state.compaction) = (None, None);
    }

    /// Tells a compaction to stop, after so many more calls that change something.
    pub(super) fn stop_compaction(&self, calls: u64, control: CompactionControl) {
        self.0.lock().compaction = Some((calls, control));
    }

    /// How many calls have failed that were told to.
    pub(super) fn fired(&self) -> u64 {
        self.0.lock().fired
    }

    /// Goes on with what a crash has left: everything is done again.
    pub(super) fn reboot(&self, disk: MemoryDisk) {
        let mut state = self.0.lock();
        (state.disk, state.left, state.stopped, state.fault) = (disk, None, false, None);
    }

    /// Every call that changed something, as a number.
    pub(super) fn trace(&self) -> u64 {
        self.0.lock().trace.number()
    }
}

impl Watcher for Trouble {
    fn before(&self, call: Call, path: &str) -> io::Result<()> {
        self.before_on(call, path, None)
    }
}

impl Trouble {
    /// Of a call to a disk that may be another one than that of the store.
    fn before_on(&self, call: Call, path: &str, other: Option<&MemoryDisk>) -> io::Result<()> {
        let mut state = self.0.lock();
        if Call::CHANGING.contains(&call) {
            if state.left == Some(0) {
                state.stopped = true;
            }
            if state.stopped {
                return Err(io::Error::other("the system has crashed"));
            }
            state.left = state.left.map(|left| left - 1);
            match &mut state.compaction {
                Some((0, control)) => control.stop(),
                Some((left, _)) => *left -= 1,
                None => {}
            }
            state.trace.note(&(call, path));
        }
        let Some(fault) = state.fault.as_mut().filter(|fault| fault.call == call) else { return Ok(()) };
        if fault.after > 0 {
            fault.after -= 1;
            return Ok(());
        }
        let how = fault.how;
        state.fault = None;
        state.fired += 1;
        match how {
            How::Error(number) => Err(io::Error::from_raw_os_error(number)),
            How::Stranded => {
                other.unwrap_or(&state.disk).fail_sync(1);
                Ok(())
            }
        }
    }
}
