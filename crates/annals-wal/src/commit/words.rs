//! What those who wait for an outcome sleep on.

use annals_vfs::sync::Futex;
use annals_vfs::sync::atomic::{AtomicU32, Ordering};

/// More than groups are waited for at once, as a rule: those under way and the one in the queue. Where many groups that need no
/// sync lie behind one that does, two may meet on a word. Then some are woken for nothing, and who is to lead may be woken only
/// when the older group lands.
const WORDS: usize = 8;
const _: () = assert!(WORDS > super::air::LANES + 2);

/// A word for each group that can be waited for: all who wait for one group are woken by one call to the system, and nobody
/// else is. Waking dozens of threads one by one takes longer than a sync, and waking those of the next group for nothing
/// costs them two changes of thread.
#[derive(Debug)]
pub(super) struct Words([Word; WORDS]);

/// Changes whenever those who sleep on it have something to look at.
#[derive(Debug)]
pub(super) struct Word {
    epoch: Futex,
    sleepers: AtomicU32,
}

impl Words {
    pub(super) fn new() -> Self {
        Words(std::array::from_fn(|_| Word::new()))
    }

    /// The word of a group, by the group's number.
    pub(super) fn of(&self, group: u64) -> &Word {
        &self.0[usize::try_from(group % WORDS as u64).unwrap_or(0)]
    }
}

impl Word {
    pub(super) fn new() -> Self {
        Word { epoch: Futex::new(0), sleepers: AtomicU32::new(0) }
    }

    /// Sleeps until the word changes, unless `look`, which is asked first, says that there is no need to. What changed before
    /// the word did is seen by `look`, or the word is seen to have changed.
    pub(super) fn sleep_unless(&self, look: impl FnOnce() -> bool) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let seen = self.epoch.load(Ordering::SeqCst);
        if !look() {
            self.epoch.wait(seen);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn wake_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.epoch.wake_all();
        }
    }

    pub(super) fn wake_one(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.epoch.wake_one();
        }
    }
}
