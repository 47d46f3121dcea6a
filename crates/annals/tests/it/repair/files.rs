//! Files that are missing, old, or of another store.

use super::{original, place_of, repaired, segments, try_repair};
use crate::common::{World, events_of};
use annals::{Event, Expected, NewEvent, OpenError};

/// The positions whose records are in a file.
fn within(image: &super::Image, wanted: &[Event], file: &str) -> Vec<u64> {
    let inside = wanted.iter().filter(|event| place_of(image, event).0 == file);
    inside.map(|event| event.position.get()).collect()
}

#[test]
fn a_missing_segment_is_lost_as_a_whole_and_its_run_still_knows_the_streams() {
    let (image, wanted) = original(90);
    let files = segments(&image);
    for name in files.iter().filter(|name| !within(&image, &wanted, name).is_empty()) {
        let mut damaged = image.clone();
        damaged.remove(name);
        let (report, _, lost) = repaired(&damaged, &wanted);
        assert_eq!(lost, within(&image, &wanted, name), "{name}");
        assert_eq!(report.lost.len(), 1);
        assert_eq!((&report.lost[0].file, report.lost[0].what.as_str()), (name, "the file is not there"));
        let sealed = image.keys().filter(|name| name.starts_with("index/")).count();
        if files.iter().position(|file| file == name).unwrap() < sealed {
            assert_eq!(report.unassigned, 0, "{name}");
        } else {
            assert!(
                report.notes.iter().any(|note| note.contains("may have ended higher")),
                "{:?}",
                report.notes
            );
        }
    }
}

#[test]
fn without_a_manifest_the_segments_are_taken_by_their_headers() {
    let (mut image, wanted) = original(90);
    for what in ["missing", "damaged", "empty"] {
        match what {
            "missing" => drop(image.remove("MANIFEST")),
            "damaged" => drop(image.insert("MANIFEST".into(), vec![7; 500])),
            _ => drop(image.insert("MANIFEST".into(), Vec::new())),
        }
        let (report, _, lost) = repaired(&image, &wanted);
        assert_eq!((report.events, lost), (90, vec![]), "{what}");
        assert!(report.notes[0].contains("MANIFEST"), "{:?}", report.notes);
    }
}

#[test]
fn without_a_manifest_a_missing_segment_is_noticed_by_what_follows() {
    let (image, wanted) = original(90);
    for name in &segments(&image)[..2] {
        for keep_index in [true, false] {
            let mut damaged = image.clone();
            damaged.remove("MANIFEST");
            let lost_here = within(&image, &wanted, name);
            damaged.remove(name);
            damaged.retain(|file, _| keep_index || !file.starts_with("index/"));
            let (report, _, lost) = repaired(&damaged, &wanted);
            assert_eq!(lost, lost_here, "{name}");
            assert!(!keep_index || report.unassigned == 0, "{report:?}");
        }
    }
}

#[test]
fn an_older_manifest_loses_nothing_that_was_written_since() {
    let world = World::new(1);
    let mut old = Vec::new();
    let store = world.open();
    for position in 1..=16 {
        old.push(world.disk().image().remove("MANIFEST").unwrap());
        let event = NewEvent::new("type-1", vec![position; 5000]);
        store.append("s", Expected::Any, &[event]).unwrap();
        store.maintain().unwrap();
    }
    let wanted = events_of(&store);
    store.close().unwrap();
    old.dedup();
    assert!(old.len() > 5);
    for manifest in old {
        let mut image = world.disk().image();
        image.insert("MANIFEST".to_owned(), manifest);
        let (report, _, lost) = repaired(&image, &wanted);
        assert_eq!((report.events, lost), (16, vec![]), "{:?}", report.notes);
    }
}

#[test]
fn segments_of_other_stores_and_other_files_are_left_out_and_named() {
    let (mut image, wanted) = original(90);
    let other = World::new(99);
    let store = other.open();
    store.append("s", Expected::Any, &[NewEvent::new("t", &b"other"[..])]).unwrap();
    store.close().unwrap();
    image.insert("log/000000000900.seg".into(), other.disk().image().remove("log/000000000001.seg").unwrap());
    image.insert("log/notes.txt".into(), b"dear".to_vec());
    image.insert("index/notes.txt".into(), b"dear".to_vec());
    image.remove("MANIFEST");
    let (report, new, lost) = repaired(&image, &wanted);
    assert_eq!(lost, Vec::<u64>::new());
    assert!(report.notes.iter().any(|note| note.contains("000000000900.seg belongs to another store")));
    assert!(!new.keys().any(|name| name.ends_with(".txt")));
}

#[test]
fn the_manifest_of_another_store_does_not_decide() {
    let (mut image, wanted) = original(90);
    let other = World::new(99);
    other.open().close().unwrap();
    image.insert("MANIFEST".into(), other.disk().image().remove("MANIFEST").unwrap());
    let (report, _, lost) = repaired(&image, &wanted);
    assert_eq!((report.events, lost), (90, vec![]));
    assert!(report.notes[0].contains("MANIFEST is that of another store"), "{:?}", report.notes);
}

