//! The worker: a thread that compacts the store by itself, once there are rules of retention.
//!
//! It must not read everything again and again to find out that nothing is to be done. So it looks at some events of each segment
//! ([`estimates`]), and reads only segments that seem to be worth it ([`round`]); it looks less and less often while nothing is. Whatever
//! it does is paced, and it makes room for a compaction that is asked for. Nothing that fails here fails anything else: it is
//! told ([`state`]), and tried again.

mod estimates;
mod options;
mod round;
mod state;

pub use options::CompactionOptions;
pub use state::CompactionState;

use super::control::CompactionControl;
use super::handle::{CompactError, CompactionReport};
use super::job::Job;
use super::pace::Pace;
use crate::core::Core;
use crate::store::Store;
use annals_types::Version;
use annals_types::planted::{Bug, planted};
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::thread::{self, JoinHandle};
use annals_vfs::sync::{Deadline, Mutex};
use round::{Memory, Outcome, Round, plan_options};
use std::time::Duration;

/// It looks so much less often where nothing is to be done for long.
const SELDOM: u32 = 64;
/// Looking takes at most this share of the time, as a divisor.
const LOOKING_SHARE: u32 = 50;
/// When something was removed there may be more.
const SOON: Duration = Duration::from_secs(1);

/// What a store has for being compacted by itself.
#[derive(Debug)]
pub(crate) struct Worker {
    options: CompactionOptions,
    /// Whether there is to be a thread.
    wanted: bool,
    control: CompactionControl,
    state: Mutex<CompactionState>,
    memory: Mutex<Memory>,
    started: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What makes it worth looking again: segments, rules and guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    segments: usize,
    last_segment: u64,
    rules: u64,
    guards: Version,
}

impl Worker {
    /// With a thread once it is started, if there is to be one at all.
    pub(crate) fn new(options: CompactionOptions, background: bool) -> Self {
        Worker {
            wanted: background && options.on,
            options,
            control: CompactionControl::new(),
            state: Mutex::new(CompactionState::default()),
            memory: Mutex::new(Memory::default()),
            started: AtomicBool::new(false),
            thread: Mutex::new(None),
        }
    }

    /// Whether it is to be started, and was not.
    pub(crate) fn is_due(&self) -> bool {
        self.wanted && !self.started.load(Ordering::Acquire)
    }

    /// Starts the thread, which has a handle that does not keep the store open. Without one (the system has no more threads) it is
    /// as if it were switched off, and said so.
    pub(crate) fn start(&self, store: impl FnOnce() -> Store) {
        let mut thread = self.thread.lock();
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = store();
        self.state.lock().running = true;
        match thread::spawn("annals-compaction", move || serve(&store)) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => {
                let mut state = self.state.lock();
                state.running = false;
                state.note_failure(&error);
            }
        }
    }

    /// Ends the thread, which the core has told to. Nobody starts it any more.
    pub(crate) fn end(&self) {
        let thread = {
            let mut thread = self.thread.lock();
            self.started.store(true, Ordering::Release);
            thread.take()
        };
        self.control.wake();
        if planted(Bug::CompactedAfterClose) {
            return;
        }
        if let Some(thread) = thread {
            // One that panicked has left files that are in no manifest.
            let _ = thread.join();
        }
    }

    fn note(&self, done: &Result<Outcome, CompactError>) {
        let mut state = self.state.lock();
        state.looks += 1;
        match done {
            Ok(outcome) => {
                state.guards.clone_from(&outcome.guards);
                state.note_done(&outcome.report);
                match &outcome.unreadable {
                    Some(error) => state.note_failure(error),
                    None => state.note_success(),
                }
            }
            Err(error) => state.note_failure(error),
        }
    }
}

impl Store {
    /// What is known of the compaction of the store in the background: what it has done, and why it cannot.
    #[must_use]
    pub fn compaction_state(&self) -> CompactionState {
        self.shared().compactor.state.lock().clone()
    }

