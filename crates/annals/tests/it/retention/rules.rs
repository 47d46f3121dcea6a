//! Which rule holds, and that rules are read again after reopening, crashes and from copies.

use super::{age, fill, version, versions};
use crate::common::World;
use crate::faults::with_power_lost_between_steps;
use annals::vfs::FaultyDisk;
use annals::{
    AppendError, Batch, Clock, Durability, Expected, NewEvent, Query, RetentionError, RetentionRule,
    RetentionScope, RuleError, ScopeKind,
};
use std::sync::Arc;

#[test]
fn of_each_limit_the_narrowest_scope_that_says_anything_holds() {
    let world = World::new(31);
    let store = world.open();
    fill(&store, "a-1", 10);
    let retention = store.retention();
    let week = age(604_800, Clock::Recorded);
    let store_rule = RetentionRule::new().max_count(8).max_age(week);
    retention.set(&RetentionScope::Store, &store_rule).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("a-1")).len(), 8);
    retention.set(&RetentionScope::category("a"), &RetentionRule::new().max_count(3)).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("a-1")), [8, 9, 10]);
    retention.set(&RetentionScope::stream("a-1"), &RetentionRule::new().keep_count()).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("a-1")).len(), 10);
    let holds = retention.effective("a-1").unwrap();
    assert_eq!(
        (holds.limits.max_count, holds.limits.max_age.map(|age| age.scope)),
        (None, Some(ScopeKind::Store))
    );
    assert_eq!((holds.floor, holds.deleted, holds.tombstoned), (version(1), None, false));
    let other = retention.effective("a-7").unwrap();
    assert_eq!(
        other.limits.max_count.map(|count| (count.limit, count.scope)),
        Some((3, ScopeKind::Category))
    );
    retention.set(&RetentionScope::stream("a-1"), &RetentionRule::new()).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("a-1")), [8, 9, 10], "taken back");
}

/// Without knowing that there are some, they were only looked for in what was not sealed yet, so everything was shown.
#[test]
fn rules_that_nobody_has_read_before_they_are_sealed_hold() {
    let world = World::new(37);
    let store = world.open();
    store.retention().set(&RetentionScope::Store, &RetentionRule::new().max_count(2)).unwrap();
    for _ in 0..40 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![1; 900])]).unwrap();
    }
    store.maintain().unwrap();
    assert!(store.stats().unwrap().segments > 2);
    assert_eq!(versions(&store.view(), Query::stream("s")), [39, 40]);
}

#[test]
fn rules_that_contradict_themselves_are_refused_and_change_nothing() {
    let world = World::new(32);
    let store = world.open();
    fill(&store, "s", 1);
    let before = RetentionRule::new().truncate_before(version(1));
    for (scope, rule) in [
        (RetentionScope::Store, RetentionRule::new().max_count(0)),
        (RetentionScope::stream("s"), RetentionRule::new().max_bytes(0)),
        (RetentionScope::category("c"), before.clone()),
        (RetentionScope::Store, before),
        (RetentionScope::stream("s"), RetentionRule::new().truncate_before(version(0))),
        (RetentionScope::category("a-1"), RetentionRule::new().max_count(1)),
        (RetentionScope::stream(""), RetentionRule::new().max_count(1)),
        (RetentionScope::stream("s".repeat(1025)), RetentionRule::new().max_count(1)),
        (RetentionScope::category("$annals.retention"), RetentionRule::new().max_count(1)),
    ] {
        let refused = store.retention().set(&scope, &rule);
        assert!(matches!(refused, Err(RetentionError::Rule(_))), "{scope}: {refused:?}");
    }
    assert!(matches!(annals::MaxAge::new(0, Clock::Recorded), Err(RuleError::Zero { .. })));
    assert_eq!(store.last_position().get(), 1);
    let reader = world.options().read_only(true).open("memory").unwrap();
    let refused = reader.retention().set(&RetentionScope::Store, &RetentionRule::new().max_count(1));
    assert!(matches!(refused, Err(RetentionError::Append(AppendError::ReadOnly))), "{refused:?}");
}

#[test]
fn a_copy_made_event_by_event_hides_the_same() {
    let (world, other) = (World::new(33), World::new(34));
    let (store, copy) = (world.open(), other.open());
    for stream in ["a-1", "a-2", "b-1"] {
        fill(&store, stream, 4);
    }
    let retention = store.retention();
    // What is hidden cannot be copied, so rules that hide only some of the newest come first.
    let all: Vec<_> = crate::common::events_of(&store);
    retention.set(&RetentionScope::category("a"), &RetentionRule::new().max_count(2)).unwrap();
    retention.truncate("b-1", version(3)).unwrap();
    retention.delete("a-2", Expected::Any).unwrap();
    let rules = store.view();
    let rules =
        rules.read(Query::stream("$annals.retention")).unwrap().map(|event| event.unwrap().to_event());
    for event in all.into_iter().chain(rules) {
        let mut batch = Batch::new();
        let data = event.data().unwrap().to_vec();
        let mut new = NewEvent::new(event.event_type, data).with_schema_version(event.schema_version);
        new.content_type = event.content_type;
        batch.push(event.stream.as_str(), &new).unwrap();
        copy.append_batch(batch).unwrap();
    }
    for stream in ["a-1", "a-2", "b-1"] {
        let (one, other) = (store.view(), copy.view());
        assert_eq!(
            versions(&one, Query::stream(stream)),
            versions(&other, Query::stream(stream)),
            "{stream}"
        );
    }
}

/// What a workload with rules was told: how many of its steps succeeded, one after the other.
fn steps(disk: Arc<FaultyDisk>, world: &World) -> usize {
    let options = world.options_over(disk).durability(Durability::Sync);
    let Ok(store) = options.open("memory") else { return 0 };
    let retention = store.retention();
    let append = |stream: &str, events: u64| -> bool {
        let events: Vec<_> = (0..events).map(|_| NewEvent::new("t", vec![3; 900])).collect();
        store.append(stream, Expected::Any, &events).is_ok()
    };
    let steps: [&dyn Fn() -> bool; 6] = [
        &|| append("s", 6) && append("d", 6) && append("e", 6),
        &|| retention.set(&RetentionScope::stream("s"), &RetentionRule::new().max_count(2)).is_ok(),
        &|| retention.delete("d", Expected::Any).is_ok(),
        &|| append("d", 2),
        &|| retention.tombstone("e", Expected::Any).is_ok(),
        &|| append("s", 9),
    ];
    let done = steps.iter().take_while(|step| step()).count();
    let _ = store.maintain();
    done
}

#[test]
fn after_a_crash_at_any_call_the_rules_that_were_acknowledged_hold() {
    with_power_lost_between_steps(35, 6, steps, |done, store, context| {
        let view = store.view();
        let read = |stream| versions(&view, Query::stream(stream));
        if done >= 2 {
            assert!(read("s").len() == 2, "{context}: {:?}", read("s"));
        }
        if done >= 3 {
            assert!(!read("d").iter().any(|version| *version <= 6), "{context}: {:?}", read("d"));
        }
        if done >= 5 {
            let refused = store.append("e", Expected::Any, &[NewEvent::json("t", "1")]);
            assert!(matches!(refused, Err(AppendError::Tombstoned { .. })), "{context}: {refused:?}");
            assert!(read("e").is_empty(), "{context}");
        }
    });
}
