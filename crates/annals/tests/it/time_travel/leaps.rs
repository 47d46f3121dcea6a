//! Blocks in which nothing had occurred by a time are leapt over, in segments that are sealed and in the one that is written.

use crate::common::{START, World};
use annals::{AsOf, Batch, Clock, NewEvent, Options, Position, Query, Store, Timestamp, Version};
use annals_format::OCCURRED_RECORDS;

/// Events of one band: the times of a band lie behind each other, those of two bands far apart.
const BAND: u64 = 700;
const BANDS: u64 = 12;
const EVENTS: u64 = BAND * BANDS;
const _: () = assert!(BAND > 2 * OCCURRED_RECORDS as u64);

/// In which order the bands occurred that were recorded one behind the other.
const ORDER: [u64; 12] = [0, 5, 1, 11, 10, 2, 3, 9, 4, 8, 6, 7];

fn occurred(position: u64) -> i64 {
    let (band, within) = ((position - 1) / BAND, (position - 1) % BAND);
    START + (ORDER[usize::try_from(band).unwrap()] * 1_000_000 + within).cast_signed()
}

fn stream(position: u64) -> String {
    format!("s-{}", position % 3)
}

fn event(position: u64) -> NewEvent<'static> {
    let event_type = if position.is_multiple_of(2) { "even" } else { "odd" };
    let event = NewEvent::new(event_type, format!("<data of {position}>").into_bytes())
        .at(Timestamp::from_nanos(occurred(position)));
    if position.is_multiple_of(5) { event.with_tag("fifth") } else { event }
}

fn fill(store: &Store, positions: std::ops::RangeInclusive<u64>) {
    for first in positions.clone().step_by(50) {
        let mut batch = Batch::new();
        for position in first..(first + 50).min(positions.end() + 1) {
            batch.push(&stream(position), &event(position)).unwrap();
        }
        store.append_batch(batch).unwrap();
    }
}

/// Several blocks in each sealed segment, and several in the one that is written.
fn options(world: &World) -> Options {
    world.options().segment_bytes(160 << 10)
}

fn filled(world: &World) -> Store {
    let store = options(world).open("memory").unwrap();
    fill(&store, 1..=EVENTS);
    store.maintain().unwrap();
    assert!(store.stats().unwrap().segments > 3);
    store
}

/// What is asked, and which events it means.
type Asked = (Query, Box<dyn Fn(u64) -> bool>);

fn queries() -> Vec<Asked> {
    let in_stream = |position: u64| position % 3 == 1;
    // Version v of the stream is the position 3 v - 2.
    let versions = move |position: u64| in_stream(position) && (500..=2300).contains(&position.div_ceil(3));
    vec![
        (Query::all(), Box::new(|_| true)),
        (Query::stream("s-1"), Box::new(in_stream)),
        (
            Query::stream("s-1").from_version(Version::new(500)).to_version(Version::new(2300)),
            Box::new(versions),
        ),
        (
            Query::stream("s-1").from_position(Position::new(777)).to_position(Position::new(7010)),
            Box::new(move |position| in_stream(position) && (777..=7010).contains(&position)),
        ),
        (Query::all().of_type("even"), Box::new(|position| position % 2 == 0)),
        (Query::all().tagged("fifth"), Box::new(|position| position % 5 == 0)),
        (Query::all().tagged("fifth").of_type("odd"), Box::new(|position| position % 10 == 5)),
    ]
}

fn compare(store: &Store, context: &str) {
    let view = store.view();
    for moment in [1, 300, 699, 700, 701, 2100, 3500, 5000, 8399, 8400].map(occurred) {
        let time = Timestamp::from_nanos(moment);
        let past = view.as_of(AsOf::Occurred(time)).unwrap();
        for (number, (query, means)) in queries().into_iter().enumerate() {
            let wanted: Vec<u64> =
                (1..=EVENTS).filter(|position| means(*position) && occurred(*position) <= moment).collect();
            let reads = [
                (past.read(query.clone()), false, usize::MAX),
                (past.read(query.clone().limit(9)), false, 9),
                (past.read(query.clone().backwards()), true, usize::MAX),
                (past.read(query.clone().backwards().limit(9)), true, 9),
                (
                    view.read(query.until(Clock::Occurred, Timestamp::from_nanos(moment + 1))),
                    false,
                    usize::MAX,
                ),
            ];
            for (read, backwards, limit) in reads {
                let read: Vec<u64> = read.unwrap().map(|event| event.unwrap().position.get()).collect();
                let in_order = wanted.iter().copied();
                let wanted: Vec<u64> = match backwards {
                    true => in_order.rev().take(limit).collect(),
                    false => in_order.take(limit).collect(),
                };
                assert!(read == wanted, "{context}: query {number}, moment {moment}, backwards {backwards}");
            }
        }
    }
}

#[test]
fn events_behind_hidden_blocks_are_found_in_both_directions() {
    let world = World::new(21);
    compare(&filled(&world), "as written");
    compare(&options(&world).open("memory").unwrap(), "opened again");
    let reader = options(&world).read_only(true).open("memory").unwrap();
    compare(&reader, "by a reader");
}

#[test]
fn events_in_hidden_blocks_are_not_read() {
    let world = World::new(22);
    filled(&world).close().unwrap();
    // In the middle of the second band, which is hidden, in a segment that has some of the first and the third.
    let damaged = 2 * BAND - BAND / 2;
    assert!(occurred(damaged) > occurred(2 * BAND + 50));
    let data = format!("<data of {damaged}>").into_bytes();
    let (path, at) = (world.disk().image().into_iter())
        .find_map(|(path, bytes)| Some((path, bytes.windows(data.len()).position(|part| part == data)?)))
        .unwrap();
    world.flip(&path, at, 3);
    let store = options(&world).open("memory").unwrap();
    let query = || Query::stream(stream(damaged));
    assert!(store.view().read(query()).unwrap().any(|event| event.is_err()), "the damage is met");
    let past = store.view().as_of(AsOf::Occurred(Timestamp::from_nanos(occurred(2 * BAND + 50)))).unwrap();
    for query in [query(), query().backwards(), query().of_type("even"), Query::all().tagged("fifth")] {
        let shown = past.read(query).unwrap().map(|event| event.unwrap().position.get());
        assert!(shown.into_iter().all(|position| occurred(position) <= occurred(2 * BAND + 50)));
    }
}

#[test]
fn a_decision_sees_staged_events_whatever_the_block_behind_the_view_holds() {
    let world = World::new(23);
    let store = filled(&world);
    let early = Query::stream("s-0").until(Clock::Occurred, Timestamp::from_nanos(START));
    let count = |situation: &annals::Situation<'_>| -> Result<(Batch, usize), annals::ReadError> {
        let seen = situation.events()?.count();
        let mut batch = Batch::new();
        let event = NewEvent::new("before", vec![1]).at(Timestamp::from_nanos(START - 1));
        batch.push("s-0", &event).map_err(|error| unreachable!("{error}")).unwrap();
        Ok((batch, seen))
    };
    // In the block that is written now nothing had occurred so early.
    for seen in 0..4 {
        assert_eq!(store.decide(&early, count).unwrap().answer, seen);
    }
}
