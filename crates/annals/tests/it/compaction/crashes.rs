//! Compaction on a disk that fails, is full, or loses power: the old files or the new ones, never neither, never both.

use super::worker::{eagerly, until};
use super::{compact, fill, fill_last_segment, keep, seen};
use crate::common::{World, verified};
use crate::faults::{after_loss, with_each_call_failing, with_little_room, with_power_lost_at_each_call};
use annals::vfs::{Call, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{CompactError, CompactionReport, Event, Expected, NewEvent, Store};
use std::io::ErrorKind;
use std::sync::Arc;

/// A closed store with something to be removed, and what is seen of it.
fn prepared(seed: u64) -> (MemoryDisk, Vec<Event>) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 5, 50);
    keep(&store, 2);
    let before = seen(&store);
    store.close().unwrap();
    (world.disk().crash(Survival::All), before)
}

/// What a store that was compacted to some point has to be.
fn check(disk: MemoryDisk, before: &[Event], context: &str) {
    let world = World::on(disk, 77);
    let store = world.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
    assert!(seen(&store) == before, "{context}: other events than before");
    compact(&store);
    assert!(seen(&store) == before, "{context}: other events when it was done again");
    let ledger = store.ledger().unwrap();
    assert!(
        ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number),
        "{context}: {ledger:?}"
    );
    let gone: u64 = ledger.iter().map(annals::LedgerEntry::events).sum();
    let kept = store.stats().unwrap().events;
    assert_eq!(gone + kept, store.last_position().get(), "{context}: counted twice or not at all");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0], "{context}");
    let left: Vec<String> = world.files("log/").into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert_eq!(left, [] as [String; 0], "{context}");
}

fn run(store: &Store) -> Result<CompactionReport, CompactError> {
    store.compaction().all(true).bytes_per_second(None).run()
}

#[test]
fn when_any_call_fails_everything_is_as_before_and_it_can_be_done_again() {
    let (disk, before) = prepared(21);
    let then = |store: &Store, _: &_, context: &str| assert!(seen(store) == before, "{context}");
    with_each_call_failing(&disk, 22, run, then, |left, context| check(left, &before, context));
}

#[test]
fn after_a_loss_of_power_at_any_call_the_store_is_the_old_one_or_the_new_one() {
    let (disk, before) = prepared(23);
    with_power_lost_at_each_call(&disk, 24, 4, run, |left, context| check(left, &before, context));
}

/// A manifest whose name could not be made durable is on the disk all the same, and names what was written. It was removed for the next
/// attempt: whoever crashed then was left with a manifest that names a file which is not there, or is another one.
#[test]
fn what_a_manifest_on_the_disk_may_name_is_not_removed_for_the_next_attempt() {
    let (disk, before) = prepared(32);
    let mut named = 0;
    for sync in 1..8 {
        for nth in 1..60 {
            let memory = disk.crash(Survival::All);
            let faulty = FaultyDisk::new(Arc::new(memory.clone()));
            let store =
                World::on(memory.clone(), 33).options_over(Arc::new(faulty.clone())).open("memory").unwrap();
            faulty.arm(When::nth(Call::SyncDir, sync), Fault::Error(ErrorKind::Other));
            let failed = run(&store).is_err();
            faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
            named += u32::from(failed && run(&store).is_err());
            let left = memory.crash(Survival::All);
            drop(store);
            check(left, &before, &format!("sync {sync} of a directory, then call {nth}"));
        }
    }
    assert!(named > 100, "{named}");
}

/// The same while it works by itself, beside somebody who appends.
#[test]
fn after_a_loss_of_power_while_it_works_by_itself_the_store_is_in_order() {
    let (disk, before) = prepared(29);
    let mut removed = 0;
    for nth in (1..140).step_by(3) {
        let memory = disk.crash(Survival::All);
        let faulty = FaultyDisk::new(Arc::new(memory.clone()));
        let world = World::on(memory.clone(), 30);
        let options = world.options_over(Arc::new(faulty.clone())).background(true).compaction(eagerly());
        let store = options.open("memory").unwrap();
        faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
        let mut acknowledged = Vec::new();
        for number in 0..20_u8 {
            let event = NewEvent::new("opened", vec![number; 300]);
            match store.append("account-1", Expected::Any, &[event]) {
                Ok(appended) => acknowledged.push((appended.last_position, number)),
                Err(_) => break,
            }
        }
        until("it works or fails", || {
            let state = store.compaction_state();
            faulty.fired() || state.events_removed > 0 || state.failure.is_some()
        });
        drop(store);
        for loss in 0..3_u64 {
            let crashed = after_loss(&memory, nth, loss);
            let context = format!("call {nth}, loss {loss}");
            let world = World::on(crashed, 78);
            let store = world.open();
            let found = seen(&store);
            let wanted = |event: &&Event| event.position <= before.last().unwrap().position;
            assert!(found.iter().filter(wanted).eq(&before), "{context}: other events than before");
            for (position, number) in &acknowledged {
                let event = found.iter().find(|event| event.position == *position);
                let event = event.unwrap_or_else(|| panic!("{context}: {position} is lost"));
                assert_eq!(event.data().unwrap()[0], *number, "{context}");
            }
            let gone: u64 = store.ledger().unwrap().iter().map(annals::LedgerEntry::events).sum();
            assert_eq!(gone + store.stats().unwrap().events, store.last_position().get(), "{context}");
            removed += u64::from(gone > 0);
            compact(&store);
            store.close().unwrap();
            assert_eq!(verified(&world.disk()), [] as [String; 0], "{context}");
        }
    }
    assert!(removed > 0, "it was always too early");
}

/// The last segment is full, so there is nothing that was laid out for appends and could be given back.
#[test]
fn on_a_full_disk_nothing_happens_and_with_room_it_goes_on() {
    let (disk, _) = prepared(25);
    fill_last_segment(&disk);
    let before = seen(&World::on(disk.crash(Survival::All), 25).open());
    let then = |store: &Store, _: &_, context: &str| assert!(seen(store) == before, "{context}");
    let left = |left, context: &str| check(left, &before, context);
    let failed = with_little_room(&disk, 26, (0..60_000).step_by(3_000), run, then, left);
    assert!(failed > 0, "there was always room");
}

#[test]
fn a_damaged_segment_is_not_written_anew_and_keeps_nothing_behind_it_from_being_told() {
    let (disk, _) = prepared(27);
    let world = World::on(disk, 28);
    let name = world.files("log/").into_iter().next().unwrap();
    world.flip(&name, 300, 2);
    let store = world.open();
    let error = run(&store).unwrap_err();
    let mut causes = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        causes += &error.to_string();
        cause = error.source();
    }
    assert!(causes.contains(&name), "{causes}");
    assert!(store.ledger().unwrap().is_empty());
}
