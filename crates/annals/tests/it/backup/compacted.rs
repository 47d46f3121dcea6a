//! Stores made of backups of which compaction has removed events.

use super::restoring::restored;
use super::{append, back_up, env_of};
use crate::common::{World, events_of};
use annals::vfs::MemoryDisk;
use annals::{
    BackupError, Batch, Criteria, Expected, NewEvent, Position, ReadError, RestoreTo, RetentionRule,
    RetentionScope, Store, Version, verify_in,
};

fn event() -> NewEvent<'static> {
    NewEvent::new("t", vec![1; 10])
}

/// Compacts everything that is there, which is in sealed segments then.
fn compact(store: &Store) {
    for _ in 0..8 {
        store.append("filler", Expected::Any, &[NewEvent::new("t", vec![1; 4000])]).unwrap();
    }
    store.maintain().unwrap();
    assert!(store.compaction().all(true).bytes_per_second(None).run().unwrap().events_removed > 0);
}

fn at(position: u64) -> RestoreTo {
    RestoreTo::Position(Position::new(position))
}

/// A store restored to a position, opened.
fn opened(backup: &MemoryDisk, position: u64) -> Store {
    let (report, disk) = restored(backup, at(position)).unwrap();
    assert_eq!(report.position.get(), position);
    assert!(verify_in(&env_of(&disk), &mut |_| {}).unwrap().findings.is_empty());
    World::on(disk, 12).open()
}

