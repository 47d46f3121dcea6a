//! What is removed, and what is told of it.

use super::{compact, fill, filled, keep, seen};
use crate::common::{World, verified};
use annals::{
    Action, AppendError, Batch, Clause, CompactError, CompactionControl, Criteria, Expected, Guard, Kept,
    NewEvent, Position, Query, ReadError, RetentionRule, RetentionScope, Version,
};

#[test]
fn the_disk_gets_back_what_rules_hide_and_what_stays_is_as_it_was() {
    let (world, store) = filled(1);
    let (before, bytes) = (seen(&store), store.stats().unwrap().log_bytes);
    let report = compact(&store);
    assert!(report.events_removed > 140 && report.segments_rewritten > 0 && !report.stopped, "{report:?}");
    assert!(report.bytes_after < report.bytes_before / 4, "{report:?}");
    assert!(store.stats().unwrap().log_bytes < bytes / 2, "the files are still there");
    assert_eq!(seen(&store), before);
    let again = compact(&store);
    assert_eq!((again.events_removed, again.segments_rewritten), (0, 0), "nothing is left to do");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
    assert_eq!(seen(&world.open()), before);
}

#[test]
fn stats_and_the_ledger_count_what_is_gone() {
    let (_world, store) = filled(2);
    let all = store.stats().unwrap().events;
    let report = compact(&store);
    let ledger = store.ledger().unwrap();
    assert_eq!(store.stats().unwrap().events, all - report.events_removed + ledger.len() as u64);
    assert_eq!(ledger.iter().map(annals::LedgerEntry::events).sum::<u64>(), report.events_removed);
    for entry in &ledger {
        assert!(entry.removed.iter().all(|removed| removed.reason == "max_count"), "{entry:?}");
        assert!(entry.first_position <= entry.last_position && entry.bytes_after < entry.bytes_before);
        let position = entry.position.expect("it is in the log");
        let event = store.view().event_at(position).unwrap().unwrap().to_event();
        assert_eq!(
            (event.stream.as_str(), event.event_type.as_str()),
            ("$annals.ledger", "$annals.Compacted")
        );
    }
}

#[test]
fn a_position_that_is_gone_is_told_to_be_and_so_is_an_id_that_the_store_made() {
    let (_world, store) = filled(3);
    let event = store.view().read(Query::stream("session-1")).unwrap().next().unwrap().unwrap().to_event();
    let hidden = match store.view().event_at(Position::FIRST) {
        Err(ReadError::Hidden { position }) => position,
        other => panic!("{other:?}"),
    };
    let old = store.view();
    compact(&store);
    let view = store.view();
    let Err(ReadError::Removed { position }) = view.event_at(hidden) else { panic!("it is still there") };
    assert_eq!(position, hidden);
    assert!(matches!(old.event_at(hidden), Err(ReadError::Hidden { .. })), "the old view");
    assert_eq!(view.event(event.id).unwrap().unwrap().position, event.position);
    assert!(view.event_at(view.position().next()).unwrap().is_none());
}

#[test]
fn what_is_gone_stays_below_the_floor_when_its_rule_is_taken_back() {
    let (_world, store) = filled(4);
    compact(&store);
    store.retention().set(&RetentionScope::category("session"), &RetentionRule::new()).unwrap();
    let view = store.view();
    let floor = view.floor("session-3").unwrap();
    assert!(floor > Version::new(10), "{floor}");
    let below = view.read(Query::stream("session-3").from_version(Version::FIRST)).unwrap_err();
    assert!(matches!(below, ReadError::BelowFloor { floor: told, .. } if told == floor), "{below}");
    let versions: Vec<u64> =
        view.read(Query::stream("session-3")).unwrap().map(|event| event.unwrap().version.get()).collect();
    assert!(versions.into_iter().eq(floor.get()..=40), "what is left follows each other");
}

