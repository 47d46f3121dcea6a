//! Facts of every kind, asked of the tool.

use crate::canonical::{self, EventChecksums, SummedEvent};
use crate::data::{Given, instant};
use crate::facts::{EventFact, StateFact};
use crate::store::Layout;
use crate::tool::{Tool, number, text};
use serde_json::Value;
use std::collections::BTreeMap;

of_each_set!(
    stats_and_verify_tell_the_figures,
    types_and_streams_are_listed,
    sampled_streams_are_read,
    sampled_events_are_read_and_got_by_id,
    the_store_is_read_in_pages_and_from_its_end,
    ranges_are_read,
    everything_is_as_it_was_as_of_a_time,
    everything_is_as_it_was_at_a_position,
    what_changed_between_two_times_is_told,
    the_recorded_clock_is_another_clock,
);

/// Events of a longer range are only counted.
const LINES_MAX: u64 = 20_000;

fn tool(given: &Given) -> Tool {
    given.tool(Layout::SmallSegments)
}

fn stats_and_verify_tell_the_figures(given: &Given) {
    for layout in [Layout::Usual, Layout::SmallSegments] {
        let (tool, facts) = (given.tool(layout), given.facts);
        let stats = tool.one(&["stats"]);
        assert_eq!(number(&stats, "events"), facts.events);
        assert_eq!(number(&stats, "streams"), facts.streams);
        assert_eq!(number(&stats, "types"), facts.types);
        assert_eq!(number(&stats, "last_position"), facts.events);
        assert_eq!(text(&stats, "first_occurred"), facts.earliest);
        assert_eq!(text(&stats, "last_occurred"), facts.latest);
        let report = tool.must_be_sound();
        assert_eq!((number(&report, "findings"), number(&report, "events")), (0, facts.events));
        assert_eq!(report["notes"], serde_json::json!([]));
    }
}

fn types_and_streams_are_listed(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    assert_eq!(by_type(&tool.lines(&["types"])), facts.by_type);

    let all = tool.text(&["streams"]);
    assert_eq!(all.lines().count() as u64, facts.streams);
    let first = tool.text(&["streams", "--limit", "10"]);
    assert!(all.starts_with(&first));
    assert_eq!(first.lines().count(), 10);
    for fact in &facts.top_streams {
        let found = tool.lines(&["streams", "--prefix", &fact.stream]);
        assert_eq!(text(&found[0], "stream"), fact.stream);
        assert_eq!(number(&found[0], "events"), fact.events);
        assert_eq!(number(&found[0], "last_version"), fact.events);
    }
}

fn sampled_streams_are_read(given: &Given) {
    let (tool, written) = (tool(given), given.written());
    for fact in given.facts.streams_sampled.iter().step_by(3) {
        let events = tool.lines(&["read", "--stream", &fact.stream]);
        let mut sums = EventChecksums::default();
        for event in &events {
            let written = &written[usize::try_from(number(event, "position")).unwrap() - 1];
            let instant = instant(text(event, "time"));
            sums.add(&SummedEvent {
                stream: text(event, "stream"),
                event_type: text(event, "type"),
                instant,
                time: written.at(annals::Timestamp::from_nanos(instant)),
                id: written.has_id.then(|| text(event, "id").to_owned()),
                data: canonical::of(&event["data"]),
                metadata: canonical::of(&event["metadata"]),
            });
        }
        assert_eq!(sums.exact.hex(), fact.exact, "{fact:?}");
        assert_eq!(sums.norm.hex(), fact.norm, "{fact:?}");
        assert!(events.iter().map(|event| number(event, "version")).eq(1..=fact.events));
        let (first, last) = (&events[0], &events[events.len() - 1]);
        assert_eq!(number(first, "position"), fact.first_position + 1);
        assert_eq!(number(last, "position"), fact.last_position + 1);
        let backwards = tool.lines(&["read", "--stream", &fact.stream, "--backwards", "--limit", "5"]);
        assert_eq!(types(&backwards), fact.last_types_backwards);
        assert_eq!(types(&tool.lines(&["read", "--stream", &fact.stream, "--to", "5"])), fact.first_types);
    }
}

fn sampled_events_are_read_and_got_by_id(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    for fact in facts.events_sampled.iter().chain([&facts.first, &facts.last]) {
        let position = (fact.position + 1).to_string();
        let event = tool.one(&["read", "--from", &position, "--to", &position]);
        must_be(&event, fact);
        assert_eq!(tool.one(&["get", text(&event, "id")]), event);
    }
}

