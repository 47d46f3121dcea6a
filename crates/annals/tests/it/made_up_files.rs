//! Faults that were found once in what damaged and made-up files lead to, each under its own name.

use crate::common::{START, World, verified, write_out};
use crate::regressions::append;
use annals::vfs::{Disk, Env, MemoryDisk, Survival};
use annals::{Expected, NewEvent, Position, Query, Store, Timestamp, inspect};
use annals_format::{FRAME_HEADER_BYTES, FrameHeader, Manifest, SEGMENT_HEADER_BYTES, names, reseal};
use std::sync::Arc;

/// No checksum ties a record to the one before it in its stream. A version that did not follow ended debug builds, and
/// others took the stream's second event for its second version all the same.
#[test]
fn a_version_that_does_not_follow_is_damage_although_all_checksums_are_right() {
    let world = World::new(24);
    let store = world.open();
    for _ in 0..2 {
        append(&store, 9000).unwrap();
    }
    store.append("s", Expected::Any, &[NewEvent::json("t", "1"), NewEvent::json("t", "2")]).unwrap();
    let open = World::on(world.disk().crash(Survival::All), 25);
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    store.close().unwrap();
    for (world, sealed) in [(open, false), (world, true)] {
        world.files("index/").iter().for_each(|run| world.disk().remove(run).unwrap());
        skip_a_version(&world.disk(), "log/000000000002.seg");
        let found = verified(&world.disk()).concat();
        let opened = world.try_open();
        let store = match (sealed, opened) {
            (true, store) => store.unwrap(),
            (false, opened) => {
                let error = opened.map(|_| ()).unwrap_err();
                assert!(
                    matches!(&error, annals::OpenError::Corrupt(it) if it.what.contains("version")),
                    "{error:?}"
                );
                continue;
            }
        };
        assert!(found.contains("version 5 in its stream instead of 4"), "{found}");
        let view = store.view();
        let read = view.read(Query::stream("s")).map(|events| events.map(|event| event.map(drop)).collect());
        assert!(read.and_then(|read: Result<Vec<()>, _>| read).unwrap_err().is_corruption());
    }
}

/// Gives the last event of a segment's second frame the version after its own.
fn skip_a_version(disk: &MemoryDisk, path: &str) {
    let mut bytes = disk.image().remove(path).unwrap();
    let binding = reseal::segment(&mut bytes).unwrap();
    let first = FrameHeader::decode(&bytes[SEGMENT_HEADER_BYTES..], binding, 0).unwrap();
    let second = SEGMENT_HEADER_BYTES + usize::try_from(first.length).unwrap();
    let mut last = 0;
    annals_format::check_frame(&bytes[second..], binding, 0, |offset, _| last = second + offset).unwrap();
    bytes[last + 16] += 1;
    reseal::segment(&mut bytes);
    disk.set_content(path, bytes).unwrap();
}

/// The checksum of the page checksums covers the zeros behind them; `inspect` left these out, and found damage in every
/// run with an odd number of pages.
#[test]
fn a_sound_run_with_an_odd_number_of_pages_is_sound_when_it_is_looked_into() {
    let world = World::new(26);
    let store = world.open();
    for _ in 0..3 {
        append(&store, 9000).unwrap();
        store.maintain().unwrap();
    }
    store.close().unwrap();
    let directory = tempfile::tempdir().unwrap();
    write_out(&world.disk(), directory.path());
    let runs = world.files("index/");
    assert!(!runs.is_empty());
    for file in runs {
        let found = inspect(directory.path().join(&file), &mut |_| {}).unwrap();
        assert_eq!((found.kind, found.findings), ("run", Vec::new()), "{file}");
    }
}

/// Counting on from a manifest whose numbers are as large as they can be, and adding up lengths, had no room in 64 bits.
#[test]
fn numbers_of_a_manifest_that_leave_no_room_to_count_on_are_damage() {
    let world = World::new(27);
    let store = world.open();
    for _ in 0..6 {
        append(&store, 9000).unwrap();
        store.maintain().unwrap();
    }
    store.close().unwrap();
    let sound = Manifest::decode(&world.disk().image()[names::MANIFEST]).unwrap();
    assert!(sound.sealed.len() > 1);
    let changes: [fn(&mut Manifest); 5] = [
        |manifest| manifest.segment_bytes = (4 << 30) + 1,
        |manifest| manifest.generation = u64::MAX,
        |manifest| manifest.next_file_id = u64::MAX,
        |manifest| {
            manifest.sealed.iter_mut().for_each(|it| it.first_position = it.first_position.plus(1 << 48))
        },
        |manifest| manifest.sealed.iter_mut().for_each(|it| it.length = u64::MAX),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut manifest = sound.clone();
        change(&mut manifest);
        world.disk().set_content(names::MANIFEST, manifest.encode()).unwrap();
        assert!(number == 0 || !verified(&world.disk()).is_empty(), "change {number}");
        let read = world.try_open().map(|store| store.view().event_at(Position::FIRST).map(drop).is_ok());
        assert!(!read.is_ok_and(|read| read), "change {number}");
    }
}

