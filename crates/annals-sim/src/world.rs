//! A store's surroundings, which a seed decides: disk in memory, clock that stands, randomness that repeats.

use annals::vfs::{Disk, Env, ManualClock, MemoryDisk, SeededRandom};
use annals::{CompactionOptions, OpenError, Options, Share, Store, Timestamp};
use std::sync::Arc;

/// What the clock shows at first, in nanoseconds.
pub const START: i64 = 1_700_000_000_000_000_000;

/// The memory of a store's index, unless said otherwise: as for a large store there is room for all that the suites write, and
/// it does not take a tenth of their time to fill the cache of heads with zeros at each opening (2026-11-30).
const INDEX_MEMORY: u64 = 8 << 20;

/// The surroundings of a store; they outlive it.
#[derive(Clone, Debug)]
pub struct World {
    /// The disk. A crash gives another one.
    pub disk: MemoryDisk,
    /// The clock, which stands still until it is set.
    pub clock: Arc<ManualClock>,
    random: Arc<SeededRandom>,
    segment_bytes: u64,
    ids: bool,
    index_memory: u64,
}

impl World {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64, segment_bytes: u64) -> Self {
        World::on(MemoryDisk::new(), seed, segment_bytes)
    }

    /// What is on this disk; a new store gets segments of so many bytes.
    #[must_use]
    pub fn on(disk: MemoryDisk, seed: u64, segment_bytes: u64) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_nanos(START)));
        World {
            disk,
            clock,
            random: Arc::new(SeededRandom::new(seed)),
            segment_bytes,
            ids: true,
            index_memory: INDEX_MEMORY,
        }
    }

    /// A new store does not look up ids that producers gave.
    #[must_use]
    pub fn without_ids(self) -> Self {
        World { ids: false, ..self }
    }

    /// The index of a store takes at most so many bytes of memory.
    #[must_use]
    pub fn with_index_memory(self, bytes: u64) -> Self {
        World { index_memory: bytes, ..self }
    }

    /// The same surroundings with what a crash has left of the disk.
    #[must_use]
    pub fn after(&self, disk: MemoryDisk) -> Self {
        World { disk, ..self.clone() }
    }

    /// Disk, clock and randomness over another disk, such as one that fails.
    #[must_use]
    pub fn env_over(&self, disk: Arc<dyn Disk>) -> Env {
        Env { disk, clock: self.clock.clone(), random: self.random.clone() }
    }

    /// How stores are opened here: without a thread of their own, so that every run is the same.
    #[must_use]
    pub fn options_over(&self, disk: Arc<dyn Disk>) -> Options {
        let options = Options::new().env(self.env_over(disk)).segment_bytes(self.segment_bytes);
        // Without rests, where it is asked for.
        let always = Share::of_1000(1000).unwrap_or(Share::QUARTER);
        let compaction = CompactionOptions::new().bytes_per_second(None).busy(always);
        options.index_ids(self.ids).background(false).index_memory(self.index_memory).compaction(compaction)
    }

    /// The same on the world's own disk.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options_over(Arc::new(self.disk.clone()))
    }

    /// Opens the store, and makes it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(&self) -> Result<Store, OpenError> {
        self.options().open("simulated")
    }
}
