//! Reads by criteria, against a filter over all events.

use crate::common::{Dice, START, World};
use annals::limits::CRITERIA_TERMS_MAX;
use annals::{Batch, Clause, Clock, Criteria, Event, Invalid, NewEvent, Position, Query, Store, Timestamp};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Names of types and tags: some are on most events, some on few, some on none.
const TYPES: [&str; 6] = ["often", "sometimes", "seldom", "once", "never", "other"];
const TAGS: [&str; 7] = ["all:1", "half:1", "tenth:1", "twentieth:1", "once:1", "none:1", "burst:1"];

/// A clause as plain lists: any of the types, all of the tags.
type Plain = (Vec<&'static str>, Vec<&'static str>);

struct Fixture {
    _world: World,
    store: Store,
    events: Vec<Event>,
}

/// Sealed segments with runs, and a part in memory behind them.
static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let world = World::new(7);
    let (store, mut dice) = (world.open(), Dice::new(7));
    for number in 0..700 {
        world.clock.set(Timestamp::from_nanos(START + 5 * number));
        let event_type = match dice.below(100) {
            0..60 => "often",
            60..90 => "sometimes",
            90..97 => "seldom",
            _ => "other",
        };
        let event_type = if number == 333 { "once" } else { event_type };
        let mut event = NewEvent::new(event_type, vec![7; 150]).with_tag("all:1");
        for (tag, of) in [("half:1", 2), ("tenth:1", 10), ("twentieth:1", 20)] {
            if dice.one_in(of) {
                event = event.with_tag(tag);
            }
        }
        if number == 450 {
            event = event.with_tag("once:1").with_tag("once:1");
        }
        if (200..260).contains(&number) {
            event = event.with_tag("burst:1");
        }
        store.append(&format!("s-{}", dice.below(9)), annals::Expected::Any, &[event]).unwrap();
        if number % 50 == 0 && number < 600 {
            store.maintain().unwrap();
        }
    }
    assert!(store.stats().unwrap().segments > 8);
    let events = crate::common::events_of(&store);
    Fixture { _world: world, store, events }
});

fn fits((types, tags): &Plain, event: &Event) -> bool {
    (types.is_empty() || types.iter().any(|name| *name == event.event_type))
        && tags.iter().all(|tag| event.tags.iter().any(|own| own == tag))
}

fn clause((types, tags): &Plain) -> Clause {
    let clause = types.iter().fold(Clause::new(), |clause, name| clause.of_type(*name));
    tags.iter().fold(clause, |clause, name| clause.tagged(*name))
}

fn plain() -> impl Strategy<Value = Plain> {
    let types = prop::collection::vec(prop::sample::select(&TYPES[..]), 0..4);
    let tags = prop::collection::vec(prop::sample::select(&TAGS[..]), 0..4);
    (types, tags).prop_filter("says something", |(types, tags)| !types.is_empty() || !tags.is_empty())
}

/// What else a query may ask for.
#[derive(Clone, Debug)]
struct Rest {
    own: Option<Plain>,
    stream: Option<usize>,
    category: bool,
    prefix: Option<&'static str>,
    range: (u64, u64),
    since: Option<u64>,
    backwards: bool,
    limit: u64,
}

