//! Stores made of backups, as of any moment.

use super::{append, back_up, env_of, env_over, goes_on, sound_events};
use crate::common::{World, events_of};
use annals::vfs::{Call, Disk, FaultyDisk, MemoryDisk};
use annals::{
    BackupError, BackupOptions, Document, Event, Expected, NewEvent, Options, Position, RestoreReport,
    RestoreTo, SnapshotPolicy, Timestamp, restore_in,
};
use annals_format::names;
use proptest::prelude::*;
use std::sync::Arc;

pub(super) fn restored(
    backup: &MemoryDisk,
    to: RestoreTo,
) -> Result<(RestoreReport, MemoryDisk), BackupError> {
    let disk = MemoryDisk::new();
    let before = backup.image();
    let report = restore_in(&env_of(backup), &env_of(&disk), to, &BackupOptions::new(), &mut |progress| {
        assert!(progress.bytes_done <= progress.bytes_total);
    });
    let unlocked = |mut image: std::collections::BTreeMap<String, Vec<u8>>| {
        image.remove("LOCK");
        image
    };
    assert!(unlocked(backup.image()) == unlocked(before), "the backup was changed");
    Ok((report?, disk))
}

/// A backup of a store with sealed and open segments, what it has, and where its batches end.
fn backed_up(seed: u64, batches: u64) -> (MemoryDisk, Vec<Event>) {
    let (world, to) = (World::new(seed), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, batches / 2);
    back_up(&store, &to).unwrap();
    append(&world, &store, batches - batches / 2);
    back_up(&store, &to).unwrap();
    (to, events_of(&store))
}

/// The events up to a position, without those of a batch that goes on behind it: those of a batch share their time.
fn prefix(events: &[Event], position: u64) -> &[Event] {
    let mut end = usize::try_from(position).unwrap();
    while end > 0 && end < events.len() && events[end - 1].recorded_at == events[end].recorded_at {
        end -= 1;
    }
    &events[..end]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_store_restored_to_any_position_is_the_prefix_of_the_log_in_whole_batches(seed in 0u64..3, part in 0u64..=1000) {
        let (backup, events) = backed_up(seed, 50);
        let position = events.len() as u64 * part / 1000;
        let (report, disk) = restored(&backup, RestoreTo::Position(Position::new(position))).unwrap();
        let wanted = prefix(&events, position);
        prop_assert_eq!(report.position.get(), wanted.len() as u64);
        prop_assert_eq!(report.notes.is_empty(), position == wanted.len() as u64);
        prop_assert!(sound_events(&disk, "restored") == wanted);
        goes_on(&disk, wanted, "restored");
    }
}

#[test]
fn every_position_around_the_ends_of_segments_can_be_restored_to() {
    let (backup, events) = backed_up(4, 30);
    for position in 0..=events.len() as u64 {
        let (report, disk) = restored(&backup, RestoreTo::Position(Position::new(position))).unwrap();
        let wanted = prefix(&events, position);
        assert_eq!(report.recorded_at, wanted.last().map(|event| event.recorded_at));
        assert!(sound_events(&disk, &format!("position {position}")) == wanted, "position {position}");
    }
}

#[test]
fn a_store_restored_to_the_end_or_to_a_time_has_all_that_was_recorded_by_then() {
    let (backup, events) = backed_up(5, 40);
    let (report, disk) = restored(&backup, RestoreTo::End).unwrap();
    assert_eq!(
        (report.position.get(), report.backup_position.get()),
        (events.len() as u64, events.len() as u64)
    );
    assert!(sound_events(&disk, "end") == events);
    goes_on(&disk, &events, "end");
    for time in events.iter().step_by(5).map(|event| event.recorded_at) {
        for time in [time, Timestamp::from_nanos(time.as_nanos() - 1)] {
            let (_, disk) = restored(&backup, RestoreTo::Recorded(time)).unwrap();
            let wanted = events.iter().filter(|event| event.recorded_at <= time).cloned().collect::<Vec<_>>();
            assert!(sound_events(&disk, "time") == wanted);
        }
    }
}

#[test]
fn a_position_behind_the_end_and_a_directory_that_is_taken_are_refused() {
    let (backup, events) = backed_up(6, 10);
    let last = events.len() as u64;
    let error = restored(&backup, RestoreTo::Position(Position::new(last + 1))).unwrap_err();
    assert!(matches!(error, BackupError::Beyond { .. }), "{error:?}");
    for taken in [backup.clone(), World::new(6).disk(), MemoryDisk::new()] {
        taken.set_content("x", "y").unwrap();
        let before = taken.image();
        let error =
            restore_in(&env_of(&backup), &env_of(&taken), RestoreTo::End, &BackupOptions::new(), &mut |_| {});
        assert!(matches!(error, Err(BackupError::DestinationTaken { .. })), "{error:?}");
        assert!(taken.image() == before || taken.image().len() == before.len());
    }
}

