//! What is not a store, not this version, not whole.

use crate::common::{World, events_of, write_out};
use annals::vfs::{MemoryDisk, Survival};
use annals::{Expected, NewEvent, OpenError, Options, Query, ReadError, Store, verify};
use std::collections::BTreeMap;

/// A store with sealed segments and an active one of several frames, closed in good order.
fn closed_store() -> World {
    let world = World::new(1);
    let store = world.open();
    for number in 0..16 {
        append(&store, if number < 9 { 5000 } else { 500 });
    }
    store.maintain().unwrap();
    store.close().unwrap();
    assert!(world.files("log/").len() > 2 && world.files("index/").len() > 2);
    world
}

fn append(store: &Store, bytes: usize) {
    store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; bytes])]).unwrap();
}

fn with(image: BTreeMap<String, Vec<u8>>) -> World {
    World::on(MemoryDisk::from_image(image).unwrap(), 2)
}

/// Opened for writing and for reading, it must fail, and change nothing.
fn refused(world: &World) -> OpenError {
    let before = world.disk().image();
    let reading = world.options().read_only(true).open("memory");
    let error = world.try_open().map(|store| events_of(&store).len()).unwrap_err();
    let reading = reading.map(|store| events_of(&store).len()).unwrap_err();
    assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&reading), "{error:?}, {reading:?}");
    let mut after = world.disk().image();
    after.remove("LOCK");
    assert!(
        after == before.into_iter().filter(|(path, _)| path != "LOCK").collect(),
        "a refused store was changed"
    );
    error
}

fn corruption(world: &World) -> annals::Corruption {
    match refused(world) {
        OpenError::Corrupt(corruption) => corruption,
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_directories_are_not_taken_for_stores_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("letter.txt"), "dear").unwrap();
    for options in [Options::new(), Options::new().create(false), Options::new().read_only(true)] {
        let refused = options.open(path);
        assert!(
            matches!(&refused, Err(OpenError::NotAStore { reason, .. }) if reason.contains("letter.txt"))
        );
        let refused = Options::new().open(path.join("letter.txt"));
        assert!(matches!(refused, Err(OpenError::NotAStore { .. })), "{refused:?}");
    }
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 1);
}