prop_compose! {
    fn rest()(
        own in prop::option::of(plain()),
        stream in prop::option::weighted(0.2, 0..9_usize),
        category in prop::bool::weighted(0.2),
        prefix in prop::option::weighted(0.2, prop::sample::select(&["s-", "s-1", "t", ""][..])),
        range in (0..720_u64, 0..720_u64),
        narrow in any::<bool>(),
        since in prop::option::weighted(0.2, 0..700_u64),
        backwards in any::<bool>(),
        limit in prop_oneof![Just(u64::MAX), 0..30_u64],
    ) -> Rest {
        let range = if narrow { range } else { (0, 10_000) };
        Rest { own, stream, category, prefix, range, since, backwards, limit }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn reads_by_criteria_give_what_a_filter_over_all_events_gives(
        clauses in prop::collection::vec(plain(), 1..6),
        rest in rest(),
    ) {
        let Fixture { store, events, .. } = &*FIXTURE;
        let stream = rest.stream.map(|number| format!("s-{number}"));
        let since = rest.since.map(|index| events[usize::try_from(index).unwrap()].recorded_at);
        let mut expected: Vec<&Event> = events
            .iter()
            .filter(|event| clauses.iter().any(|clause| fits(clause, event)))
            .filter(|event| rest.own.as_ref().is_none_or(|own| fits(own, event)))
            .filter(|event| stream.as_ref().is_none_or(|stream| *stream == event.stream))
            .filter(|event| rest.prefix.is_none_or(|prefix| event.stream.starts_with(prefix)))
            .filter(|event| (rest.range.0..=rest.range.1).contains(&event.position.get()))
            .filter(|event| since.is_none_or(|since| event.recorded_at >= since))
            .collect();
        if rest.backwards {
            expected.reverse();
        }
        expected.truncate(usize::try_from(rest.limit).unwrap_or(usize::MAX));

        let mut query = stream.map_or(Query::all(), Query::stream).limit(rest.limit);
        query = query.from_position(Position::new(rest.range.0)).to_position(Position::new(rest.range.1));
        query = query.matching(Criteria::any_of(clauses.iter().map(clause)).unwrap());
        if let Some((types, tags)) = &rest.own {
            query = types.iter().fold(query, |query, name| query.of_type(*name));
            query = tags.iter().fold(query, |query, name| query.tagged(*name));
        }
        query = if rest.category { query.category("s") } else { query };
        query = if let Some(prefix) = rest.prefix { query.prefix(prefix) } else { query };
        query = if let Some(since) = since { query.since(Clock::Recorded, since) } else { query };
        query = if rest.backwards { query.backwards() } else { query };
        let view = store.view();
        let found: Vec<Event> =
            view.read(query).unwrap().map(|event| event.unwrap().to_event()).collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn everything_restricts_nothing() {
    let Fixture { store, events, .. } = &*FIXTURE;
    let view = store.view();
    let all = view.read(Query::all().matching(Criteria::everything())).unwrap();
    assert_eq!(all.position(), Position::new(700));
    assert_eq!(
        all.map(|event| event.unwrap().position.get()).collect::<Vec<_>>(),
        (1..=700).collect::<Vec<_>>()
    );
    let of_type = view.read(Query::all().of_type("once").matching(Criteria::everything())).unwrap();
    assert_eq!(of_type.count(), events.iter().filter(|event| event.event_type == "once").count());
}

#[test]
fn the_position_of_a_read_is_where_it_stops_looking() {
    let view = FIXTURE.store.view();
    let position = |query| view.read(query).unwrap().position().get();
    assert_eq!(position(Query::stream("nobody")), 700);
    assert_eq!(position(Query::all().limit(1).backwards()), 700);
    assert_eq!(position(Query::all().to_position(Position::new(20))), 20);
    assert_eq!(position(Query::all().to_position(Position::new(7_000))), 700);
    assert_eq!(position(Query::all().until(Clock::Recorded, Timestamp::EPOCH)), 0);
}

#[test]
fn clauses_that_cannot_be_meant_are_refused() {
    let any_of = |clauses: Vec<Clause>| Criteria::any_of(clauses).unwrap_err();
    assert_eq!(any_of(vec![]), Invalid::CriteriaEmpty);
    let empty = any_of(vec![Clause::new().of_type("t"), Clause::new()]);
    assert_eq!(empty, Invalid::ClauseEmpty { clause: 1 });
    assert!(empty.to_string().contains("Criteria::everything"), "{empty}");
    assert_eq!(any_of(vec![Clause::new().of_type("")]), Invalid::EventType { bytes: 0 });
    assert_eq!(any_of(vec![Clause::new().tagged("t".repeat(513))]), Invalid::Tag { bytes: 513 });

    let tagged = |count: usize| (0..count).map(|number| Clause::new().tagged(number.to_string()));
    let most = Criteria::any_of(tagged(CRITERIA_TERMS_MAX)).unwrap();
    let terms = CRITERIA_TERMS_MAX + 1;
    assert_eq!(any_of(tagged(terms).collect()), Invalid::CriteriaTerms { terms });
    // All conditions of a batch together as well.
    let mut batch = Batch::new();
    batch.fail_if(most, Position::ZERO).unwrap();
    let one_more = batch.fail_if(Criteria::everything(), Position::ZERO);
    assert_eq!(one_more, Err(Invalid::CriteriaTerms { terms }));
}

/// Each event has a tag of its own, and one that all of them have.
#[test]
fn ten_thousand_clauses_are_read_in_both_directions() {
    let world = World::new(8);
    let store = world.options().segment_bytes(256 << 10).open("memory").unwrap();
    let events = 3_000;
    for from in (0..events).step_by(100) {
        let mut batch = Batch::new();
        for number in from..from + 100 {
            let event = NewEvent::new("t", &b""[..]).with_tag(format!("own:{number}")).with_tag("shared");
            batch.push(&format!("s-{number}"), &event).unwrap();
        }
        store.append_batch(batch).unwrap();
        store.maintain().unwrap();
    }
    let clauses = (0..10_000).filter(|number| number % 2 == 0 || *number >= events);
    let clauses = clauses.map(|number| {
        Clause::new().of_type("t").of_type("u").tagged(format!("own:{number}")).tagged("shared")
    });
    let query = Query::all().matching(Criteria::any_of(clauses).unwrap());
    let view = store.view();
    let positions = |query: Query| -> Vec<u64> {
        view.read(query).unwrap().map(|event| event.unwrap().position.get()).collect()
    };
    let mut expected: Vec<u64> =
        (0..events).filter(|number| number % 2 == 0).map(|number| number + 1).collect();
    assert_eq!(positions(query.clone()), expected);
    expected.reverse();
    assert_eq!(positions(query.backwards()), expected);
}
