//! Guards: what consumers who have not read everything yet have kept for them.

use super::{fill, version, versions};
use crate::common::{World, events_of};
use crate::faults::with_power_lost_between_steps;
use annals::vfs::FaultyDisk;
use annals::{
    Action, AppendError, Batch, Durability, Expected, GuardError, Kept, NewEvent, Position, Query, ReadError,
    RetentionRule, RetentionScope, Store,
};
use std::sync::Arc;

const EVENTS: u64 = 240;

/// A store of several segments, of which all but the last event may go.
fn hidden(world: &World) -> Store {
    let store = world.open();
    for number in 1..=EVENTS {
        store
            .append(
                "s",
                Expected::Any,
                &[NewEvent::json("Said", format!("[{number},{:?}]", "x".repeat(400)))],
            )
            .unwrap();
    }
    store.maintain().unwrap();
    store.retention().set(&RetentionScope::Store, &RetentionRule::new().max_count(1)).unwrap();
    store
}

fn compact(store: &Store) -> u64 {
    store.compaction().all(true).bytes_per_second(None).run().unwrap().events_removed
}

/// What the consumer behind a guard finds of the stream.
fn left_for(store: &Store, name: &str) -> Vec<u64> {
    versions(&store.guards().view(name).unwrap(), Query::stream("s"))
}

#[test]
fn what_a_consumer_has_not_read_is_kept_and_read_and_goes_when_it_is_done() {
    let world = World::new(61);
    let store = hidden(&world);
    store.guards().set("mails", Position::ZERO).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("s")), [EVENTS], "others do not see it");
    assert_eq!(compact(&store), 0);
    let plan = store.compaction().plan().unwrap();
    assert_eq!(plan.guards(), ["mails"]);
    assert!(matches!(&plan.segments[0].action, Action::Keep(Kept::Guard(name)) if name == "mails"));
    assert_eq!(left_for(&store, "mails"), (1..=EVENTS).collect::<Vec<_>>());

    store.guards().advance("mails", Position::new(60)).unwrap();
    let removed = compact(&store);
    assert!((20..=60).contains(&removed), "{removed}");
    assert_eq!(left_for(&store, "mails"), (61..=EVENTS).collect::<Vec<_>>(), "below the guard rules hold");
    let info = &store.guards().list().unwrap()[0];
    assert!(info.segments > 1 && info.bytes > 20_000, "{info:?}");

    store.close().unwrap();
    let store = world.open();
    let listed = store.guards().list().unwrap();
    let position = listed[0].position;
    assert!(
        listed.len() == 1 && position > Position::new(removed) && position <= Position::new(60),
        "{listed:?}"
    );
    assert_eq!(compact(&store), 0);
    assert_eq!(left_for(&store, "mails").last(), Some(&EVENTS));

    store.guards().remove("mails").unwrap();
    let removed = compact(&store);
    assert!(removed > 40, "{removed}");
    assert!(matches!(store.guards().view("mails"), Err(GuardError::NotFound { .. })));
    assert!(matches!(store.guards().remove("mails"), Err(GuardError::NotFound { .. })));
}

#[test]
fn a_guard_that_is_overridden_by_name_keeps_nothing_and_others_do() {
    let world = World::new(62);
    let store = hidden(&world);
    store.guards().set("dead", Position::ZERO).unwrap();
    store.guards().set("alive", Position::new(70)).unwrap();
    assert_eq!(compact(&store), 0);
    let compaction = store.compaction().all(true).bytes_per_second(None).override_guard("dead");
    assert_eq!(compaction.plan().unwrap().guards(), ["alive"]);
    let removed = compaction.run().unwrap().events_removed;
    assert!((20..=70).contains(&removed), "{removed}");
    // It stays, and finds what is left.
    assert_eq!(store.guards().list().unwrap().len(), 2);
    assert_eq!(left_for(&store, "dead"), (removed + 1..=EVENTS).collect::<Vec<_>>());
}