#[test]
fn a_segment_in_the_place_of_another_is_not_taken_for_it() {
    let (mut image, wanted) = original(90);
    let files = segments(&image);
    let lost_here = within(&image, &wanted, &files[0]);
    let second = image[&files[1]].clone();
    image.insert(files[0].clone(), second);
    let (report, _, lost) = repaired(&image, &wanted);
    assert_eq!(lost, lost_here);
    assert!(report.lost[0].what.contains("not this one"), "{:?}", report.lost);
}

#[test]
fn what_is_no_store_is_not_repaired() {
    let mut image = super::Image::new();
    assert!(matches!(try_repair(&image), Err(OpenError::NotFound { .. })));
    image.insert("letter.txt".into(), b"dear".to_vec());
    assert!(matches!(try_repair(&image), Err(OpenError::NotAStore { .. })));
    image.clear();
    image.insert("MANIFEST".into(), b"nothing".to_vec());
    assert!(
        matches!(try_repair(&image), Err(OpenError::Corrupt(corruption)) if corruption.file == "MANIFEST")
    );
}

#[test]
fn an_empty_store_is_repaired_to_an_empty_store() {
    let world = World::new(5);
    world.open().close().unwrap();
    let (report, _, lost) = repaired(&world.disk().image(), &[]);
    assert_eq!((report.events, lost), (0, vec![]));
}

/// Two copies of a store that went different ways, put together: version 2 of a stream is there twice.
#[test]
fn an_event_that_contradicts_those_before_it_is_lost_and_not_written() {
    let append = |world: &World, streams: &[&str]| {
        let store = world.open();
        for stream in streams {
            store.append(stream, Expected::Any, &[NewEvent::new("type-0", vec![b'x'; 9000])]).unwrap();
            store.maintain().unwrap();
        }
        let events = events_of(&store);
        store.close().unwrap();
        (world.disk().image(), events)
    };
    let (common, _) = append(&World::new(1), &["s"]);
    let on = |seed| World::on(annals::vfs::MemoryDisk::from_image(common.clone()).unwrap(), seed);
    let (one, wanted) = append(&on(2), &["s"]);
    let (other, _) = append(&on(3), &["t", "s"]);
    let last = segments(&other).into_iter().rfind(|name| !other[name].is_empty()).unwrap();
    let mut mixed = one;
    mixed.insert(last.clone(), other[&last].clone());
    mixed.remove("MANIFEST");
    mixed.retain(|name, _| !name.starts_with("index/"));
    let (report, disk) = try_repair(&mixed).unwrap();
    assert_eq!((report.events, report.lost_positions), (2, 1));
    assert!(report.lost[0].what.contains("contradicts"), "{:?}", report.lost);
    assert_eq!(super::check(&report, &disk, &wanted), [3]);
}

#[test]
fn segments_under_the_names_of_others_are_taken_for_what_they_are() {
    let (image, wanted) = original(90);
    let files = segments(&image);
    for with_manifest in [true, false] {
        let mut mixed = image.clone();
        mixed.insert(files[0].clone(), image[&files[2]].clone());
        mixed.insert(files[2].clone(), image[&files[1]].clone());
        mixed.insert(files[1].clone(), image[&files[0]].clone());
        if !with_manifest {
            mixed.remove("MANIFEST");
        }
        let (report, _, lost) = repaired(&mixed, &wanted);
        assert_eq!((report.events, lost), (90, vec![]), "{:?}", report.notes);
        assert_eq!(report.notes.iter().filter(|note| note.contains("was taken for it")).count(), 3);
        // A second file with a name of its own changes nothing.
        mixed.insert("log/000000000999.seg".into(), image[&files[1]].clone());
        let (report, _, lost) = repaired(&mixed, &wanted);
        assert_eq!((report.events, lost), (90, vec![]), "{:?}", report.notes);
    }
}

#[test]
fn a_segment_that_is_sound_is_not_blamed_for_one_that_is_missing() {
    let (image, wanted) = original(90);
    let files = segments(&image);
    let mut damaged = image.clone();
    damaged.remove("MANIFEST");
    damaged.remove(&files[1]);
    let (report, _, lost) = repaired(&damaged, &wanted);
    assert_eq!(lost, within(&image, &wanted, &files[1]));
    assert_eq!((&report.lost[0].file, report.lost[0].what.as_str()), (&files[0], "no segment follows"));
    assert!(report.lost[0].offset > 64);
    // The last segment with events is there, but it is empty: the manifest says that it was not.
    let last = files.iter().rfind(|name| !within(&image, &wanted, name).is_empty()).unwrap();
    let mut damaged = image.clone();
    damaged.insert(last.clone(), Vec::new());
    let (report, _, lost) = repaired(&damaged, &wanted);
    assert_eq!(lost, within(&image, &wanted, last));
    assert_eq!(&report.lost[0].file, last);
}