fn the_store_is_read_in_pages_and_from_its_end(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    let row = |event: &Value| {
        let (position, version) = (number(event, "position") - 1, number(event, "version") - 1);
        (position, text(event, "stream").to_owned(), version, text(event, "type").to_owned())
    };
    for page in &facts.pages {
        let from = (page.from_position + 1).to_string();
        let events = tool.lines(&["read", "--all", "--from", &from, "--limit", "5"]);
        assert!(events.iter().map(row).eq(page.next.iter().cloned()), "{page:?}");
    }
    let newest = tool.lines(&["tail", "-n", "7"]);
    assert!(newest.iter().map(|event| number(event, "position")).eq(facts.events - 6..=facts.events));
    must_be(&newest[6], &facts.last);
    let mut backwards = tool.lines(&["read", "--backwards", "--limit", "7"]);
    backwards.reverse();
    assert_eq!(backwards, newest);
}

fn ranges_are_read(given: &Given) {
    let tool = tool(given);
    for range in &given.facts.ranges {
        let read = ["read", "--since", &range.from, "--until", &range.to];
        for (event_type, expected) in &range.by_type {
            let of_type = [&read[..], &["--type", event_type]].concat();
            assert_eq!(tool.text(&of_type).lines().count() as u64, *expected, "{range:?}");
        }
        // The types together are all there is in the range.
        if range.events > LINES_MAX {
            continue;
        }
        let events = tool.lines(&read);
        assert_eq!(events.len() as u64, range.events, "{range:?}");
        let mut found = BTreeMap::new();
        for event in &events {
            *found.entry(text(event, "type").to_owned()).or_default() += 1;
        }
        assert_eq!(found, range.by_type, "{range:?}");
    }
}

fn everything_is_as_it_was_as_of_a_time(given: &Given) {
    let tool = tool(given);
    for fact in &given.facts.as_of {
        let time = fact.also_written.as_ref().unwrap_or(&fact.time);
        let found: u64 = by_type(&tool.lines(&["types", "--as-of", time])).values().sum();
        assert_eq!(found, fact.events, "{time}");
        let streams = tool.text(&["streams", "--as-of", time]).lines().count() as u64;
        assert_eq!(streams, fact.streams, "{time}");
        let last = tool.lines(&["tail", "-n", "1", "--as-of", time]);
        let last = last.first().map_or(0, |event| number(event, "position"));
        assert_eq!(last, fact.last_position_plus_1, "{time}");
        for (stream, state) in &fact.states {
            state_must_be(&tool, stream, &[time], state.as_ref());
        }
    }
}

fn everything_is_as_it_was_at_a_position(given: &Given) {
    let tool = tool(given);
    for fact in &given.facts.at_position {
        let position = fact.events.to_string();
        let found: u64 = by_type(&tool.lines(&["types", "--as-of", &position])).values().sum();
        assert_eq!(found, fact.events);
        let streams = tool.text(&["streams", "--as-of", &position]).lines().count() as u64;
        assert_eq!(streams, fact.streams);
        for (stream, state) in &fact.states {
            state_must_be(&tool, stream, &[&position], state.as_ref());
        }
    }
}

fn what_changed_between_two_times_is_told(given: &Given) {
    let tool = tool(given);
    let as_of = &given.facts.as_of;
    for stream in as_of[0].states.keys() {
        for (from, to) in [(&as_of[0], &as_of[1]), (&as_of[1], &as_of[2]), (&as_of[2], &as_of[0])] {
            let (Some(before), Some(after)) = (from.states.get(stream), to.states.get(stream)) else {
                continue;
            };
            let report = tool.one(&["diff", "--stream", stream, "--from", &from.time, "--to", &to.time]);
            let version = |state: &Option<StateFact>| state.as_ref().map_or(0, |state| state.version + 1);
            assert_eq!(number(&report, "from_version"), version(before), "{report}");
            assert_eq!(number(&report, "to_version"), version(after), "{report}");
            for (path, key) in KEPT_BY_MERGE {
                let value = |state: &Option<StateFact>| {
                    state.as_ref().and_then(|state| state.state.get(key)).cloned()
                };
                let (old, new) = (value(before), value(after));
                let change =
                    report["changes"].as_array().unwrap().iter().find(|change| change["path"] == *path);
                let told = change.map(|change| (change.get("from").cloned(), change.get("to").cloned()));
                assert_eq!(told, (old != new).then_some((old, new)), "{key} of {report}");
            }
        }
    }
}

