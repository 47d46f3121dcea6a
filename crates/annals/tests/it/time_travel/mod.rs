//! Views of any moment, asked everything, against a list of events and plain filters.
//!
//! Recorded times are often the same, also over the ends of segments; occurred times come in any order, and some of them are
//! as far away as times can be. The stores have sealed and open segments, small and large ones, runs of one and of many
//! segments or none, a tail that is not sealed, or lost events.

mod asked;
mod leaps;
mod model;
mod stores;

use crate::common::{Dice, START};
use annals::{AsOf, Clock, Expected, NewEvent, Position, Query, Timestamp};
use asked::compare;
use model::{Cut, Row};
use stores::{Kind, Made};

/// A store of each kind, and moments of all kinds in any order.
fn travel(kind: Kind, seed: u64, views: u64) {
    let made = Made::new(kind, seed);
    let mut dice = Dice::new(seed ^ 0xA5);
    let now = made.store.view();
    compare(&now, &made.rows, &Cut::now(&made.rows), &mut dice, &format!("{kind:?}, seed {seed}, now"));
    for number in 0..views {
        let (mut view, mut cut) = (now.clone(), Cut::now(&made.rows));
        for _ in 0..dice.below(4) {
            let moment = moment(&made.rows, &mut dice);
            view = view.as_of(moment).unwrap();
            cut.narrow(&made.rows, moment);
        }
        let context = format!("{kind:?}, seed {seed}, view {number}: {cut:?}");
        compare(&view, &made.rows, &cut, &mut dice, &context);
    }
}

/// A moment at, just before or just behind some event, or far from all of them.
fn moment(rows: &[Row], dice: &mut Dice) -> AsOf {
    let row = &rows[dice.below(rows.len())];
    let shifted = |time: i64, dice: &mut Dice| {
        Timestamp::from_nanos(time.saturating_add(i64::try_from(dice.below(3)).unwrap() - 1))
    };
    match dice.below(12) {
        0 => AsOf::Recorded(Timestamp::MIN),
        1 => AsOf::Occurred(Timestamp::MAX),
        2 => AsOf::Occurred(Timestamp::MIN),
        3..6 => AsOf::Position(Position::new(row.position.saturating_sub(dice.number() % 2))),
        6..9 => AsOf::Recorded(shifted(row.recorded, dice)),
        _ => AsOf::Occurred(shifted(row.occurred, dice)),
    }
}

#[test]
fn small_segments_sealed_and_merged_as_they_come() {
    (1..=3).for_each(|seed| travel(Kind::Merged, seed, 25));
}

#[test]
fn full_segments_that_nobody_has_sealed() {
    travel(Kind::Unsealed, 4, 25);
}

#[test]
fn sealed_segments_behind_which_the_log_goes_on() {
    (5..=6).for_each(|seed| travel(Kind::Tail, seed, 25));
}

#[test]
fn a_reader_beside_the_writer() {
    travel(Kind::Reader, 7, 25);
}

#[test]
fn segments_of_many_blocks() {
    (8..=9).for_each(|seed| travel(Kind::Large, seed, 20));
}

#[test]
fn runs_that_are_not_there() {
    travel(Kind::WithoutRuns, 10, 15);
}

#[test]
fn a_repaired_store_that_has_lost_events() {
    (11..=12).for_each(|seed| travel(Kind::Repaired, seed, 25));
}

#[test]
fn before_the_first_event_everything_is_empty_and_nothing_is_wrong() {
    let made = Made::new(Kind::Tail, 13);
    let before = Timestamp::from_nanos(made.rows[0].recorded - 1);
    let moments = [
        AsOf::Position(Position::ZERO),
        AsOf::Recorded(before),
        AsOf::Recorded(Timestamp::MIN),
        AsOf::Occurred(Timestamp::MIN),
    ];
    // The earliest of all times is one at which something may have happened.
    let occurred = made.rows.iter().any(|row| row.occurred == i64::MIN);
    for moment in &moments[..if occurred { 3 } else { 4 }] {
        let view = made.store.view().as_of(*moment).unwrap();
        assert_eq!(view.read(Query::all()).unwrap().count(), 0, "{moment:?}");
        assert_eq!(view.count(Query::all()).unwrap(), 0, "{moment:?}");
        assert_eq!(view.stream(&made.rows[0].stream).unwrap(), None, "{moment:?}");
        assert_eq!((view.streams("").count(), view.types().unwrap().len()), (0, 0), "{moment:?}");
        assert_eq!(view.event_at(Position::FIRST).unwrap(), None, "{moment:?}");
        for clock in [Clock::Recorded, Clock::Occurred] {
            let found = view.position_at(clock, Timestamp::MIN).unwrap();
            assert_eq!(found, Position::ZERO, "{moment:?}, {clock:?}");
        }
        if !matches!(moment, AsOf::Occurred(_)) {
            assert_eq!(view.position(), Position::ZERO, "{moment:?}");
        }
    }
}

#[test]
fn a_store_without_events_is_the_same_at_every_moment() {
    let world = crate::common::World::new(14);
    let store = world.open();
    for time in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX] {
        for moment in [AsOf::Recorded(time), AsOf::Occurred(time), AsOf::Position(Position::MAX)] {
            let view = store.view().as_of(moment).unwrap();
            assert_eq!((view.position(), view.count(Query::all()).unwrap()), (Position::ZERO, 0));
            assert_eq!(view.position_at(Clock::Recorded, time).unwrap(), Position::ZERO);
            assert_eq!(view.position_at(Clock::Occurred, time).unwrap(), Position::ZERO);
        }
    }
}

#[test]
fn all_that_is_recorded_in_one_moment_belongs_to_it_over_how_many_segments_it_goes() {
    let world = crate::common::World::new(15);
    let store = world.open();
    let mut ends = Vec::new();
    for moment in 0..3 {
        world.clock.set(Timestamp::from_nanos(START + moment));
        for number in 0..20 {
            let event = NewEvent::new("t", vec![number; 3000]);
            store.append("s", Expected::Any, &[event]).unwrap();
        }
        store.maintain().unwrap();
        ends.push(store.last_position());
    }
    assert!(store.stats().unwrap().segments > 9);
    for (moment, end) in (0..).zip(ends) {
        let view = store.view().as_of(AsOf::Recorded(Timestamp::from_nanos(START + moment))).unwrap();
        assert_eq!(view.position(), end);
        assert_eq!(view.count(Query::stream("s")).unwrap(), end.get());
    }
}