#[test]
fn a_guard_never_goes_back_nor_beyond_the_end_and_its_name_is_bounded() {
    let world = World::new(63);
    let store = world.open();
    fill(&store, "s", 9);
    let guards = store.guards();
    let at = Position::new;
    assert!(!guards.set("g", at(4)).unwrap().already);
    assert!(guards.set("g", at(4)).unwrap().already);
    assert!(matches!(guards.set("g", at(3)), Err(GuardError::Behind { at: told, .. }) if told == at(4)));
    assert!(guards.advance("g", at(3)).unwrap().already, "a repetition changes nothing");
    assert!(matches!(guards.set("g", at(99)), Err(GuardError::BeyondEnd { .. })));
    assert!(matches!(guards.advance("g", at(99)), Err(GuardError::BeyondEnd { .. })));
    assert!(matches!(guards.advance("h", at(1)), Err(GuardError::NotFound { .. })));
    for name in [String::new(), "n".repeat(257)] {
        assert!(matches!(guards.set(&name, at(1)), Err(GuardError::Name { .. })), "{name}");
    }
    guards.set(&"n".repeat(256), at(1)).unwrap();
    guards.remove("g").unwrap();
    assert!(!guards.set("g", at(3)).unwrap().already, "after it was removed it may begin anywhere");
    // Events of the stream that are not such as the store writes are refused; an older one changes nothing.
    let stream = "$annals.guards";
    let forged = store.append(stream, Expected::Any, &[NewEvent::json("$annals.GuardSet", "{}")]);
    assert!(matches!(forged, Err(AppendError::Invalid(_))), "{forged:?}");
    let older = NewEvent::json("$annals.GuardSet", r#"{"name":"g","position":1}"#).with_schema_version(1);
    store.append(stream, Expected::Any, &[older]).unwrap();
    assert_eq!(guards.list().unwrap()[0].position, at(3));
}

#[test]
fn there_are_only_so_many_guards() {
    let world = World::new(64);
    let store = world.open();
    for number in 0..1000 {
        store.guards().set(&format!("g{number}"), Position::ZERO).unwrap();
    }
    assert!(matches!(store.guards().set("more", Position::ZERO), Err(GuardError::TooMany { most: 1000 })));
    store.guards().set("g7", Position::FIRST).unwrap();
    store.guards().remove("g8").unwrap();
    store.guards().set("more", Position::ZERO).unwrap();
}

#[test]
fn advancing_at_each_event_writes_once_for_each_segment() {
    let world = World::new(65);
    let store = hidden(&world);
    store.guards().set("mails", Position::ZERO).unwrap();
    let before = store.last_position().get();
    for event in store.guards().view("mails").unwrap().read(Query::all()).unwrap() {
        store.guards().advance("mails", event.unwrap().position).unwrap();
    }
    let written = store.last_position().get() - before;
    let segments = store.stats().unwrap().segments;
    assert!(written >= 3 && written < segments, "{written} events for {segments} segments");
    let info = &store.guards().list().unwrap()[0];
    assert!(info.told > info.position, "what was told behind the last segment is noted: {info:?}");
    assert_eq!(info.segments, 0, "{info:?}");
    let removed = compact(&store);
    assert!(removed > 80, "{removed}: each sealed segment is let go: {:?}", store.stats());
}

#[test]
fn where_the_segment_that_was_read_is_sealed_later_compaction_lets_it_go() {
    let world = World::new(66);
    let store = world.open();
    store.retention().set(&RetentionScope::Store, &RetentionRule::new().max_count(1)).unwrap();
    store.guards().set("mails", Position::ZERO).unwrap();
    for _ in 0..EVENTS {
        let appended = store.append("s", Expected::Any, &[NewEvent::new("t", vec![1; 400])]).unwrap();
        // It is always at the end, in a segment that is not sealed.
        store.guards().advance("mails", appended.last_position).unwrap();
    }
    store.maintain().unwrap();
    let removed = compact(&store);
    assert!(removed > 80, "{removed}");
}

#[test]
fn guards_are_in_copies() {
    let (world, other) = (World::new(67), World::new(68));
    let (store, copy) = (world.open(), other.open());
    fill(&store, "s", 4);
    store.guards().set("a", Position::new(2)).unwrap();
    store.guards().set("b", Position::new(3)).unwrap();
    store.guards().remove("b").unwrap();
    for event in events_of(&store) {
        let mut batch = Batch::new();
        let data = event.data().unwrap().to_vec();
        let mut new = NewEvent::new(event.event_type, data).with_schema_version(event.schema_version);
        new.content_type = event.content_type;
        batch.push(event.stream.as_str(), &new).unwrap();
        copy.append_batch(batch).unwrap();
    }
    let (one, two) = (store.guards().list().unwrap(), copy.guards().list().unwrap());
    assert_eq!(one, two);
    assert_eq!((one.len(), one[0].position), (1, Position::new(2)));
    copy.mark_durable().unwrap();
    let reader = other.options().read_only(true).open("memory").unwrap();
    assert_eq!(reader.guards().list().unwrap(), two);
    assert!(matches!(reader.guards().remove("a"), Err(GuardError::Append(AppendError::ReadOnly))));
}

/// A workload with guards; how many of its steps succeeded, one after the other.
fn steps(disk: Arc<FaultyDisk>, world: &World) -> usize {
    let options = world.options_over(disk).durability(Durability::Sync);
    let Ok(store) = options.open("memory") else { return 0 };
    let guards = store.guards();
    let append = |events: u64| -> bool {
        let events: Vec<_> = (0..events).map(|_| NewEvent::new("t", vec![3; 1500])).collect();
        store.append("s", Expected::Any, &events).is_ok() && store.maintain().is_ok()
    };
    let rule = RetentionRule::new().max_count(1);
    let compact = || store.compaction().all(true).bytes_per_second(None).run().is_ok();
    let steps: [&dyn Fn() -> bool; 6] = [
        &|| (0..5).all(|_| append(9)),
        &|| guards.set("mails", Position::new(20)).is_ok(),
        &|| store.retention().set(&RetentionScope::Store, &rule).is_ok() && compact(),
        &|| guards.set("mails", Position::new(30)).is_ok(),
        &compact,
        &|| guards.remove("mails").is_ok() && compact(),
    ];
    steps.iter().take_while(|step| step()).count()
}

#[test]
fn after_a_crash_at_any_call_what_a_guard_keeps_is_there() {
    let mut removed = 0;
    with_power_lost_between_steps(69, 6, steps, |done, store, context| {
        let at = store.guards().list().unwrap().first().map(|guard| guard.position.get());
        let acknowledged = [None, None, Some(20), Some(20), Some(30), Some(30), None][done];
        let next = [None, Some(20), Some(20), Some(30), Some(30), None, None][done];
        assert!(at == acknowledged || at == next, "{context}: {at:?}");
        let gone = |position: u64| {
            matches!(store.view().event_at(Position::new(position)), Err(ReadError::Removed { .. }))
        };
        if let Some(at) = at {
            assert!((at + 1..=45).all(|position| !gone(position)), "{context}: what {at} keeps is gone");
        }
        removed += u64::from(gone(1));
    });
    assert!(removed > 10, "{removed}");
}

/// Whoever has set a guard finds above it whatever was there when that returned, also if the store was being compacted meanwhile.
#[test]
fn a_guard_that_is_set_while_the_store_is_compacted_keeps_what_it_finds() {
    for seed in 0..12 {
        let world = World::new(700 + seed);
        let store = hidden(&world);
        std::thread::scope(|scope| {
            let compacting = scope.spawn(|| compact(&store));
            for _ in 0..seed * 2_000 {
                std::hint::spin_loop();
            }
            store.guards().set("late", Position::ZERO).unwrap();
            let found = left_for(&store, "late");
            compacting.join().unwrap();
            compact(&store);
            assert_eq!(left_for(&store, "late"), found, "seed {seed}");
            assert!(found.last() == Some(&EVENTS) && found.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        });
    }
}

#[test]
fn a_consumer_sees_what_was_truncated_deleted_or_closed_above_its_guard() {
    let world = World::new(71);
    let store = world.open();
    for stream in ["truncated", "deleted", "closed"] {
        fill(&store, stream, 5);
    }
    let position = store.last_position();
    store.guards().set("g", position).unwrap();
    for stream in ["truncated", "deleted", "closed"] {
        fill(&store, stream, 5);
    }
    store.retention().truncate("truncated", version(9)).unwrap();
    store.retention().delete("deleted", Expected::Any).unwrap();
    store.retention().tombstone("closed", Expected::Any).unwrap();
    let view = store.guards().view("g").unwrap();
    for stream in ["truncated", "deleted", "closed"] {
        assert_eq!(versions(&view, Query::stream(stream)), [6, 7, 8, 9, 10], "{stream}");
        assert_eq!(view.floor(stream).unwrap(), version(6));
        assert!(view.event_at(position.next().next()).unwrap().is_some());
        assert!(
            matches!(view.event_at(Position::FIRST), Err(ReadError::Hidden { .. })),
            "below it nothing changes"
        );
    }
    assert_eq!(versions(&store.view(), Query::stream("truncated")), [9, 10]);
}
