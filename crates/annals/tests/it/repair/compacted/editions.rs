//! Editions that a crash has left beside those that replaced them: what a repair takes where the newest one is damaged, and the manifest
//! with it.

use super::super::{Image, check_appends, segments, try_repair};
use super::by_position;
use crate::common::{World, events_of};
use crate::compaction::{compact, filled, keep};
use annals::vfs::MemoryDisk;
use annals::{Event, Expected, NewEvent, Position, ReadError, Store};
use annals_format::names;
use std::collections::{BTreeMap, BTreeSet};

/// A compaction of all segments, which a crash has interrupted before anything was removed.
struct Interrupted {
    /// With the files that were replaced beside those that replaced them.
    image: Image,
    /// What the manifest said before.
    older_manifest: Vec<u8>,
    /// Everything that was ever appended.
    events: BTreeMap<u64, Event>,
    /// What a reader was shown at last.
    shown: BTreeMap<u64, Event>,
    removed: BTreeSet<u64>,
}

/// Where little stays, the segments become one.
fn interrupted(as_one: bool) -> Interrupted {
    let (world, store) = if as_one { filled(75) } else { of_half_that_stays() };
    store.maintain().unwrap();
    let before = world.disk().image();
    let mut events: BTreeMap<u64, Event> = by_position(&store).collect();
    assert!(compact(&store).events_removed > 150);
    store.maintain().unwrap();
    let shown: BTreeMap<u64, Event> = by_position(&store).collect();
    events.extend(shown.clone());
    let view = store.view();
    let is_removed =
        |position: &u64| matches!(view.event_at(Position::new(*position)), Err(ReadError::Removed { .. }));
    let removed = (1..=view.position().get()).filter(is_removed).collect();
    drop(view);
    store.close().unwrap();
    let mut image = world.disk().image();
    for (name, bytes) in before.iter().filter(|(name, _)| name.starts_with("log/")) {
        image.entry(name.clone()).or_insert_with(|| bytes.clone());
    }
    let older_manifest = before[names::MANIFEST].clone();
    Interrupted { image, older_manifest, events, shown, removed }
}

/// A store whose segments keep every other event.
fn of_half_that_stays() -> (World, Store) {
    let world = World::new(76);
    let store = world.open();
    for number in 0..60 {
        for stream in 1..=4 {
            let data = format!("{{\"number\":{number},\"pad\":{:?}}}", "x".repeat(100));
            let event = NewEvent::json("said", data);
            for category in ["session", "account"] {
                store
                    .append(&format!("{category}-{stream}"), Expected::Any, std::slice::from_ref(&event))
                    .unwrap();
            }
        }
    }
    keep(&store, 2);
    (world, store)
}

impl Interrupted {
    /// The segments that were written anew.
    fn rewritten(&self) -> Vec<String> {
        let all = segments(&self.image).into_iter().filter(|name| name.ends_with(".1.seg"));
        all.collect()
    }

    /// Repairs an image, and checks that all is there that the store had. Gives what of the removed events has come back, and how many
    /// that were found were not taken.
    fn repaired(&self, image: &Image, what: &str) -> (BTreeSet<u64>, bool) {
        let (report, disk) = try_repair(image).unwrap();
        assert_eq!((report.lost_positions, report.uncertain_positions), (0, 0), "{what}: {report:?}");
        let world = World::on(MemoryDisk::from_image(disk.image()).unwrap(), 4);
        let store = world.open();
        let kept: BTreeMap<u64, Event> = by_position(&store).collect();
        for (position, event) in &self.shown {
            assert_eq!(kept.get(position), Some(event), "{what}: {report:?}");
        }
        for (position, event) in &kept {
            assert_eq!(self.events.get(position), Some(event), "{what}");
        }
        let mut heads: BTreeMap<&str, u64> = BTreeMap::new();
        for event in kept.values() {
            let before = heads.insert(&event.stream, event.version.get());
            assert!(
                before.is_none_or(|before| before + 1 == event.version.get()),
                "{what}: hole before {event:?}"
            );
        }
        let view = store.view();
        let gone = |position: &&u64| {
            matches!(view.event_at(Position::new(**position)), Err(ReadError::Removed { .. }))
        };
        let back = self.removed.iter().filter(|position| !gone(position)).copied().collect();
        drop(view);
        check_appends(&store);
        compact(&store);
        store.close().unwrap();
        assert_eq!(crate::common::verified(&world.disk()), [] as [String; 0]);
        (back, report.notes.iter().any(|note| note.contains("events were not used")))
    }
}

