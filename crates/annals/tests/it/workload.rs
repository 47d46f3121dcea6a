//! A workload whose events say which batch they are of, and what must be left of it after a crash.

use crate::common::{Dice, events_of};
use annals::vfs::{Fate, Unsynced};
use annals::{AppendError, Batch, Event, NewEvent, Query, Store, Version};

/// What a caller was told of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is there.
    Acknowledged,
    /// It may be there.
    Unknown,
    /// It is not there.
    Refused,
}

/// The batches that were submitted, in order, and what was told of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    seed: u64,
    pub(crate) told: Vec<Told>,
}

const STREAMS: usize = 4;

impl Account {
    pub(crate) fn new(seed: u64) -> Self {
        Account { seed, told: Vec::new() }
    }

    /// The number of the next batch.
    pub(crate) fn next(&self) -> usize {
        self.told.len()
    }

    /// Batch `number` of this workload: 1 to 5 events of several streams, now and then one longer than a segment.
    pub(crate) fn batch(&self, number: usize) -> Vec<(String, String, Vec<u8>)> {
        let mut dice = Dice::new(self.seed ^ (number as u64) << 32);
        let events = 1 + dice.below(5);
        let large = dice.one_in(12);
        (0..events)
            .map(|index| {
                let stream = format!("s-{}", dice.below(STREAMS));
                let bytes = if large && index == 0 { 17_000 } else { dice.below(900) };
                (stream, format!("{number}:{index}:{events}"), vec![number as u8; bytes])
            })
            .collect()
    }

    pub(crate) fn submit(&mut self, store: &Store) -> Result<(), AppendError> {
        let result = self.try_submit(store);
        self.told.push(told(&result));
        result
    }

    fn try_submit(&self, store: &Store) -> Result<(), AppendError> {
        let mut batch = Batch::new();
        for (stream, event_type, data) in self.batch(self.next()) {
            batch.push(&stream, &NewEvent::new(event_type, data))?;
        }
        store.append_batch(batch).map(|_| ())
    }

    /// Checks that what the store has is what was told, each batch whole and in order, and that every way to read
    /// it says the same. Afterwards nothing is unknown.
    pub(crate) fn settle(&mut self, store: &Store, context: &str) {
        let events = events_of(store);
        let mut rest = &events[..];
        for number in 0..self.told.len() {
            let batch = self.batch(number);
            let here =
                rest.len() >= batch.len() && batch.iter().zip(rest).all(|(wanted, event)| is(wanted, event));
            match (self.told[number], here) {
                (Told::Acknowledged, false) => {
                    panic!(
                        "{context}: batch {number} was acknowledged and is lost; next is {:?}",
                        rest.first()
                    )
                }
                (Told::Refused, true) => panic!("{context}: batch {number} was refused and is there"),
                (_, true) => {
                    rest = &rest[batch.len()..];
                    self.told[number] = Told::Acknowledged;
                }
                (_, false) => self.told[number] = Told::Refused,
            }
        }
        assert!(rest.is_empty(), "{context}: {:?} was never submitted so", rest[0]);
        check_reads(store, &events, context);
    }
}

pub(crate) fn told<T>(result: &Result<T, AppendError>) -> Told {
    match result {
        Ok(_) => Told::Acknowledged,
        Err(AppendError::DurabilityUnknown { .. }) => Told::Unknown,
        Err(AppendError::Poisoned | AppendError::Io { .. } | AppendError::Closed) => Told::Refused,
        Err(other) => panic!("{other:?}"),
    }
}

fn is((stream, event_type, data): &(String, String, Vec<u8>), event: &Event) -> bool {
    *stream == event.stream && *event_type == event.event_type && event.data() == Ok(data)
}

/// Positions and versions are dense, and streams read alone, backwards and by id are the same.
pub(crate) fn check_reads(store: &Store, events: &[Event], context: &str) {
    let view = store.view();
    assert_eq!(view.position().get(), events.len() as u64, "{context}");
    let mut recorded = annals::Timestamp::MIN;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.position.get(), index as u64 + 1, "{context}");
        assert!(event.recorded_at >= recorded, "{context}");
        recorded = event.recorded_at;
        assert_eq!(view.event(event.id).unwrap().unwrap().to_event(), *event, "{context}");
    }
    for stream in (0..STREAMS).map(|stream| format!("s-{stream}")) {
        let wanted: Vec<&Event> = events.iter().filter(|event| event.stream == stream).collect();
        let query = Query::stream(stream.as_str()).backwards();
        let mut read: Vec<_> = view.read(query).unwrap().map(|event| event.unwrap().to_event()).collect();
        read.reverse();
        assert!(read.iter().eq(wanted.iter().copied()), "{context}");
        assert!(
            wanted.iter().zip(1..).all(|(event, version)| event.version == Version::new(version)),
            "{context}"
        );
    }
}

/// What becomes of what was not synced; with rubbish, also zeros and rubbish in the place of bytes.
pub(crate) fn fates(seed: u64, rubbish: bool) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let mut dice = Dice::new(seed);
    move |operation| {
        let bytes = if let Unsynced::Write { bytes, .. } = operation { bytes.len() } else { 0 };
        match dice.below(if rubbish { 8 } else { 6 }) {
            0..=1 => Fate::Kept,
            2..=3 => Fate::Lost,
            4 => Fate::Torn { kept: dice.below(bytes / 512 + 1) * 512 },
            5 => Fate::Sectors { size: 512, kept: dice.number() },
            6 => Fate::Zeros,
            _ => Fate::Garbage,
        }
    }
}