/// Parts of the states that the tool's own fold has, too: where they stand in the merged data.
const KEPT_BY_MERGE: &[(&str, &str)] = &[
    ("/amount_cents", "amount_cents"),
    ("/amount_requested", "amount_requested"),
    ("/dismissal", "dismissal"),
    ("/user", "last_user"),
];

/// Parts of the states that are sums: where the parts stand in the data.
const SUMS: &[(&str, &str)] = &[
    ("/expense_cents", "expense_cents"),
    ("/payment_cents", "paid_cents"),
    ("/delta", "bytes_delta"),
    ("/added", "added"),
    ("/deleted", "deleted"),
];

fn the_recorded_clock_is_another_clock(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    let stats = tool.one(&["stats"]);
    let (first, last) = (text(&stats, "first_recorded"), text(&stats, "last_recorded"));
    let events = |args: &[&str]| by_type(&tool.lines(args)).values().sum::<u64>();
    assert_eq!(
        events(&["types", "--clock", "recorded", "--as-of", &facts.latest]),
        0,
        "long before the import"
    );
    assert_eq!(events(&["types", "--clock", "recorded", "--as-of", last]), facts.events);
    let first_batch = events(&["types", "--clock", "recorded", "--as-of", first]);
    assert!(first_batch >= 1000, "{first_batch}");
    let read = ["tail", "-n", "1", "--clock", "recorded", "--as-of", first];
    assert_eq!(number(&tool.one(&read), "position"), first_batch);
    let read = ["read", "--clock", "recorded", "--since", first, "--limit", "1"];
    assert_eq!(number(&tool.one(&read), "position"), 1);
    assert!(tool.lines(&["read", "--clock", "recorded", "--until", first]).is_empty());
}

/// Asks for the state of a stream in the ways that the tool has; the moment is what is said behind `--as-of`. A stream without events is at version 0.
pub(crate) fn state_must_be(tool: &Tool, stream: &str, moment: &[&str], expected: Option<&StateFact>) {
    let as_of = [&["--as-of"], moment].concat();
    let moment = as_of.join(" ");
    let state = |reduce: &str| {
        let state = [&["state", "--stream", stream, "--reduce", reduce], &as_of[..]].concat();
        let found = tool.one(&state);
        assert_eq!(text(&found, "stream"), stream);
        let version = expected.map_or(0, |fact| fact.version + 1);
        assert_eq!(number(&found, "version"), version, "{stream} as of {moment}");
        found["state"].clone()
    };
    let newest = ["read", "--stream", stream, "--backwards", "--limit", "1"];
    let newest = tool.lines(&[&newest[..], &as_of].concat());
    let Some(expected) = expected else {
        assert!(newest.is_empty(), "{stream} as of {moment}");
        assert_eq!((state("merge"), state("last"), state("count")), (Value::Null, Value::Null, 0.into()));
        return;
    };
    let fact = &expected.state;
    assert_eq!(&state("count"), fact.get("events").unwrap_or(&fact["edits"]), "{stream} as of {moment}");
    if let Some(last_type) = fact.get("last_type") {
        assert_eq!(&newest[0]["type"], last_type, "{stream} as of {moment}");
    }
    assert_eq!(state("last"), newest[0]["data"], "{stream} as of {moment}");
    let merged = state("merge");
    for (path, key) in KEPT_BY_MERGE {
        if let Some(value) = fact.get(*key) {
            assert_eq!(
                merged.pointer(path).unwrap_or(&Value::Null),
                value,
                "{key} of {stream} as of {moment}"
            );
        }
    }
    for (path, key) in SUMS {
        if let Some(value) = fact.get(*key) {
            assert_eq!(&state(&format!("sum:{path}")), value, "{key} of {stream} as of {moment}");
        }
    }
}

fn must_be(event: &Value, fact: &EventFact) {
    assert_eq!(number(event, "position"), fact.position + 1, "{fact:?}");
    assert_eq!(number(event, "version"), fact.version + 1, "{fact:?}");
    assert_eq!((text(event, "stream"), text(event, "type")), (&*fact.stream, &*fact.event_type));
    assert_eq!(instant(text(event, "time")), instant(&fact.time), "{fact:?}");
    if let Some(id) = &fact.id {
        assert_eq!(text(event, "id"), id);
    }
}

pub(crate) fn by_type(lines: &[Value]) -> BTreeMap<String, u64> {
    lines.iter().map(|line| (text(line, "type").to_owned(), number(line, "events"))).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "type")).collect()
}