#[test]
fn a_condition_that_looks_back_to_what_is_gone_is_refused_unless_it_is_said_not_to_matter() {
    let (_world, store) = filled(5);
    compact(&store);
    let criteria = || Criteria::any_of([Clause::new().of_type("never")]).unwrap();
    let batch = |after: Position| {
        let mut batch = Batch::new();
        batch.push("other", &NewEvent::json("t", "1")).unwrap();
        batch.fail_if(criteria(), after).unwrap();
        batch
    };
    let removed = match store.append_batch(batch(Position::ZERO)) {
        Err(AppendError::ConditionBelowRemoved { after: Position::ZERO, removed, condition: 0 }) => removed,
        other => panic!("{other:?}"),
    };
    store.append_batch(batch(removed)).unwrap();
    let mut stated = batch(Position::ZERO);
    stated.despite_removed();
    store.append_batch(stated).unwrap();
    let mut violated = Batch::new();
    violated.push("other", &NewEvent::json("t", "1")).unwrap();
    violated.fail_if(Criteria::any_of([Clause::new().of_type("t")]).unwrap(), Position::ZERO).unwrap();
    let failed = store.append_batch(violated);
    assert!(
        matches!(failed, Err(AppendError::ConditionFailed { .. })),
        "what is there is told first: {failed:?}"
    );
}

#[test]
fn versions_go_on_behind_streams_of_which_nothing_is_shown_any_more() {
    let (world, store) = filled(6);
    store.retention().delete("session-1", Expected::Any).unwrap();
    store.retention().tombstone("session-2", Expected::Any).unwrap();
    compact(&store);
    let store = {
        store.close().unwrap();
        world.open()
    };
    let event = || NewEvent::json("said", "{}");
    let appended = store.append("session-1", Expected::NoStream, &[event()]).unwrap();
    assert_eq!(appended.streams[0].last_version, Version::new(41));
    let refused = store.append("session-2", Expected::Any, &[event()]);
    assert!(matches!(refused, Err(AppendError::Tombstoned { .. })), "{refused:?}");
    assert_eq!(store.view().read(Query::stream("session-2")).unwrap().count(), 0);
    compact(&store);
    assert_eq!(store.view().read(Query::stream("session-1")).unwrap().count(), 1);
}

/// With its last event the floor of a closed stream was gone, and a read from a version below it gave nothing.
#[test]
fn a_read_below_the_floor_of_a_closed_stream_is_an_error_also_when_nothing_is_left_of_it() {
    let (world, store) = filled(8);
    store.retention().tombstone("session-2", Expected::Any).unwrap();
    let below = |store: &annals::Store| {
        let view = store.view();
        let query = Query::stream("session-2").from_version(Version::new(3));
        match view.read(query) {
            Err(ReadError::BelowFloor { floor, .. }) => (floor, view.floor("session-2").unwrap()),
            other => panic!("{:?}", other.map(Iterator::count)),
        }
    };
    let floors = (Version::new(41), Version::new(41));
    assert_eq!(below(&store), floors);
    // The newest segment keeps something; what is appended behind makes it an older one.
    fill(&store, 1, 60);
    compact(&store);
    assert_eq!(below(&store), floors);
    store.close().unwrap();
    let store = world.open();
    assert_eq!(below(&store), floors);
    assert!(store.view().stream("session-2").unwrap().is_none(), "something is left of it");
}

/// The version was known as long as the stream's head was remembered, and 0 after that.
#[test]
fn a_closed_stream_of_which_nothing_is_left_is_still_at_its_last_version() {
    let (world, store) = filled(9);
    store.retention().tombstone("session-2", Expected::Any).unwrap();
    let last = Version::new(40);
    let judged = |store: &annals::Store| {
        [last, Version::ZERO, Version::new(2)].map(|version| {
            let mut batch = Batch::new();
            batch.expect("session-2", Expected::Exact(version)).unwrap();
            batch.push("session-1", &NewEvent::json("said", "{}")).unwrap();
            store.append_batch(batch).map(drop).map_err(|error| match error {
                AppendError::Conflict(conflict) => conflict.actual,
                other => panic!("{other:?}"),
            })
        })
    };
    let expected = [Ok(()), Ok(()), Err(last)];
    assert_eq!(judged(&store), expected);
    // The newest segment keeps something; what is appended behind makes it an older one.
    fill(&store, 1, 60);
    compact(&store);
    assert_eq!(judged(&store), expected);
    store.close().unwrap();
    let store = world.open();
    assert!(store.view().stream("session-2").unwrap().is_none(), "something is left of it");
    assert_eq!(judged(&store), expected);
}

