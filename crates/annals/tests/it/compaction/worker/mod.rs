//! Compaction by itself: what is done without being asked, and what is left alone.

mod beside;

use super::{fill, keep, seen};
use crate::common::{World, verified};
use annals::{
    CompactError, CompactionOptions, CompactionReport, Event, Expected, NewEvent, Options, Position, Query,
    ReadError, RetentionRule, RetentionScope, Share, Store,
};
use std::time::{Duration, Instant};

/// Looks all the time, and as fast as it can.
pub(super) fn eagerly() -> CompactionOptions {
    let always = Share::of_1000(1000).unwrap();
    CompactionOptions::new().every(Duration::from_millis(1)).bytes_per_second(None).busy(always)
}

fn working(world: &World) -> Options {
    world.options().background(true).compaction(eagerly())
}

/// Waits for what comes sooner or later.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn until_removed(store: &Store, events: u64) {
    until(&format!("{events} events go"), || {
        let state = store.compaction_state();
        assert_eq!(state.failure, None);
        state.events_removed >= events
    });
}

fn removed_by_ledger(store: &Store) -> u64 {
    store.ledger().unwrap().iter().map(annals::LedgerEntry::events).sum()
}

/// A closed store of which much may go.
fn prepared(seed: u64) -> (World, Vec<Event>) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 5, 60);
    keep(&store, 2);
    let before = seen(&store);
    store.close().unwrap();
    (world, before)
}

#[test]
fn what_rules_let_go_is_removed_in_the_background_once_there_are_rules() {
    let world = World::new(41);
    let store = working(&world).open("memory").unwrap();
    fill(&store, 7, 40);
    assert!(!store.compaction_state().running, "there is nothing that could go");
    keep(&store, 2);
    let before = seen(&store);
    assert!(store.compaction_state().running);
    until_removed(&store, 150);
    assert_eq!(seen(&store), before);
    let control = store.compaction_control();
    control.stop();
    until("it ends when it is stopped", || !store.compaction_state().running);
    let state = store.compaction_state();
    assert_eq!(removed_by_ledger(&store), state.events_removed);
    assert!(state.looks >= state.rounds && state.rounds > 0 && state.bytes_freed > 10_000, "{state:?}");
    assert!(state.last.is_some_and(|last| last.events_removed > 0), "{state:?}");
    keep(&store, 1);
    assert!(!store.compaction_state().running, "once stopped it is not started again");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);

    // It begins by itself where there are rules already.
    let store = working(&world).open("memory").unwrap();
    assert!(store.compaction_state().running);
}

#[test]
fn where_it_is_switched_off_nothing_goes_by_itself() {
    let (world, before) = prepared(42);
    for options in [
        world.options().compaction(eagerly()),
        world.options().background(true).compaction(CompactionOptions::off()),
        world.options().read_only(true),
    ] {
        let store = options.open("memory").unwrap();
        assert!(!store.compaction_state().running);
        store.maintain().unwrap();
        assert_eq!(seen(&store), before);
        assert_eq!(store.compaction_state().looks, 0);
    }
    assert_eq!(removed_by_ledger(&world.open()), 0);
}

#[test]
fn a_round_removes_what_is_worth_it_and_leaves_little_alone() {
    let world = World::new(43);
    let store = world.open();
    fill(&store, 7, 40);
    // A fifteenth of the events of one segment.
    let rule = RetentionRule::new().max_count(38);
    store.retention().set(&RetentionScope::stream("session-1"), &rule).unwrap();
    assert_eq!(store.compaction().all(true).plan().unwrap().goes().0, 2);
    assert_eq!(store.compact_if_worth().unwrap(), CompactionReport::default());
    assert_eq!(store.compaction_state().looks, 1);
    keep(&store, 20);
    let before = seen(&store);
    let report = store.compact_if_worth().unwrap();
    assert!(report.events_removed > 50 && report.bytes_after < report.bytes_before, "{report:?}");
    assert_eq!(seen(&store), before);
    while store.compact_if_worth().unwrap().events_removed > 0 {}
    let left = store.compaction().plan().unwrap();
    assert!(left.is_empty(), "a plan of everything finds no more: {left:?}");
    assert_eq!(store.compaction_state().events_removed, removed_by_ledger(&store));
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert!(matches!(reader.compact_if_worth(), Err(CompactError::ReadOnly)));
}

/// Of three segments the first and the last were worth it. What the one between had of a stream stayed, and what came behind it went.
#[test]
fn a_stream_does_not_lose_what_lies_behind_a_segment_that_nobody_looks_at() {
    let world = World::new(52);
    let store = world.open();
    let append = |stream: &str, bytes: usize| {
        let event = NewEvent::new("said", vec![7; bytes]);
        store.append(stream, Expected::Any, &[event]).unwrap().last_position
    };
    let mut positions = Vec::new();
    for (events, others) in [(15, 0), (1, 15), (15, 0), (15, 0)] {
        positions.extend((0..events).map(|_| append("session-1", if events == 1 { 10 } else { 1000 })));
        for _ in 0..others {
            append("account-1", 1000);
        }
    }
    store.maintain().unwrap();
    keep(&store, 1);
    while store.compact_if_worth().unwrap().events_removed > 0 {}
    let gone =
        |position: &Position| matches!(store.view().event_at(*position), Err(ReadError::Removed { .. }));
    let gone: Vec<bool> = positions.iter().map(gone).collect();
    assert!(gone[0] && gone.is_sorted_by(|one, next| one >= next), "{gone:?}");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn limits_of_bytes_are_enforced_by_itself() {
    let world = World::new(44);
    let store = working(&world).open("memory").unwrap();
    fill(&store, 4, 60);
    store
        .retention()
        .set(&RetentionScope::category("session"), &RetentionRule::new().max_bytes(1000))
        .unwrap();
    until_removed(&store, 100);
    assert!(store.view().floor("session-1").unwrap().get() > 40);
    assert_eq!(store.view().count(Query::stream("account-1")).unwrap(), 60);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn the_limit_of_the_store_is_enforced_by_itself() {
    let world = World::new(51);
    let store = working(&world).open("memory").unwrap();
    fill(&store, 4, 150);
    let before = store.stats().unwrap().log_bytes;
    store.retention().set(&RetentionScope::Store, &RetentionRule::new().max_bytes(before / 2)).unwrap();
    until("the log is cut", || store.stats().unwrap().log_bytes <= before / 3 * 2);
    assert_eq!(store.compaction_state().failure, None);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn what_a_guard_keeps_stays_and_goes_when_the_consumer_has_read_it() {
    let (world, _) = prepared(45);
    let store = world.open();
    store.guards().set("mails", Position::ZERO).unwrap();
    drop(store);
    let store = working(&world).open("memory").unwrap();
    until("the guard is named", || store.compaction_state().guards == ["mails"]);
    assert_eq!(store.compaction_state().events_removed, 0);
    let view = store.guards().view("mails").unwrap();
    assert_eq!(view.count(Query::all().category("session")).unwrap(), 5 * 60);
    store.guards().advance("mails", store.last_position()).unwrap();
    until_removed(&store, 100);
}
