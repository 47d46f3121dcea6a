//! Stores from which events were removed: what is whole stays, what was removed stays removed, and what nothing tells is said.

mod damage;
mod editions;
mod whole;

use super::{Image, check_appends, env_of, try_repair};
use crate::common::{World, events_of};
use crate::compaction::{compact, fill, keep};
use annals::vfs::MemoryDisk;
use annals::{Compression, Event, Expected, NewEvent, Position, ReadError, RepairReport, Store, verify_in};
use std::collections::{BTreeMap, BTreeSet};

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
