//! Stores from which events were removed: what is whole stays, what was removed stays removed, and what nothing tells is said.

use super::{Image, check_appends, env_of, segments, try_repair};
use crate::common::{World, events_of};
use crate::compaction::{compact, fill, filled, keep};
use annals::vfs::MemoryDisk;
use annals::{
    Compression, EraseTarget, Event, Expected, NewEvent, Position, ReadError, RepairReport, Store, verify_in,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a store had before it was damaged.
struct Truth {
    image: Image,
    /// Everything that was ever appended.
    events: BTreeMap<u64, Event>,
    removed: BTreeSet<u64>,
}

fn by_position(store: &Store) -> impl Iterator<Item = (u64, Event)> {
    events_of(store).into_iter().map(|event| (event.position.get(), event))
}

/// A store of which most events were removed, with segments that were written anew, compressed or not, and others behind them.
fn compacted(compression: Compression) -> Truth {
    let world = World::new(71);
    let store = world.options().compression(compression).open("memory").unwrap();
    fill(&store, 7, 40);
    let mut events: BTreeMap<u64, Event> = by_position(&store).collect();
    keep(&store, 2);
    assert!(compact(&store).events_removed > 150);
    for number in 0..60 {
        let event = NewEvent::json("later", format!("{{\"number\":{number},\"pad\":{:?}}}", "y".repeat(300)));
        store.append(&format!("later-{}", number % 3), Expected::Any, &[event]).unwrap();
    }
    store.maintain().unwrap();
    events.extend(by_position(&store));
    let view = store.view();
    let is_removed =
        |position: &u64| matches!(view.event_at(Position::new(*position)), Err(ReadError::Removed { .. }));
    let removed: BTreeSet<u64> = (1..=view.position().get()).filter(is_removed).collect();
    assert!(removed.len() > 150);
    assert_eq!(store.stats().unwrap().segments_compressed > 0, compression == Compression::Lz4);
    drop(view);
    store.close().unwrap();
    Truth { image: world.disk().image(), events, removed }
}

/// What a repaired store says of its positions.
#[derive(Debug, Default)]
struct Told {
    lost: BTreeSet<u64>,
    removed: BTreeSet<u64>,
}

fn ranges(ranges: &[annals::LostRange]) -> BTreeSet<u64> {
    ranges.iter().flat_map(|range| range.first.get()..=range.last.get()).collect()
}

/// Repairs an image, and checks all that must hold of any repair of it.
fn repaired(image: &Image, truth: &Truth) -> (RepairReport, MemoryDisk, Told) {
    let (report, disk) = try_repair(image).unwrap();
    let verified = verify_in(&env_of(&disk, 3), &mut |_| {}).unwrap();
    assert_eq!((&verified.findings, verified.events), (&Vec::new(), report.events));
    let world = World::on(MemoryDisk::from_image(disk.image()).unwrap(), 4);
    let store = world.open();
    assert!(store.recovery().clean);
    let (view, mut told) = (store.view(), Told::default());
    assert_eq!(view.position(), report.last_position);
    let mut kept = 0;
    for position in 1..=report.last_position.get() {
        match view.event_at(Position::new(position)) {
            Ok(Some(event)) => {
                assert_eq!(event.to_event(), truth.events[&position]);
                kept += 1;
            }
            Err(ReadError::Hidden { .. }) => kept += 1,
            Err(ReadError::Lost { .. }) => drop(told.lost.insert(position)),
            Err(ReadError::Removed { .. }) => drop(told.removed.insert(position)),
            other => panic!("{position}: {other:?}"),
        }
    }
    assert_eq!(ranges(&report.lost), told.lost, "{report:?}");
    assert_eq!((kept, report.lost_positions), (report.events, told.lost.len() as u64));
    let uncertain = ranges(&report.uncertain);
    assert_eq!(report.uncertain_positions, uncertain.len() as u64);
    assert_eq!(report.removed_positions + report.uncertain_positions, told.removed.len() as u64);
    assert!(uncertain.is_subset(&told.removed));
    // What is said to be lost was there, and what is said to be removed was removed, unless nothing told.
    assert!(told.lost.is_disjoint(&truth.removed), "{:?}", &told.lost & &truth.removed);
    let wrong = &(&told.removed - &uncertain) - &truth.removed;
    assert!(wrong.is_empty(), "{wrong:?} of {report:?}");
    let back: Vec<_> =
        truth.removed.iter().filter(|position| **position <= report.last_position.get()).collect();
    assert!(back.iter().all(|position| told.removed.contains(position)), "a removed event came back");
    drop(view);
    check_appends(&store);
    compact(&store);
    store.close().unwrap();
    assert_eq!(crate::common::verified(&world.disk()), [] as [String; 0]);
    (report, disk, told)
}

const BOTH: [Compression; 2] = [Compression::None, Compression::Lz4];

#[test]
fn a_whole_store_is_copied_with_what_was_removed_from_it() {
    for compression in BOTH {
        let truth = compacted(compression);
        let (report, disk, told) = repaired(&truth.image, &truth);
        assert_eq!((report.lost_positions, report.uncertain_positions), (0, 0), "{report:?}");
        assert_eq!(told.removed, truth.removed);
        let world = World::on(MemoryDisk::from_image(disk.image()).unwrap(), 5);
        let store = world.open();
        assert_eq!(store.stats().unwrap().segments_compressed > 0, compression == Compression::Lz4);
        let ledger = store.ledger().unwrap();
        assert_eq!(ledger.iter().map(annals::LedgerEntry::events).sum::<u64>(), truth.removed.len() as u64);
        drop(store);
        let again = repaired(&disk.image(), &truth);
        assert_eq!((again.0.lost_positions, again.2.removed), (0, truth.removed.clone()));
    }
}

#[test]
fn any_file_may_be_gone_or_cut() {
    for compression in BOTH {
        let truth = compacted(compression);
        for name in truth.image.keys().filter(|name| *name != "LOCK") {
            for share in [0, 3, 9] {
                let mut image = truth.image.clone();
                match share {
                    0 => drop(image.remove(name)),
                    share => {
                        let bytes = image.get_mut(name).unwrap();
                        bytes.truncate(bytes.len() * share / 10);
                    }
                }
                let (report, ..) = repaired(&image, &truth);
                let of_log = name.starts_with("log/");
                assert!(of_log || report.lost_positions == 0, "{name} {share}: {report:?}");
                // The manifest tells what was removed in a segment only together with the segment or its run.
                assert!(name == "MANIFEST" || report.uncertain_positions == 0, "{name} {share}: {report:?}");
            }
        }
    }
}

#[test]
fn damage_anywhere_loses_what_it_touches_and_nothing_else() {
    for compression in BOTH {
        let truth = compacted(compression);
        for name in segments(&truth.image).into_iter().filter(|name| !truth.image[name].is_empty()) {
            let length = truth.image[&name].len();
            for step in 0..23 {
                let mut image = truth.image.clone();
                image.get_mut(&name).unwrap()[step * (length - 1) / 22] ^= 4;
                let (report, _, told) = repaired(&image, &truth);
                let of_dictionary = compression == Compression::Lz4 && step < 8;
                assert!(told.lost.len() <= 2 || of_dictionary, "{name} {step}: {report:?}");
                assert_eq!(report.uncertain_positions, 0, "{name} {step}: {report:?}");
            }
        }
    }
}

#[test]
fn without_a_manifest_what_lies_between_segments_was_removed_or_lost() {
    for compression in BOTH {
        let truth = compacted(compression);
        let mut bare = truth.image.clone();
        bare.remove("MANIFEST");
        bare.retain(|name, _| !name.starts_with("index/"));
        let (report, ..) = repaired(&bare, &truth);
        assert_eq!(report.lost_positions, 0, "{report:?}");
        for name in segments(&bare) {
            let mut image = bare.clone();
            image.remove(&name);
            let (report, ..) = repaired(&image, &truth);
            // All that is not there any more is told of, and only that and what was removed.
            let uncertain = ranges(&report.uncertain);
            let (lost, last) = (ranges(&report.lost), report.last_position.get());
            let stayed = (1..=last).filter(|position| !truth.removed.contains(position)).count() as u64;
            let told = &uncertain | &lost;
            assert_eq!(stayed - report.events, (&told - &truth.removed).len() as u64, "{name}: {report:?}");
        }
    }
}

/// The first of them was asked for, and where it was not there nothing of the new store could be read.
#[test]
fn a_store_whose_first_rule_may_be_lost_is_read_by_those_that_are_left() {
    let (world, store) = filled(73);
    keep(&store, 2);
    assert!(compact(&store).events_removed > 0);
    fill(&store, 3, 60);
    keep(&store, 3);
    store.maintain().unwrap();
    let end = store.last_position();
    store.close().unwrap();
    let mut bare = world.disk().image();
    bare.retain(|name, _| name != "MANIFEST" && !name.starts_with("index/"));
    let mut without_first = 0;
    for name in segments(&bare) {
        let mut image = bare.clone();
        image.remove(&name);
        let (report, disk) = try_repair(&image).unwrap();
        let store = World::on(disk, 74).open();
        let seen = events_of(&store);
        let rules = seen.iter().filter(|event| event.stream == "$annals.retention");
        let versions: Vec<_> = rules.map(|event| event.version.get()).collect();
        without_first += u64::from(versions == [2] && report.last_position == end);
    }
    assert!(without_first > 0, "the first rule was never lost");
}

#[test]
fn where_the_footer_the_manifest_and_the_index_are_gone_frames_tell_only_of_themselves() {
    let truth = compacted(Compression::None);
    let name = segments(&truth.image).into_iter().find(|name| name.ends_with(".1.seg")).unwrap();
    let mut image = truth.image.clone();
    image.retain(|name, _| !name.starts_with("index/"));
    let bytes = image.get_mut(&name).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    // All records are there.
    let (report, ..) = repaired(&image, &truth);
    assert_eq!((report.lost_positions, report.uncertain_positions), (0, 0), "{report:?}");
    // One of them is not.
    image.get_mut(&name).unwrap()[64 + 48 + 20] ^= 1;
    let (report, ..) = repaired(&image, &truth);
    assert!(report.uncertain_positions > 0, "{report:?}");
}

#[test]
fn payloads_whose_dictionary_is_damaged_are_lost_with_their_streams_known() {
    let truth = compacted(Compression::Lz4);
    let name = segments(&truth.image).into_iter().find(|name| name.ends_with(".1.seg")).unwrap();
    let mut image = truth.image.clone();
    image.get_mut(&name).unwrap()[64 + 48 + 24 + 7] ^= 1;
    let (report, _, told) = repaired(&image, &truth);
    assert!(told.lost.len() > 5, "{report:?}");
    assert_eq!((report.unassigned, report.uncertain_positions), (0, 0));
    assert!(report.lost.iter().all(|range| range.what.contains("compressed with is damaged")), "{report:?}");
}

#[test]
fn an_edition_that_was_not_finished_does_not_count_and_one_that_was_replaced_does_not_come_back() {
    let (world, store) = filled(72);
    let before = world.disk().image();
    let events: BTreeMap<u64, Event> = by_position(&store).collect();
    compact(&store);
    let view = store.view();
    let is_removed =
        |position: &u64| matches!(view.event_at(Position::new(*position)), Err(ReadError::Removed { .. }));
    let removed: BTreeSet<u64> = (1..=view.position().get()).filter(is_removed).collect();
    drop(view);
    let events = events.into_iter().chain(by_position(&store)).collect();
    store.close().unwrap();
    let truth = Truth { image: world.disk().image(), events, removed };
    let mut image = truth.image.clone();
    for (name, bytes) in before.iter().filter(|(name, _)| name.starts_with("log/")) {
        image.entry(name.clone()).or_insert_with(|| bytes.clone());
    }
    let (report, ..) = repaired(&image, &truth);
    assert_eq!(report.lost_positions, 0);
    assert!(report.notes.iter().any(|note| note.contains("is left over")), "{:?}", report.notes);
}

#[test]
fn what_was_erased_stays_erased_and_the_ledger_goes_on() {
    let world = World::new(73);
    let store = world.open();
    fill(&store, 7, 40);
    keep(&store, 4);
    compact(&store);
    store.erase(EraseTarget::Tag("s:3".into())).reason("a letter").bytes_per_second(None).run().unwrap();
    let erased = store.erased_events().count();
    assert!(erased > 0);
    let ledger: Vec<u64> = store.ledger().unwrap().iter().map(|entry| entry.compaction).collect();
    let wanted = events_of(&store);
    store.close().unwrap();
    for with_manifest in [true, false] {
        let mut image = world.disk().image();
        if !with_manifest {
            image.remove("MANIFEST");
        }
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!(report.lost_positions, 0);
        let repaired = World::on(disk, 6);
        let store = repaired.open();
        assert_eq!(events_of(&store), wanted);
        assert_eq!(store.erased_events().count(), erased);
        keep(&store, 1);
        compact(&store);
        let numbers: Vec<u64> = store.ledger().unwrap().iter().map(|entry| entry.compaction).collect();
        assert!(
            numbers.is_sorted_by(|one, other| one < other) && numbers.len() > ledger.len(),
            "{numbers:?}"
        );
        assert_eq!(numbers[..ledger.len()], ledger);
        store.close().unwrap();
        assert_eq!(crate::common::verified(&repaired.disk()), [] as [String; 0]);
    }
}

#[test]
fn where_no_event_is_left_in_front_of_the_last_segment_positions_are_kept_all_the_same() {
    let truth = compacted(Compression::Lz4);
    let rewritten = |name: &String| name.ends_with(".1.seg");
    for nothing_behind in [true, false] {
        let mut image = truth.image.clone();
        image.retain(|name, _| !name.starts_with("index/") && !rewritten(name));
        image.retain(|name, _| !nothing_behind || !name.starts_with("log/"));
        let (report, disk) = try_repair(&image).unwrap();
        assert!(report.uncertain_positions > 200, "{report:?}");
        assert_eq!(report.events == 0, nothing_behind, "{report:?}");
        let store = World::on(disk, 6).open();
        assert_eq!(store.last_position(), report.last_position);
        for (position, event) in truth.events.range(311..=report.last_position.get()) {
            match store.view().event_at(Position::new(*position)) {
                Ok(Some(found)) => assert_eq!(found.to_event(), *event),
                Err(ReadError::Lost { .. } | ReadError::Hidden { .. } | ReadError::Removed { .. }) => {}
                other => panic!("{position}: {other:?}"),
            }
        }
        check_appends(&store);
    }
}

/// The files of a golden store.
fn golden(name: &str) -> Image {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v4").join(name);
    let mut image = Image::new();
    for directory in ["", "log", "index"] {
        for entry in std::fs::read_dir(root.join(directory)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let path = Path::new(directory).join(entry.file_name());
                image.insert(path.to_str().unwrap().into(), std::fs::read(entry.path()).unwrap());
            }
        }
    }
    image
}

#[test]
fn golden_stores_are_repaired_as_they_are() {
    for name in ["compacted", "compressed"] {
        let image = golden(name);
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!((report.lost_positions, report.uncertain_positions), (0, 0), "{name}: {report:?}");
        let events = |image: Image| {
            let store = World::on(MemoryDisk::from_image(image).unwrap(), 1).open();
            events_of(&store)
        };
        assert_eq!(events(disk.image()), events(image), "{name}");
    }
}
