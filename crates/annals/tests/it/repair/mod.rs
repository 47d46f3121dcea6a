//! Repair: what is sound is kept where it was, what is not is reported, and the original stays as it is.

mod assigned;
mod bad_pages;
mod compacted;
mod damage;
mod destination;
mod files;
mod flips;
mod lost;
mod plausible;
mod sparse_losses;
mod states;

use crate::common::{World, events_of};
use annals::vfs::{Env, ManualClock, MemoryDisk, SeededRandom};
use annals::{
    Batch, Event, Expected, NewEvent, OpenError, Position, Query, ReadError, RepairReport, Timestamp, Uuid,
    Version, repair_in, verify_in,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) type Image = BTreeMap<String, Vec<u8>>;

pub(crate) fn env_of(disk: &MemoryDisk, seed: u64) -> Env {
    let clock = ManualClock::new(Timestamp::from_nanos(1_800_000_000_000_000_000));
    Env { disk: Arc::new(disk.clone()), clock: Arc::new(clock), random: Arc::new(SeededRandom::new(seed)) }
}

/// The data of the event at a position: nothing else in the store looks like it.
pub(crate) fn data(position: u64) -> Vec<u8> {
    let length = 20 + (position as usize * 7919) % 900;
    format!("<{position}>").bytes().cycle().take(length).collect()
}

/// A store of `events` events in batches of one to three over five streams, a third of them with ids, closed in good
/// order. It has sealed segments with their runs, and an active one.
pub(crate) fn original(events: u64) -> (Image, Vec<Event>) {
    let world = World::new(7);
    let store = world.open();
    let mut position = 1;
    while position <= events {
        let mut batch = Batch::new();
        for _ in 0..(1 + position % 3).min(events + 1 - position) {
            let mut event = NewEvent::new(format!("type-{}", position % 4), data(position));
            if position % 3 == 0 {
                event = event.with_id(Uuid::from_u128(u128::from(position)));
            }
            batch.push(&format!("s-{}", position * position % 7), &event).unwrap();
            position += 1;
        }
        store.append_batch(batch).unwrap();
        world.clock.set(Timestamp::from_nanos(crate::common::START + position as i64 * 1_000_000));
        store.maintain().unwrap();
    }
    let events = events_of(&store);
    store.close().unwrap();
    (world.disk().image(), events)
}

/// Repairs an image into an empty disk. The image must stay as it is.
pub(crate) fn try_repair(image: &Image) -> Result<(RepairReport, MemoryDisk), OpenError> {
    let (from, to) = (MemoryDisk::from_image(image.clone()).unwrap(), MemoryDisk::new());
    let (mut done, mut total) = (0, 0);
    let repaired = repair_in(&env_of(&from, 1), &env_of(&to, 2), &mut |progress| {
        assert!(progress.bytes_done <= progress.bytes_total);
        assert!(progress.bytes_done >= done, "less than before");
        (done, total) = (progress.bytes_done, progress.bytes_total);
    });
    assert!(from.image() == *image, "the original was changed");
    assert!(repaired.is_err() || done == total, "{done} of {total} bytes done");
    repaired.map(|report| (report, to))
}

/// Repairs an image and checks all that must hold of any repair. Gives the positions that are lost.
pub(crate) fn repaired(image: &Image, wanted: &[Event]) -> (RepairReport, Image, Vec<u64>) {
    let (report, disk) = try_repair(image).unwrap();
    let lost = check(&report, &disk, wanted);
    (report, disk.image(), lost)
}

fn check(report: &RepairReport, disk: &MemoryDisk, wanted: &[Event]) -> Vec<u64> {
    let verified = verify_in(&env_of(disk, 3), &mut |_| {}).unwrap();
    assert_eq!((&verified.findings, verified.events), (&Vec::new(), report.events));
    assert!(!disk.image().contains_key("REPAIR"));
    let new = World::on(MemoryDisk::from_image(disk.image()).unwrap(), 4);
    let store = new.open();
    assert!(store.recovery().clean);
    let view = store.view();
    assert_eq!(view.position(), report.last_position);
    let mut lost = Vec::new();
    for position in 1..=report.last_position.get() {
        match view.event_at(Position::new(position)) {
            Ok(Some(event)) => assert_eq!(event.to_event(), wanted[position as usize - 1]),
            Err(ReadError::Lost { position: at }) if at.get() == position => lost.push(position),
            other => panic!("{position}: {other:?}"),
        }
    }
    let told: Vec<u64> = report.lost.iter().flat_map(|range| range.first.get()..=range.last.get()).collect();
    assert_eq!(report.lost_positions as usize, told.len());
    assert_eq!(report.lost_positions + report.lost_before, lost.len() as u64);
    assert!(told.iter().all(|position| lost.contains(position)));
    assert_eq!(report.events + lost.len() as u64, report.last_position.get());
    let stats = store.stats().unwrap();
    assert_eq!((stats.events, stats.lost), (report.events, lost.len() as u64));
    check_reads(&store, wanted, &lost);
    check_appends(&store);
    lost
}

