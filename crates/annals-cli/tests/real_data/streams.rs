//! Streams, each read by itself.

use crate::canonical::{self, Checksum, EventChecksums, SummedEvent};
use crate::data::{Given, Written};
use annals::{Position, Query, Version, View};

of_each_set!(in each layout:
    every_stream_has_the_events_and_checksums_of_the_table,
    the_sampled_streams_read_the_same_from_both_ends,
    a_stream_is_read_from_any_version,
);

/// One stream, read from its first event to its last.
struct Read {
    events: u64,
    first: Position,
    last: Position,
    exact: String,
    norm: String,
}

fn every_stream_has_the_events_and_checksums_of_the_table(given: &Given, view: &View) {
    let written = given.written();
    let mut table = Checksum::default();
    let mut streams = 0;
    for info in view.streams("") {
        let info = info.unwrap();
        let read = read(view, &info.stream, &written);
        assert_eq!(read.events, info.events, "{info:?}");
        let (first, last) = (read.first.get() - 1, read.last.get() - 1);
        let (name, exact, norm) = (canonical::string(&info.stream), &read.exact[..32], &read.norm[..32]);
        table.line(&format!("{name}\t{}\t{first}\t{last}\t{exact}\t{norm}", read.events));
        streams += 1;
    }
    assert_eq!(streams, given.facts.streams);
    assert_eq!(table.hex(), given.facts.stream_table_sha256);
}

fn the_sampled_streams_read_the_same_from_both_ends(given: &Given, view: &View) {
    let written = given.written();
    for fact in &given.facts.streams_sampled {
        let read = read(view, &fact.stream, &written);
        assert_eq!(read.events, fact.events, "{fact:?}");
        assert_eq!(read.first.get(), fact.first_position + 1, "{fact:?}");
        assert_eq!(read.last.get(), fact.last_position + 1, "{fact:?}");
        assert_eq!((read.exact, read.norm), (fact.exact.clone(), fact.norm.clone()), "{fact:?}");
        let first = types(view, Query::stream(&*fact.stream).limit(5));
        let last = types(view, Query::stream(&*fact.stream).backwards().limit(5));
        assert_eq!((first, last), (fact.first_types.clone(), fact.last_types_backwards.clone()), "{fact:?}");
        let mut forwards = types(view, Query::stream(&*fact.stream));
        forwards.reverse();
        assert_eq!(types(view, Query::stream(&*fact.stream).backwards()), forwards, "{fact:?}");
    }
}

fn a_stream_is_read_from_any_version(given: &Given, view: &View) {
    for fact in &given.facts.streams_sampled {
        let all = types(view, Query::stream(&*fact.stream));
        for from in 1..=all.len() {
            for to in [from, all.len()] {
                let query = Query::stream(&*fact.stream)
                    .from_version(Version::new(from as u64))
                    .to_version(Version::new(to as u64));
                assert_eq!(types(view, query.clone()), all[from - 1..to], "{fact:?} {from} to {to}");
                let backwards = types(view, query.backwards());
                assert!(backwards.iter().rev().eq(&all[from - 1..to]), "{fact:?} {from} to {to}");
            }
        }
    }
}

fn read(view: &View, stream: &str, written: &[Written]) -> Read {
    let mut sums = EventChecksums::default();
    let (mut events, mut first, mut last) = (0, Position::ZERO, Position::ZERO);
    for event in view.read(Query::stream(stream)).unwrap() {
        let event = event.unwrap();
        events += 1;
        assert_eq!((event.stream, event.version.get()), (stream, events));
        assert!(event.position > last, "{event:?}");
        last = event.position;
        if first == Position::ZERO {
            first = event.position;
        }
        let index = usize::try_from(event.position.get() - 1).unwrap();
        sums.add(&SummedEvent::new(&event, &written[index]));
    }
    Read { events, first, last, exact: sums.exact.hex(), norm: sums.norm.hex() }
}

fn types(view: &View, query: Query) -> Vec<String> {
    view.read(query).unwrap().map(|event| event.unwrap().event_type.to_owned()).collect()
}
