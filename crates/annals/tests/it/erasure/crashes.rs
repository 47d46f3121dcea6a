//! Erasing on a disk that fails, is full, or loses power: what was asked for durably is not shown any more and can be finished, and what
//! was not asked for is as before.

use super::states::{load, save};
use super::{SECRET, check_erased, files_with, fill, listed, own, tag};
use crate::common::{World, verified};
use crate::compaction::fill_last_segment;
use crate::faults::{with_each_call_failing, with_little_room, with_power_lost_at_each_call};
use annals::vfs::{Disk, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{EraseError, EraseReport, Event, PayloadError, Store};
use std::io::ErrorKind;
use std::sync::Arc;

const PATIENT: u64 = 2;
const VISITS: u64 = 24;

/// A closed store with visits in several segments, the last one open, and a state that has some of them.
fn prepared(seed: u64) -> (MemoryDisk, Vec<Event>) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 3, VISITS);
    save(&store, "visit-2");
    save(&store, "visit-3");
    let before = own(&store);
    store.close().unwrap();
    (world.disk().crash(Survival::All), before)
}

fn run(store: &Store) -> Result<EraseReport, EraseError> {
    store.erase(tag(PATIENT)).reason("a letter").bytes_per_second(None).run()
}

fn being_erased(events: &[Event]) -> usize {
    let hidden = |event: &&Event| matches!(event.payload, Err(PayloadError::BeingErased { .. }));
    events.iter().filter(hidden).count()
}

/// What a store has to be in which an erasure has come to some point: all of the patient's visits are shown, or none; and what is not
/// shown is not shown again. Then it is erased to the end.
fn check(disk: MemoryDisk, before: &[Event], context: &str) {
    let world = World::on(disk, 77);
    let store = world.try_open().unwrap_or_else(|error| panic!("{context}: {error:?}"));
    let seen = own(&store);
    let of = seen.iter().filter(|event| event.stream == "visit-2");
    let shown = of.filter(|event| event.payload.is_ok()).count() as u64;
    assert!(shown == 0 || shown == VISITS, "{context}: {shown} of {VISITS} visits are shown");
    assert_eq!(shown == 0, seen != before, "{context}: others than the visits have changed");
    assert!(being_erased(&seen) == 0 || store.erasures_under_way() > 0, "{context}: nobody will finish it");
    if shown == 0 && store.erasures_under_way() == 0 {
        assert_eq!(
            files_with(&world, &format!("{SECRET}-2-")),
            [] as [String; 0],
            "{context}: it is not finished"
        );
    }
    if shown == 0 {
        assert_eq!(load(&store, "visit-2"), Err(()), "{context}: a state has what is not shown");
    }
    run(&store).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    assert_eq!(store.erasures_under_way(), 0, "{context}");
    check_erased(before, &own(&store), PATIENT, context);
    let told: Vec<u64> = listed(&store).iter().map(|event| event.version.get()).collect();
    let all: Vec<u64> = (1..=VISITS).collect();
    assert_eq!(told, all, "{context}: the ledger tells others, or some twice");
    let ledger = store.ledger().unwrap();
    assert!(
        ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number),
        "{context}: {ledger:?}"
    );
    assert_eq!(ledger.iter().map(|entry| entry.erased).sum::<u64>(), VISITS, "{context}");
    assert_eq!(load(&store, "visit-3").map(|notes| notes.len() as u64), Ok(VISITS), "{context}");
    store.close().unwrap();
    for text in [format!("{SECRET}-2-"), format!("{SECRET}-2-{VISITS}")] {
        assert_eq!(files_with(&world, &text), [] as [String; 0], "{context}: files still have {text}");
    }
    assert_eq!(verified(&world.disk()), [] as [String; 0], "{context}");
}

#[test]
fn when_any_call_fails_nothing_is_half_shown_and_it_can_be_done_again() {
    let (disk, before) = prepared(21);
    let then = |store: &Store, result: &Result<_, _>, context: &str| {
        if result.is_ok() {
            assert_eq!(store.erasures_under_way(), 0, "{context}");
        }
    };
    with_each_call_failing(&disk, 22, run, then, |left, context| check(left, &before, context));
}

#[test]
fn after_a_loss_of_power_at_any_call_nothing_is_half_shown_and_it_can_be_finished() {
    let (disk, before) = prepared(23);
    with_power_lost_at_each_call(&disk, 24, 3, run, |left, context| check(left, &before, context));
}

#[test]
fn what_a_crash_has_left_is_finished_by_the_next_compaction() {
    let (disk, before) = prepared(25);
    let mut left = 0;
    for nth in (1..200).step_by(9) {
        let memory = disk.crash(Survival::All);
        let faulty = FaultyDisk::new(Arc::new(memory.clone()));
        let world = World::on(memory.clone(), 26);
        let store = world.options_over(Arc::new(faulty.clone()) as Arc<dyn Disk>).open("memory").unwrap();
        faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
        let _ = run(&store);
        std::mem::forget(store);
        let world = World::on(memory.crash(Survival::Synced), 27);
        let store = world.open();
        let (under_way, hidden) = (store.erasures_under_way(), being_erased(&own(&store)));
        assert_eq!(store.stats().unwrap().erasures_under_way, under_way);
        left += u64::from(under_way > 0 && hidden > 0);
        store.compaction().bytes_per_second(None).run().unwrap();
        assert_eq!(store.erasures_under_way(), 0, "call {nth}");
        let seen = own(&store);
        if seen != before {
            check_erased(&before, &seen, PATIENT, &format!("call {nth}"));
            store.close().unwrap();
            assert_eq!(files_with(&world, &format!("{SECRET}-2-")), [] as [String; 0], "call {nth}");
        }
    }
    assert!(left > 3, "{left}");
}

/// The last segment is full, so there is nothing that was laid out for appends and could be given back.
#[test]
fn on_a_full_disk_it_is_not_shown_any_more_and_goes_when_there_is_room() {
    let (disk, _) = prepared(27);
    fill_last_segment(&disk);
    let before = own(&World::on(disk.crash(Survival::All), 27).open());
    let mut unfinished = 0;
    let then = |store: &Store, result: &Result<_, _>, context: &str| {
        if matches!(result, Err(EraseError::Unfinished(_))) {
            unfinished += 1;
            assert!(store.erasures_under_way() > 0 && own(store) != before, "{context}");
        }
    };
    let left = |left, context: &str| check(left, &before, context);
    with_little_room(&disk, 28, (0..36_000).step_by(900), run, then, left);
    assert!(unfinished > 0, "there was always room");
}

#[test]
fn a_damaged_segment_keeps_the_rest_from_being_erased_and_nothing_of_it_is_shown() {
    let (disk, _) = prepared(29);
    let world = World::on(disk, 30);
    let name = world.files("log/").into_iter().next().unwrap();
    let at = world.disk().image()[&name].windows(7).rposition(|window| window == SECRET.as_bytes()).unwrap();
    world.flip(&name, at, 2);
    let store = world.open();
    // Another patient's visit is damaged, in a segment that has some of this one's.
    let error = run(&store).unwrap_err();
    let mut causes = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        causes += &error.to_string();
        cause = error.source();
    }
    assert!(causes.contains(&name), "{causes}");
}