/// The number of a file was taken from its name and one was added to it.
#[test]
fn a_file_named_with_the_last_number_there_is_is_an_error_and_no_panic() {
    let world = World::new(40);
    append(&world.open(), 10).unwrap();
    world.disk().set_content(&names::segment(u64::MAX), b"not zeros").unwrap();
    let refused = world.try_open().unwrap_err();
    assert!(matches!(&refused, annals::OpenError::Corrupt(corruption) if corruption.file == names::MANIFEST));
    let env = Env { disk: Arc::new(world.disk()), clock: world.clock.clone(), random: world.random.clone() };
    assert_eq!(annals::verify_in(&env, &mut |_| {}).unwrap().findings[0].file, names::MANIFEST);
}

/// A manifest whose numbers are made up and whose checksum is right: sizes were added up, laid out and allocated.
#[test]
fn absurd_sizes_in_a_manifest_are_an_error_before_they_are_used() {
    let world = World::new(41);
    let store = world.open();
    for _ in 0..6 {
        append(&store, 9000).unwrap();
        store.maintain().unwrap();
    }
    store.close().unwrap();
    let bytes = world.disk().image().remove(names::MANIFEST).unwrap();
    let sound = Manifest::decode(&bytes).unwrap();
    assert!(sound.sealed.len() > 2);
    let changes: [fn(&mut Manifest); 5] = [
        |manifest| manifest.segment_bytes = 1 << 63,
        |manifest| manifest.segment_bytes = 0,
        |manifest| manifest.sealed[1].frames_end = u64::MAX,
        |manifest| (manifest.sealed[1].frames_end, manifest.sealed[1].length) = (1 << 40, 1 << 41),
        |manifest| manifest.sealed.iter_mut().for_each(|segment| segment.length = u64::MAX),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut manifest = sound.clone();
        change(&mut manifest);
        let harmed = World::on(MemoryDisk::from_image(world.disk().image()).unwrap(), 42);
        harmed.disk().set_content(names::MANIFEST, manifest.encode()).unwrap();
        let before = harmed.disk().image();
        let env =
            Env { disk: Arc::new(harmed.disk()), clock: world.clock.clone(), random: world.random.clone() };
        let found = annals::verify_in(&env, &mut |_| {}).unwrap().findings;
        assert!(!found.is_empty(), "{number}");
        if number < 4 {
            let refused = harmed.try_open().unwrap_err();
            assert!(
                matches!(&refused, annals::OpenError::Corrupt(corruption) if corruption.file == names::MANIFEST),
                "{number}: {refused:?}"
            );
            let mut after = harmed.disk().image();
            after.insert(names::LOCK.into(), before[names::LOCK].clone());
            assert_eq!(after, before, "{number}");
        }
    }
}

/// Records with right checksums and made-up versions: a version was counted on from the last one there is.
#[test]
fn made_up_versions_under_right_checksums_are_damage_and_no_panic() {
    let world = World::new(43);
    let store = world.open();
    append(&store, 10).unwrap();
    append(&store, 10).unwrap();
    store.close().unwrap();
    let image = world.disk().image();
    let name = names::segment(1);
    let header = annals_format::SegmentHeader::decode(image[&name].first_chunk().unwrap()).unwrap();
    for versions in [[1, 7], [u64::MAX, u64::MAX], [5, 2]] {
        let mut bytes = image[&name].clone();
        let mut at = SEGMENT_HEADER_BYTES;
        for (position, version) in (1..).zip(versions) {
            let mut frame = annals_format::FrameBuilder::new();
            frame.push("s", &NewEvent::new("t", vec![7; 10])).unwrap();
            let stamp = annals_format::FrameStamp {
                binding: header.binding(),
                first_position: Position::new(position),
                durable: Position::new(position - 1),
                recorded_at: Timestamp::from_nanos(START),
            };
            frame.stamp(&stamp, |_| annals::Version::new(version));
            bytes[at..at + frame.bytes().len()].copy_from_slice(frame.bytes());
            at += frame.bytes().len();
        }
        let harmed = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 44);
        harmed.disk().set_content(&name, bytes).unwrap();
        match harmed.try_open() {
            Err(annals::OpenError::Corrupt(corruption)) => assert_eq!(corruption.file, name, "{versions:?}"),
            Err(error) => panic!("{versions:?}: {error:?}"),
            Ok(store) => {
                // Nothing comes after the last version there is.
                assert_eq!(versions, [u64::MAX; 2]);
                let view = store.view();
                let _ = (view.streams("").count(), view.stream("s"), store.stats(), append(&store, 10));
                let _ = view.read(Query::stream("s").backwards()).unwrap().count();
            }
        }
    }
}

