//! What hides, from when on, and what does not.

use super::{age, fill, pass, version, versions};
use crate::common::{START, World};
use annals::{AsOf, Clock, Expected, NewEvent, Position, Query, RetentionRule, RetentionScope, Timestamp};

#[test]
fn the_age_on_the_recorded_clock_lets_the_beginning_go_second_by_second() {
    let world = World::new(11);
    let store = world.open();
    for _ in 0..5 {
        fill(&store, "s", 1);
        pass(&world, 10);
    }
    let rule = RetentionRule::new().max_age(age(30, Clock::Recorded));
    store.retention().set(&RetentionScope::Store, &rule).unwrap();
    // Recorded at 0, 10, 20, 30 and 40; it is 50 now.
    let view = store.view();
    assert_eq!((versions(&view, Query::stream("s")), view.floor("s").unwrap()), (vec![4, 5], version(4)));
    pass(&world, 10);
    assert_eq!(versions(&view, Query::stream("s")), [4, 5], "a view stays as it is");
    assert_eq!(versions(&store.view(), Query::stream("s")), [5], "and a new one is as of its making");
    pass(&world, 1000);
    let view = store.view();
    let info = view.stream("s").unwrap().unwrap();
    assert_eq!((info.events, info.last_version, view.floor("s").unwrap()), (0, version(5), version(6)));
    // It exists: nobody has deleted it.
    assert!(store.append("s", Expected::NoStream, &[NewEvent::json("t", "1")]).is_err());
    store.append("s", Expected::Exact(version(5)), &[NewEvent::json("t", "1")]).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("s")), [6]);
    // A clock that steps back hides nothing more, and what was hidden shows as long as it is not gone.
    world.clock.set(Timestamp::from_nanos(START));
    assert_eq!(versions(&store.view(), Query::stream("s")), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_age_on_the_occurred_clock_takes_events_from_the_middle() {
    let world = World::new(12);
    let store = world.open();
    let at = |seconds: i64| Timestamp::from_nanos(START + seconds * 1_000_000_000);
    let events = [0, -60, 0, -61, 10].map(|seconds| NewEvent::json("t", "1").at(at(seconds)));
    store.append("s", Expected::Any, &events).unwrap();
    let rule = RetentionRule::new().max_age(age(60, Clock::Occurred));
    store.retention().set(&RetentionScope::stream("s"), &rule).unwrap();
    let view = store.view();
    assert_eq!(versions(&view, Query::stream("s")), [1, 3, 5]);
    assert_eq!(versions(&view, Query::stream("s").from_version(version(2))), [3, 5]);
    assert_eq!((view.floor("s").unwrap(), view.stream("s").unwrap().unwrap().events), (version(1), 3));
}

#[test]
fn what_is_hidden_is_hidden_from_the_past_as_well() {
    let world = World::new(13);
    let store = world.open();
    fill(&store, "s", 6);
    let before = store.view();
    let rule = RetentionRule::new().max_count(2);
    store.retention().set(&RetentionScope::stream("s"), &rule).unwrap();
    let past = store.view().as_of(AsOf::Position(Position::new(5))).unwrap();
    assert_eq!(versions(&past, Query::stream("s")), [5], "the two newest are those of now");
    let past = past.as_of(AsOf::Position(Position::new(3))).unwrap();
    assert_eq!((versions(&past, Query::stream("s")), past.stream("s").unwrap()), (vec![], None));
    assert_eq!(
        versions(&before, Query::stream("s")),
        [1, 2, 3, 4, 5, 6],
        "but not from who was there before"
    );
    store.retention().set(&RetentionScope::stream("s"), &RetentionRule::new()).unwrap();
    assert_eq!(versions(&store.view(), Query::stream("s")).len(), 6, "a limit can be taken back");
}

#[test]
fn streams_of_the_store_itself_are_kept_whatever_the_rules_of_all_streams() {
    let world = World::new(14);
    let store = world.open();
    store.register_schema(&annals::Registration::new("t", 1)).unwrap();
    let rule = RetentionRule::new().max_age(age(1, Clock::Recorded)).max_count(1);
    store.retention().set(&RetentionScope::Store, &rule).unwrap();
    store.retention().set(&RetentionScope::category("x"), &rule).unwrap();
    pass(&world, 100);
    let view = store.view();
    assert_eq!(view.read(Query::all()).unwrap().count(), 3);
    assert_eq!(versions(&view, Query::stream("$annals.retention")), [1, 2]);
    assert_eq!(view.schemas().unwrap().len(), 1);
}

#[test]
fn a_name_of_another_stream_in_an_event_of_a_rule_hides_nothing_of_it() {
    let world = World::new(15);
    let store = world.open();
    for stream in ["s", "S", "s ", "s\u{0}", "s-1"] {
        fill(&store, stream, 2);
    }
    store.retention().delete("s", Expected::Any).unwrap();
    for stream in ["S", "s ", "s\u{0}", "s-1"] {
        assert_eq!(versions(&store.view(), Query::stream(stream)), [1, 2], "{stream:?}");
    }
    assert!(versions(&store.view(), Query::stream("s")).is_empty());
}
