//! Losses around what was removed: ends of segments that are gone, newer editions beside an old manifest, damage within compressed
//! frames, and lost events among those that compaction takes away later.

use super::{Image, env_of, segments, try_repair};
use crate::common::{World, events_of};
use crate::compaction::{compact, fill, keep};
use annals::vfs::MemoryDisk;
use annals::{Batch, Compression, Event, Expected, NewEvent, Position, ReadError, Store, verify_in};

fn store_of(disk: &MemoryDisk) -> Store {
    World::on(MemoryDisk::from_image(disk.image()).unwrap(), 4).open()
}

fn rewritten(image: &Image) -> Vec<String> {
    segments(image).into_iter().filter(|name| name.matches('.').count() == 2).collect()
}

/// Segments of which the end was removed as well as the beginning, closed; and the images before and after compaction.
fn with_removed_ends() -> (Image, Image, Vec<Event>) {
    let world = World::new(91);
    let store = world.open();
    fill(&store, 7, 40);
    // The last events of some segments are of streams that go as a whole.
    for number in 0..120 {
        let data = format!("{{\"number\":{number},\"pad\":{:?}}}", "z".repeat(300));
        let stream = format!("{}-{}", ["visit", "order"][number % 2], number % 3);
        store.append(&stream, Expected::Any, &[NewEvent::json("said", data)]).unwrap();
    }
    store.maintain().unwrap();
    let before = world.disk().image();
    for stream in 0..3 {
        store.retention().tombstone(&format!("visit-{stream}"), Expected::Any).unwrap();
    }
    keep(&store, 2);
    assert!(compact(&store).events_removed > 200);
    let events = events_of(&store);
    store.close().unwrap();
    (before, world.disk().image(), events)
}

/// A segment was left out that begins behind what was removed at the end of the one before it.
#[test]
fn a_segment_behind_a_removed_end_is_used_without_a_manifest() {
    let (_, image, events) = with_removed_ends();
    assert!(rewritten(&image).len() > 2);
    let mut bare = image;
    bare.remove("MANIFEST");
    for index in [true, false] {
        bare.retain(|name, _| index || !name.starts_with("index/"));
        let (report, disk) = try_repair(&bare).unwrap();
        assert_eq!(report.lost_positions, 0, "{report:?}");
        assert!(!report.notes.iter().any(|note| note.contains("not used")), "{:?}", report.notes);
        assert!(events_of(&store_of(&disk)) == events);
    }
}

/// The salt that an old manifest gives for the first edition was expected in the newest one.
#[test]
fn a_segment_that_an_old_manifest_has_as_open_is_used_in_its_newest_edition() {
    let world = World::new(92);
    let store = world.open();
    let mut older = Vec::new();
    for _ in 0..8 {
        fill(&store, 7, 5);
        older.push(world.disk().image()["MANIFEST"].clone());
    }
    keep(&store, 2);
    compact(&store);
    let events = events_of(&store);
    store.close().unwrap();
    for (index, manifest) in older.into_iter().enumerate() {
        let mut image = world.disk().image();
        image.insert("MANIFEST".into(), manifest);
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!(report.lost_positions, 0, "{index}: {report:?}");
        assert!(events_of(&store_of(&disk)) == events, "{index}");
    }
}

/// Only plain records were looked for in the bytes of a damaged frame.
#[test]
fn a_damaged_record_in_a_compressed_frame_costs_none_of_its_neighbours() {
    let world = World::new(93);
    let store = world.options().compression(Compression::Lz4).open("memory").unwrap();
    for number in 0..40 {
        fill(&store, 7, 1);
        let mut batch = Batch::new();
        for part in 0..6 {
            let data = format!("{{\"number\":{number},\"part\":{part},\"pad\":{:?}}}", "same ".repeat(30));
            batch.push(&format!("part-{part}"), &NewEvent::json("said", data)).unwrap();
        }
        store.append_batch(batch).unwrap();
    }
    store.maintain().unwrap();
    keep(&store, 1);
    compact(&store);
    let events = events_of(&store);
    store.close().unwrap();
    let image = world.disk().image();
    let damaged = rewritten(&image);
    assert!(store_of(&world.disk()).stats().unwrap().segments_compressed > 0);
    let mut lost = 0;
    for name in damaged {
        let length = image[&name].len();
        // Behind the dictionary, and before the footer.
        for step in 40..70 {
            let mut image = image.clone();
            image.get_mut(&name).unwrap()[step * length / 100] ^= 1;
            let (report, disk) = try_repair(&image).unwrap();
            let of_dictionary = report.lost.iter().any(|range| range.what.contains("compressed with"));
            assert!(report.lost_positions <= 1 || of_dictionary, "{name} {step}: {report:?}");
            lost += u64::from(!of_dictionary) * report.lost_positions;
            let kept = events_of(&store_of(&disk));
            assert!(of_dictionary || kept.len() as u64 + report.lost_positions >= events.len() as u64);
        }
    }
    assert!(lost > 10, "{lost}");
}

/// What was lost stayed while events before and behind it went, so that a version was missing, and nothing could be compacted any more.
#[test]
fn a_repaired_store_is_compacted_also_where_lost_events_lie_among_those_that_go() {
    let world = World::new(94);
    let store = world.open();
    for number in 0..120 {
        let data = format!("{{\"number\":{number},\"pad\":{:?}}}", format!("{number} ").repeat(60));
        let stream = format!("session-{}", number % 3 + 1);
        store.append(&stream, Expected::Any, &[NewEvent::json("said", data)]).unwrap();
    }
    store.maintain().unwrap();
    let events = events_of(&store);
    store.close().unwrap();
    let mut image = world.disk().image();
    let lost =
        |event: &&Event| event.stream == "session-2" && [1, 7, 8, 30, 38].contains(&event.version.get());
    for event in events.iter().filter(lost) {
        let (file, start, _) = super::place_of(&image, event);
        image.get_mut(&file).unwrap()[start + 50] ^= 1;
    }
    let (report, disk) = try_repair(&image).unwrap();
    assert_eq!((report.lost_positions, report.unassigned), (5, 0));
    let repaired = World::on(MemoryDisk::from_image(disk.image()).unwrap(), 5);
    let store = repaired.open();
    let lost_at = |version: u64| {
        let of = events.iter().find(|event| event.stream == "session-2" && event.version.get() == version);
        store.view().event_at(of.unwrap().position).map(|event| event.is_some())
    };
    keep(&store, 5);
    assert!(compact(&store).events_removed > 100);
    let versions: Vec<u64> = events_of(&store)
        .iter()
        .filter(|event| event.stream == "session-2")
        .map(|event| event.version.get())
        .collect();
    assert_eq!(versions, [36, 37, 39, 40]);
    assert!(matches!(lost_at(7), Err(ReadError::Removed { .. })));
    assert!(matches!(lost_at(38), Err(ReadError::Lost { .. })), "no rule hides it");
    fill(&store, 3, 5);
    keep(&store, 1);
    compact(&store);
    assert!(store.view().position() > Position::new(100));
    store.close().unwrap();
    let found = verify_in(&env_of(&repaired.disk(), 3), &mut |_| {}).unwrap();
    assert_eq!(found.findings, []);
}