    /// The handle by which the compaction of the store in the background is watched, paused and stopped. Once stopped, it is not started
    /// before the store is opened again.
    #[must_use]
    pub fn compaction_control(&self) -> CompactionControl {
        self.shared().compactor.control.clone()
    }

    /// Does on the caller's thread, at the same pace, what is done in the background now and then: looks whether so much may go that it
    /// is worth it, and removes some of that. For stores without [`Options::background`](crate::Options::background), and for who
    /// knows when it disturbs nobody.
    ///
    /// # Errors
    /// As [`CompactError`] says.
    pub fn compact_if_worth(&self) -> Result<CompactionReport, CompactError> {
        if !self.is_writable() {
            return Err(CompactError::ReadOnly);
        }
        let Some(_turn) = self.shared().turns.ask() else { return Err(CompactError::Busy) };
        let done = round(self, &CompactionControl::new(), false);
        self.shared().compactor.note(&done);
        done.map(|outcome| outcome.report)
    }
}

fn round(store: &Store, control: &CompactionControl, gives_way: bool) -> Result<Outcome, CompactError> {
    let core = store.shared();
    let options = &core.compactor.options;
    let plan = plan_options(core.segment_bytes, options.rewrite_from);
    let pace = Pace::new(options.bytes_per_second).working(options.busy.parts());
    let asked = Job::asked(store, &plan, options.bytes_per_second, control);
    let job = Job { pace, gives_way, ..asked };
    Round { job, options }.run(&mut core.compactor.memory.lock())
}

/// What the thread does until the store is closed.
fn serve(store: &Store) {
    let core = store.shared();
    let worker = &core.compactor;
    let _running = Running(&worker.state);
    let (mut wait, mut seen) = (worker.options.every, None);
    while sleep(core, wait, seen) {
        seen = Some(Seen::now(core));
        let Some(turn) = core.turns.take() else {
            // It is being compacted as we look.
            wait = worker.options.every;
            continue;
        };
        let done = round(store, &worker.control, true);
        drop(turn);
        let ended = !core.may_go_on();
        if !ended || done.is_ok() {
            worker.note(&done);
        }
        wait = worker.next_wait(wait, &done);
    }
}

/// Tells that the thread has ended, also if it panics.
struct Running<'w>(&'w Mutex<CompactionState>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running = false;
    }
}

/// Waits for the time of the next look, which is earlier if there is something that was not seen; `false` if it is to end.
fn sleep(core: &Core, wait: Duration, seen: Option<Seen>) -> bool {
    let control = &core.compactor.control;
    let deadline = Deadline::after(wait);
    loop {
        let left = deadline.left();
        control.rest(left.min(core.compactor.options.every), &|| is_open(core));
        if !control.may_go_on(&|| is_open(core)) {
            return false;
        }
        if left <= core.compactor.options.every || seen != Some(Seen::now(core)) {
            return true;
        }
    }
}

/// Whether the store is not closed.
pub(super) fn is_open(core: &Core) -> bool {
    core.may_go_on() || planted(Bug::CompactedAfterClose)
}

impl Worker {
    fn next_wait(&self, before: Duration, done: &Result<Outcome, CompactError>) -> Duration {
        let every = self.options.every;
        match done {
            Ok(outcome) if outcome.report.events_removed > 0 => every.min(SOON),
            Ok(outcome) if outcome.report.stopped || !outcome.whole => every,
            _ => {
                let longest = every.saturating_mul(SELDOM);
                if before >= longest {
                    self.memory.lock().estimates.believe_again();
                }
                let looked = done.as_ref().map_or(Duration::ZERO, |outcome| outcome.spent);
                before.max(every).saturating_mul(2).min(longest).max(looked.saturating_mul(LOOKING_SHARE))
            }
        }
    }
}

impl Seen {
    fn now(core: &Core) -> Self {
        let parts = core.parts.load_full();
        let last_segment = parts.segments.last().map_or(0, |segment| segment.id());
        let (rules, guards) = (core.retention.version(), core.guards.version());
        Seen { segments: parts.segments.len(), last_segment, rules, guards }
    }
}
