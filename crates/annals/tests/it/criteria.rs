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

/// Many parts with short lists: sealed segments with runs, and a part in memory behind them.
static SHORT: LazyLock<Fixture> = LazyLock::new(|| Fixture::new(16 << 10, 700, 150));
/// The same with few parts, whose lists go over many blocks and are leapt over.
static LONG: LazyLock<Fixture> = LazyLock::new(|| Fixture::new(256 << 10, 8_000, 0));

impl Fixture {
    fn new(segment_bytes: u64, count: u16, data: usize) -> Self {
        let world = World::new(7);
        let store = world.options().segment_bytes(segment_bytes).open("memory").unwrap();
        let mut dice = Dice::new(7);
        for number in 0..count {
            world.clock.set(Timestamp::from_nanos(START + 5 * i64::from(number)));
            let event_type = match dice.below(100) {
                _ if number == count / 3 => "once",
                0..60 => "often",
                60..90 => "sometimes",
                90..97 => "seldom",
                _ => "other",
            };
            let mut event = NewEvent::new(event_type, vec![7; data]).with_tag("all:1");
            for (tag, of) in [("half:1", 2), ("tenth:1", 10), ("twentieth:1", 20)] {
                if dice.one_in(of) {
                    event = event.with_tag(tag);
                }
            }
            if number == count / 3 * 2 {
                event = event.with_tag("once:1").with_tag("once:1");
            }
            if (count / 4..count / 3).contains(&number) {
                event = event.with_tag("burst:1");
            }
            store.append(&format!("s-{}", dice.below(9)), annals::Expected::Any, &[event]).unwrap();
            if number % 50 == 0 && number < count / 5 * 4 {
                store.maintain().unwrap();
            }
        }
        assert!(store.stats().unwrap().segments > 3);
        let events = crate::common::events_of(&store);
        Fixture { _world: world, store, events }
    }
}

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
    /// Positions, in thousandths of all.
    range: Option<(usize, usize)>,
    /// The same, of the first event in time.
    since: Option<usize>,
    backwards: bool,
    limit: u64,
}

prop_compose! {
    fn rest()(
        own in prop::option::of(plain()),
        stream in prop::option::weighted(0.2, 0..9_usize),
        category in prop::bool::weighted(0.2),
        prefix in prop::option::weighted(0.2, prop::sample::select(&["s-", "s-1", "t", ""][..])),
        range in prop::option::of((0..1030_usize, 0..1030_usize)),
        since in prop::option::weighted(0.2, 0..1000_usize),
        backwards in any::<bool>(),
        limit in prop_oneof![Just(u64::MAX), 0..30_u64],
    ) -> Rest {
        Rest { own, stream, category, prefix, range, since, backwards, limit }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn reads_by_criteria_give_what_a_filter_over_all_events_gives(
        clauses in prop::collection::vec(plain(), 1..6),
        rest in rest(),
        long in any::<bool>(),
    ) {
        let Fixture { store, events, .. } = if long { &*LONG } else { &*SHORT };
        let part = |thousandths: usize| thousandths * events.len() / 1000;
        let range = rest.range.map_or((0, u64::MAX), |(first, last)| (part(first) as u64, part(last) as u64));
        let stream = rest.stream.map(|number| format!("s-{number}"));
        let since = rest.since.map(|index| events[part(index)].recorded_at);
        let mut expected: Vec<&Event> = events
            .iter()
            .filter(|event| clauses.iter().any(|clause| fits(clause, event)))
            .filter(|event| rest.own.as_ref().is_none_or(|own| fits(own, event)))
            .filter(|event| stream.as_ref().is_none_or(|stream| *stream == event.stream))
            .filter(|event| rest.prefix.is_none_or(|prefix| event.stream.starts_with(prefix)))
            .filter(|event| (range.0..=range.1).contains(&event.position.get()))
            .filter(|event| since.is_none_or(|since| event.recorded_at >= since))
            .collect();
        if rest.backwards {
            expected.reverse();
        }
        expected.truncate(usize::try_from(rest.limit).unwrap_or(usize::MAX));

        let mut query = stream.map_or(Query::all(), Query::stream).limit(rest.limit);
        query = query.from_position(Position::new(range.0)).to_position(Position::new(range.1));
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
    let Fixture { store, events, .. } = &*SHORT;
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
    let view = SHORT.store.view();
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

/// What one of the terms has alone is not even looked at, so damage to it is no matter.
#[test]
fn only_what_tags_and_types_have_in_common_is_looked_at() {
    let world = World::new(9);
    let store = world.open();
    for number in 0..60 {
        let data = vec![if number == 5 { 0xA5 } else { 0x11 }; 300];
        let mut event = NewEvent::new(if number % 2 == 0 { "even" } else { "odd" }, data);
        // In each part there are more even ones than ones with the rare tag.
        event = if number % 2 == 0 { event.with_tag("even") } else { event };
        event = if number % 3 == 2 { event.with_tag("rare") } else { event };
        store.append("s", annals::Expected::Any, &[event]).unwrap();
    }
    store.maintain().unwrap();
    store.close().unwrap();
    // Damages the sixth event, which is rare and odd, in the first segment.
    let path = world.files("log/").remove(0);
    let image = world.disk().image().remove(&path).unwrap();
    let sixth = image.windows(300).position(|bytes| bytes.iter().all(|byte| *byte == 0xA5)).unwrap();
    world.flip(&path, sixth + 100, 1);

    let store = world.open();
    let view = store.view();
    assert!(view.event_at(Position::new(6)).is_err());
    let count = |query: Query| {
        let found: Result<Vec<_>, _> = view.read(query).unwrap().collect();
        found.map(|events| events.len())
    };
    let matching = |clause: Clause| Query::all().matching(Criteria::any_of([clause]).unwrap());
    let tags = || Clause::new().tagged("rare").tagged("even");
    let tag_and_type = || Clause::new().tagged("rare").of_type("even").of_type("other");
    for narrow in [
        Query::all().tagged("rare").tagged("even"),
        Query::all().tagged("rare").of_type("even"),
        matching(tags()),
        matching(tag_and_type()),
    ] {
        assert_eq!(count(narrow.clone()).unwrap(), 10, "{narrow:?}");
        assert_eq!(count(narrow.clone().backwards()).unwrap(), 10, "{narrow:?}");
    }
    assert!(count(Query::all().tagged("rare")).is_err());
    // Conditions do the same. That one of them looks at all events in vain at first is no matter.
    let mut batch = Batch::new();
    batch.push("s", &NewEvent::new("t", &b""[..])).unwrap();
    let absent = (0..100).map(|number| tags().tagged(format!("none:{number}")));
    batch.fail_if(Criteria::any_of(absent).unwrap(), Position::ZERO).unwrap();
    batch.fail_if(Criteria::any_of([tags(), tag_and_type()]).unwrap(), Position::new(57)).unwrap();
    store.append_batch(batch).unwrap();
}