/// What stood behind removed versions was given up, as if it contradicted the older edition in front of it.
#[test]
fn where_the_newest_edition_and_the_manifest_are_damaged_an_older_one_takes_nothing_from_what_is_behind_it() {
    for as_one in [false, true] {
        let made = interrupted(as_one);
        let rewritten = made.rewritten();
        assert_eq!((rewritten.len() == 1, rewritten.len() < 8), (as_one, true), "{rewritten:?}");
        let (mut came_back, mut left_out) = (0, 0);
        for damaged in 0..1_usize << rewritten.len() {
            let mut image = made.image.clone();
            image.remove(names::MANIFEST);
            for (index, name) in rewritten.iter().enumerate().filter(|(index, _)| damaged >> index & 1 == 1) {
                match (damaged + index) % 3 {
                    0 => drop(image.remove(name)),
                    1 => image.get_mut(name).unwrap().clear(),
                    _ => image.get_mut(name).unwrap()[..64].fill(7),
                }
            }
            let (back, not_used) = made.repaired(&image, &format!("{damaged:b} of {rewritten:?}"));
            assert!(damaged > 0 || back.is_empty(), "{back:?}");
            came_back += usize::from(!back.is_empty());
            left_out += usize::from(not_used);
        }
        // Of all segments that were written anew older editions are taken once, and nothing was removed behind them.
        assert!(came_back > 0 && (as_one || left_out > 0), "{came_back}, {left_out}");
    }
}

/// The manifest is that of before the compaction, and the first segments that it names are left over.
#[test]
fn where_the_manifest_is_older_than_one_segment_it_does_not_choose_the_editions_of_the_others() {
    let made = interrupted(false);
    let rewritten = made.rewritten();
    let older: Vec<String> = rewritten.iter().map(|name| name.replace(".1.seg", ".seg")).collect();
    for left in 0..older.len() {
        let mut image = made.image.clone();
        image.insert(names::MANIFEST.into(), made.older_manifest.clone());
        older[left..].iter().for_each(|name| drop(image.remove(name)));
        let (back, _) = made.repaired(&image, &format!("{left} left"));
        assert!(back.is_empty(), "{left} left: {back:?}");
    }
}

/// Which is how a crash leaves it that comes before the first step of a compaction has ended.
#[test]
fn an_edition_that_was_not_finished_takes_nothing_from_the_one_before_it() {
    let made = interrupted(false);
    let first = &made.rewritten()[0];
    for length in [0, 64, 300, 1000, made.image[first].len() - 1] {
        let mut image = made.image.clone();
        image.retain(|name, _| name == first || !name.ends_with(".1.seg"));
        image.remove(names::MANIFEST);
        image.retain(|name, _| !name.starts_with("index/"));
        image.get_mut(first).unwrap().truncate(length);
        let (_, disk) = try_repair(&image).unwrap();
        let store = World::on(disk, 5).open();
        let kept: BTreeMap<u64, Event> =
            events_of(&store).into_iter().map(|e| (e.position.get(), e)).collect();
        let wanted = made.shown.iter().filter(|(position, _)| **position <= store.last_position().get());
        assert!(wanted.clone().count() > 10);
        wanted.for_each(|(position, event)| assert_eq!(kept.get(position), Some(event), "{length}"));
    }
}
