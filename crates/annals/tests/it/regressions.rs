//! Faults that were found once, each under its own name.

use crate::common::{SEGMENT_BYTES, START, World, events_of, verified};
use annals::vfs::{Call, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{AppendError, AsOf, Batch, Expected, Invalid, NewEvent, Position, Query, Store};
use annals::{Timestamp, Uuid};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn append(store: &Store, bytes: usize) -> Result<Position, AppendError> {
    let appended = store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; bytes])])?;
    Ok(appended.last_position)
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

/// A process was killed between renaming the manifest and making its name durable. The next one saw the new
/// manifest, appended to the segment that only this one names, and acknowledged it.
#[test]
fn what_is_appended_after_a_kill_survives_although_the_killed_one_had_not_synced_the_manifests_name() {
    let renames = {
        let (world, disk) = faulty(2);
        fill(&world, &disk);
        disk.calls(Call::Rename)
    };
    assert!(renames > 3);
    for rename in 1..=renames {
        let (world, disk) = faulty(2);
        // The rename is done, and nothing behind it.
        disk.arm(When::nth(Call::Rename, rename), Fault::ErrorAfter(ErrorKind::Other));
        disk.arm(When::nth(Call::Rename, rename + 1).from_then_on(), Fault::Error(ErrorKind::Other));
        fill(&world, &disk);
        let killed = World::on(world.disk().crash(Survival::All), 3);
        let store = killed.open();
        let last = (0..5).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
        let unplugged = World::on(killed.disk().crash(Survival::Synced), 4);
        assert_eq!(unplugged.open().last_position(), last, "rename {rename}");
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

/// A prepared segment that could not be made large enough for a batch was dropped, and the segment behind it was
/// begun: a segment without a header before one with a header looked like a lost one.
#[test]
fn a_batch_for_which_the_disk_has_no_room_leaves_no_gap_between_the_segments() {
    let world = World::new(5);
    let store = world.open();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    world.disk().set_capacity(Some(40_000));
    let refused = append(&store, 60_000);
    assert!(
        matches!(&refused, Err(AppendError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull)
    );
    world.disk().set_capacity(None);
    let last = (0..9).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
    store.maintain().unwrap();
    drop(store);
    let store = world.open();
    assert_eq!(store.last_position(), last);
    append(&store, 60_000).unwrap();
    drop(store);
    assert_eq!(verified(&world.disk()), Vec::<String>::new());
}

/// The frame that only tells what is durable is not synced. It was taken for proven, so after a failed sync it was
/// not written again, and everything behind it hung in the air.
#[test]
fn the_mark_of_what_is_durable_is_written_again_after_a_failed_sync() {
    let (world, disk) = faulty(6);
    let options = world.options_over(Arc::new(disk.clone())).background(true);
    let store = options.clone().open("memory").unwrap();
    append(&store, 100).unwrap();
    let writes = disk.calls(Call::Write);
    wait_until(|| disk.calls(Call::Write) > writes);
    world.disk().fail_sync(1);
    assert!(matches!(append(&store, 100), Err(AppendError::DurabilityUnknown { .. })));
    drop(store);
    let store = world.open();
    assert_eq!(store.last_position(), Position::new(2), "it was written, if not synced");
    let unplugged = World::on(world.disk().crash(Survival::Synced), 7);
    assert_eq!(unplugged.open().last_position(), Position::new(2), "it was shown, and is gone");
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A clone of a closed store went on laying out and sealing segments, over the manifest of whoever had it by then.
#[test]
fn a_closed_store_leaves_the_files_alone() {
    let world = World::new(8);
    let closed = world.open();
    for _ in 0..6 {
        append(&closed, 5000).unwrap();
    }
    closed.clone().close().unwrap();
    let before = world.disk().image();
    closed.maintain().unwrap();
    closed.sync().unwrap();
    assert!(matches!(append(&closed, 1), Err(AppendError::Closed)));
    assert!(world.disk().image() == before, "files have changed");
    let store = world.open();
    let last = (0..6).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
    closed.maintain().unwrap();
    drop(closed);
    store.maintain().unwrap();
    drop(store);
    assert_eq!(world.open().last_position(), last);
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

/// Cutting a sealed segment behind its footer was not durable when the sync failed, and the second attempt had
/// nothing to cut: after the loss of power the file was as long as before, and taken for damaged.
#[test]
fn a_segment_that_was_sealed_at_the_second_attempt_is_read_after_the_loss_of_power() {
    for nth in 1..=6 {
        let world = World::new(12);
        let store = world.open();
        let last = (0..6).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
        world.disk().fail_sync(nth);
        let _ = store.maintain();
        store.maintain().unwrap();
        let unplugged = World::on(world.disk().crash(Survival::Synced), 13);
        let store = unplugged.open();
        assert_eq!(events_of(&store).len() as u64, last.get());
        store.close().unwrap();
        assert_eq!(verified(&unplugged.disk()), Vec::<String>::new(), "sync {nth}");
    }
}

/// A store of an empty disk's image has no directories for its files.
#[test]
fn a_store_that_lost_its_empty_directories_is_complete() {
    let world = World::new(14);
    world.open().close().unwrap();
    let bare = World::on(MemoryDisk::from_image(world.disk().image()).unwrap(), 15);
    let store = bare.open();
    append(&store, SEGMENT_BYTES as usize).unwrap();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    drop(store);
    assert_eq!(bare.open().last_position(), Position::new(2));
}
