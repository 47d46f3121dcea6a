//! Steps of one segment, however few runs the index has: what is left of a run beside them is looked at through windows.

use super::{compact, seen};
use crate::backup::{back_up, env_of, sound_events};
use crate::common::{World, verified};
use annals::vfs::{Disk, MemoryDisk};
use annals::{
    BackupOptions, EraseTarget, Event, Expected, NewEvent, Position, Query, RestoreTo, RetentionRule,
    RetentionScope, Store, Uuid, View, restore_in,
};
use annals_format::{Manifest, names};

const STREAMS: u64 = 12;
const EVENTS: u64 = 30;

/// A store with one run for all of its segments, of which each has events of two streams at most.
fn settled(seed: u64) -> (World, Store) {
    let world = World::new(seed);
    let store = world.open();
    for stream in 0..STREAMS {
        for number in 0..EVENTS {
            let event = NewEvent::new(["said", "asked"][(number % 2) as usize], vec![number as u8; 500])
                .with_tag(format!("s:{stream}"))
                .with_tag("all")
                .with_id(Uuid::from_u64_pair(stream, number + 1));
            store.append(&format!("session-{stream}"), Expected::Any, &[event]).unwrap();
        }
    }
    store.settle().unwrap();
    (world, store)
}

fn manifest(world: &World) -> Manifest {
    Manifest::decode(&world.disk().image()[names::MANIFEST]).unwrap()
}

fn windows(world: &World) -> usize {
    manifest(world).runs.iter().filter(|run| run.file.is_some()).count()
}

/// Has most of two streams go that lie in the middle, in the way of the background thread.
fn compacted_in_the_middle(seed: u64) -> (World, Store, Vec<Event>) {
    let (world, store) = settled(seed);
    for stream in ["session-4", "session-8"] {
        store.retention().set(&RetentionScope::stream(stream), &RetentionRule::new().max_count(2)).unwrap();
    }
    let before = seen(&store);
    while store.compact_if_worth().unwrap().events_removed > 0 {}
    assert_eq!(store.compaction_state().events_removed, 2 * (EVENTS - 2));
    assert!(windows(&world) >= 3, "{:?}", manifest(&world).runs);
    (world, store, before)
}

/// Asks for everything that an index is asked for.
fn assert_answers(view: &View, events: &[Event]) {
    let own = |event: &&Event| !event.stream.starts_with('$');
    let all: Vec<&Event> = events.iter().filter(own).collect();
    let found = |query: Query| -> Vec<Position> {
        view.read(query).unwrap().map(|event| event.unwrap().position).collect()
    };
    for stream in 0..STREAMS {
        let name = format!("session-{stream}");
        let wanted: Vec<Position> =
            all.iter().filter(|event| event.stream == name).map(|event| event.position).collect();
        assert_eq!(found(Query::stream(&*name)), wanted, "{name}");
        let mut backwards = found(Query::stream(&*name).backwards());
        backwards.reverse();
        assert_eq!(backwards, wanted, "{name}");
        assert_eq!(found(Query::all().tagged(format!("s:{stream}"))), wanted, "{name}");
        assert_eq!(view.count(Query::stream(&*name)).unwrap(), wanted.len() as u64);
        assert_eq!(view.stream(&name).unwrap().unwrap().last_version.get(), EVENTS, "{name}");
    }
    assert_eq!(found(Query::all().tagged("all")).len(), all.len());
    assert_eq!(view.streams("session-").count() as u64, STREAMS);
    assert_eq!(view.count(Query::all().of_type("said")).unwrap(), all.len() as u64 / 2);
    for event in all {
        assert_eq!(view.event(event.id).unwrap().unwrap().position, event.position);
    }
    let gone = view.event(Uuid::from_u64_pair(4, 1));
    assert!(!matches!(gone, Ok(Some(_))), "{gone:?}");
}

