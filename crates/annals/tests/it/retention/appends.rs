//! Appends to streams that are deleted, closed or truncated, and what may be said of retention at all.

use super::{fill, version, versions};
use crate::common::World;
use annals::{
    AppendError, Batch, Clause, Criteria, Expected, Invalid, NewEvent, Position, Query, ReadError,
    RetentionError, RetentionRule, RetentionScope, RuleError, Uuid,
};

fn event() -> NewEvent<'static> {
    NewEvent::json("Said", "1")
}

#[test]
fn a_deleted_stream_counts_as_none_and_goes_on_with_its_versions() {
    let world = World::new(1);
    let store = world.open();
    fill(&store, "s", 7);
    store.retention().delete("s", Expected::Any).unwrap();
    let append = |expected| store.append("s", expected, &[event()]);
    for (expected, told) in [
        (Expected::StreamExists, "soft deleted at version 7, expected an existing stream"),
        (Expected::Exact(version(6)), "soft deleted at version 7, expected version 6"),
    ] {
        let error = append(expected).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert!(matches!(error, AppendError::Conflict(conflict) if conflict.deleted));
    }
    // A check of a stream that is not written knows it, too.
    let mut batch = Batch::new();
    batch.push("other", &event()).unwrap();
    batch.expect("s", Expected::StreamExists).unwrap();
    assert!(matches!(store.append_batch(batch), Err(AppendError::Conflict(_))));
    let appended = append(Expected::NoStream).unwrap();
    assert_eq!(appended.streams[0].first_version, version(8));
    let error = append(Expected::NoStream).unwrap_err().to_string();
    assert!(error.contains("is at version 8, expected no stream"), "it lives again: {error}");
    assert_eq!(versions(&store.view(), Query::stream("s")), [8]);

    store.retention().delete("s", Expected::Exact(version(8))).unwrap();
    let appended = append(Expected::Exact(version(8))).unwrap();
    assert_eq!(appended.streams[0].first_version, version(9), "at its last version it may go on, too");
}

#[test]
fn a_closed_stream_takes_nothing_more_for_good() {
    let world = World::new(2);
    let store = world.open();
    fill(&store, "s", 2);
    store.retention().tombstone("s", Expected::Exact(version(2))).unwrap();
    store.retention().tombstone("never", Expected::NoStream).unwrap();
    store.close().unwrap();
    let store = world.open();
    for stream in ["s", "never"] {
        for expected in [Expected::Any, Expected::NoStream, Expected::Exact(version(2))] {
            let refused = store.append(stream, expected, &[event()]);
            let refused = refused.unwrap_err();
            let closed = matches!(&refused, AppendError::Tombstoned { stream: named } if named == stream);
            assert!(closed || matches!(refused, AppendError::Conflict(_)), "{expected}: {refused}");
        }
        let deleted = store.retention().delete(stream, Expected::Any);
        assert!(matches!(deleted, Err(RetentionError::Append(AppendError::Tombstoned { .. }))));
        assert!(store.retention().tombstone(stream, Expected::Any).unwrap().already);
        assert!(store.retention().effective(stream).unwrap().tombstoned);
    }
    assert_eq!(store.view().stream("s").unwrap(), None);
    store.append("other", Expected::NoStream, &[event()]).unwrap();
}

#[test]
fn a_batch_behind_a_deletion_in_the_same_group_sees_it() {
    let world = World::new(3);
    let store = world.open();
    fill(&store, "s", 3);
    fill(&store, "t", 3);
    // Rules that are known already must not be taken for all.
    store.retention().delete("t", Expected::Any).unwrap();
    store.append("t", Expected::NoStream, &[event()]).unwrap();
    let rule = |event_type: &'static str, stream: &str| {
        let mut batch = Batch::new();
        let data = format!("{{\"stream\":\"{stream}\",\"before\":4}}");
        batch.push("$annals.retention", &NewEvent::json(event_type, data)).unwrap();
        batch
    };
    let append = |stream: &str, expected| {
        let mut batch = Batch::new();
        batch.expect(stream, expected).unwrap();
        batch.push(stream, &event()).unwrap();
        batch
    };
    let outcomes = store.append_batches(vec![
        append("s", Expected::Exact(version(3))),
        rule("$annals.StreamDeleted", "s"),
        append("s", Expected::NoStream),
        rule("$annals.StreamTombstoned", "s"),
        append("s", Expected::Any),
    ]);
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok());
    let told = outcomes[2].as_ref().unwrap_err().to_string();
    assert!(
        told.contains("is at version 4, expected no stream"),
        "only version 3 and before is deleted: {told}"
    );
    assert!(outcomes[3].is_ok());
    assert!(matches!(&outcomes[4], Err(AppendError::Tombstoned { .. })), "{:?}", outcomes[4]);
}

#[test]
fn a_batch_that_was_appended_before_is_known_though_its_events_are_hidden() {
    let world = World::new(4);
    let store = world.open();
    let batch = || {
        let mut batch = Batch::new();
        batch.push("s", &event().with_id(Uuid::from_u128(7))).unwrap();
        batch
    };
    let first = store.append_batch(batch()).unwrap();
    store.retention().tombstone("s", Expected::Any).unwrap();
    let again = store.append_batch(batch()).unwrap();
    assert!(again.already_applied && again.first_position == first.first_position);
    let view = store.view();
    let hidden = view.event(Uuid::from_u128(7));
    assert!(matches!(hidden, Err(ReadError::Hidden { position }) if position == first.first_position));
}

