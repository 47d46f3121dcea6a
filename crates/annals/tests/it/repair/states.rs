//! Snapshots in repaired stores: below a floor, and of events that were lost, they are all that is left of a state.

use super::bad_pages::BadPages;
use super::{Image, env_of, place_of, segments, try_repair};
use crate::common::{World, events_of};
use crate::compaction::compact;
use annals::vfs::MemoryDisk;
use annals::{
    Aggregate, Aggregates, Compression, EraseTarget, Event, Expected, LoadError, NewEvent, SnapshotInfo,
    SnapshotPolicy, Store, Timestamp, Version, repair_in,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All numbers that have been said, in order: wrong events, or a wrong order, give another state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Said(Vec<u64>);

#[derive(Serialize, Deserialize)]
enum Saying {
    Said { number: u64, pad: String },
}

impl Aggregate for Said {
    type Event = Saying;

    fn apply(&mut self, Saying::Said { number, .. }: Saying) {
        self.0.push(number);
    }
}

fn saving(store: &Store) -> Aggregates<Said> {
    store.aggregates().with_snapshots("said/1", SnapshotPolicy::only_when_told())
}

/// Says numbers in a stream, each in a batch of its own.
fn say(store: &Store, stream: &str, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let pad = format!("{stream} {number} ").repeat(30);
        let event = NewEvent::json("Said", format!("{{\"number\":{number},\"pad\":{pad:?}}}"));
        store.append(stream, Expected::Any, &[event]).unwrap();
    }
}

fn save(store: &Store, stream: &str) {
    let saving = saving(store);
    let mut loaded = saving.load(stream).unwrap();
    saving.save(&mut loaded).unwrap();
}

fn numbers(numbers: std::ops::RangeInclusive<u64>) -> Said {
    Said(numbers.collect())
}

fn store_of(image: Image) -> Store {
    World::on(MemoryDisk::from_image(image).unwrap(), 9).open()
}

fn listed(store: &Store) -> Vec<SnapshotInfo> {
    let mut all: Vec<_> = store.snapshots("").unwrap().map(Result::unwrap).collect();
    all.sort_unstable_by(|one, other| (&one.stream, one.version).cmp(&(&other.stream, other.version)));
    all
}

fn without(mut image: Image, directory: &str) -> Image {
    image.retain(|name, _| !name.starts_with(directory));
    image
}

/// Changes a byte of the record of an event.
fn damage(image: &mut Image, event: &Event) {
    let (file, start, _) = place_of(image, event);
    image.get_mut(&file).unwrap()[start + 50] ^= 1;
}

/// A store with a stream that is truncated below its snapshot, compacted, and gone on with; another one with snapshots at versions 20
/// and 40 and nothing hidden; and events between.
fn truncated() -> (World, Vec<Event>) {
    let world = World::new(81);
    let store = world.options().compression(Compression::None).open("memory").unwrap();
    say(&store, "s", 1..=40);
    say(&store, "t", 1..=20);
    save(&store, "t");
    say(&store, "t", 21..=40);
    save(&store, "t");
    saving(&store).truncate_below_snapshot("s").unwrap();
    world.clock.set(Timestamp::from_nanos(crate::common::START + 5_000_000));
    say(&store, "u", 1..=30);
    store.maintain().unwrap();
    let events = events_of(&store);
    assert!(compact(&store).events_removed == 39);
    say(&store, "s", 41..=50);
    store.close().unwrap();
    (world, events)
}

#[test]
fn the_state_of_a_truncated_stream_is_in_the_repaired_store() {
    let (world, events) = truncated();
    let of_t = events.iter().find(|event| event.stream == "t" && event.version.get() == 7).unwrap();
    let image = world.disk().image();
    let taken = listed(&store_of(image.clone()));
    let mut damaged = image.clone();
    damage(&mut damaged, of_t);
    for image in
        [image.clone(), damaged.clone(), without(damaged.clone(), "MANIFEST"), without(damaged, "index/")]
    {
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!((report.snapshots, report.snapshots_left_out), (3, 0), "{report:?}");
        let store = store_of(disk.image());
        let loaded = saving(&store).load("s").unwrap();
        assert_eq!((loaded.state(), loaded.snapshot()), (&numbers(1..=50), Some(Version::new(40))));
        // An event of it was lost, and is in the state all the same.
        assert_eq!(saving(&store).load("t").unwrap().state(), &numbers(1..=40));
        assert!(store.aggregates::<Said>().load("s").is_err());
        let times = |infos: &[SnapshotInfo]| infos.iter().map(|info| info.taken_at).collect::<Vec<_>>();
        assert_eq!(times(&listed(&store)), times(&taken));
        saving(&store).truncate_below_snapshot("s").unwrap();
        store.close().unwrap();
        assert_eq!(crate::common::verified(&disk), [] as [String; 0]);
    }
}

