//! What a view shows, and what it does not.

use crate::common::{START, World};
use annals::{AsOf, Expected, NewEvent, Position, Query, Store, Timestamp, View};

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