#[test]
fn conditions_look_at_hidden_events_too() {
    let world = World::new(5);
    let store = world.open();
    let taken = Criteria::any_of([Clause::new().of_type("Taken").tagged("seat:3")]).unwrap();
    store.append("seat-3", Expected::Any, &[NewEvent::json("Taken", "1").with_tag("seat:3")]).unwrap();
    store.retention().delete("seat-3", Expected::Any).unwrap();
    let mut batch = Batch::new();
    batch.push("seat-3", &NewEvent::json("Taken", "2").with_tag("seat:3")).unwrap();
    batch.fail_if(taken, Position::ZERO).unwrap();
    let refused = store.append_batch(batch);
    assert!(
        matches!(refused, Err(AppendError::ConditionFailed { position, .. }) if position == Position::FIRST)
    );
}

#[test]
fn what_nobody_can_have_seen_is_not_truncated() {
    let world = World::new(6);
    let store = world.open();
    fill(&store, "s", 4);
    let retention = store.retention();
    let invalid = |result: Result<_, RetentionError>| match result {
        Err(RetentionError::Append(AppendError::Invalid(invalid))) => invalid,
        other => panic!("{other:?}"),
    };
    let beyond = Invalid::TruncateBeyondEnd { before: version(5), last: version(4) };
    assert_eq!(invalid(retention.truncate("s", version(5))), beyond);
    let scope = RetentionScope::stream("s");
    let rule = RetentionRule::new().truncate_before(version(5));
    assert_eq!(invalid(retention.set(&scope, &rule)), beyond);
    let raw = |event_type: &'static str, data: &'static str| {
        let mut batch = Batch::new();
        batch.push("$annals.retention", &NewEvent::json(event_type, data)).unwrap();
        store.append_batch(batch)
    };
    for (event_type, data) in [
        ("$annals.StreamTruncated", r#"{"stream":"s","before":5}"#),
        ("$annals.StreamDeleted", r#"{"stream":"s","before":6}"#),
        ("$annals.StreamTombstoned", r#"{"stream":"none","before":2}"#),
        ("$annals.LogTruncated", r#"{"through":5}"#),
        ("$annals.RetentionRuleSet", r#"{"scope":"stream","name":"s","rule":{"truncate_before":5}}"#),
    ] {
        assert!(matches!(raw(event_type, data), Err(AppendError::Invalid(_))), "{data}");
    }
    assert_eq!(store.last_position(), Position::new(4), "nothing was appended");

    assert!(matches!(retention.truncate("none", version(1)), Err(RetentionError::NoStream { .. })));
    assert!(matches!(retention.delete("none", Expected::Any), Err(RetentionError::NoStream { .. })));
    retention.truncate("s", version(3)).unwrap();
    assert!(retention.truncate("s", version(3)).unwrap().already);
    let lower = retention.truncate("s", version(2));
    assert!(matches!(lower, Err(RetentionError::BelowFloor { floor, .. }) if floor == version(3)));
    for own in ["$annals.retention", "$annals.schemas", "$annals."] {
        let refused = |result: Result<_, RetentionError>| {
            matches!(result, Err(RetentionError::Rule(RuleError::SystemStream)))
        };
        assert!(refused(retention.truncate(own, version(1))));
        assert!(refused(retention.delete(own, Expected::Any)));
        assert!(refused(retention.tombstone(own, Expected::Any)));
        assert!(refused(retention.set(&RetentionScope::stream(own), &RetentionRule::new().max_count(1))));
    }
}

#[test]
fn a_deletion_is_of_what_was_expected_and_nothing_else() {
    let world = World::new(7);
    let store = world.open();
    fill(&store, "s", 4);
    let retention = store.retention();
    let conflict = |expected| match retention.delete("s", expected) {
        Err(RetentionError::Append(AppendError::Conflict(conflict))) => conflict,
        other => panic!("{other:?}"),
    };
    assert_eq!(conflict(Expected::Exact(version(3))).actual, version(4));
    assert_eq!(conflict(Expected::NoStream).actual, version(4));
    let change = retention.delete("s", Expected::StreamExists).unwrap();
    assert!(!change.already && change.position == Position::new(5));
    assert!(retention.delete("s", Expected::NoStream).unwrap().already);
    assert!(conflict(Expected::StreamExists).deleted);
    assert_eq!(retention.effective("s").unwrap().deleted, Some(version(4)));
    // What was deleted while others appended is what there was.
    fill(&store, "s", 1);
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| fill(&store, "s", 50).last_position);
        retention.delete("s", Expected::Any).unwrap();
        appending.join().unwrap();
    });
    let deleted = retention.effective("s").unwrap().deleted.unwrap().get();
    let left: Vec<u64> = (deleted + 1..=55).collect();
    assert_eq!(versions(&store.view(), Query::stream("s")), left);
}
