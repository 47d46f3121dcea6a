//! Calls that fail: every one of them, once, and what the store says and keeps.

use crate::common::{World, verified};
use crate::workload::{Account, Told};
use annals::vfs::{Call, Fault, FaultyDisk, Survival, When};
use annals::{AppendError, OpenError, Store};
use std::io::ErrorKind;
use std::sync::Arc;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const ROUNDS: usize = 30;

/// The workload, going on behind each failure as a careful caller would. Says how often the store was opened.
fn persist(world: &World, disk: &FaultyDisk, account: &mut Account, context: &str) {
    let mut store = open(world, disk, context);
    for number in 0..ROUNDS {
        let result = account.submit(&store);
        if number % 5 == 4 {
            // What could not be done is done the next time.
            let _ = store.maintain();
        }
        match account.told.last().unwrap() {
            Told::Acknowledged => {}
            Told::Refused => assert!(matches!(result, Err(AppendError::Io { .. })), "{context}: {result:?}"),
            Told::Unknown => {
                refuses_from_now_on(&store, account, context);
                drop(store);
                store = open(world, disk, context);
                disk.disarm();
                account.settle(&store, context);
            }
        }
        if number == ROUNDS / 2 {
            let _ = store.close();
            store = open(world, disk, context);
        }
    }
    disk.disarm();
    account.settle(&store, context);
    let _ = store.close();
}

/// A call that fails once may make the first open fail, but not the second.
fn open(world: &World, disk: &FaultyDisk, context: &str) -> Store {
    let open = || world.options_over(Arc::new(disk.clone())).open("memory");
    match open() {
        Ok(store) => store,
        Err(OpenError::Io { .. }) => open().unwrap_or_else(|error| panic!("{context}, twice: {error:?}")),
        Err(error) => panic!("{context}: {error:?}"),
    }
}

/// After a failed write or sync: no append, no claim that anything is durable, and what was durable can be read.
fn refuses_from_now_on(store: &Store, account: &Account, context: &str) {
    for _ in 0..2 {
        let again = account.clone().submit(store);
        assert!(matches!(again, Err(AppendError::Poisoned)), "{context}: {again:?}");
        assert!(matches!(store.sync(), Err(AppendError::Poisoned)), "{context}");
    }
    let mut shown = account.clone();
    *shown.told.last_mut().unwrap() = Told::Refused;
    shown.settle(store, context);
    let stats = store.stats().unwrap();
    assert_eq!(stats.streams, store.view().streams("").count() as u64, "{context}");
    assert!(matches!(store.clone().close(), Err(AppendError::Poisoned)), "{context}");
}

/// Lets each call of the workload that `when` counts meet the fault.
fn at_each(kind: &str, when: impl Fn(u64) -> When, fault: Fault, step: usize) -> u64 {
    for nth in (1..).step_by(step) {
        let context = format!("{kind} {nth}: {fault:?}");
        let (world, mut account) = (World::new(20), Account::new(20));
        let disk = FaultyDisk::new(Arc::new(world.disk()));
        disk.arm(when(nth), fault);
        persist(&world, &disk, &mut account, &context);
        for survival in [Survival::Synced, Survival::All] {
            let left = World::on(world.disk().crash(survival), 21);
            let store = left.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
            account.clone().settle(&store, &context);
            account.clone().submit(&store).unwrap();
        }
        if nth % 16 == 1 {
            assert_eq!(verified(&world.disk()), Vec::<String>::new(), "{context}");
        }
        if !disk.fired() {
            return nth - 1;
        }
    }
    unreachable!("the workload comes to its end")
}

#[test]
fn each_call_may_fail_once_and_what_was_said_of_each_batch_is_true() {
    for call in Call::ALL {
        let met = at_each(&format!("{call:?}"), |nth| When::nth(*call, nth), Fault::Os(EIO), 1);
        assert!(met > 0, "{call:?} is never called");
    }
}

#[test]
fn each_changing_call_may_meet_a_full_disk_once() {
    let when = |nth| When { calls: Call::CHANGING, nth, from_then_on: false };
    assert!(at_each("changing call", when, Fault::Os(ENOSPC), 1) > 200);
}

#[test]
fn each_changing_call_may_be_done_and_be_said_to_have_failed() {
    let when = |nth| When { calls: Call::CHANGING, nth, from_then_on: false };
    assert!(at_each("changing call", when, Fault::ErrorAfter(ErrorKind::Other), 1) > 200);
}

#[test]
fn interruptions_and_short_reads_and_writes_are_not_noticed() {
    for (call, fault) in [
        (Call::Write, Fault::Error(ErrorKind::Interrupted)),
        (Call::Read, Fault::Error(ErrorKind::Interrupted)),
        (Call::Write, Fault::Short(1)),
        (Call::Write, Fault::Short(700)),
        (Call::Read, Fault::Short(1)),
    ] {
        for nth in (1..).step_by(3) {
            let (world, mut account) = (World::new(22), Account::new(22));
            let disk = FaultyDisk::new(Arc::new(world.disk()));
            disk.arm(When::nth(call, nth), fault);
            persist(&world, &disk, &mut account, "interrupted");
            assert!(account.told.iter().all(|told| *told == Told::Acknowledged), "{call:?} {nth}: {fault:?}");
            if !disk.fired() {
                break;
            }
        }
    }
}