#[test]
fn a_guard_keeps_what_somebody_has_not_read_and_can_be_overridden_by_name() {
    let (_world, store) = filled(7);
    let middle = Position::new(140);
    let guarded = store.compaction().all(true).bytes_per_second(None).guard(Guard::new("billing", middle));
    let plan = guarded.plan().unwrap();
    assert_eq!(plan.guards(), ["billing"]);
    let held = |action: &Action| matches!(action, Action::Keep(Kept::Guard(name)) if name == "billing");
    assert!(plan.segments.iter().any(|segment| held(&segment.action)));
    let report = guarded.run().unwrap();
    assert!(report.events_removed > 0);
    let ledger = store.ledger().unwrap();
    assert!(ledger.iter().all(|entry| entry.last_position <= middle), "{ledger:?}");
    let report = guarded.override_guard("billing").run().unwrap();
    assert!(report.events_removed > 0);
}

#[test]
fn it_can_be_stopped_paused_and_watched_and_there_is_one_at_a_time() {
    let (_world, store) = filled(8);
    let before = seen(&store);
    let control = CompactionControl::new();
    control.pause();
    let compaction = store.compaction().all(true).bytes_per_second(None).control(&control);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| compaction.run());
        while control.progress().bytes_total == 0 {
            std::thread::yield_now();
        }
        assert!(control.progress().paused);
        assert!(matches!(store.compaction().run(), Err(CompactError::Busy)));
        assert_eq!(control.progress().events_removed, 0);
        control.stop();
        assert!(running.join().unwrap().unwrap().stopped);
    });
    assert_eq!(seen(&store), before);
    assert!(!compact(&store).stopped);
    assert_eq!(seen(&store), before);
}

#[test]
fn only_who_writes_a_store_can_compact_it() {
    let (world, store) = filled(9);
    store.close().unwrap();
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert!(matches!(reader.compaction().run(), Err(CompactError::ReadOnly)));
    assert!(reader.compaction().plan().unwrap().goes().0 > 0);
}

#[test]
fn small_neighbours_become_one_segment() {
    let world = World::new(10);
    let store = world.open();
    fill(&store, 3, 300);
    keep(&store, 5);
    let before = (seen(&store), store.stats().unwrap().segments);
    let report = compact(&store);
    assert!(report.segments_merged > 0, "{report:?}");
    assert!(store.stats().unwrap().segments < before.1);
    assert_eq!(seen(&store), before.0);
    store.settle().unwrap();
    assert_eq!(seen(&store), before.0, "when runs over the gaps are merged");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn runs_of_segments_from_which_events_went_are_made_again_without_them() {
    let (world, store) = filled(11);
    compact(&store);
    let before = seen(&store);
    store.close().unwrap();
    let mut image = world.disk().image();
    image.retain(|path, _| !path.starts_with("index/"));
    let world = World::on(annals::vfs::MemoryDisk::from_image(image).unwrap(), 11);
    let store = world.open();
    assert_eq!(seen(&store), before);
    assert_eq!(store.view().count(Query::all().tagged("s:4")).unwrap(), 2);
    store.maintain().unwrap();
    assert_eq!((seen(&store), store.stats().unwrap().runs_missing), (before, 0));
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn a_stream_loses_nothing_from_its_middle_when_the_segment_of_its_beginning_is_not_worth_it() {
    let world = World::new(13);
    let store = world.open();
    let event = |bytes: usize| NewEvent::json("said", format!("{:?}", "z".repeat(bytes)));
    let append =
        |stream: &str, bytes| store.append(stream, Expected::Any, &[event(bytes)]).unwrap().first_position;
    let beginning = append("session-slow", 10);
    for _ in 0..80 {
        append("account-1", 180);
    }
    store.maintain().unwrap();
    let next = append("session-slow", 10);
    for _ in 0..90 {
        append("session-busy", 180);
    }
    let last = append("session-slow", 10);
    for _ in 0..60 {
        append("account-1", 180);
    }
    store.maintain().unwrap();
    keep(&store, 1);
    let report = store.compaction().bytes_per_second(None).run().unwrap();
    assert!(report.events_removed > 40, "{report:?}");
    let view = store.view();
    for position in [beginning, next] {
        let event = view.event_at(position);
        assert!(matches!(event, Err(ReadError::Hidden { .. })), "{position}: {event:?}");
    }
    assert_eq!(view.event_at(last).unwrap().unwrap().version, Version::new(3));
    // Once everything goes that may go, so do these.
    compact(&store);
    let view = store.view();
    assert!(matches!(view.event_at(next), Err(ReadError::Removed { .. })));
    assert_eq!(view.floor("session-slow").unwrap(), Version::new(3));
}