#[test]
fn what_a_run_has_beside_segments_that_were_written_anew_goes_on_to_answer() {
    let (world, store, before) = compacted_in_the_middle(61);
    assert_eq!(seen(&store), before);
    assert_answers(&store.view(), &before);
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
    let (appended, again) = (NewEvent::json("said", "1"), Expected::Exact(annals::Version::new(EVENTS)));
    store.append("session-4", again, &[appended]).unwrap();
    store.close().unwrap();
    let store = world.open();
    assert!(windows(&world) >= 3);
    assert_eq!(store.stats().unwrap().runs_missing, 0);
    assert_eq!(store.view().count(Query::stream("session-4")).unwrap(), 2);
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert_eq!(seen(&reader), seen(&store));
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn merging_puts_windows_together_again_and_their_file_goes() {
    let (world, store, before) = compacted_in_the_middle(62);
    let old = manifest(&world).runs.iter().find(|run| run.file.is_some()).unwrap().id;
    assert!(world.files("index/").contains(&names::run(old)));
    store.settle().unwrap();
    assert_eq!(windows(&world), 0, "{:?}", manifest(&world).runs);
    assert!(!world.files("index/").contains(&names::run(old)));
    assert_eq!(seen(&store), before);
    assert_answers(&store.view(), &before);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn a_run_of_which_little_counts_is_written_anew_for_the_room_it_takes() {
    let (world, store) = settled(63);
    for stream in 0..STREAMS / 2 + 1 {
        let name = format!("session-{stream}");
        store.retention().set(&RetentionScope::stream(name), &RetentionRule::new().max_count(1)).unwrap();
    }
    while store.compact_if_worth().unwrap().events_removed > 0 {}
    assert!(windows(&world) > 0);
    store.maintain().unwrap();
    assert_eq!(windows(&world), 0, "{:?}", manifest(&world).runs);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn a_missing_or_damaged_file_of_several_windows_is_made_again() {
    for lost in [true, false] {
        let (world, store, before) = compacted_in_the_middle(64);
        let file = names::run(manifest(&world).runs.iter().find(|run| run.file.is_some()).unwrap().id);
        store.close().unwrap();
        if lost {
            world.disk().remove(&file).unwrap();
        } else {
            world.flip(&file, 1000, 3);
            assert!(verified(&world.disk()).iter().all(|found| found.starts_with(&file)));
        }
        let store = world.open();
        assert_eq!(seen(&store), before);
        assert_answers(&store.view(), &before);
        store.maintain().unwrap();
        assert_eq!((windows(&world), store.stats().unwrap().runs_missing), (0, 0), "{lost}");
        assert_answers(&store.view(), &before);
        store.close().unwrap();
        assert_eq!(verified(&world.disk()), [] as [String; 0]);
    }
}

#[test]
fn a_copy_has_the_file_of_several_windows_once() {
    let (world, store) = settled(65);
    let copy = MemoryDisk::new();
    back_up(&store, &copy).unwrap();
    let rule = RetentionRule::new().max_count(2);
    store.retention().set(&RetentionScope::stream("session-4"), &rule).unwrap();
    let before = seen(&store);
    assert!(store.compact_if_worth().unwrap().events_removed > 0 && windows(&world) == 2);
    let report = back_up(&store, &copy).unwrap();
    let file = names::run(manifest(&world).runs.iter().find(|run| run.file.is_some()).unwrap().id);
    assert!(report.files.kept.files > 0 && copy.image().contains_key(&file), "{report:?}");
    assert_eq!(sound_events(&copy, "the copy").len(), store.view().read(Query::all()).unwrap().count());
    for position in [before[40].position, store.last_position()] {
        let into = MemoryDisk::new();
        let options = BackupOptions::new();
        restore_in(&env_of(&copy), &env_of(&into), RestoreTo::Position(position), &options, &mut |_| {})
            .unwrap();
        let found = sound_events(&into, "restored");
        let wanted = before.iter().filter(|event| event.position <= position);
        assert!(found.iter().filter(|event| event.stream != "$annals.ledger").eq(wanted), "{position}");
    }
}

/// A step that needs room for one segment is done where there is no room for all that stays.
#[test]
fn a_store_of_one_run_is_compacted_with_room_for_a_segment() {
    let (world, store) = settled(66);
    store
        .retention()
        .set(&RetentionScope::category("session"), &RetentionRule::new().max_count(EVENTS * 2 / 3))
        .unwrap();
    store.sync().unwrap();
    let before = seen(&store);
    let used: u64 = world.disk().image().values().map(|bytes| bytes.len() as u64).sum();
    let stays: u64 = before.iter().map(|event| event.data().unwrap().len() as u64).sum();
    let room = 3 * crate::common::SEGMENT_BYTES;
    assert!(stays > 2 * room, "{stays}");
    world.disk().set_capacity(Some(used + room));
    let report = compact(&store);
    assert!(report.events_removed >= STREAMS * EVENTS / 3 && report.segments_rewritten > 5, "{report:?}");
    assert!(store.ledger().unwrap().len() > 5, "it was one step");
    assert_eq!((seen(&store), windows(&world)), (before, 0));
    world.disk().set_capacity(None);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

/// Files that have what was asked to be erased, or names of what is gone.
fn files_with(world: &World, text: &str) -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    world.disk().image().into_iter().filter(|(_, bytes)| has(bytes)).map(|(path, _)| path).collect()
}

/// A tag was to be read in the file of a run, of which a window is looked at that has nothing of it.
#[test]
fn erased_tags_go_from_runs_that_are_looked_at_through_windows_as_well() {
    let (world, store, _) = compacted_in_the_middle(67);
    store.erase(EraseTarget::Tag("s:6".into())).keep_tags(false).run().unwrap();
    assert_eq!(files_with(&world, "s:6"), [] as [String; 0]);
    // What went before is in the same file.
    let (world, store, _) = compacted_in_the_middle(68);
    store.erase(EraseTarget::Tag("s:4".into())).keep_tags(false).run().unwrap();
    assert_eq!(files_with(&world, "s:4"), [] as [String; 0]);
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn a_compaction_that_was_asked_for_leaves_no_names_of_what_is_gone_in_the_index() {
    let (world, store) = settled(69);
    store.retention().tombstone("session-5", Expected::Any).unwrap();
    compact(&store);
    let index: Vec<String> =
        files_with(&world, "s:5").into_iter().filter(|path| path.starts_with("index/")).collect();
    assert_eq!(index, [] as [String; 0]);
}

/// A merge that is under way is of no use where the segments of its sources are replaced, and one that has ended is cut.
#[test]
fn a_merge_beside_a_compaction_neither_stops_it_nor_brings_anything_back() {
    for paused_first in [true, false] {
        let (world, store) = settled(70);
        let rule = RetentionRule::new().max_count(3);
        store.retention().set(&RetentionScope::category("session"), &rule).unwrap();
        store.close().unwrap();
        let store = world.open();
        // Some runs that can be merged with the large one.
        for number in 0..60 {
            store.append("late-1", Expected::Any, &[NewEvent::new("said", vec![number; 900])]).unwrap();
        }
        let before = seen(&store);
        let control = annals::CompactionControl::new();
        let report = std::thread::scope(|scope| {
            if paused_first {
                control.pause();
            }
            let run =
                scope.spawn(|| store.compaction().all(true).bytes_per_second(None).control(&control).run());
            let settled = store.settle();
            control.resume();
            settled.unwrap();
            run.join().unwrap().unwrap()
        });
        assert!(!report.stopped && report.events_removed > 300, "{report:?}");
        assert_eq!(seen(&store), before);
        store.settle().unwrap();
        assert_eq!((seen(&store), windows(&world)), (before, 0));
        store.close().unwrap();
        assert_eq!(verified(&world.disk()), [] as [String; 0]);
    }
}
