//! The whole set, event by event.

use crate::canonical::{self, Checksum, EventChecksums, SummedEvent};
use crate::data::{Given, Line, instant};
use crate::facts::EventFact;
use annals::{ContentType, EventRef, Position, Query, Uuid, View};
use std::collections::{HashMap, HashSet};
use std::io::Read;

of_each_set!(the_files_are_those_that_the_facts_are_about);
of_each_set!(in each layout:
    every_event_comes_back_as_it_stands_on_its_line,
    the_whole_store_has_the_order_and_the_checksums_of_the_facts,
    the_sampled_events_are_where_they_belong,
    the_store_is_read_on_from_any_position,
    backwards_is_forwards_from_the_end,
    an_event_is_found_by_its_id,
);

fn the_files_are_those_that_the_facts_are_about(given: &Given) {
    let facts = given.facts;
    let mut packed = Checksum::default();
    let content = std::fs::read(given.file()).unwrap();
    packed.bytes(&content);
    assert_eq!((content.len() as u64, packed.hex()), (facts.file_bytes, facts.file_sha256.clone()));

    let (mut plain, mut bytes, mut buffer) = (Checksum::default(), 0, vec![0; 1 << 20]);
    let mut reader = given.plain();
    loop {
        let length = reader.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        plain.bytes(&buffer[..length]);
        bytes += length as u64;
    }
    assert_eq!((bytes, plain.hex()), (facts.plain_bytes, facts.plain_sha256.clone()));
    assert_eq!(given.lines().map(|line| line.len()).max(), Some(facts.longest_line_bytes));
}

fn every_event_comes_back_as_it_stands_on_its_line(given: &Given, view: &View) {
    let mut events = view.read(Query::all()).unwrap();
    let mut versions: HashMap<&str, u64> = HashMap::new();
    let mut ids = HashSet::new();
    let mut given_ids = 0;
    for (index, line) in given.lines().enumerate() {
        let event = events.next().unwrap().unwrap();
        let line = Line::parse(&line);
        let version = versions.entry(event.stream).or_default();
        *version += 1;
        assert_eq!(event.position.get(), index as u64 + 1);
        assert_eq!((event.stream, event.version.get()), (&*line.stream, *version), "{event:?}");
        assert_eq!(event.event_type, line.event_type, "{event:?}");
        assert_eq!(event.occurred_at.as_nanos(), instant(&line.time), "{event:?}");
        if let Some(id) = &line.id {
            assert_eq!(event.id, id.parse::<Uuid>().unwrap(), "{event:?}");
            given_ids += 1;
        }
        assert_eq!(event.content_type, ContentType::JSON, "{event:?}");
        assert_eq!(event.data().unwrap(), line.data.get().as_bytes(), "{event:?}");
        assert_eq!(event.metadata().unwrap(), line.metadata.get().as_bytes(), "{event:?}");
        assert_eq!((event.schema_version, event.tags.is_empty()), (1, true), "{event:?}");
        assert!(ids.insert(event.id), "{event:?}");
    }
    assert!(events.next().is_none());
    assert_eq!(ids.len() as u64, given.facts.events);
    assert_eq!(given_ids, given.facts.with_id);
    assert_eq!(given_ids, given.facts.distinct_ids, "no two events of these sets have the same id");
}