#[test]
fn a_missing_store_is_only_created_when_that_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/store");
    for options in [Options::new().create(false), Options::new().read_only(true)] {
        assert!(matches!(options.clone().open(&path), Err(OpenError::NotFound { .. })));
        assert!(
            matches!(options.open(directory.path()), Err(OpenError::NotFound { .. })),
            "empty is no store"
        );
    }
    assert!(matches!(verify(&path, &mut |_| {}), Err(OpenError::NotFound { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    Store::open(&path).unwrap().close().unwrap();
    assert!(Options::new().create(false).open(&path).unwrap().recovery().clean);
}

#[test]
fn a_newer_format_is_refused_by_its_version() {
    let world = closed_store();
    let mut manifest = world.disk().image().remove("MANIFEST").unwrap();
    manifest[8..12].copy_from_slice(&5_u32.to_le_bytes());
    let mut covered = manifest[..12].to_vec();
    covered.extend_from_slice(&manifest[16..]);
    manifest[12..16].copy_from_slice(&crc32(&covered).to_le_bytes());
    world.disk().set_content("MANIFEST", manifest).unwrap();
    assert!(
        matches!(refused(&world), OpenError::Newer { found: 5, supported: 4, file } if file == "MANIFEST")
    );
}

/// CRC-32 as in zlib, bit by bit: independent of the store's own.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn any_damage_to_the_manifest_is_an_error_and_never_an_empty_store() {
    let image = closed_store().disk().image();
    let manifest = image["MANIFEST"].clone();
    let damaged = |bytes: Vec<u8>| {
        let mut image = image.clone();
        image.insert("MANIFEST".to_owned(), bytes);
        assert_eq!(corruption(&with(image)).file, "MANIFEST");
    };
    for offset in 0..manifest.len() {
        let mut bytes = manifest.clone();
        bytes[offset] ^= 1 << (offset % 8);
        damaged(bytes);
    }
    for length in [0, 1, 8, 60, manifest.len() - 1] {
        damaged(manifest[..length].to_vec());
    }
    damaged([&manifest[..], &[0]].concat());
    damaged(vec![0; manifest.len()]);
    damaged(image["log/000000000001.seg"].clone());
}

#[test]
fn a_missing_manifest_is_not_replaced_by_an_empty_one() {
    let mut image = closed_store().disk().image();
    image.remove("MANIFEST");
    assert_eq!(corruption(&with(image)).file, "MANIFEST");
}

#[test]
fn the_manifest_of_another_store_is_noticed() {
    let world = closed_store();
    let image = world.disk().image();
    let other = World::new(99);
    append(&other.open(), 100);
    let mut mixed = image;
    mixed.insert("MANIFEST".to_owned(), other.disk().image().remove("MANIFEST").unwrap());
    refused(&with(mixed));
}

/// The segments behind those that an older manifest names were removed as left over.
#[test]
fn an_older_manifest_does_not_make_the_store_shorter() {
    let world = World::new(1);
    let mut old = Vec::new();
    let store = world.open();
    for number in 0..16 {
        old.push((number, world.disk().image().remove("MANIFEST").unwrap()));
        append(&store, 5000);
        store.maintain().unwrap();
    }
    store.close().unwrap();
    old.dedup_by(|later, earlier| later.1 == earlier.1);
    assert!(old.len() > 5);
    for (number, manifest) in old {
        let mut image = world.disk().image();
        image.insert("MANIFEST".to_owned(), manifest);
        let older = with(image);
        let directory = tempfile::tempdir().unwrap();
        write_out(&older.disk(), directory.path());
        let verified = verify(directory.path(), &mut |_| {}).unwrap();
        match older.options().read_only(true).open("memory").map(|store| events_of(&store).len()) {
            Ok(16) => assert_eq!(older.open().last_position().get(), 16),
            Ok(events) => panic!("{events} of 16 events with the manifest of event {number}"),
            Err(OpenError::Corrupt(_)) => {
                refused(&older);
                assert!(!verified.findings.is_empty());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_missing_segment_is_named() {
    let image = closed_store().disk().image();
    let segments: Vec<_> = image.keys().filter(|path| path.starts_with("log/")).cloned().collect();
    for segment in &segments {
        let mut image = image.clone();
        let bytes = image.remove(segment).unwrap();
        if bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        assert_eq!(corruption(&with(image)).file, *segment);
    }
}

/// A copy has the same store id and numbers its files as the original does: only the salts tell them apart.
#[test]
fn segments_of_a_copy_that_went_its_own_way_are_not_taken_for_this_stores() {
    let copied = closed_store().disk().image();
    let grown = |seed, byte: u8| {
        let world = World::on(MemoryDisk::from_image(copied.clone()).unwrap(), seed);
        let store = world.open();
        for _ in 0..12 {
            store.append("s", Expected::Any, &[NewEvent::new("t", vec![byte; 5000])]).unwrap();
        }
        store.maintain().unwrap();
        store.close().unwrap();
        world.disk().image()
    };
    let (own, other) = (grown(3, 1), grown(4, 2));
    let since = own.keys().filter(|path| path.starts_with("log/") && !copied.contains_key(*path));
    let since: Vec<_> =
        since.filter(|path| other.get(*path).is_some_and(|bytes| *bytes != own[*path])).collect();
    assert!(since.len() > 2);
    for segment in since {
        let mut mixed = own.clone();
        mixed.insert(segment.clone(), other[segment].clone());
        let found = match with(mixed).options().read_only(true).open("memory") {
            Err(OpenError::Corrupt(corruption)) => corruption,
            Err(error) => panic!("{error:?}"),
            Ok(store) => match store.view().read(Query::all()).unwrap().find_map(Result::err) {
                Some(ReadError::Corrupt(corruption)) => corruption,
                other => panic!("{segment} of the copy was read: {other:?}"),
            },
        };
        assert_eq!(found.file, *segment);
    }
}

#[test]
fn damage_behind_the_mark_of_an_earlier_close_is_found() {
    let world = closed_store();
    let image = world.disk().image();
    let (active, frames) =
        image.iter().rfind(|(path, bytes)| path.starts_with("log/") && !bytes.is_empty()).unwrap();
    let store = world.open();
    (0..3).for_each(|_| append(&store, 500));
    for offset in (frames.len()..frames.len() + 500).step_by(7) {
        let killed = World::on(world.disk().crash(Survival::All), 2);
        killed.flip(active, offset, 1);
        assert_eq!(corruption(&killed).file, *active, "flipped at {offset}");
    }
}

#[test]
fn a_flipped_bit_in_any_frame_of_the_active_segment_is_an_error_after_a_close_in_good_order() {
    let image = closed_store().disk().image();
    let active = image.keys().rfind(|path| path.starts_with("log/")).unwrap().clone();
    let length = image[&active].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(length > 2000);
    for offset in (0..length).step_by(7).chain(0..150) {
        let world = with(image.clone());
        world.flip(&active, offset, offset as u32);
        let found = corruption(&world);
        assert_eq!(found.file, active, "flipped at {offset}");
    }
    for cut in (64..length).step_by(97) {
        let world = with(image.clone());
        world.disk().set_content(&active, &image[&active][..cut]).unwrap();
        assert_eq!(corruption(&world).file, active, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_in_a_sealed_segment_is_an_error_or_changes_nothing() {
    let image = closed_store().disk().image();
    let wanted = events_of(&with(image.clone()).open());
    let segment = "log/000000000001.seg";
    let mut errors = 0;
    for offset in (0..image[segment].len()).step_by(61).chain(0..200) {
        let world = with(image.clone());
        world.flip(segment, offset, offset as u32);
        let store = world.options().read_only(true).open("memory").unwrap();
        let view = store.view();
        for (event, position) in wanted.iter().zip(1..) {
            match view.event_at(annals::Position::new(position)) {
                Ok(found) => assert_eq!(found.unwrap().to_event(), *event, "flipped at {offset}"),
                Err(ReadError::Corrupt(corruption)) => {
                    assert_eq!(corruption.file, segment);
                    errors += 1;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        let others = view.read(Query::all().from_position(annals::Position::new(8))).unwrap();
        assert_eq!(others.map(Result::unwrap).count(), wanted.len() - 7, "what is whole stays readable");
        let directory = tempfile::tempdir().unwrap();
        write_out(&world.disk(), directory.path());
        let found = verify(directory.path(), &mut |_| {}).unwrap();
        assert!(!found.findings.is_empty(), "verify does not see byte {offset}");
    }
    assert!(errors > 100);
}
