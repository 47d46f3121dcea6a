//! Every call of the disks failing, once and for good: the backup is the old one or the new one.

use super::{append, back_up, env_over, goes_on, sound_events};
use crate::common::{World, events_of};
use annals::vfs::{Call, Disk, Fault, FaultyDisk, MemoryDisk, When};
use annals::{BackupError, BackupOptions, BackupReport, Event, Options, RestoreTo, Store, restore_in};
use std::io::ErrorKind;
use std::sync::Arc;

/// A store with a backup of an earlier moment, and what the two have.
pub(super) struct Case {
    pub(super) world: World,
    pub(super) backup: MemoryDisk,
    pub(super) old: Vec<Event>,
    pub(super) new: Vec<Event>,
}

/// `fresh`: without a backup. Otherwise the open segment of the backup is sealed by now, and others have followed.
pub(super) fn case(fresh: bool, linkable: bool) -> Case {
    let (world, backup) = (World::new(1), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 9);
    let old = events_of(&store);
    if !fresh {
        back_up(&store, &backup).unwrap();
    }
    append(&world, &store, 22);
    let new = events_of(&store);
    store.close().unwrap();
    // A store that is open: its segments were laid out.
    drop(world.open());
    let (from, to) = (world.disk().image(), backup.image());
    let (from, to) = (MemoryDisk::from_image(from).unwrap(), MemoryDisk::from_image(to).unwrap());
    to.set_linkable(linkable);
    Case { world: World::on(from, 2), backup: to, old: if fresh { Vec::new() } else { old }, new }
}

pub(super) fn run(store: &Store, to: Arc<dyn Disk>) -> Result<BackupReport, BackupError> {
    store.backup_in(&env_over(to), &BackupOptions::new(), &mut |_| {})
}

/// The backup is the old one or, if it said that all is well, the new one; and the next attempt makes it the new one.
fn check(case: &Case, store: &Store, result: Result<BackupReport, BackupError>, context: &str) {
    if case.backup.image().contains_key("MANIFEST") {
        let events = sound_events(&case.backup, context);
        assert!(events == case.new || (result.is_err() && events == case.old), "{context}: {}", events.len());
        goes_on(&case.backup, &events, context);
    } else {
        assert!(result.is_err() && case.old.is_empty(), "{context}");
    }
    back_up(store, &case.backup).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    assert!(sound_events(&case.backup, context) == case.new, "{context}");
}

#[test]
fn a_call_of_the_destination_that_fails_once_or_for_good_leaves_the_old_backup_or_the_new_one() {
    for (fresh, linkable) in [(true, true), (false, true), (false, false)] {
        for fault in [Fault::Error(ErrorKind::StorageFull), Fault::ErrorAfter(ErrorKind::Other)] {
            for lasting in [false, true] {
                for nth in 1.. {
                    let case = case(fresh, linkable);
                    let store = case.world.open();
                    let faulty = FaultyDisk::new(Arc::new(case.backup.clone()));
                    let when = When { calls: Call::CHANGING, nth, from_then_on: lasting };
                    faulty.arm(when, fault);
                    let result = run(&store, Arc::new(faulty.clone()));
                    if !faulty.fired() {
                        result.unwrap();
                        assert!(nth > 10);
                        break;
                    }
                    check(&case, &store, result, &format!("{fresh} {linkable} {fault:?} {lasting} {nth}"));
                }
            }
        }
    }
}

#[test]
fn a_look_at_the_store_or_the_backup_that_fails_leaves_the_old_backup_or_the_new_one() {
    const LOOKING: &[Call] =
        &[Call::Open, Call::List, Call::Read, Call::Length, Call::Map, Call::Lock, Call::OpenToWrite];
    for of_store in [true, false] {
        for lasting in [false, true] {
            for nth in (1..).step_by(3) {
                let case = case(false, false);
                let disk = if of_store { case.world.disk() } else { case.backup.clone() };
                let faulty = FaultyDisk::new(Arc::new(disk));
                let store = match of_store {
                    true => case.world.options_over(Arc::new(faulty.clone())).open("memory").unwrap(),
                    false => case.world.open(),
                };
                faulty.arm(When { calls: LOOKING, nth, from_then_on: lasting }, Fault::Os(5));
                let to: Arc<dyn Disk> =
                    if of_store { Arc::new(case.backup.clone()) } else { Arc::new(faulty.clone()) };
                let result = run(&store, to);
                let fired = faulty.fired();
                faulty.disarm();
                if !fired {
                    result.unwrap();
                    break;
                }
                let damaged = result.as_ref().is_err_and(BackupError::is_corruption);
                assert!(!damaged, "{of_store} {lasting} {nth}: what cannot be read is no damage: {result:?}");
                check(&case, &store, result, &format!("{of_store} {lasting} {nth}"));
            }
        }
    }
}

#[test]
fn a_disk_that_is_too_full_at_any_moment_leaves_the_old_backup() {
    let whole = case(false, false);
    back_up(&whole.world.open(), &whole.backup).unwrap();
    let bytes = |disk: &MemoryDisk| disk.image().values().map(|bytes| bytes.len() as u64).sum::<u64>();
    let most = bytes(&whole.backup);
    for part in 0..12 {
        let case = case(false, false);
        let store = case.world.open();
        let room = bytes(&case.backup) + (most - bytes(&case.backup)) * part / 12;
        case.backup.set_capacity(Some(room));
        let result = run(&store, Arc::new(case.backup.clone()));
        case.backup.set_capacity(None);
        check(&case, &store, result, &format!("{part}/12"));
    }
}

#[test]
fn a_restore_of_which_any_call_fails_leaves_no_store_or_a_whole_one_and_can_be_done_again() {
    let made = case(false, true);
    back_up(&made.world.open(), &made.backup).unwrap();
    let position = made.new[made.new.len() / 2].position;
    for to in [RestoreTo::End, RestoreTo::Position(position)] {
        for lasting in [false, true] {
            for nth in 1.. {
                let disk = MemoryDisk::new();
                let faulty = FaultyDisk::new(Arc::new(disk.clone()));
                faulty.arm(
                    When { calls: Call::CHANGING, nth, from_then_on: lasting },
                    Fault::Error(ErrorKind::Other),
                );
                let (from, options) = (super::env_of(&made.backup), BackupOptions::new());
                let result =
                    restore_in(&from, &env_over(Arc::new(faulty.clone())), to, &options, &mut |_| {});
                if !faulty.fired() {
                    result.unwrap();
                    break;
                }
                if !disk.image().contains_key("MANIFEST") {
                    let opened = Options::new().env(super::env_of(&disk)).create(false).open("left");
                    assert!(opened.is_err(), "{to:?} {nth}");
                    let again = restore_in(&from, &super::env_of(&disk), to, &options, &mut |_| {});
                    again.unwrap_or_else(|error| panic!("{to:?} {lasting} {nth}: {error:?}"));
                }
                let events = sound_events(&disk, "restored");
                assert!(made.new.starts_with(&events) && !events.is_empty(), "{to:?} {nth}");
            }
        }
    }
}
