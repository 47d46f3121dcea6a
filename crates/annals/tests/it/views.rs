//! What a view shows, and what it does not.

use crate::common::{START, World};
use annals::{AsOf, Expected, NewEvent, Position, Query, Store, Timestamp, Version, View};

/// Nine events in several segments, each recorded a nanosecond after the one before.
fn nine_moments(world: &World) -> Store {
    let store = world.open();
    for number in 0..9 {
        world.clock.set(Timestamp::from_nanos(START + number));
        store.append("a", Expected::Any, &[NewEvent::new("t", vec![0; 5000])]).unwrap();
    }
    store.maintain().unwrap();
    store
}

fn count(view: &View, query: Query) -> u64 {
    view.read(query).unwrap().map(Result::unwrap).count() as u64
}

#[test]
fn what_is_recorded_in_a_moment_is_shown_as_of_it_and_not_as_of_the_one_before() {
    let world = World::new(1);
    let store = nine_moments(&world);
    for (number, seen) in (0..9).zip(1..) {
        let view = store.view().as_of(AsOf::Recorded(Timestamp::from_nanos(START + number))).unwrap();
        assert_eq!((view.position().get(), count(&view, Query::all())), (seen, seen));
    }
}

#[test]
fn a_view_shows_nothing_that_came_after_it_however_it_is_asked() {
    let world = World::new(2);
    let store = nine_moments(&world);
    let now = store.view();
    store.append("a", Expected::Any, &[NewEvent::new("t", &b"later"[..])]).unwrap();
    for (view, last) in [(now.clone(), 9), (now.as_of(AsOf::Position(Position::new(4))).unwrap(), 4)] {
        for query in [Query::all(), Query::stream("a"), Query::all().of_type("t"), Query::all().category("a")]
        {
            assert_eq!(count(&view, query.clone()), last);
            assert_eq!(count(&view, query.backwards()), last);
        }
        assert_eq!(view.event_at(Position::new(last + 1)).unwrap(), None);
        assert_eq!(view.stream("a").unwrap().unwrap().events, last);
    }
}

#[test]
fn a_list_of_streams_goes_on_behind_any_name_over_all_parts_of_the_index() {
    let world = World::new(9);
    let store = world.open();
    for number in 0..900_u64 {
        let name = format!("{}-{}", ["a", "b"][(number % 2) as usize], number * 7 % 600);
        store.append(&name, Expected::Any, &[NewEvent::new("t", vec![0; 40])]).unwrap();
    }
    store.maintain().unwrap();
    store.append("b-last", Expected::Any, &[NewEvent::json("t", "1")]).unwrap();
    assert!(store.stats().unwrap().segments > 2);
    let view = store.view();
    for prefix in ["", "b-", "b-1", "c"] {
        let all: Vec<_> = view.streams(prefix).map(Result::unwrap).collect();
        for after in ["", "a-100", "a-1000", "b-", "b-17", "b-last", "zzz"] {
            let expected: Vec<_> = all.iter().filter(|info| info.stream.as_str() > after).cloned().collect();
            let found: Vec<_> = view.streams(prefix).after(after).map(Result::unwrap).collect();
            assert_eq!(found, expected, "{prefix:?} after {after:?}");
        }
    }
}

/// Bytes behind each position are at most those behind the one before, and none behind the last.
fn check_bytes_behind(store: &Store, plain: bool) {
    let view = store.view();
    let mut before = view.log_bytes_after(Position::ZERO).unwrap();
    assert!(before > 0 && before <= store.stats().unwrap().log_bytes);
    for position in (1..=view.position().get()).map(Position::new) {
        let behind = view.log_bytes_after(position).unwrap();
        let event = view.event_at(position).ok().flatten().filter(|_| plain);
        let data = event.map_or(0, |event| event.data().unwrap().len() as u64);
        assert!(behind + data <= before, "{position}: {behind} and {data} of {before}");
        before = behind;
    }
    assert_eq!(before, 0);
}

#[test]
fn how_many_bytes_of_the_log_lie_behind_a_position_is_told_also_where_events_were_removed() {
    let world = World::new(71);
    let store = world.open();
    for number in 1..=150usize {
        let event = NewEvent::new("t", vec![b'x'; 200 + number]);
        store.append(&format!("s-{}", number % 3), Expected::Any, &[event]).unwrap();
    }
    store.maintain().unwrap();
    assert!(store.stats().unwrap().segments > 2);
    check_bytes_behind(&store, true);
    let early = store.view().as_of(AsOf::Position(Position::new(40))).unwrap();
    assert_eq!(early.log_bytes_after(Position::new(40)).unwrap(), 0);
    let part = early.log_bytes_after(Position::new(20)).unwrap();
    assert!((20 * 200..20 * 500).contains(&part), "{part}");

    store.retention().truncate("s-1", Version::new(30)).unwrap();
    assert!(store.compaction().all(true).bytes_per_second(None).run().unwrap().events_removed > 0);
    check_bytes_behind(&store, false);
    store.close().unwrap();
    check_bytes_behind(&world.open(), false);
}
