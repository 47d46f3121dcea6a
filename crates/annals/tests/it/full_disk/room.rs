//! A disk that has less room than a segment takes: the store is opened, gives room back, and is appended to.

use crate::common::{SEGMENT_BYTES, World, events_of, verified};
use crate::compaction::{compact, fill, keep};
use annals::vfs::{DIRECT_BLOCK_BYTES, MemoryDisk, Survival};
use annals::{AppendError, EraseTarget, Event, Expected, NewEvent, Store};
use annals_format::names;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::ErrorKind;

type Image = BTreeMap<String, Vec<u8>>;

/// A store that was closed, in which most events are hidden.
fn closed() -> (Image, Vec<Event>) {
    let world = World::new(81);
    let store = world.open();
    fill(&store, 7, 40);
    keep(&store, 2);
    store.maintain().unwrap();
    let events = events_of(&store);
    store.close().unwrap();
    (world.disk().image(), events)
}

fn bytes_of(image: &Image) -> u64 {
    image.values().map(|bytes| bytes.len() as u64).sum()
}

/// The same on a disk with room for so many bytes more.
fn with_room(image: &Image, room: u64) -> World {
    let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 82);
    world.disk().set_capacity(Some(bytes_of(image) + room));
    world
}

/// What the manifest needs while it takes the place of the one before it.
fn of_manifest(image: &Image) -> u64 {
    image[names::MANIFEST].len() as u64 + 64
}

/// What opening takes. What is written in blocks has all of the last one.
fn least(image: &Image, direct: bool) -> u64 {
    of_manifest(image) + if direct { DIRECT_BLOCK_BYTES as u64 } else { 0 }
}

fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(one) = error {
        if one.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::StorageFull) {
            return true;
        }
        error = one.source();
    }
    false
}

fn append(store: &Store, bytes: usize) -> Result<(), AppendError> {
    store.append("late", Expected::Any, &[NewEvent::new("t", vec![7; bytes])]).map(drop)
}

/// Appends until there is no room. Gives how often that went well.
fn fill_up(store: &Store, context: &str) -> usize {
    for number in 0..1000 {
        if let Err(error) = append(store, 300) {
            assert!(matches!(error, AppendError::Io { .. }) && is_disk_full(&error), "{context}: {error:?}");
            return number;
        }
    }
    panic!("a disk without an end")
}

/// What is there after a crash, on a disk that has room again.
fn after_crash(world: &World) -> Vec<Event> {
    let left = world.disk().crash(Survival::Synced);
    left.set_capacity(None);
    let world = World::on(left, 83);
    let events = events_of(&world.open());
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
    events
}

#[test]
fn a_store_is_opened_wherever_its_files_and_another_manifest_fit() {
    let (image, events) = closed();
    let mut appended = Vec::new();
    for direct in [false, true] {
        for room in (least(&image, direct)..3 * SEGMENT_BYTES).step_by(487) {
            let context = format!("room for {room} bytes, direct: {direct}");
            let world = with_room(&image, room);
            let store = world.options().direct_io(direct).open("memory");
            let store = store.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_eq!(events_of(&store), events, "{context}");
            let now = fill_up(&store, &context);
            // Half of it at least, but for what segments and manifests take.
            let at_least = room.saturating_sub(3 * SEGMENT_BYTES / 4) / 2 / 450;
            assert!(now as u64 >= at_least, "{context}: {now} instead of {at_least}");
            let there = events_of(&store);
            assert_eq!(there.len(), events.len() + now, "{context}");
            assert_eq!(after_crash(&world), there, "{context}");
            world.disk().set_capacity(None);
            append(&store, 300).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            store.close().unwrap();
            assert_eq!(events_of(&world.open()).len(), events.len() + now + 1, "{context}");
            appended.push(now);
        }
    }
    assert!(appended.contains(&0) && appended.iter().any(|now| *now > 50), "{appended:?}");
}

#[test]
fn a_store_is_compacted_on_a_disk_with_room_for_less_than_a_segment_and_appends_go_on() {
    let (image, events) = closed();
    for direct in [false, true] {
        let (mut enough, mut freed) = (Vec::new(), 0);
        for room in (least(&image, direct)..2 * SEGMENT_BYTES).step_by(487) {
            let context = format!("room for {room} bytes, direct: {direct}");
            let world = with_room(&image, room);
            let store = world.options().direct_io(direct).open("memory").unwrap();
            match store.compaction().all(true).bytes_per_second(None).run() {
                Ok(report) => {
                    assert!(report.events_removed > 150, "{context}: {report:?}");
                    enough.push(room);
                    freed = bytes_of(&image) - bytes_of(&world.disk().image());
                    (0..20).for_each(|_| {
                        append(&store, 300).unwrap_or_else(|error| panic!("{context}: {error:?}"))
                    });
                }
                Err(error) => assert!(is_disk_full(&error), "{context}: {error:?}"),
            }
            let there = events_of(&store);
            assert!(events.iter().all(|event| there.contains(event)), "{context}");
            let synced = after_crash(&world);
            assert!(there.iter().all(|event| synced.contains(event)), "{context}");
            store.close().unwrap();
            assert_eq!(verified(&world.disk()), [] as [String; 0], "{context}");
        }
        // It writes what stays of a segment, with its run.
        assert!(enough[0] < SEGMENT_BYTES, "{enough:?}");
        assert!(enough.is_sorted_by(|one, next| one + 487 == *next), "{enough:?}");
        assert!(freed > SEGMENT_BYTES, "{freed}");
    }
}