#[test]
fn a_store_of_which_events_were_removed_can_be_restored_to_every_position() {
    let (world, backup) = (World::new(11), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 60);
    for (stream, most) in [("s-1", 2), ("s-4", 5), ("s-5", 9)] {
        let rule = RetentionRule::new().max_count(most);
        store.retention().set(&RetentionScope::stream(stream), &rule).unwrap();
    }
    store.compaction().all(true).bytes_per_second(None).run().unwrap();
    assert!(store.ledger().unwrap()[0].events() > 20, "too little was removed");
    append(&world, &store, 4);
    back_up(&store, &backup).unwrap();
    let view = store.view();
    let stored = |position: u64| match view.event_at(Position::new(position)) {
        Ok(event) => event.is_some(),
        Err(ReadError::Hidden { .. }) => true,
        Err(ReadError::Removed { .. }) => false,
        Err(other) => panic!("{other:?}"),
    };
    let (last, mut between) = (store.last_position().get(), 0);
    let first = (1..).find(|position| stored(*position)).unwrap();
    for position in first..=last {
        let (report, disk) = restored(&backup, RestoreTo::Position(Position::new(position))).unwrap();
        let end = report.position.get();
        assert!(end <= position, "restored to {end}");
        let kept = (1..=end).rev().find(|position| stored(*position)).unwrap();
        let kept = view.event_at(Position::new(kept)).map(|event| event.unwrap().recorded_at);
        assert!(kept.is_err() || kept.ok() == report.recorded_at, "{report:?}");
        assert!(report.recorded_at.is_some());
        // What lies between was removed, or is of a batch that goes on.
        let cut: Vec<u64> = (end + 1..=position).filter(|position| stored(*position)).collect();
        assert!(cut.len() < 4, "restored to {end} instead of {position}");
        between += u64::from(!stored(position));
        let copy = MemoryDisk::from_image(disk.image()).unwrap();
        assert!(verify_in(&env_of(&copy), &mut |_| {}).unwrap().findings.is_empty(), "position {position}");
        let again = World::on(copy, 12);
        let restored = again.open();
        assert_eq!(restored.last_position().get(), end);
        for other in 1..=end {
            let (ours, theirs) = (restored.view(), &view);
            match (ours.event_at(Position::new(other)), theirs.event_at(Position::new(other))) {
                (Ok(Some(ours)), Ok(Some(theirs))) => assert_eq!(ours.to_event(), theirs.to_event()),
                // The rule may lie behind the end, and the newest are others.
                (Ok(Some(_)), Err(ReadError::Hidden { .. })) => {}
                (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
                (ours, theirs) => panic!("position {other} of {end}: {ours:?} and {theirs:?}"),
            }
        }
        // What was removed behind the end does not speak against conditions.
        let mut batch = Batch::new();
        batch.push("new", &NewEvent::new("t", vec![1; 10])).unwrap();
        batch.fail_if(Criteria::everything(), Position::new(end)).unwrap();
        restored.append_batch(batch).unwrap();
    }
    assert!(between > 10, "too few of the positions were removed ones");
}

/// A store with a stream that was deleted and continued, and one that was truncated and has come further: of what lies up to the
/// rules nothing is left. Also the position of the last rule.
fn deleted_and_truncated() -> (MemoryDisk, u64) {
    let (world, backup) = (World::new(13), MemoryDisk::new());
    let store = world.open();
    for stream in ["deleted", "truncated"] {
        for _ in 0..3 {
            store.append(stream, Expected::Any, &[event()]).unwrap();
        }
    }
    store.retention().delete("deleted", Expected::Any).unwrap();
    store.retention().truncate("truncated", Version::new(2)).unwrap();
    let last = store.last_position().get();
    for stream in ["deleted", "truncated", "other"] {
        store.append(stream, Expected::Any, &[event()]).unwrap();
    }
    store.retention().truncate("truncated", Version::new(4)).unwrap();
    compact(&store);
    back_up(&store, &backup).unwrap();
    (backup, last)
}

/// It began at version 1 again, which the deletion hides.
#[test]
fn a_deleted_stream_of_which_nothing_is_left_goes_on_behind_what_it_had_in_a_restored_store() {
    let (backup, last) = deleted_and_truncated();
    let store = opened(&backup, last);
    assert!(matches!(store.view().event_at(Position::FIRST), Err(ReadError::Removed { .. })));
    for (stream, first) in [("deleted", 4), ("truncated", 3), ("new", 1)] {
        assert_eq!(store.view().stream(stream).unwrap(), None);
        let appended = store.append(stream, Expected::NoStream, &[event(), event()]).unwrap();
        assert_eq!(appended.streams[0].first_version, Version::new(first), "{stream}");
        let appended = store.append(stream, Expected::Exact(Version::new(first + 1)), &[event()]).unwrap();
        assert_eq!(appended.streams[0].first_version, Version::new(first + 2), "{stream}");
    }
    let shown = |store: &Store| events_of(store).iter().filter(|event| event.position.get() > last).count();
    assert_eq!(shown(&store), 9, "what is appended is hidden");
    // The index keeps it so, whatever it is made of.
    store.retention().truncate("new", Version::new(2)).unwrap();
    compact(&store);
    assert_eq!(shown(&store), 8 + 1 + 8 + 1);
    let heads = ["deleted", "truncated", "new"].map(|stream| store.view().stream(stream).unwrap().unwrap());
    assert_eq!(heads.map(|stream| stream.last_version.get()), [6, 5, 3]);
}

/// What rules hide by count or age names no version, so nothing tells that there was one.
#[test]
fn a_stream_of_which_nothing_is_left_and_that_no_rule_names_begins_anew_in_a_restored_store() {
    let (world, backup) = (World::new(14), MemoryDisk::new());
    let store = world.open();
    store.append("s", Expected::Any, &[event(), event()]).unwrap();
    store.append("other", Expected::Any, &[event()]).unwrap();
    store.append("s", Expected::Any, &[event()]).unwrap();
    store.retention().set(&RetentionScope::stream("s"), &RetentionRule::new().max_count(1)).unwrap();
    compact(&store);
    back_up(&store, &backup).unwrap();
    let restored = opened(&backup, 3);
    assert_eq!(restored.view().stream("s").unwrap(), None);
    let appended = restored.append("s", Expected::NoStream, &[event()]).unwrap();
    assert_eq!((appended.first_position.get(), appended.streams[0].first_version.get()), (4, 1));
}

/// A segment that compaction has not touched was cut into an open one, and the positions in front of it were missing: damage, it was said.
#[test]
fn a_position_in_a_whole_segment_behind_removed_ones_can_be_restored_to() {
    let (world, backup) = (World::new(16), MemoryDisk::new());
    let store = world.open();
    let large = || NewEvent::new("t", vec![2; 7000]);
    // Two segments of which everything goes, at the beginning and in the middle, and whole ones behind them.
    for stream in ["gone", "gone", "stays", "stays", "gone", "gone", "stays", "stays"] {
        store.append(stream, Expected::Any, &[large()]).unwrap();
    }
    store.append("gone", Expected::Any, &[event()]).unwrap();
    store.retention().truncate("gone", Version::new(5)).unwrap();
    compact(&store);
    back_up(&store, &backup).unwrap();
    assert!(store.stats().unwrap().segments < 8, "no segment was removed as a whole");
    for (position, end, shown) in [(3, 3, 1), (4, 4, 2), (5, 4, 2), (6, 4, 2), (7, 7, 3), (8, 8, 4)] {
        let (report, disk) = restored(&backup, at(position)).unwrap();
        assert!((end..=position).contains(&report.position.get()), "{report:?}");
        assert!(verify_in(&env_of(&disk), &mut |_| {}).unwrap().findings.is_empty());
        let store = World::on(disk, 12).open();
        assert_eq!(events_of(&store).len(), shown, "position {position}");
        let appended = store.append("new", Expected::NoStream, &[event()]).unwrap();
        assert_eq!(appended.first_position, report.position.next());
        assert_eq!(events_of(&store).len(), shown + 1, "position {position}");
    }
}

#[test]
fn a_moment_of_which_nothing_is_left_cannot_be_restored_and_the_beginning_can() {
    let (world, backup) = (World::new(15), MemoryDisk::new());
    let store = world.open();
    store.append("s", Expected::Any, &[event(), event()]).unwrap();
    let mut batch = Batch::new();
    ["s", "other", "s"].iter().for_each(|stream| batch.push(stream, &event()).unwrap());
    store.append_batch(batch).unwrap();
    store.append("other", Expected::Any, &[event()]).unwrap();
    store.retention().truncate("s", Version::new(4)).unwrap();
    compact(&store);
    back_up(&store, &backup).unwrap();
    // 1 to 3 are gone, and the batch of 4 ends with 5.
    for position in 1..=4 {
        let error = restored(&backup, at(position)).unwrap_err();
        let told = matches!(&error, BackupError::Removed { asked, first }
            if (asked.get(), first.get()) == (position, 4));
        assert!(told, "{error:?}");
    }
    let store = opened(&backup, 0);
    assert_eq!(store.append("s", Expected::NoStream, &[event()]).unwrap().first_position, Position::FIRST);
    assert_eq!(events_of(&opened(&backup, 5)).len(), 2);
}
