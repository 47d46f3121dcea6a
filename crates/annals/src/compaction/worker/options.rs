//! How a store is compacted in the background.

use annals_compaction::Share;
use std::time::Duration;

/// Bytes that are read and written in a second, unless told otherwise.
const BYTES_PER_SECOND: u64 = 16 << 20;
/// How often it is looked whether there is something to do, unless told otherwise.
const EVERY: Duration = Duration::from_secs(10);

/// How a store is compacted in the background: for [`Options::compaction`](crate::Options::compaction).
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("store");
/// use annals::{CompactionOptions, Store};
/// use std::time::Duration;
/// let quietly = CompactionOptions::new().bytes_per_second(Some(4 << 20)).every(Duration::from_secs(60));
/// let store = Store::options().compaction(quietly).open(&path)?;
/// assert!(store.compaction_state().failure.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactionOptions {
    pub(super) on: bool,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) every: Duration,
    pub(super) busy: Share,
    pub(super) rewrite_from: Share,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl CompactionOptions {
    /// In the background, at a rate that leaves writers theirs.
    #[must_use]
    pub fn new() -> Self {
        CompactionOptions {
            on: true,
            bytes_per_second: Some(BYTES_PER_SECOND),
            every: EVERY,
            busy: Share::QUARTER,
            rewrite_from: Share::EIGHTH,
        }
    }

    /// Not at all: the store is compacted when it is asked for, by [`Store::compaction`](crate::Store::compaction) or
    /// [`Store::compact_if_worth`](crate::Store::compact_if_worth).
    #[must_use]
    pub fn off() -> Self {
        CompactionOptions { on: false, ..Self::new() }
    }

    /// How much is read and written in a second at most; `None` for as fast as possible. Default: 16 MiB.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: Option<u64>) -> Self {
        self.bytes_per_second = bytes;
        self
    }

    /// How often it is looked whether there is something to do. As long as nothing was, it is done less and less often, down to a
    /// 64th of it. Default: every 10 seconds.
    #[must_use]
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// How much of the time it works at most, on one processor; it rests in between. Default: a quarter.
    #[must_use]
    pub fn busy(mut self, share: Share) -> Self {
        self.busy = share;
        self
    }

    /// A segment is written anew if at least this share of its bytes goes. Default: an eighth, so that at most
    /// eight bytes are read, and seven written, for each one that goes.
    #[must_use]
    pub fn rewrite_from(mut self, share: Share) -> Self {
        self.rewrite_from = share;
        self
    }
}