/// Five of them were to become one, for which there was no room; so none was compacted, though there was room for what stays of each.
#[test]
fn a_disk_with_room_for_what_stays_of_one_segment_is_compacted_though_several_were_to_become_one() {
    let (image, events) = closed();
    let log = |world: &World| -> u64 {
        let image = world.disk().image();
        world.files("log/").iter().map(|name| image[name].len() as u64).sum()
    };
    let compacted = |room: u64| {
        let world = with_room(&image, room);
        let store = world.open();
        let done = store.compaction().all(true).bytes_per_second(None).run();
        (world, store, done)
    };
    let (world, store, report) = compacted(4 * SEGMENT_BYTES);
    assert!(report.unwrap().segments_merged > 2, "nothing was merged");
    store.close().unwrap();
    let (merged, room) = (log(&world), 6 << 10);
    assert!(merged > room, "{merged} bytes are left, for which there would be room");
    let (world, store, report) = compacted(room);
    let report = report.unwrap();
    assert!(report.events_removed > 150 && report.segments_merged == 0, "{report:?}");
    assert_eq!(events_of(&store).iter().filter(|event| events.contains(event)).count(), events.len());
    assert_eq!(after_crash(&world), events_of(&store));
    // There is room now, so the next one makes one of them.
    let report = compact(&store);
    assert!(report.segments_merged > 2, "{report:?}");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

/// A disk that is full to the last byte: what was laid out for appends is what compaction writes to.
#[test]
fn a_program_that_has_a_store_open_compacts_it_on_a_disk_without_any_room() {
    for direct in [false, true] {
        for laid_out_ahead in [false, true] {
            let world = World::new(84);
            let store = world.options().direct_io(direct).open("memory").unwrap();
            fill(&store, 7, 40);
            keep(&store, 2);
            // The last segment has most of its space left, or the next one is laid out as well.
            let bytes = if laid_out_ahead { 9000 } else { 10 };
            append(&store, 16 << 10).unwrap();
            append(&store, bytes).unwrap();
            store.maintain().unwrap();
            let events = events_of(&store);
            world.disk().set_capacity(Some(bytes_of(&world.disk().image())));
            assert!(compact(&store).events_removed > 150);
            for _ in 0..40 {
                append(&store, 300).unwrap();
            }
            let there = events_of(&store);
            assert!(events.iter().all(|event| there.contains(event)) && there.len() >= events.len() + 40);
            assert_eq!(after_crash(&world), there);
            store.close().unwrap();
            assert_eq!(events_of(&world.open()), there);
        }
    }
}

#[test]
fn payloads_are_erased_on_a_disk_with_little_room() {
    let (image, events) = closed();
    let target = || EraseTarget::Tag("s:3".into());
    let mut enough = Vec::new();
    for room in (of_manifest(&image)..4 * SEGMENT_BYTES).step_by(1487) {
        let context = format!("room for {room} bytes");
        let world = with_room(&image, room);
        let store = world.open();
        match store.erase(target()).bytes_per_second(None).run() {
            Ok(_) => enough.push(room),
            Err(error) => assert!(is_disk_full(&error), "{context}: {error:?}"),
        }
        // A close that has no room for the manifest leaves what a crash leaves.
        let _ = store.close();
        world.disk().set_capacity(None);
        let store = world.open();
        store.erase(target()).bytes_per_second(None).run().unwrap();
        assert!(store.erased_events().count() > 0, "{context}");
        assert!(events_of(&store).len() >= events.len(), "{context}");
        store.close().unwrap();
        assert_eq!(verified(&world.disk()), [] as [String; 0], "{context}");
    }
    assert!(enough[0] < 2 * SEGMENT_BYTES, "{enough:?}");
}

/// A compaction that was killed has left its files on a disk that they fill.
#[test]
fn what_is_left_over_is_removed_when_it_is_what_fills_the_disk() {
    let (mut image, events) = closed();
    for name in ["log/000000000001.1.seg", "index/000000000099.run"] {
        image.insert(name.into(), vec![7; 20_000]);
    }
    image.remove(names::LOCK);
    let world = with_room(&image, 0);
    let store = world.open();
    assert_eq!(events_of(&store), events);
    assert!(compact(&store).events_removed > 150);
    append(&store, 300).unwrap();
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

/// What appends have left is for what gives room back.
#[test]
fn where_there_is_no_room_for_other_events_rules_are_set_and_let_go() {
    const BYTES: u64 = 128 << 10;
    let world = World::new(85);
    let options = |world: &World| world.options().segment_bytes(BYTES);
    let store = options(&world).open("memory").unwrap();
    fill(&store, 15, 70);
    store.close().unwrap();
    let image = world.disk().image();
    for room in (0..3 * BYTES).step_by(9_973) {
        let context = format!("room for {room} bytes");
        let world = with_room(&image, least(&image, false) + BYTES / 6 + room);
        let store = options(&world).open("memory").unwrap();
        fill_up(&store, &context);
        keep(&store, 2);
        let report = store.compaction().all(true).bytes_per_second(None).run();
        let report = report.unwrap_or_else(|error| panic!("{context}: {error:?}"));
        assert!(report.events_removed > 500, "{context}: {report:?}");
        assert!(report.bytes_after < report.bytes_before / 4, "{context}: {report:?}");
        let appended = fill_up(&store, &context);
        assert!(appended > 100, "{context}: {appended}");
        assert_eq!(after_crash(&world), events_of(&store), "{context}");
    }
}
