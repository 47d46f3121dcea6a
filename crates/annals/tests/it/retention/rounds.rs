//! Limits of bytes, and plans on what there is.

use super::{fill, version, versions};
use crate::common::World;
use annals::{
    Action, Expected, Guard, Kept, NewEvent, Position, Query, RetentionEntry, RetentionRule, RetentionScope,
    Setting,
};

fn large(store: &annals::Store, stream: &str, events: u64) {
    for _ in 0..events {
        store.append(stream, Expected::Any, &[NewEvent::new("Large", vec![7; 4000])]).unwrap();
    }
}

#[test]
fn a_round_truncates_streams_to_their_bytes_and_keeps_the_newest_event() {
    let world = World::new(21);
    let store = world.open();
    for stream in ["a-1", "a-2", "a-3", "b-1"] {
        large(&store, stream, 6);
    }
    let retention = store.retention();
    retention.set(&RetentionScope::category("a"), &RetentionRule::new().max_bytes(10_000)).unwrap();
    retention.set(&RetentionScope::stream("a-2"), &RetentionRule::new().keep_bytes()).unwrap();
    retention.set(&RetentionScope::stream("b-1"), &RetentionRule::new().max_bytes(1)).unwrap();
    assert_eq!(store.view().floor("a-1").unwrap(), version(1), "nothing before a round");
    let round = retention.apply().unwrap();
    assert_eq!((round.streams_measured, round.streams_truncated, round.log_truncated), (3, 3, None));
    let left = |stream| versions(&store.view(), Query::stream(stream));
    assert_eq!((left("a-1"), left("a-3"), left("b-1")), (vec![5, 6], vec![5, 6], vec![6]));
    assert_eq!(left("a-2").len(), 6);
    let again = retention.apply().unwrap();
    assert_eq!((again.streams_measured, again.streams_truncated), (3, 0), "there is nothing more to do");
    large(&store, "a-1", 1);
    assert_eq!(retention.apply().unwrap().streams_truncated, 1);
    assert_eq!(left("a-1"), [6, 7]);
}

#[test]
fn the_limit_of_the_store_takes_whole_segments_and_spares_who_says_otherwise() {
    let world = World::new(22);
    let store = world.open();
    fill(&store, "kept-1", 1);
    large(&store, "s", 30);
    store.maintain().unwrap();
    let retention = store.retention();
    retention.set(&RetentionScope::category("kept"), &RetentionRule::new().keep_bytes()).unwrap();
    assert_eq!(retention.apply().unwrap(), annals::RetentionRound::default(), "there is no limit");
    retention.set(&RetentionScope::Store, &RetentionRule::new().max_bytes(60_000)).unwrap();
    let through = retention.apply().unwrap().log_truncated.unwrap();
    let view = store.view();
    let first = versions(&view, Query::stream("s"))[0];
    assert_eq!(first, through.get(), "position {through} is version {} of s", through.get() - 1);
    assert!(first > 10 && first < 28, "{first}");
    assert_eq!(versions(&view, Query::stream("kept-1")), [1]);
    assert_eq!(view.floor("s").unwrap(), version(first));
    assert_eq!(retention.apply().unwrap().log_truncated, None, "the same segments are not taken again");
    retention.set(&RetentionScope::Store, &RetentionRule::new()).unwrap();
    assert_eq!(store.view().floor("s").unwrap(), version(first), "what was truncated does not come back");
}

#[test]
fn a_plan_tells_what_would_go_of_real_segments() {
    let world = World::new(23);
    let store = world.open();
    large(&store, "gone", 12);
    large(&store, "kept", 12);
    for _ in 0..4 {
        large(&store, "some", 1);
        large(&store, "kept", 3);
    }
    store.maintain().unwrap();
    let retention = store.retention();
    let options = || retention.plan_options();
    assert!(retention.plan(&options().all(true)).unwrap().is_empty(), "nothing may go");
    retention.tombstone("gone", Expected::Any).unwrap();
    retention.delete("some", Expected::Any).unwrap();
    let plan = retention.plan(&options()).unwrap();
    let segments = &plan.segments;
    assert_eq!(segments[0].action, Action::Drop);
    assert_eq!(segments.last().unwrap().action, Action::Keep(Kept::NotSealed));
    assert!(segments.iter().any(|segment| matches!(segment.action, Action::Rewrite)));
    // The last one of a stream that may begin anew tells its version.
    assert_eq!(plan.goes().0, 12 + 3);
    assert!(plan.goes().1 > 12 * 4000, "{:?}", plan.goes());
    let guarded = retention.plan(&options().guard(Guard::new("mails", Position::new(2)))).unwrap();
    assert_eq!((guarded.guards(), guarded.goes()), (vec!["mails"], (0, 0)));
    let position = segments[0].figures.last_position;
    let guarded = retention.plan(&options().guard(Guard::new("mails", position))).unwrap();
    assert_eq!(guarded.segments[0].action, Action::Drop);
    assert!(guarded.segments[1..].iter().all(|segment| matches!(segment.action, Action::Keep(_))));
    assert_eq!(store.view().read(Query::all()).unwrap().count(), 24 + 2, "a plan does nothing");
}

#[test]
fn everything_that_was_said_is_listed_once_as_it_stands() {
    let world = World::new(24);
    let store = world.open();
    assert_eq!(store.retention().list().unwrap().count(), 0);
    let retention = store.retention();
    for stream in ["s-1", "s-2", "s-3"] {
        fill(&store, stream, 5);
    }
    let rule = RetentionRule::new().max_count(4);
    for scope in [RetentionScope::stream("s-2"), RetentionScope::category("x"), RetentionScope::Store] {
        retention.set(&scope, &rule).unwrap();
        assert!(retention.set(&scope, &rule).unwrap().already);
        assert_eq!(retention.get(&scope).unwrap().as_ref(), Some(&rule));
    }
    retention.truncate("s-1", version(2)).unwrap();
    retention.delete("s-1", Expected::Any).unwrap();
    retention.truncate("s-2", version(3)).unwrap();
    retention.tombstone("s-3", Expected::Any).unwrap();
    retention.set(&RetentionScope::category("y"), &rule).unwrap();
    retention.set(&RetentionScope::category("y"), &RetentionRule::new()).unwrap();
    // Some more than are looked at together.
    for number in 0..300 {
        retention.tombstone(&format!("n-{number:03}"), Expected::Any).unwrap();
    }
    let listed: Vec<RetentionEntry> = retention.list().unwrap().map(Result::unwrap).collect();
    let scopes: Vec<String> = listed[..5].iter().map(|entry| entry.scope.to_string()).collect();
    let wanted = ["the store", "category \"x\"", "stream \"s-2\"", "stream \"s-1\"", "stream \"s-3\""];
    assert_eq!(scopes, wanted);
    assert_eq!(listed.len(), 305);
    assert_eq!(listed[2].rule, rule.truncate_before(version(3)));
    assert_eq!((listed[3].deleted, listed[3].rule.bytes()), (Some(version(5)), Setting::Inherit));
    assert!(listed[4..].iter().all(|entry| entry.tombstoned));
}
