//! The power fails, or the process is killed, at every operation on the disk.

use crate::common::{World, verified};
use crate::workload::{Account, fates};
use annals::vfs::{Call, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{AppendError, Durability, Expected, NewEvent, Store};
use std::io::ErrorKind;
use std::sync::Arc;

/// No call that changes anything is done from the `nth` on.
fn stop_at(disk: &FaultyDisk, nth: u64) {
    let when = When { calls: Call::CHANGING, nth, from_then_on: true };
    disk.arm(when, Fault::Error(ErrorKind::Other));
}

/// Opens, appends, maintains, closes and opens again, until everything is done or the disk stops.
fn work(world: &World, disk: &FaultyDisk, durability: Durability, account: &mut Account) {
    let open = || world.options_over(Arc::new(disk.clone())).durability(durability).open("memory");
    for batches in [14, 10, 12] {
        let Ok(store) = open() else { return };
        for number in 0..batches {
            let _ = account.submit(&store);
            // Segments are sealed one by one, several at once, and by the append that has to wait.
            if [3, 4, 9, 10].contains(&number) {
                let _ = store.maintain();
            }
        }
        if store.close().is_err() {
            return;
        }
    }
}

/// Runs the workload up to the `nth` changing call. `None` if it came to its end.
fn stopped_at(nth: u64, seed: u64, durability: Durability) -> Option<(World, Account)> {
    let (world, mut account) = (World::new(seed), Account::new(seed));
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    stop_at(&disk, nth);
    work(&world, &disk, durability, &mut account);
    disk.fired().then_some((world, account))
}

fn crashed(disk: &MemoryDisk, kind: u64, rubbish: bool) -> MemoryDisk {
    match kind {
        0 => disk.crash(Survival::All),
        1 => disk.crash(Survival::Synced),
        seed => disk.crash(Survival::Chosen(&mut fates(seed, rubbish))),
    }
}

/// Opens what a crash has left, looks, appends, and pulls the plug again: what was seen stays.
fn go_on(disk: MemoryDisk, account: &mut Account, prefix: bool, context: &str) {
    let world = World::on(disk, 7);
    let store = world.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
    if prefix {
        account.settle_prefix(&store, context)
    } else {
        account.settle(&store, context)
    }
    for _ in 0..3 {
        account.submit(&store).unwrap();
    }
    let unplugged = world.disk().crash(Survival::Synced);
    drop(store);
    world.replace(unplugged);
    let store = world.try_open().unwrap_or_else(|error| panic!("{context}, twice: {error:?}"));
    if prefix {
        account.settle_prefix(&store, context)
    } else {
        account.settle(&store, context)
    }
    store.maintain().unwrap();
    store.close().unwrap();
    let store = world.open();
    account.settle(&store, context);
}

#[test]
fn whatever_a_crash_leaves_every_acknowledged_batch_is_whole_and_in_order() {
    let mut verified_ones = 0;
    for nth in 1.. {
        let Some((world, account)) = stopped_at(nth, 11, Durability::Sync) else {
            assert!(nth > 200, "the workload is too short: {nth}");
            break;
        };
        for kind in [0, 1, nth * 3 + 2, nth * 3 + 3, nth * 3 + 4] {
            let context = format!("call {nth}, crash {kind}");
            let disk = crashed(&world.disk(), kind, true);
            go_on(disk.crash(Survival::All), &mut account.clone(), false, &context);
            if nth % 16 == kind % 16 && nth > 10 {
                // Before anything is repaired there is nothing wrong either.
                assert_eq!(verified(&disk), Vec::<String>::new(), "{context}");
                verified_ones += 1;
            }
        }
    }
    assert!(verified_ones > 5);
}

#[test]
fn a_crash_while_a_crash_is_recovered_from_loses_nothing() {
    for nth in (1..).step_by(5) {
        let Some((world, account)) = stopped_at(nth, 12, Durability::Sync) else { break };
        for kind in [0, 1, nth + 2] {
            let first = crashed(&world.disk(), kind, true);
            for again in 1.. {
                let disk = first.crash(Survival::All);
                let (faulty, mut account) = (FaultyDisk::new(Arc::new(disk.clone())), account.clone());
                stop_at(&faulty, again);
                let second = World::on(disk, 8);
                let opened = second.options_over(Arc::new(faulty.clone())).open("memory");
                let stopped = faulty.fired();
                let context = format!("call {nth}, crash {kind}, call {again} of recovery");
                if let Ok(store) = &opened {
                    // What is shown once must stay.
                    account.settle(store, &context);
                }
                let next = crashed(&second.disk(), (again + nth) % 5, false);
                drop(opened);
                go_on(next, &mut account, false, &context);
                if !stopped {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_reader_shows_nothing_after_a_crash_that_a_later_crash_takes_away() {
    for nth in (1..).step_by(3) {
        let Some((world, mut account)) = stopped_at(nth, 13, Durability::Sync) else { break };
        for kind in [0, nth + 2] {
            let context = format!("call {nth}, crash {kind}");
            let reading = World::on(crashed(&world.disk(), kind, true), 9);
            let Ok(store) = reading.options().read_only(true).open("memory") else {
                assert!(nth < 20, "{context}: the store was there by then");
                continue;
            };
            let mut account = account.clone();
            account.settle(&store, &context);
            go_on(reading.disk().crash(Survival::Synced), &mut account, false, &context);
        }
        account.told.clear();
    }
}

#[test]
fn appends_that_are_not_synced_survive_a_kill_and_power_loss_leaves_a_prefix() {
    for nth in (1..).step_by(2) {
        let Some((world, account)) = stopped_at(nth, 14, Durability::Os) else { break };
        let context = format!("call {nth}");
        go_on(world.disk().crash(Survival::All), &mut account.clone(), true, &context);
        let killed = World::on(world.disk().crash(Survival::All), 10);
        if let Ok(store) = killed.try_open() {
            account.clone().settle(&store, &context);
        }
        for kind in [1, nth + 2, nth + 3] {
            let context = format!("call {nth}, crash {kind}");
            go_on(crashed(&world.disk(), kind, true), &mut account.clone(), true, &context);
        }
    }
}

/// Five events that no sync covers.
fn unsynced(world: &World) -> Store {
    let store = world.options().durability(Durability::Os).open("memory").unwrap();
    for _ in 0..5 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 100])]).unwrap();
    }
    store
}

#[test]
fn what_was_appended_without_a_sync_is_durable_once_the_store_is_closed() {
    let world = World::new(15);
    unsynced(&world).close().unwrap();
    world.replace(world.disk().crash(Survival::Synced));
    let store = world.open();
    assert!(store.recovery().clean);
    assert_eq!(store.last_position().get(), 5);
}

#[test]
fn a_close_whose_sync_fails_does_not_say_that_what_was_appended_is_durable() {
    let world = World::new(16);
    let store = unsynced(&world);
    world.disk().fail_sync(1);
    assert!(matches!(store.close(), Err(AppendError::DurabilityUnknown { .. })));
    world.replace(world.disk().crash(Survival::Synced));
    assert!(!world.open().recovery().clean);
}
