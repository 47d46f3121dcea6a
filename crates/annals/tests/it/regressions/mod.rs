//! Faults that were found once, each under its own name.

mod durable;
mod segments;
mod threads;

use crate::common::{START, World, events_of};
use annals::vfs::{Call, Fault, FaultyDisk, Survival, When};
use annals::{
    AppendError, AsOf, Batch, Expected, Invalid, NewEvent, Position, Query, Store, Timestamp, Uuid, inspect,
};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

pub(crate) fn append(store: &Store, bytes: usize) -> Result<Position, AppendError> {
    let appended = store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; bytes])])?;
    Ok(appended.last_position)
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The search for a recorded time skipped sealed segments without forgetting what the one behind them had said.
#[test]
fn before_the_first_event_was_recorded_there_are_none_however_many_segments_there_are() {
    let world = World::new(1);
    let store = world.open();
    for _ in 0..9 {
        append(&store, 5000).unwrap();
        store.maintain().unwrap();
    }
    assert!(store.stats().unwrap().segments > 2);
    for before in [START - 1, i64::MIN] {
        let view = store.view().as_of(AsOf::Recorded(Timestamp::from_nanos(before))).unwrap();
        assert_eq!((view.position(), view.read(Query::all()).unwrap().count()), (Position::ZERO, 0));
    }
}

fn faulty(seed: u64) -> (World, FaultyDisk) {
    let world = World::new(seed);
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    (world, disk)
}

fn fill(world: &World, disk: &FaultyDisk) {
    let Ok(store) = world.options_over(Arc::new(disk.clone())).open("memory") else { return };
    for _ in 0..9 {
        let _ = append(&store, 5000);
        let _ = store.maintain();
    }
}

/// The index in memory has the events of a batch before they are written. Counts looked at all of them.
#[test]
fn names_of_a_batch_that_was_not_written_are_not_counted() {
    let (world, disk) = faulty(9);
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    append(&store, 1).unwrap();
    disk.arm(When::nth(Call::Write, 1), Fault::Os(5));
    let result = store.append("other", Expected::Any, &[NewEvent::new("another", &b""[..])]);
    assert!(matches!(result, Err(AppendError::DurabilityUnknown { .. })));
    let stats = store.stats().unwrap();
    assert_eq!((stats.events, stats.streams, stats.types), (1, 1, 1));
    assert_eq!(store.view().streams("").count(), 1);
}

/// A reader looked only at the place where the log had ended; the writer had gone on in the next segment.
#[test]
fn a_reader_follows_into_the_next_segment() {
    let world = World::new(10);
    let store = world.open();
    append(&store, 9000).unwrap();
    // The next segment is laid out, so that going on in it changes no other file.
    store.maintain().unwrap();
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert!(!reader.wait_beyond(Position::new(1), Duration::ZERO).unwrap());
    append(&store, 9000).unwrap();
    append(&store, 10).unwrap();
    assert!(reader.wait_beyond(Position::new(1), Duration::from_millis(500)).unwrap());
    assert_eq!(events_of(&reader).len(), 2, "the last one is not known to be durable");
}

/// With an exact expectation the ids of a batch were not looked at, so it was stored with one id for two events,
/// and could not be repeated.
#[test]
fn an_id_may_not_stand_twice_in_a_batch_whatever_is_expected() {
    let store = World::new(11).open();
    let event = NewEvent::new("t", &b""[..]).with_id(Uuid::from_u128(1));
    for expected in [Expected::NoStream, Expected::Any, Expected::Exact(annals::Version::ZERO)] {
        let mut batch = Batch::new();
        batch.push("a", &event).unwrap();
        batch.push("b", &event).unwrap();
        batch.expect("a", expected).unwrap();
        batch.expect("b", expected).unwrap();
        let result = store.append_batch(batch);
        assert!(
            matches!(result, Err(AppendError::Invalid(Invalid::IdTwice { id })) if id == Uuid::from_u128(1))
        );
    }
    assert_eq!(store.last_position(), Position::ZERO);
}

/// A file that the writer cut between looking at its length and mapping it was taken for one that cannot be read.
#[test]
fn a_reader_looks_again_if_a_file_is_cut_while_it_is_opened() {
    let (world, disk) = faulty(18);
    let store = world.open();
    append(&store, 10).unwrap();
    append(&store, 10).unwrap();
    let reader = world.options_over(Arc::new(disk.clone())).read_only(true);
    disk.arm(When::nth(Call::Map, 1), Fault::Error(ErrorKind::InvalidInput));
    assert_eq!(reader.open("memory").unwrap().last_position(), Position::new(1));
}

/// A segment was looked into through a mapping, to its end, which is cut when its store is closed: that ended the
/// process.
#[test]
fn a_segment_can_be_inspected_while_its_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let done = AtomicBool::new(false);
    Store::open(&path).unwrap().append("s", Expected::Any, &[NewEvent::new("t", &b""[..])]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..30 {
                let store = Store::open(&path).unwrap();
                append(&store, 10).unwrap();
                store.close().unwrap();
            }
            done.store(true, SeqCst);
        });
        while !done.load(SeqCst) {
            inspect(path.join("log/000000000001.seg"), &mut |_| {}).unwrap();
        }
    });
}

/// An id of somebody else's making looked as if the store had made it for a position, and the record there was
/// damaged: the event that has the id, elsewhere, was not found.
#[test]
fn damage_where_an_id_seems_to_point_to_does_not_hide_the_event_that_has_it() {
    let world = World::new(21);
    let store = world.open();
    append(&store, 9000).unwrap();
    let made = store.view().event_at(Position::FIRST).unwrap().unwrap().id;
    let alike = Uuid::from_u128(made.as_u128() ^ 1);
    store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 9000]).with_id(alike)]).unwrap();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    store.close().unwrap();
    world.flip("log/000000000001.seg", 5000, 0);
    let view = world.open().view();
    assert_eq!(view.event(alike).unwrap().map(|event| event.position), Some(Position::new(2)));
    assert!(view.event(made).unwrap_err().is_corruption());
    assert_eq!(view.event(Uuid::from_u128(1)).unwrap(), None);
}

/// A reader could not make the tail durable, because the sync failed, and showed it all the same.
#[test]
fn a_reader_whose_sync_fails_shows_only_what_is_proven_to_be_durable() {
    let world = World::new(22);
    let store = world.open();
    append(&store, 10).unwrap();
    append(&store, 10).unwrap();
    let killed = World::on(world.disk().crash(Survival::All), 23);
    drop(store);
    for (kind, shown) in [(ErrorKind::Other, 1), (ErrorKind::ReadOnlyFilesystem, 2)] {
        let disk = FaultyDisk::new(Arc::new(killed.disk()));
        disk.arm(When::nth(Call::SyncData, 1).from_then_on(), Fault::Error(kind));
        let reader = killed.options_over(Arc::new(disk.clone())).read_only(true).open("memory").unwrap();
        assert_eq!((disk.fired(), reader.last_position()), (true, Position::new(shown)), "{kind:?}");
        assert_eq!(events_of(&reader).len() as u64, shown);
    }
}
