//! A world that a seed decides: disk in memory, clock that stands, randomness that repeats.

use annals::vfs::{Disk, Env, ManualClock, MemoryDisk, SeededRandom};
use annals::{Event, OpenError, Options, Query, Store, Timestamp, verify};
use std::path::Path;
use std::sync::Arc;

pub(crate) const SEGMENT_BYTES: u64 = 16 << 10;
pub(crate) const START: i64 = 1_700_000_000_000_000_000;

/// A store's surroundings; outlives the store.
pub(crate) struct World {
    disk: MemoryDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) random: Arc<SeededRandom>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        World::on(MemoryDisk::new(), seed)
    }

    pub(crate) fn on(disk: MemoryDisk, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_nanos(START)));
        World { disk, clock, random: Arc::new(SeededRandom::new(seed)) }
    }

    pub(crate) fn disk(&self) -> MemoryDisk {
        self.disk.clone()
    }

    /// Small segments, no thread of the store's own.
    pub(crate) fn options(&self) -> Options {
        self.options_over(Arc::new(self.disk()))
    }

    /// The same over another disk, such as one that fails.
    pub(crate) fn options_over(&self, disk: Arc<dyn Disk>) -> Options {
        let env = Env { disk, clock: self.clock.clone(), random: self.random.clone() };
        Options::new().env(env).segment_bytes(SEGMENT_BYTES).background(false)
    }

    pub(crate) fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Store, OpenError> {
        self.options().open("memory")
    }

    /// Flips one bit of a file.
    pub(crate) fn flip(&self, path: &str, offset: usize, bit: u32) {
        let mut bytes = self.disk().image().remove(path).unwrap();
        bytes[offset] ^= 1 << (bit % 8);
        self.disk().set_content(path, bytes).unwrap();
    }

    /// The files whose path begins so.
    pub(crate) fn files(&self, prefix: &str) -> Vec<String> {
        self.disk().image().into_keys().filter(|path| path.starts_with(prefix)).collect()
    }
}

pub(crate) fn events_of(store: &Store) -> Vec<Event> {
    store.view().read(Query::all()).unwrap().map(|event| event.unwrap().to_event()).collect()
}

/// Writes a disk's files to a directory and verifies them there: what is wrong, in words.
pub(crate) fn verified(disk: &MemoryDisk) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    write_out(disk, directory.path());
    let found = verify(directory.path(), &mut |_| {}).unwrap();
    found.findings.into_iter().map(|finding| format!("{}: {}", finding.file, finding.what)).collect()
}

pub(crate) fn write_out(disk: &MemoryDisk, directory: &Path) {
    for (path, bytes) in disk.image() {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Numbers that a seed decides (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}
