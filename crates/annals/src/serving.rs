//! Threads that write for callers who do not wait.

use crate::committer::Committer;
use annals_vfs::sync::Mutex;
use annals_vfs::sync::atomic::{AtomicBool, Ordering};
use annals_vfs::sync::thread::{self, JoinHandle};
use annals_wal::{CommitQueue, LANES};
use std::sync::Arc;

/// Started with the first batch that is submitted, so that a store without any has no more threads than it needs. There are
/// as many as syncs may be under way: one forms the next group while another one waits for the disk.
#[derive(Debug)]
pub(crate) struct Serving {
    /// Whether there are to be any.
    wanted: bool,
    started: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Serving {
    pub(crate) fn new(wanted: bool) -> Self {
        Serving { wanted, started: AtomicBool::new(false), threads: Mutex::new(Vec::new()) }
    }

    /// Starts the threads, if that was not done. Without them (the system has no more), who waits for an answer writes.
    pub(crate) fn start(&self, queue: &Arc<CommitQueue<Committer>>) {
        if !self.wanted || self.started.load(Ordering::Acquire) {
            return;
        }
        let mut threads = self.threads.lock();
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        for _ in 0..LANES {
            if !queue.begin_serving() {
                return;
            }
            let served = Arc::clone(queue);
            match thread::spawn("annals-writer", move || served.serve()) {
                Ok(handle) => threads.push(handle),
                Err(_) => return queue.give_up_serving(),
            }
        }
    }

    /// Has everything written that was submitted, and ends the threads.
    pub(crate) fn end(&self, queue: &CommitQueue<Committer>) {
        queue.end_serving();
        let threads = std::mem::take(&mut *self.threads.lock());
        // A waker may let go of the last handle of the store, on one of these threads: that one ends when it returns from it.
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != thread::own_id()) {
            // One that panicked has left its group abandoned, and the writer poisoned.
            let _ = thread.join();
        }
    }
}
