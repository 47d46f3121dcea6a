//! The log written around the system's cache: the same store, made durable by other calls.

use crate::common::{SEGMENT_BYTES, World, events_of, verified};
use annals::vfs::{Call, Fault, FaultyDisk, Survival, When};
use annals::{AppendError, Durability, Event, Expected, NewEvent, Options, Query, Store};
use std::io::ErrorKind;
use std::sync::Arc;

fn direct(world: &World) -> Options {
    world.options().direct_io(true)
}

/// Appends events with so many bytes of data each, and checks that each is there at once.
fn append(store: &Store, bytes: &[usize]) {
    for bytes in bytes {
        let appended = store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; *bytes])]).unwrap();
        let view = store.view();
        let last = view.read(Query::all().backwards().limit(1)).unwrap().next().unwrap().unwrap();
        assert_eq!((last.position, &*last.data().unwrap()), (appended.last_position, &vec![7; *bytes][..]));
    }
}

/// Sizes with which frames end before, at and behind the ends of blocks, and segments roll over.
fn sizes() -> Vec<usize> {
    (0..60).map(|number| number * 97 % 5000).collect()
}

/// What the same appends give in the ordinary way.
fn expected() -> Vec<Event> {
    let world = World::new(1);
    let store = world.open();
    append(&store, &sizes());
    events_of(&store)
}

#[test]
fn a_store_is_the_same_whichever_way_it_is_written_and_the_ways_may_change() {
    for ways in [[true; 4], [true, false, true, false], [false, true, false, true]] {
        let world = World::new(1);
        let mut left = &sizes()[..];
        for way in ways {
            let store = world.options().direct_io(way).open("memory").unwrap();
            assert_eq!(store.stats().unwrap().direct_io, way);
            let (now, later) = left.split_at(15);
            append(&store, now);
            store.maintain().unwrap();
            left = later;
            store.close().unwrap();
            assert_eq!(verified(&world.disk()), Vec::<String>::new());
        }
        assert_eq!(events_of(&world.open()), expected());
    }
}

#[test]
fn an_append_is_one_write_and_no_sync() {
    let world = World::new(1);
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    let store = world.options_over(Arc::new(disk.clone())).direct_io(true).open("memory").unwrap();
    append(&store, &[10]);
    let calls = || [Call::Write, Call::SyncData].map(|call| disk.calls(call));
    let before = calls();
    append(&store, &[10; 30]);
    assert_eq!(calls(), [before[0] + 30, before[1]]);
}

#[test]
fn every_append_is_durable_when_it_returns_and_whole_after_a_kill() {
    let world = World::new(1);
    let store = direct(&world).open("memory").unwrap();
    for (number, bytes) in sizes().into_iter().enumerate() {
        append(&store, &[bytes]);
        if number % 7 == 3 {
            store.mark_durable().unwrap();
        }
        for survival in [Survival::Synced, Survival::All] {
            let left = World::on(world.disk().crash(survival), 1);
            let again = direct(&left).open("memory").unwrap();
            assert_eq!(events_of(&again), events_of(&store));
            append(&again, &[100]);
        }
    }
}

#[test]
fn where_there_is_no_such_way_the_log_is_written_as_ever() {
    let world = World::new(1);
    world.disk().set_direct(false);
    let store = direct(&world).open("memory").unwrap();
    assert!(!store.stats().unwrap().direct_io);
    append(&store, &sizes());
    assert_eq!(events_of(&store), expected());
    store.close().unwrap();
    world.disk().set_direct(true);
    let store = direct(&world).durability(Durability::Os).open("memory").unwrap();
    assert!(!store.stats().unwrap().direct_io, "nothing is to be durable at once");
}

#[test]
fn a_batch_larger_than_a_segment_and_a_segment_of_no_whole_blocks_are_written_whole() {
    for segment_bytes in [SEGMENT_BYTES, SEGMENT_BYTES + 1, 20_001] {
        let world = World::new(1);
        let store = direct(&world).segment_bytes(segment_bytes).open("memory").unwrap();
        append(&store, &[100, 3 << 20, 100, segment_bytes as usize - 200, 8000, 16_000, 100]);
        let left = World::on(world.disk().crash(Survival::Synced), 1);
        assert_eq!(events_of(&left.open()), events_of(&store));
        drop(store);
        assert_eq!(verified(&world.disk()), Vec::<String>::new());
    }
}

#[test]
fn short_and_interrupted_writes_are_gone_on_with() {
    for fault in [Fault::Short(1), Fault::Short(4096), Fault::Error(ErrorKind::Interrupted)] {
        for nth in 1..20 {
            let world = World::new(1);
            let disk = FaultyDisk::new(Arc::new(world.disk()));
            let store = world.options_over(Arc::new(disk.clone())).direct_io(true).open("memory").unwrap();
            disk.arm(When::nth(Call::Write, nth), fault);
            append(&store, &[100, 9000, 5000, 100, 100, 12_000, 100]);
            let left = World::on(world.disk().crash(Survival::Synced), 1);
            assert_eq!(events_of(&left.open()), events_of(&store));
        }
    }
}

/// The bytes may or may not be there, and no later write may say that they are.
#[test]
fn after_a_write_that_failed_nothing_is_written_any_more() {
    for fault in [Fault::Os(5), Fault::ErrorAfter(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull)] {
        for before in 0..4 {
            let world = World::new(1);
            let disk = FaultyDisk::new(Arc::new(world.disk()));
            let store = world.options_over(Arc::new(disk.clone())).direct_io(true).open("memory").unwrap();
            append(&store, &vec![1500; before]);
            disk.arm(When::nth(Call::Write, 1), fault);
            let new = [NewEvent::new("t", vec![7; 100])];
            // The first one lays out a segment, which writes as well.
            let failed =
                std::iter::repeat_with(|| store.append("s", Expected::Any, &new)).find(Result::is_err);
            let shown = store.last_position();
            match failed.unwrap() {
                Err(AppendError::DurabilityUnknown { .. }) => {
                    assert!(matches!(store.append("s", Expected::Any, &new), Err(AppendError::Poisoned)));
                    assert!(matches!(store.sync(), Err(AppendError::Poisoned)));
                }
                Err(AppendError::Io { .. }) if before == 0 => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(store.last_position(), shown);
            disk.disarm();
            let left = events_of(&World::on(world.disk().crash(Survival::Synced), 1).open());
            assert_eq!(left[..shown.get() as usize], events_of(&store)[..]);
            assert!(left.len() as u64 <= shown.get() + 1);
        }
    }
}