/// A directory that is called like a run was taken for a run that is left over, could not be removed, and kept the store
/// from being opened for writing.
#[test]
fn what_is_called_like_a_file_of_the_store_and_is_none_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    append(&Store::open(&path).unwrap(), 10).unwrap();
    for name in ["index/000000000077.run", "log/000000000078.seg"] {
        std::fs::create_dir(path.join(name)).unwrap();
    }
    append(&Store::open(&path).unwrap(), 10).unwrap();
    assert!(path.join("index/000000000077.run").is_dir());
}

/// After a close in good order the last frame was taken for a torn tail if it was damaged and held no event.
#[test]
fn damage_to_a_frame_without_events_is_noticed_after_a_close_in_good_order() {
    let world = World::new(32);
    let store = world.open();
    append(&store, 10).unwrap();
    let events = store.stats().unwrap().log_bytes;
    store.mark_durable().unwrap();
    store.close().unwrap();
    let segment = &world.files("log/")[0];
    let image = world.disk().image();
    let length = image[segment].len();
    assert!((length as u64) < events);
    // The last frame is nothing but a header.
    for offset in length - FRAME_HEADER_BYTES..length {
        let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 33);
        world.flip(segment, offset, 3);
        let error = world.try_open().unwrap_err();
        assert!(error.is_corruption(), "offset {offset}: {error:?}");
    }
}

/// `verify` did not look at the versions in segments without a footer, and found nothing in a store that could not be
/// opened for them.
#[test]
fn versions_that_do_not_follow_in_an_open_segment_are_found_by_verify() {
    let world = World::new(45);
    let store = world.open();
    append(&store, 9000).unwrap();
    append(&store, 9000).unwrap();
    store.append("s", Expected::Any, &[NewEvent::json("t", "1"), NewEvent::json("t", "2")]).unwrap();
    let open = World::on(world.disk().crash(Survival::All), 46);
    assert_eq!(verified(&open.disk()), Vec::<String>::new());
    skip_a_version(&open.disk(), "log/000000000002.seg");
    assert!(open.try_open().unwrap_err().is_corruption());
    let found = verified(&open.disk()).concat();
    assert!(found.contains("version in its stream (position 4)"), "{found}");
}

/// `verify` took a last frame without events that was damaged or gone for a torn tail, or for nothing at all, also after
/// a close in good order, when the store cannot be opened for it.
#[test]
fn a_frame_without_events_that_is_damaged_or_missing_after_a_close_is_found_by_verify() {
    let world = World::new(47);
    let store = world.open();
    append(&store, 10).unwrap();
    store.mark_durable().unwrap();
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), Vec::<String>::new());
    let segment = &world.files("log/")[0];
    let sound = world.disk().image().remove(segment).unwrap();
    let last = sound.len() - FRAME_HEADER_BYTES;
    let mut flipped = sound.clone();
    flipped[last + 9] ^= 1;
    let mut blank = sound.clone();
    blank[last..].fill(0);
    let mut rubbish_behind = sound.clone();
    rubbish_behind.extend([7; 64]);
    for harmed in [flipped, blank, sound[..last].to_vec(), sound[..last + 8].to_vec()] {
        world.disk().set_content(segment, harmed).unwrap();
        assert_eq!(verified(&world.disk()).len(), 1);
        assert!(world.try_open().unwrap_err().is_corruption());
    }
    world.disk().set_content(segment, rubbish_behind).unwrap();
    assert_eq!(verified(&world.disk()).len(), 1);
}
