//! Sequences of operations on a store, against a plain model of what it must answer.

use super::input::Feed;
use crate::world::World;
use annals::vfs::Survival;
use annals::{AppendError, Expected, NewEvent, Position, Query, Store, Uuid, Version};
use std::collections::BTreeMap;

const SEGMENT_BYTES: u64 = 16 << 10;
const STREAMS: [&str; 4] = ["a", "a-1", "b-1", "b-2"];
/// Most operations of one input.
const OPERATIONS_MAX: usize = 200;

/// Operations on a store, one after the other.
///
/// # Panics
/// If the store does not answer as the model.
pub fn store(input: &[u8]) {
    run(&mut Feed::new(input));
}

/// Runs the operations that a feed of bytes decides.
fn run(feed: &mut Feed<'_>) {
    let mut run = Run::new();
    for _ in 0..OPERATIONS_MAX {
        if feed.is_empty() {
            break;
        }
        run.operation(feed);
    }
    run.check_all();
}

/// One event of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    stream: &'static str,
    version: u64,
    data: Vec<u8>,
}

/// What was acknowledged.
#[derive(Debug, Default)]
struct Model {
    events: Vec<Known>,
    versions: BTreeMap<&'static str, u64>,
}

impl Model {
    fn version(&self, stream: &str) -> Version {
        Version::new(self.versions.get(stream).copied().unwrap_or(0))
    }

    fn append(&mut self, stream: &'static str, data: Vec<u8>) {
        let version = self.versions.entry(stream).or_default();
        *version += 1;
        self.events.push(Known { stream, version: *version, data });
    }
}

struct Run {
    world: World,
    store: Store,
    model: Model,
    /// Makes the data of every event different.
    number: u64,
}

impl Run {
    fn new() -> Self {
        let world = World::new(11, SEGMENT_BYTES);
        let store = world.open().expect("an empty disk takes a store");
        Run { world, store, model: Model::default(), number: 0 }
    }

    fn operation(&mut self, feed: &mut Feed<'_>) {
        match feed.byte() % 16 {
            0..=7 => self.append(feed),
            8 => self.store.maintain().expect("nothing fails on a disk in memory"),
            9 => self.check_all(),
            10 => self.check_part(feed),
            11 => self.reopen(),
            12 => self.restart(Survival::All),
            13 => self.restart(Survival::Synced),
            14 => self.store.sync().expect("nothing fails on a disk in memory"),
            _ => self.check_read_only(),
        }
    }

    /// Appends one to eight events of up to two kilobytes in all; sometimes what was appended is appended again.
    fn append(&mut self, feed: &mut Feed<'_>) {
        let stream = STREAMS[usize::from(feed.byte()) % STREAMS.len()];
        let shape = feed.byte();
        let (count, length) = (1 + usize::from(shape % 8), usize::from(shape / 8) * 8);
        let actual = self.model.version(stream);
        let expected = match feed.byte() % 6 {
            0 | 1 => Expected::Any,
            2 => Expected::NoStream,
            3 => Expected::StreamExists,
            4 => Expected::Exact(actual),
            _ => Expected::Exact(Version::new(feed.byte().into())),
        };
        let data: Vec<Vec<u8>> = (0..count).map(|_| self.data(length)).collect();
        let with_ids = feed.byte().is_multiple_of(2);
        let event = |data: &Vec<u8>| {
            let event = NewEvent::new("kept", data.clone());
            let number = data.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
            if with_ids { event.with_id(Uuid::from_u128(number.into())) } else { event }
        };
        let events: Vec<NewEvent<'_>> = data.iter().map(event).collect();
        let first = Position::new(self.model.events.len() as u64 + 1);
        match self.store.append(stream, expected, &events) {
            Ok(appended) => {
                assert!(expected.holds_at(actual), "{expected:?} does not hold at {actual}");
                assert_eq!((appended.first_position, appended.already_applied), (first, false));
                data.iter().for_each(|data| self.model.append(stream, data.clone()));
                if with_ids {
                    let again = self.store.append(stream, expected, &events).expect("it was appended before");
                    assert!(again.already_applied && again.first_position == first);
                }
            }
            Err(AppendError::Conflict(conflict)) => {
                assert!(!expected.holds_at(actual), "{expected:?} holds at {actual}");
                assert_eq!(conflict.actual, actual);
            }
            Err(error) => panic!("nothing fails on a disk in memory: {error}"),
        }
    }

