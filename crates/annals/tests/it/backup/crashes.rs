//! Crashes at any moment of a backup.

use super::failing::{case, run};
use super::{back_up, env_of, env_over, goes_on, sound_events};
use crate::common::Dice;
use crate::workload::fates;
use annals::vfs::{Call, Disk, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{BackupOptions, RestoreTo, restore_in};
use std::io::ErrorKind;
use std::sync::Arc;

fn crash(disk: &MemoryDisk, dice: &mut Dice) -> MemoryDisk {
    let mut chosen = fates(dice.number(), true);
    match dice.below(4) {
        0 => disk.crash(Survival::Synced),
        1 => disk.crash(Survival::All),
        2 => disk.crash(Survival::Chosen(&mut chosen)),
        _ => disk.crash(Survival::Ordered(&mut chosen)),
    }
}

#[test]
fn after_a_crash_at_any_call_the_directory_is_the_old_backup_or_the_new_one_and_the_next_one_is_made() {
    let mut dice = Dice::new(1);
    for (fresh, linkable) in [(false, true), (false, false), (true, true)] {
        for nth in 1.. {
            let case = case(fresh, linkable);
            let store = case.world.open();
            let faulty = FaultyDisk::new(Arc::new(case.backup.clone()));
            let when = When { calls: Call::CHANGING, nth, from_then_on: true };
            faulty.arm(when, Fault::Error(ErrorKind::Other));
            let done = run(&store, Arc::new(faulty.clone())).is_ok();
            for _ in 0..3 {
                let context = format!("{fresh} {linkable} {nth}");
                let after = crash(&case.backup, &mut dice);
                if after.image().contains_key("MANIFEST") {
                    let events = sound_events(&after, &context);
                    assert!(
                        events == case.new || (!done && events == case.old),
                        "{context}: {}",
                        events.len()
                    );
                    goes_on(&after, &events, &context);
                } else {
                    assert!(fresh && !done, "{context}");
                }
                let again = back_up(&store, &after);
                again.unwrap_or_else(|error| panic!("{context}: {error:?}"));
                assert!(sound_events(&after, &context) == case.new, "{context}");
            }
            if !faulty.fired() {
                break;
            }
        }
    }
}

/// Opening a backup for writing after an unfinished next one, and crashing there, too.
#[test]
fn a_backup_with_an_unfinished_next_one_is_opened_for_writing_whatever_crash_comes_between() {
    let mut dice = Dice::new(2);
    for nth in (1..).step_by(2) {
        let case = case(false, true);
        let store = case.world.open();
        let faulty = FaultyDisk::new(Arc::new(case.backup.clone()));
        faulty.arm(When { calls: Call::CHANGING, nth, from_then_on: true }, Fault::Error(ErrorKind::Other));
        let _ = run(&store, Arc::new(faulty.clone()));
        if !faulty.fired() {
            break;
        }
        for opening in (1..40).step_by(3) {
            let disk = crash(&case.backup, &mut dice);
            let faulty = FaultyDisk::new(Arc::new(disk.clone()));
            let when = When { calls: Call::CHANGING, nth: opening, from_then_on: true };
            faulty.arm(when, Fault::Error(ErrorKind::Other));
            let opened = case.world.options_over(Arc::new(faulty.clone())).open("backup");
            let fired = faulty.fired();
            drop(opened);
            let context = format!("{nth} {opening}");
            let after = crash(&disk, &mut dice);
            let events = sound_events(&after, &context);
            assert!(events == case.old || events == case.new, "{context}: {}", events.len());
            goes_on(&after, &events, &context);
            if !fired {
                break;
            }
        }
    }
}

/// A mark whose sync had failed was taken for a durable one by the next attempt, and a crash left directories without it: somebody else's.
#[test]
fn a_restore_whose_mark_was_not_synced_can_be_done_again_whatever_crash_comes_between() {
    let mut dice = Dice::new(3);
    let made = case(false, true);
    back_up(&made.world.open(), &made.backup).unwrap();
    let restored = |disk: Arc<dyn Disk>| {
        let from = env_of(&made.backup);
        restore_in(&from, &env_over(disk), RestoreTo::End, &BackupOptions::new(), &mut |_| {})
    };
    for nth in 1..12 {
        for _ in 0..4 {
            let disk = MemoryDisk::new();
            let faulty = FaultyDisk::new(Arc::new(disk.clone()));
            let first_sync = When { calls: &[Call::SyncData], nth: 1, from_then_on: false };
            faulty.arm(first_sync, Fault::Error(ErrorKind::Other));
            assert!(restored(Arc::new(faulty.clone())).is_err());
            faulty
                .arm(When { calls: Call::CHANGING, nth, from_then_on: true }, Fault::Error(ErrorKind::Other));
            assert!(restored(Arc::new(faulty)).is_err(), "there are more calls");
            let after = crash(&disk, &mut dice);
            restored(Arc::new(after.clone())).unwrap_or_else(|error| panic!("{nth}: {error:?}"));
            assert!(sound_events(&after, "restored") == made.new);
        }
    }
}