#[test]
fn a_state_outlives_the_event_that_it_ends_with() {
    let (world, events) = truncated();
    let last = events.iter().find(|event| event.stream == "s" && event.version.get() == 40).unwrap();
    let image = world.disk().image();
    // With the index the lost event has a stream and a version; without it, it has none, and the stream goes on behind it.
    for directory in ["nothing", "index/"] {
        let mut image = without(image.clone(), directory);
        damage(&mut image, last);
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!((report.lost_positions, report.snapshots), (1, 3), "{report:?}");
        assert_eq!(report.unassigned, u64::from(directory == "index/"));
        let loaded = saving(&store_of(disk.image())).load("s").unwrap();
        assert_eq!((loaded.state(), loaded.snapshot()), (&numbers(1..=50), Some(Version::new(40))));
    }
}

#[test]
fn no_state_is_taken_of_a_lost_end_of_a_stream_whose_versions_are_given_again() {
    let world = World::new(82);
    let store = world.open();
    say(&store, "s", 1..=5);
    save(&store, "s");
    say(&store, "s", 6..=9);
    save(&store, "s");
    say(&store, "t", 1..=9);
    let events = events_of(&store);
    store.close().unwrap();
    let mut image = without(world.disk().image(), "index/");
    let lost = |event: &&Event| event.stream == "s" && event.version.get() > 6;
    events.iter().filter(lost).for_each(|event| damage(&mut image, event));
    let (report, disk) = try_repair(&image).unwrap();
    assert_eq!((report.lost_positions, report.unassigned), (3, 3), "{report:?}");
    assert_eq!((report.snapshots, report.snapshots_left_out), (1, 1), "{report:?}");
    let store = store_of(disk.image());
    say(&store, "s", 107..=120);
    let said: Vec<u64> = (1..=6).chain(107..=120).collect();
    assert_eq!(saving(&store).load("s").unwrap().state(), &Said(said));
}

#[test]
fn no_state_is_taken_of_what_lies_behind_the_end() {
    let world = World::new(83);
    let store = world.open();
    say(&store, "s", 1..=5);
    save(&store, "s");
    store.sync_snapshots().unwrap();
    let name = segments(&world.disk().image()).pop().unwrap();
    let end = world.disk().image()[&name].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    say(&store, "s", 6..=9);
    save(&store, "s");
    store.close().unwrap();
    let mut image = without(world.disk().image(), "MANIFEST");
    image.get_mut(&name).unwrap().truncate(end.next_multiple_of(8));
    let (report, disk) = try_repair(&image).unwrap();
    assert_eq!((report.last_position.get(), report.events), (5, 5), "{report:?}");
    assert_eq!((report.snapshots, report.snapshots_left_out), (1, 1), "{report:?}");
    let store = store_of(disk.image());
    say(&store, "s", 106..=109);
    let loaded = saving(&store).load("s").unwrap();
    assert_eq!(loaded.state().0, [1, 2, 3, 4, 5, 106, 107, 108, 109]);
    assert_eq!((loaded.snapshot(), loaded.ignored_snapshots().len()), (Some(Version::new(5)), 0));
}

#[test]
fn states_of_another_store_and_of_a_copy_that_went_its_own_way_are_left_where_they_are() {
    let mut images = Vec::new();
    let world = World::new(84);
    let store = world.open();
    say(&store, "s", 1..=3);
    store.close().unwrap();
    let begun = world.disk().image();
    for (number, seed) in [(100, 1), (200, 2)] {
        let copy = World::on(MemoryDisk::from_image(begun.clone()).unwrap(), seed);
        copy.clock.set(Timestamp::from_nanos(crate::common::START + number as i64));
        let store = copy.open();
        say(&store, "s", number..=number + 5);
        save(&store, "s");
        store.close().unwrap();
        images.push(copy.disk().image());
    }
    let foreign = World::new(85);
    let store = foreign.open();
    say(&store, "s", 1..=9);
    save(&store, "s");
    store.close().unwrap();
    images.push(foreign.disk().image());
    let log = without(images[0].clone(), "snapshots/");
    for (index, (taken, left_out, noted)) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)].into_iter().enumerate() {
        let mut image = log.clone();
        image.extend(images[index].clone().into_iter().filter(|(name, _)| name.starts_with("snapshots/")));
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!((report.snapshots, report.snapshots_left_out), (taken, left_out), "{index}: {report:?}");
        assert_eq!(report.notes.len(), noted, "{:?}", report.notes);
        let state = saving(&store_of(disk.image())).load("s").unwrap().into_state();
        assert_eq!(state.0, [1, 2, 3, 100, 101, 102, 103, 104, 105]);
    }
}

