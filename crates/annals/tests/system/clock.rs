//! Clocks that step while a store is written: order, content and what is durable do not depend on them.

use annals::vfs::{Clock, Env, ManualClock, MemoryDisk, SeededRandom, Survival};
use annals::{Event, Expected, NewEvent, Options, Query, Store, Timestamp};
use std::sync::Arc;

const START: i64 = 1_700_000_000_000_000_000;
const YEAR: i64 = 365 * 86_400 * 1_000_000_000;
const ROUNDS: i64 = 240;

/// A store in memory with the clock given.
fn open(disk: &MemoryDisk, clock: &Arc<ManualClock>) -> Store {
    let env = Env {
        disk: Arc::new(disk.clone()),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        random: Arc::new(SeededRandom::new(1)),
    };
    Options::new().env(env).segment_bytes(16 << 10).background(false).open("memory").unwrap()
}

/// What a clock shows in each round.
type Time = fn(i64) -> i64;

/// The same appends, rolls, seals, closes and crashes; only the clock is another one.
fn events_with(time: impl Fn(i64) -> i64) -> Vec<Event> {
    let mut disk = MemoryDisk::new();
    let clock = Arc::new(ManualClock::new(Timestamp::from_nanos(time(0))));
    let mut store = open(&disk, &clock);
    for round in 0..ROUNDS {
        clock.set(Timestamp::from_nanos(time(round)));
        let event = NewEvent::new("t", vec![round as u8; 1_100]).at(Timestamp::from_nanos(round));
        store.append(&format!("s-{}", round % 5), Expected::Any, &[event]).unwrap();
        if round % 7 == 6 {
            store.maintain().unwrap();
        }
        if round % 40 == 39 {
            store.close().unwrap();
            store = open(&disk, &clock);
        }
        if round % 40 == 20 {
            let left = disk.crash(Survival::Synced);
            drop(store);
            disk = left;
            store = open(&disk, &clock);
            assert_eq!(store.last_position().get(), round as u64 + 1);
        }
    }
    assert!(store.stats().unwrap().segments > 15);
    store.close().unwrap();
    let store = open(&disk, &clock);
    store.view().read(Query::all()).unwrap().map(|event| event.unwrap().to_event()).collect()
}

/// Without what the clock says: when it was recorded, and the id that is made of that.
fn without_clock(events: &[Event]) -> Vec<Event> {
    let clean =
        |event: &Event| Event { recorded_at: Timestamp::EPOCH, id: annals::Uuid::nil(), ..event.clone() };
    events.iter().map(clean).collect()
}

#[test]
fn whatever_the_clock_does_the_events_are_the_same_in_the_same_order() {
    let steady = events_with(|round| START + round * 1_000_000);
    assert_eq!(steady.len() as i64, ROUNDS);
    let clocks: [(&str, Time); 7] = [
        ("stands", |_| START),
        ("goes back a year in the middle", |round| START + round - if round > 100 { YEAR } else { 0 }),
        ("goes on a hundred years", |round| START + round + if round > 100 { 100 * YEAR } else { 0 }),
        ("goes on a hundred years and back", |round| {
            START + if round % 50 == 49 { 100 * YEAR } else { round }
        }),
        ("runs backwards", |round| START - round * 1_000_000_000),
        ("jumps between the ends", |round| if round % 2 == 0 { i64::MIN } else { i64::MAX }),
        ("stands at the beginning", |_| i64::MIN),
    ];
    for (name, time) in clocks {
        let events = events_with(time);
        assert!(events.is_sorted_by_key(|event| event.recorded_at), "the clock {name}");
        assert!(without_clock(&events) == without_clock(&steady), "the clock {name}");
        let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), events.len(), "the clock {name}");
    }
}