/// Readers skip what is lost, in all directions and by all filters.
fn check_reads(store: &annals::Store, wanted: &[Event], lost: &[u64]) {
    let view = store.view();
    let kept: Vec<&Event> = wanted
        .iter()
        .filter(|event| event.position <= view.position() && !lost.contains(&event.position.get()))
        .collect();
    let read = |query: Query| -> Vec<Event> {
        view.read(query).unwrap().map(|event| event.unwrap().to_event()).collect()
    };
    assert!(read(Query::all()).iter().eq(kept.iter().copied()));
    assert!(read(Query::all().backwards()).iter().eq(kept.iter().rev().copied()));
    assert!(
        read(Query::all().of_type("type-1"))
            .iter()
            .eq(kept.iter().copied().filter(|e| e.event_type == "type-1"))
    );
    assert!(read(Query::all().of_type("")).is_empty());
    let mut streams = 0;
    for info in view.streams("") {
        let info = info.unwrap();
        let own: Vec<&Event> = kept.iter().copied().filter(|event| event.stream == info.stream).collect();
        assert!(read(Query::stream(&info.stream)).iter().eq(own.iter().copied()));
        for event in &own {
            let one = Query::stream(&info.stream).from_version(event.version).to_version(event.version);
            assert_eq!(read(one), [(*event).clone()]);
        }
        assert_eq!(info.events, own.len() as u64);
        assert!(own.iter().all(|event| event.version <= info.last_version));
        assert_eq!(view.stream(&info.stream).unwrap(), Some(info));
        streams += 1;
    }
    assert_eq!(store.stats().unwrap().streams, streams);
    let types: u64 = view.types().unwrap().iter().map(|info| info.events).sum();
    assert_eq!(types, kept.len() as u64);
    assert!(view.types().unwrap().iter().all(|info| !info.event_type.is_empty()));
    assert_eq!(store.stats().unwrap().types, view.types().unwrap().len() as u64);
    for event in kept {
        assert_eq!(view.event(event.id).unwrap().map(|found| found.to_event()), Some(event.clone()));
    }
}

/// Versions and positions go on behind the last ones, lost or not.
fn check_appends(store: &annals::Store) {
    let streams: Vec<_> = store.view().streams("").map(Result::unwrap).collect();
    let mut position = store.last_position();
    // The store's own streams are not for callers.
    for info in streams.into_iter().filter(|info| !info.stream.starts_with("$annals.")) {
        let expected = Expected::Exact(info.last_version);
        let appended = store.append(&info.stream, expected, &[NewEvent::new("later", &b"x"[..])]).unwrap();
        position = position.next();
        assert_eq!(appended.first_position, position);
        assert_eq!(appended.streams[0].first_version, info.last_version.next());
    }
    let appended = store.append("new", Expected::NoStream, &[NewEvent::new("later", &b"x"[..])]).unwrap();
    assert_eq!(appended.streams[0].first_version, Version::FIRST);
}

/// The files of the log, in order.
pub(crate) fn segments(image: &Image) -> Vec<String> {
    image.keys().filter(|name| name.starts_with("log/")).cloned().collect()
}

/// Where the record of an event lies: its file, and from which byte to which.
pub(crate) fn place_of(image: &Image, event: &Event) -> (String, usize, usize) {
    let given = if event.id.get_version_num() == 7 { 0 } else { 16 };
    let before = 36 + given + event.stream.len() + event.event_type.len();
    let tail = [event.event_type.as_bytes(), event.data().unwrap()].concat();
    for name in segments(image) {
        if let Some(at) = image[&name].windows(tail.len()).position(|window| window == tail) {
            let data = at + event.event_type.len();
            return (name, data - before, data + event.data().unwrap().len());
        }
    }
    panic!("the record of position {} is nowhere", event.position);
}
