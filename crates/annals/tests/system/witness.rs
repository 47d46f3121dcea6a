//! What a writing process was told, and whether a store has it.
//!
//! Every thread of the writer has a stream of its own. Its events are numbered in their data, and a batch says how
//! many it has, so that a reader can tell whole batches from halves, and what is missing from what never was.

use annals::{Batch, EventRef, NewEvent, Query, Store, View};
use std::collections::BTreeMap;

/// The last batch that each thread was told to be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    acknowledged: BTreeMap<u64, u64>,
}

/// Batch `number` of a thread: 1 to 4 events, with data of a length that the number decides.
pub(crate) fn batch(thread: u64, number: u64) -> Batch {
    let mut batch = Batch::new();
    let events = events_of(thread, number);
    for index in 0..events {
        let data = data(thread, number, index).into_bytes();
        batch.push(&stream(thread), &NewEvent::new("t", data)).unwrap();
    }
    batch
}

fn stream(thread: u64) -> String {
    format!("thread-{thread}")
}

/// How many batches a thread has in a store: the number of its next one.
pub(crate) fn batches(view: &View, thread: u64) -> u64 {
    let last = view.read(Query::stream(stream(thread)).backwards().limit(1)).unwrap().next();
    last.map_or(0, |event| {
        let data = String::from_utf8(event.unwrap().data().unwrap().into_owned()).unwrap();
        data.split(' ').next().unwrap().parse::<u64>().unwrap() + 1
    })
}

impl Witness {
    /// Takes in a line `ACK thread batch`; others say nothing of batches.
    pub(crate) fn hear(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("ACK ") {
            let (thread, batch) = rest.split_once(' ').unwrap();
            let (thread, batch): (u64, u64) = (thread.parse().unwrap(), batch.parse().unwrap());
            let before = self.acknowledged.insert(thread, batch);
            assert!(before.is_none_or(|before| before < batch), "{line} after {before:?}");
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.acknowledged.values().map(|last| last + 1).sum()
    }

    /// Checks that a store has what was acknowledged, in order, in whole batches, and nothing that was never
    /// submitted.
    pub(crate) fn check(&self, store: &Store) {
        self.check_found(&check_order(&store.view()));
    }

    /// The same of a store that has other events as well, of which some are gone.
    pub(crate) fn check_among_others(&self, store: &Store) {
        let view = store.view();
        let mut found = BTreeMap::new();
        for info in view.streams("thread-") {
            let mut walk = Walk::default();
            for event in view.read(Query::stream(info.unwrap().stream)).unwrap() {
                walk.pass(&event.unwrap());
            }
            found.extend(walk.end());
        }
        self.check_found(&found);
    }

    fn check_found(&self, found: &BTreeMap<u64, u64>) {
        for (thread, last) in &self.acknowledged {
            let next = found.get(thread).copied().unwrap_or(0);
            assert!(
                next > *last,
                "thread {thread} was told of batch {last}, and the next is {next}: {self:?}"
            );
        }
    }
}

/// Checks that each thread's batches are whole, in order and without a gap; gives the number of the next of each.
pub(crate) fn check_order(view: &View) -> BTreeMap<u64, u64> {
    let mut walk = Walk::default();
    let mut position = 0;
    for event in view.read(Query::all()).unwrap() {
        let event = event.unwrap();
        position += 1;
        assert_eq!(event.position.get(), position);
        walk.pass(&event);
    }
    assert_eq!(position, view.position().get());
    walk.end()
}

/// The batch of each thread that comes next, and how much of it was there.
#[derive(Default)]
struct Walk(BTreeMap<u64, (u64, u64)>);

impl Walk {
    fn pass(&mut self, event: &EventRef<'_>) {
        let thread: u64 = event.stream.strip_prefix("thread-").unwrap().parse().unwrap();
        let (batch, index) = self.0.entry(thread).or_default();
        let wanted = data(thread, *batch, *index);
        assert_eq!(event.data().unwrap(), wanted.as_bytes(), "at {}", event.position);
        *index += 1;
        if *index == events_of(thread, *batch) {
            (*batch, *index) = (*batch + 1, 0);
        }
    }

    fn end(self) -> BTreeMap<u64, u64> {
        for (thread, (batch, index)) in &self.0 {
            assert_eq!(*index, 0, "half of batch {batch} of thread {thread} is there");
        }
        self.0.into_iter().map(|(thread, (batch, _))| (thread, batch)).collect()
    }
}

fn events_of(thread: u64, number: u64) -> u64 {
    1 + (number * 7 + thread) % 4
}

fn data(thread: u64, number: u64, index: u64) -> String {
    let filling = "x".repeat((number as usize * 131 + index as usize * 53) % 700);
    format!("{number} {index} {} {filling}", events_of(thread, number))
}

/// Numbers that a seed decides (`SplitMix64`). If a test fails, the seed is told.
pub(crate) struct Moments {
    seed: u64,
    state: u64,
}

/// The environment variable that gives the seed of an earlier run.
const SEED: &str = "ANNALS_TEST_SEED";

impl Moments {
    pub(crate) fn of_test(test: &str) -> Self {
        use std::hash::{BuildHasher, RandomState};
        let seed = std::env::var(SEED)
            .map_or_else(|_| RandomState::new().hash_one(test), |seed| seed.parse().unwrap());
        let state = test.bytes().fold(seed, |state, byte| state.rotate_left(8) ^ u64::from(byte));
        Moments { seed, state }
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % limit
    }
}

impl Drop for Moments {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the moments of this run came from {SEED}={}", self.seed);
        }
    }
}