/// A restore looked at the directory, waited for the lock of another one, and wrote over the store that this one had made.
#[test]
fn a_restore_that_has_waited_for_another_one_leaves_what_that_one_has_made() {
    let (backup, _) = backed_up(12, 10);
    let (_, first) = restored(&backup, RestoreTo::Position(Position::new(9))).unwrap();
    let (wanted, made) = (first.image(), MemoryDisk::new());
    let watched = FaultyDisk::new(Arc::new(made.clone()));
    let lock = made.try_lock(names::LOCK).unwrap().expect("nobody else has it");
    let second = std::thread::scope(|scope| {
        let to = env_over(Arc::new(watched.clone()));
        let second = scope.spawn(move || {
            restore_in(&env_of(&backup), &to, RestoreTo::End, &BackupOptions::new(), &mut |_| {})
        });
        // It has looked, and now waits for the lock.
        while watched.calls(Call::Lock) == 0 {
            std::thread::yield_now();
        }
        for (path, bytes) in &wanted {
            made.set_content(path, bytes).unwrap();
        }
        drop(lock);
        second.join().unwrap()
    });
    assert!(matches!(second, Err(BackupError::DestinationTaken { .. })), "{second:?}");
    assert!(sound_events(&made, "the first one") == sound_events(&first, "as it was made"));
}

#[test]
fn snapshots_of_what_was_cut_off_are_left_out_and_the_others_are_found() {
    let (world, to) = (World::new(7), MemoryDisk::new());
    let store = world.open();
    let states = store.aggregates::<Document>().with_snapshots("doc/1", SnapshotPolicy::every(1));
    for n in 0..40 {
        let event = NewEvent::json("set", format!("{{\"n\":{n}}}"));
        store.append("d", Expected::Any, &[event]).unwrap();
        states.load("d").unwrap();
    }
    let taken_at = store.snapshots("").unwrap().next().unwrap().unwrap().taken_at;
    back_up(&store, &to).unwrap();
    for last in [0, 7, 39, 40] {
        let (_, disk) = restored(&to, RestoreTo::Position(Position::new(last))).unwrap();
        let reader = Options::new().env(env_of(&disk)).read_only(true).open("restored").unwrap();
        let infos: Vec<_> = reader.snapshots("").unwrap().map(Result::unwrap).collect();
        assert!(infos.iter().all(|info| info.taken_at == taken_at), "{infos:?}");
        let versions: Vec<u64> = infos.iter().map(|info| info.version.get()).collect();
        assert_eq!(versions.len() as u64, last, "{versions:?}");
        assert!(versions.iter().all(|version| *version <= last));
    }
}

#[test]
fn a_restored_store_is_refused_by_backups_that_have_more_and_a_new_one_can_be_made() {
    let (backup, events) = backed_up(8, 20);
    let (_, disk) = restored(&backup, RestoreTo::Position(Position::new(events.len() as u64 / 2))).unwrap();
    let world = World::on(disk, 9);
    world.clock.set(Timestamp::from_nanos(1_900_000_000_000_000_000));
    let store = world.open();
    assert!(matches!(back_up(&store, &backup), Err(BackupError::Ahead { .. })));
    append(&world, &store, 40);
    assert!(matches!(back_up(&store, &backup), Err(BackupError::Diverged { .. })));
    let new = MemoryDisk::new();
    back_up(&store, &new).unwrap();
    assert!(sound_events(&new, "new") == events_of(&store));
    assert!(sound_events(&backup, "old") == events);
}

#[test]
fn damage_in_the_backup_stops_the_restore() {
    let (backup, _) = backed_up(10, 30);
    let world = World::on(backup, 1);
    let segment = world.files("log/").remove(0);
    world.flip(&segment, 200, 1);
    let error = restored(&world.disk(), RestoreTo::End).unwrap_err();
    assert!(matches!(&error, BackupError::Corrupt(corruption) if corruption.file == segment), "{error:?}");
}

/// The walk went on in the next segment, which does not begin where the batch does that was left out.
#[test]
fn a_position_within_a_batch_of_an_open_segment_that_others_follow_can_be_restored_to() {
    let (world, backup) = (World::new(9), MemoryDisk::new());
    let store = world.open();
    for _ in 0..4 {
        let events = [1, 2, 3].map(|byte| NewEvent::new("t", vec![byte; 2_500]));
        store.append("a", Expected::Any, &events).unwrap();
    }
    back_up(&store, &backup).unwrap();
    let events = events_of(&store);
    for position in 0..=12 {
        let (report, disk) = restored(&backup, RestoreTo::Position(Position::new(position))).unwrap();
        assert_eq!(report.position.get(), position / 3 * 3);
        let wanted = &events[..(position / 3 * 3) as usize];
        assert!(sound_events(&disk, &format!("position {position}")) == wanted, "position {position}");
    }
}