#[test]
fn a_disk_that_takes_a_few_bytes_at_a_time_takes_everything() {
    let (world, mut account) = (World::new(23), Account::new(23));
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    for call in [Call::Read, Call::Write] {
        disk.arm(When::nth(call, 1).from_then_on(), Fault::Short(13));
    }
    let store = open(&world, &disk, "short");
    (0..20).for_each(|_| account.submit(&store).unwrap());
    store.maintain().unwrap();
    store.close().unwrap();
    account.settle(&open(&world, &disk, "short"), "short");
}

/// A sync fails, later ones say that all is well, and what the failed one should have written never gets to the
/// disk. Whatever was acknowledged, and whatever was shown after opening again, survives the loss of power.
#[test]
fn a_failed_sync_loses_nothing_that_was_acknowledged_or_shown_later() {
    let syncs = {
        let (world, mut account) = (World::new(24), Account::new(24));
        let disk = FaultyDisk::new(Arc::new(world.disk()));
        persist(&world, &disk, &mut account, "count");
        disk.calls(Call::SyncData)
    };
    for nth in 1..=syncs {
        for again in [0, 1, 2] {
            let context = format!("sync {nth}, then {again}");
            let (world, mut account) = (World::new(24), Account::new(24));
            let disk = FaultyDisk::new(Arc::new(world.disk()));
            world.disk().fail_sync(nth);
            let mut store = open(&world, &disk, &context);
            for number in 0..ROUNDS {
                let result = account.submit(&store);
                if number % 5 == 4 {
                    let _ = store.maintain();
                }
                if matches!(result, Err(AppendError::DurabilityUnknown { .. })) {
                    drop(store);
                    world.disk().fail_sync(again);
                    store = open(&world, &disk, &context);
                    account.settle(&store, &context);
                }
            }
            let left = World::on(world.disk().crash(Survival::Synced), 25);
            drop(store);
            let store = left.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
            account.settle(&store, &context);
            account.submit(&store).unwrap();
        }
    }
}

#[test]
fn on_a_full_disk_appends_fail_cleanly_and_go_on_when_there_is_space() {
    for room in (0..200_000).step_by(1_700) {
        let context = format!("room for {room} bytes");
        let (world, mut account) = (World::new(26), Account::new(26));
        world.disk().set_capacity(Some(room));
        let mut refused = 0;
        if let Ok(store) = world.try_open() {
            for number in 0..ROUNDS {
                refused += usize::from(account.submit(&store).is_err());
                if number % 5 == 4 {
                    let _ = store.maintain();
                }
            }
            // A full disk can be read.
            account.clone().settle(&store, &context);
            let full = World::on(world.disk().crash(Survival::All), 27);
            let reader = full.options().read_only(true).open("memory").unwrap();
            account.clone().settle(&reader, &context);
            world.disk().set_capacity(None);
            if refused == 0 || account.told.last() == Some(&Told::Refused) {
                let _ = account.submit(&store);
            }
            store.maintain().unwrap();
            drop(store);
        }
        world.disk().set_capacity(None);
        let store = world.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
        account.settle(&store, &context);
        (0..8).for_each(|_| account.submit(&store).unwrap());
        store.maintain().unwrap();
        store.close().unwrap();
        account.settle(&world.open(), &context);
    }
}

/// A failing read ends in an error for what could not be read, never in other or fewer events.
#[test]
fn each_read_may_fail_once_and_nothing_wrong_is_shown() {
    let (world, mut account) = (World::new(28), Account::new(28));
    let store = world.open();
    (0..ROUNDS).for_each(|_| account.submit(&store).unwrap());
    store.maintain().unwrap();
    store.close().unwrap();
    let wanted = crate::common::events_of(&world.open());
    for nth in 1.. {
        let disk = FaultyDisk::new(Arc::new(world.disk()));
        disk.arm(When::nth_of_all(nth), Fault::Os(EIO));
        let opened = world.options_over(Arc::new(disk.clone())).read_only(true).open("memory");
        if let Ok(store) = opened {
            let view = store.view();
            for stream in 0..4 {
                let name = format!("s-{stream}");
                let read = view.read(annals::Query::stream(name.as_str()));
                let own: Vec<_> = wanted.iter().filter(|event| event.stream == name).collect();
                let mut read = read.into_iter().flatten();
                for event in own {
                    match read.next() {
                        Some(Ok(found)) => assert_eq!(found.to_event(), *event),
                        Some(Err(annals::ReadError::Io { .. })) => break,
                        other => panic!("call {nth}: {other:?} instead of {event:?}"),
                    }
                }
                assert!(read.next().is_none());
            }
            disk.disarm();
            account.settle(&store, "after the failure");
        } else {
            assert!(matches!(opened, Err(OpenError::Io { .. })), "call {nth}: {opened:?}");
        }
        if !disk.fired() {
            break;
        }
    }
}
