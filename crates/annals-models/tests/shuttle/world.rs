//! A store on a disk at whose calls threads change places, and what must hold of it whatever they do.

use annals::vfs::{Env, ManualClock, MemoryDisk, SeededRandom, Survival};
use annals::{AppendError, Batch, Event, Expected, NewEvent, Options, Query, Store, Timestamp, View};
use annals_models::ScheduledDisk;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The smallest there are.
const SEGMENT_BYTES: u64 = 16 << 10;
/// Two events of this size fill a segment.
const LARGE: usize = 6_000;
/// Each event of this size fills one.
const HUGE: usize = 12_000;
/// The worker has nothing to do because of an event of this size.
const SMALL: usize = 100;

/// The surroundings of one store, and what its appends were told. The lock is held for moments in which no thread of a
/// model is stopped, so it is not part of the model.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) disk: MemoryDisk,
    event_bytes: usize,
    acknowledged: Arc<Mutex<Vec<Told>>>,
}

/// An append that was acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) position: u64,
    pub(crate) stream: String,
    pub(crate) version: u64,
    pub(crate) mark: [u8; 2],
}

impl World {
    /// Of large events.
    pub(crate) fn new() -> Self {
        World { disk: MemoryDisk::new(), event_bytes: LARGE, acknowledged: Arc::default() }
    }

    /// Of events that fill a segment each.
    pub(crate) fn of_huge_events() -> Self {
        World { event_bytes: HUGE, ..World::new() }
    }

    /// Of small events.
    pub(crate) fn of_small_events() -> Self {
        World { event_bytes: SMALL, ..World::new() }
    }

    fn env(disk: Arc<dyn annals::vfs::Disk>) -> Env {
        let clock = ManualClock::new(Timestamp::from_nanos(1_700_000_000_000_000_000));
        Env { disk, clock: Arc::new(clock), random: Arc::new(SeededRandom::new(1)) }
    }

    /// For threads: with a worker, and a change of places at each call of the disk.
    pub(crate) fn options(&self) -> Options {
        Options::new().env(World::env(ScheduledDisk::over(self.disk.clone()))).segment_bytes(SEGMENT_BYTES)
    }

    pub(crate) fn open(&self) -> Store {
        self.options().open("memory").unwrap()
    }

    /// Without a worker, and without a change of places.
    pub(crate) fn open_alone(&self) -> Store {
        let options = Options::new().env(World::env(Arc::new(self.disk.clone())));
        options.segment_bytes(SEGMENT_BYTES).background(false).open("memory").unwrap()
    }

    /// Appends one event that can be told by its mark, and keeps what was acknowledged.
    pub(crate) fn append(
        &self,
        store: &Store,
        stream: &str,
        expected: Expected,
        mark: [u8; 2],
    ) -> Result<Told, AppendError> {
        let mut data = mark.to_vec();
        data.resize(self.event_bytes, mark[1]);
        let appended = store.append(stream, expected, &[NewEvent::new("t", data)])?;
        let told = Told {
            position: appended.first_position.get(),
            stream: stream.to_owned(),
            version: appended.streams[0].first_version.get(),
            mark,
        };
        assert!(store.last_position() >= appended.last_position, "acknowledged and not visible");
        self.acknowledged.lock().unwrap().push(told.clone());
        Ok(told)
    }

    /// Adds one event that can be told by its mark.
    pub(crate) fn push(&self, batch: &mut Batch, stream: &str, mark: [u8; 2]) {
        let mut data = mark.to_vec();
        data.resize(self.event_bytes, mark[1]);
        batch.push(stream, &NewEvent::new("t", data)).unwrap();
    }

    /// Keeps what was acknowledged.
    pub(crate) fn acknowledge(&self, told: Told) {
        self.acknowledged.lock().unwrap().push(told);
    }

    /// Everything acknowledged so far.
    pub(crate) fn acknowledged(&self) -> Vec<Told> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// What a loss of power in this moment would leave, and what has to be in it.
    pub(crate) fn lose_power(&self) -> Wreck {
        // Nobody comes between the two.
        Wreck { acknowledged: self.acknowledged(), disk: self.disk.crash(Survival::Synced) }
    }
}

/// What is left of a store.
pub(crate) struct Wreck {
    acknowledged: Vec<Told>,
    disk: MemoryDisk,
}

impl Wreck {
    /// Opens it, and has what was acknowledged looked for.
    pub(crate) fn open(self, look: impl FnOnce(&Store, &[Told])) {
        let options = Options::new().env(World::env(Arc::new(self.disk))).background(false);
        look(&options.open("memory").unwrap(), &self.acknowledged);
    }

    /// Opens it, and finds everything there that was acknowledged. Returns the events, and whether the store was closed
    /// in good order.
    pub(crate) fn check(self) -> (Vec<Event>, bool) {
        let options = Options::new().env(World::env(Arc::new(self.disk))).background(false);
        let store = options.open("memory").unwrap();
        let events = look(&store.view());
        for told in &self.acknowledged {
            assert!(is_there(&events, told), "acknowledged and lost: {told:?}");
        }
        (events, store.recovery().clean)
    }
}

pub(crate) fn is_there(events: &[Event], told: &Told) -> bool {
    let found = usize::try_from(told.position - 1).ok().and_then(|index| events.get(index));
    found.is_some_and(|event| {
        event.stream == told.stream
            && event.version.get() == told.version
            && event.data().unwrap()[..2] == told.mark
    })
}

/// Everything a view shows, found on every way there is, dense and whole.
pub(crate) fn look(view: &View) -> Vec<Event> {
    let events: Vec<Event> =
        view.read(Query::all()).unwrap().map(|event| event.unwrap().to_event()).collect();
    assert_eq!(events.len() as u64, view.position().get(), "not what its position says");
    let mut streams: BTreeMap<&str, u64> = BTreeMap::new();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event.position.get(), position);
        let version = streams.entry(&event.stream).or_default();
        *version += 1;
        assert_eq!(event.version.get(), *version);
        let data = event.data().unwrap();
        assert!([SMALL, LARGE, HUGE].contains(&data.len()) && data[2..].iter().all(|byte| *byte == data[1]));
    }
    for (stream, count) in streams {
        assert_eq!(view.stream(stream).unwrap().unwrap().events, count);
        let versions = view.read(Query::stream(stream).backwards()).unwrap();
        assert!(versions.map(|event| event.unwrap().version.get()).eq((1..=count).rev()), "{stream}");
    }
    events
}
