//! What is whole: events, what was removed and erased, and the ledger are in the new store as they were.

use super::super::{Image, try_repair};
use super::{BOTH, Truth, by_position, compacted, repaired};
use crate::common::{World, events_of};
use crate::compaction::{compact, fill, filled, keep};
use annals::vfs::MemoryDisk;
use annals::{Compression, EraseTarget, Event, Position, ReadError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
