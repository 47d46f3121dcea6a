//! What there is: counts of events by stream, type and category, as the index tells them.

use crate::canonical::{self, Checksum};
use crate::data::{Given, instant};
use crate::facts::StreamFact;
use crate::store::{Layout, count, reading};
use annals::{Query, StreamInfo, Timestamp, View};
use serde_json::json;
use std::collections::BTreeMap;

/// How many categories the facts tell of a set that has more.
const CATEGORIES_TOLD: usize = 20;
/// How many lengths of streams, the shortest first, the facts tell of a set that has more.
const LENGTHS_TOLD: usize = 40;

of_each_set!(the_figures_of_the_store_are_those_of_the_facts);
of_each_set!(in each layout:
    types_are_listed_and_read_with_their_counts,
    streams_are_listed_in_the_order_of_their_bytes_with_their_counts,
    categories_have_their_events,
);

fn the_figures_of_the_store_are_those_of_the_facts(given: &Given) {
    for layout in [Layout::Usual, Layout::SmallSegments] {
        let stats = reading(given.tool(layout).store()).stats().unwrap();
        let facts = given.facts;
        assert_eq!((stats.events, stats.streams, stats.types), (facts.events, facts.streams, facts.types));
        assert_eq!((stats.last_position.get(), stats.durable_position), (facts.events, stats.last_position));
        assert_eq!(stats.first_occurred.map(Timestamp::as_nanos), Some(instant(&facts.earliest)));
        assert_eq!(stats.last_occurred.map(Timestamp::as_nanos), Some(instant(&facts.latest)));
        assert_eq!(layout == Layout::SmallSegments, stats.segments > 5, "{stats:?}");
    }
}

fn types_are_listed_and_read_with_their_counts(given: &Given, view: &View) {
    let facts = given.facts;
    let types = view.types().unwrap();
    assert!(types.is_sorted_by(|a, b| a.event_type < b.event_type));
    let by_type: BTreeMap<_, _> = types.into_iter().map(|info| (info.event_type, info.events)).collect();
    assert_eq!(by_type, facts.by_type);
    assert_eq!(by_type.len() as u64, facts.types);
    let mut checksum = Checksum::default();
    checksum.bytes(canonical::of(&json!(by_type)).as_bytes());
    assert_eq!(checksum.hex(), facts.by_type_sha256);
    for (event_type, events) in &facts.by_type {
        assert_eq!(count(view, Query::all().of_type(event_type)), *events, "{event_type}");
    }
}

fn streams_are_listed_in_the_order_of_their_bytes_with_their_counts(given: &Given, view: &View) {
    let facts = given.facts;
    let mut last: Option<StreamInfo> = None;
    let (mut streams, mut lengths) = (0, BTreeMap::<u64, u64>::new());
    let mut longest = Vec::new();
    for info in view.streams("") {
        let info = info.unwrap();
        assert_eq!(info.last_version.get(), info.events, "{info:?}");
        assert!(last.is_none_or(|last| last.stream.as_bytes() < info.stream.as_bytes()), "{info:?}");
        streams += 1;
        *lengths.entry(info.events).or_default() += 1;
        longest.push((u64::MAX - info.events, info.stream.clone()));
        last = Some(info);
    }
    assert_eq!(streams, facts.streams);
    assert!(lengths.iter().take(LENGTHS_TOLD).eq(&facts.streams_by_length), "{lengths:?}");
    assert_eq!(lengths.iter().map(|(length, streams)| length * streams).sum::<u64>(), facts.events);
    longest.sort();
    longest.truncate(facts.top_streams.len());
    let top: Vec<_> = longest.iter().map(|(_, stream)| stream_fact(view, stream)).collect();
    assert_eq!(top, facts.top_streams);
    for stream in top.iter().map(|fact| &fact.stream) {
        assert!(view.streams(stream).any(|info| info.unwrap().stream == *stream), "a prefix of itself");
    }
}

fn categories_have_their_events(given: &Given, view: &View) {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for info in view.streams("") {
        let info = info.unwrap();
        // The facts count names without a hyphen as one category; for Annals the whole name is one.
        let category = info.stream.split_once('-').map_or("", |(category, _)| category);
        *found.entry(category.to_owned()).or_default() += info.events;
    }
    let mut top: Vec<_> = found.iter().collect();
    top.sort_by_key(|(category, events)| (u64::MAX - **events, *category));
    top.truncate(CATEGORIES_TOLD);
    let told: Vec<_> = given.facts.by_category.iter().collect();
    top.sort();
    assert_eq!(top, told);
    for (category, events) in told.into_iter().filter(|(category, _)| !category.is_empty()) {
        // A stream that is called as the category belongs to it, too.
        let also = view.stream(category).unwrap().map_or(0, |info| info.events);
        assert_eq!(count(view, Query::all().category(category)), events + also, "{category}");
        assert_eq!(count(view, Query::all().prefix(format!("{category}-"))), *events, "{category}");
    }
}

fn stream_fact(view: &View, stream: &str) -> StreamFact {
    let end = |query: Query| {
        let event = view.read(query.limit(1)).unwrap().next().unwrap().unwrap();
        event.position.get() - 1
    };
    StreamFact {
        stream: stream.to_owned(),
        events: view.stream(stream).unwrap().unwrap().events,
        first_position: end(Query::stream(stream)),
        last_position: end(Query::stream(stream).backwards()),
    }
}