#[test]
fn what_is_sound_of_damaged_files_of_snapshots_is_taken_and_the_rest_is_told() {
    let (world, _) = truncated();
    let image = world.disk().image();
    let name = image.keys().find(|name| name.starts_with("snapshots/")).unwrap().clone();
    let length = image[&name].len();
    for at in (0..length).step_by(61) {
        let mut image = image.clone();
        image.get_mut(&name).unwrap()[at] ^= 4;
        let (report, disk) = try_repair(&image).unwrap();
        assert!(report.snapshots >= 2 || at < 72, "byte {at}: {report:?}");
        assert!(report.snapshots == 3 || report.notes.iter().any(|note| note.contains(&name)), "byte {at}");
        match saving(&store_of(disk.image())).load("s") {
            Ok(loaded) => assert_eq!(loaded.state(), &numbers(1..=50)),
            Err(LoadError::BelowFloor { .. }) => assert!(report.snapshots < 3, "byte {at}"),
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    // Neither its trailer nor its index is there.
    let mut cut = image.clone();
    cut.get_mut(&name).unwrap().truncate(length - 200);
    let (report, _) = try_repair(&cut).unwrap();
    assert!(report.snapshots == 3 && report.notes[0].contains(&name), "{report:?}");
    cut.insert(name, Vec::new());
    assert_eq!(try_repair(&cut).unwrap().0.snapshots, 0);
}

#[test]
fn snapshots_on_pages_that_the_disk_cannot_read_are_passed_over_for_those_behind_them() {
    let world = World::new(86);
    let store = world.open();
    for stream in 1..=100 {
        say(&store, &format!("s-{stream}"), 1..=2);
        save(&store, &format!("s-{stream}"));
    }
    store.close().unwrap();
    let file = world.files("snapshots/").remove(0);
    let pages = world.disk().image()[&file].len() as u64 / 4096;
    assert!(pages > 2);
    let mut lost = 0;
    for page in 0..=pages {
        let from = BadPages { disk: world.disk(), file: file.clone(), pages: page..page + 1 };
        let (mut from_env, to) = (env_of(&world.disk(), 1), MemoryDisk::new());
        from_env.disk = Arc::new(from);
        let report = repair_in(&from_env, &env_of(&to, 2), &mut |_| {}).unwrap();
        assert_eq!(report.lost_positions, 0);
        let told = report.notes.iter().any(|note| note.contains(&file));
        assert!(report.snapshots == 100 || told, "page {page}: {report:?}");
        assert!(report.snapshots > 50 || page == 0, "page {page}: {report:?}");
        lost += 100 - report.snapshots;
        assert_eq!(crate::common::verified(&to), [] as [String; 0]);
    }
    assert!(lost > 100, "{lost}");
}

#[test]
fn a_state_of_what_was_erased_does_not_come_back() {
    let world = World::new(87);
    let store = world.open();
    say(&store, "s", 1..=4);
    say(&store, "t", 1..=4);
    save(&store, "s");
    save(&store, "t");
    store.sync_snapshots().unwrap();
    let before = world.disk().image();
    store.erase(EraseTarget::Stream("s".into())).reason("a letter").bytes_per_second(None).run().unwrap();
    store.close().unwrap();
    // The file that had it is left over.
    let mut image = world.disk().image();
    image.extend(before.into_iter().filter(|(name, _)| name.starts_with("snapshots/")));
    for image in [image.clone(), without(image, "MANIFEST")] {
        let (report, disk) = try_repair(&image).unwrap();
        assert_eq!(report.snapshots, 1, "{report:?}");
        let streams: Vec<String> =
            listed(&store_of(disk.image())).into_iter().map(|info| info.stream).collect();
        assert_eq!(streams, ["t"]);
    }
}