    fn data(&mut self, length: usize) -> Vec<u8> {
        self.number += 1;
        [&self.number.to_le_bytes()[..], &vec![0x20; length]].concat()
    }

    fn reopen(&mut self) {
        self.store.clone().close().expect("nothing fails on a disk in memory");
        self.store = self.world.open().expect("what was closed can be opened");
        assert!(self.store.recovery().clean);
        self.check_all();
    }

    /// The process is killed, and perhaps the power goes; the store is opened on what is left.
    fn restart(&mut self, survival: Survival<'_>) {
        self.world = self.world.after(self.world.disk.crash(survival));
        self.store = self.world.open().expect("what a crash leaves can be opened");
        self.check_all();
    }

    fn check_all(&self) {
        check_events(&self.store, &self.model);
        for stream in STREAMS {
            let view = self.store.view();
            let info = view.stream(stream).expect("nothing is damaged");
            assert_eq!(info.map_or(Version::ZERO, |info| info.last_version), self.model.version(stream));
            let events = view.read(Query::stream(stream).backwards()).expect("nothing is damaged");
            let versions = events.map(|event| event.expect("nothing is damaged").version.get());
            assert!(versions.eq((1..=self.model.version(stream).get()).rev()));
        }
    }

    /// Some events of one stream, from somewhere on.
    fn check_part(&self, feed: &mut Feed<'_>) {
        let stream = STREAMS[usize::from(feed.byte()) % STREAMS.len()];
        let (from, limit) = (feed.number(2), feed.byte());
        let query = Query::stream(stream).from_version(Version::new(from)).limit(limit.into());
        let view = self.store.view();
        let read = view.read(query).expect("nothing is damaged");
        let read: Vec<Vec<u8>> = read.map(|event| event.expect("nothing is damaged").data.to_vec()).collect();
        let known = self.model.events.iter().filter(|known| known.stream == stream && known.version >= from);
        assert!(read.iter().eq(known.take(limit.into()).map(|known| &known.data)));
    }

    /// Another process that only reads sees what is durable, which is all of it.
    fn check_read_only(&self) {
        let store = self.world.options().read_only(true).open("simulated").expect("there is a store");
        let seen = usize::try_from(store.last_position().get()).expect("a few events");
        assert!(seen <= self.model.events.len());
    }
}

fn check_events(store: &Store, model: &Model) {
    let view = store.view();
    let mut known = model.events.iter();
    for event in view.read(Query::all()).expect("nothing is damaged") {
        let event = event.expect("nothing is damaged");
        let known = known.next().expect("an event that was never appended");
        assert_eq!((event.stream, event.version.get()), (known.stream, known.version));
        assert_eq!(event.data, known.data);
    }
    assert_eq!(known.next(), None, "an event is lost");
}

/// A few of each operation, in orders that make segments full and leave some to be sealed.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let append = |stream: u8, shape: u8, expected: u8| [0, stream, shape, expected, shape % 2];
    let many = |end: &[u8]| {
        let appends = (0..30u8).flat_map(|number| append(number, 0xFF - number % 8, number % 5));
        appends.chain(end.iter().copied()).collect::<Vec<u8>>()
    };
    vec![
        [append(0, 1, 2), append(1, 2, 4), append(0, 0, 5)].concat(),
        many(&[8, 9, 11, 9]),
        many(&[13, 0, 1, 7, 0, 12, 8, 15, 11]),
        many(&[11, 0, 2, 9, 4, 10, 0, 3, 0, 9, 14, 13]),
    ]
}