fn the_whole_store_has_the_order_and_the_checksums_of_the_facts(given: &Given, view: &View) {
    let facts = given.facts;
    let mut sums = EventChecksums::default();
    let mut order = Checksum::default();
    let mut instants: HashMap<i64, u64> = HashMap::new();
    let (mut count, mut backwards, mut previous) = (0, 0, i64::MIN);
    for (event, written) in view.read(Query::all()).unwrap().zip(given.written()) {
        let event = event.unwrap();
        let instant = event.occurred_at.as_nanos();
        sums.add(&SummedEvent::new(&event, &written));
        let [stream, event_type] = [event.stream, event.event_type].map(canonical::string);
        order.line(&format!("[{stream},{},{event_type}]", event.version.get() - 1));
        *instants.entry(instant).or_default() += 1;
        backwards += u64::from(instant < previous);
        previous = instant;
        count += 1;
    }
    assert_eq!(count, facts.events);
    assert_eq!(view.position().get(), facts.events);
    assert_eq!(sums.exact.hex(), facts.exact);
    assert_eq!(sums.norm.hex(), facts.norm);
    assert_eq!(order.hex(), facts.order);
    assert_eq!(backwards, facts.times_that_run_backwards);
    assert_eq!(instants.len(), facts.distinct_instants);
    assert_eq!(instants.keys().min(), Some(&instant(&facts.earliest)));
    assert_eq!(instants.keys().max(), Some(&instant(&facts.latest)));
    let most = instants.iter().map(|(instant, events)| (*events, -*instant)).max();
    let fact = &facts.most_events_at_one_instant;
    assert_eq!(most, Some((fact.events, -instant(&fact.time))), "the first of those with the most");
}

fn the_sampled_events_are_where_they_belong(given: &Given, view: &View) {
    let facts = given.facts;
    for fact in facts.events_sampled.iter().chain([&facts.first, &facts.last]) {
        let event = view.event_at(Position::new(fact.position + 1)).unwrap().unwrap();
        must_be(&event, fact);
        let version = event.version;
        let query = Query::stream(&*fact.stream).from_version(version).to_version(version);
        must_be(&view.read(query).unwrap().next().unwrap().unwrap(), fact);
    }
    assert_eq!(facts.first.position, 0);
    assert_eq!(facts.last.position, facts.events - 1);
    assert!(view.event_at(Position::ZERO).unwrap().is_none());
    assert!(view.event_at(Position::new(facts.events + 1)).unwrap().is_none());
}

fn the_store_is_read_on_from_any_position(given: &Given, view: &View) {
    for page in &given.facts.pages {
        let from = Position::new(page.from_position + 1);
        let events = view.read(Query::all().from_position(from).limit(5)).unwrap();
        let found: Vec<_> = events
            .map(|event| {
                let event = event.unwrap();
                let (position, version) = (event.position.get() - 1, event.version.get() - 1);
                (position, event.stream.to_owned(), version, event.event_type.to_owned())
            })
            .collect();
        assert_eq!(found, page.next);
    }
}

fn backwards_is_forwards_from_the_end(given: &Given, view: &View) {
    let forwards = view.read(Query::all()).unwrap().map(|event| identity(&event.unwrap()));
    let mut forwards: Vec<_> = forwards.collect();
    let mut backwards = view.read(Query::all().backwards()).unwrap().map(|event| identity(&event.unwrap()));
    assert_eq!(forwards.len() as u64, given.facts.events);
    while let Some(event) = forwards.pop() {
        assert_eq!(backwards.next(), Some(event));
    }
    assert!(backwards.next().is_none());
}

fn an_event_is_found_by_its_id(given: &Given, view: &View) {
    for fact in &given.facts.events_sampled {
        if let Some(id) = &fact.id {
            must_be(&view.event(id.parse().unwrap()).unwrap().unwrap(), fact);
        }
    }
    for event in view.read(Query::all()).unwrap().step_by(23) {
        let event = event.unwrap();
        assert_eq!(view.event(event.id).unwrap(), Some(event));
    }
    let strange = Uuid::from_u128(0x00c0_ffee_0000_4000_8000_0000_0000_0001);
    assert!(view.event(strange).unwrap().is_none());
}

fn identity(event: &EventRef<'_>) -> (Position, Uuid) {
    (event.position, event.id)
}

fn must_be(event: &EventRef<'_>, fact: &EventFact) {
    assert_eq!(event.position.get(), fact.position + 1, "{fact:?}");
    assert_eq!((event.stream, event.version.get()), (&*fact.stream, fact.version + 1));
    assert_eq!(event.event_type, fact.event_type, "{fact:?}");
    assert_eq!(event.occurred_at.as_nanos(), instant(&fact.time), "{fact:?}");
    if let Some(id) = &fact.id {
        assert_eq!(&event.id.to_string(), id, "{fact:?}");
    }
}
