//! What the tool says as of moments of both clocks together, and totals over all streams as of a time.
//!
//! An import records everything within a moment of its own, long after all of it happened. So on the recorded clock there is
//! nothing before the import and everything behind it, and in between the positions are what cuts the log.

use crate::data::Given;
use crate::store::Layout;
use crate::through_the_tool::{by_type, state_must_be};
use crate::tool::{Tool, number, text};
use serde_json::Value;
use std::collections::HashSet;

of_each_set!(
    before_the_import_nothing_was_known_of_any_time,
    behind_the_import_everything_was_known,
    a_time_is_seen_as_of_a_position,
    totals_are_those_of_the_facts,
);

fn tool(given: &Given) -> Tool {
    given.tool(Layout::SmallSegments)
}

fn events(tool: &Tool, as_of: &[&str]) -> u64 {
    by_type(&tool.lines(&[&["types"], as_of].concat())).values().sum()
}

fn before_the_import_nothing_was_known_of_any_time(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    // Its last event is years older than the import.
    let before = ["--recorded-as-of", &facts.latest];
    assert_eq!(events(&tool, &before), 0);
    for fact in &facts.as_of {
        let moment = [&["--as-of", &fact.time], &before[..]].concat();
        assert_eq!(events(&tool, &moment), 0, "{}", fact.time);
        assert_eq!(tool.text(&[&["streams"], &moment[..]].concat()), "", "{}", fact.time);
        assert_eq!(tool.text(&[&["tail", "-n", "1"], &moment[..]].concat()), "", "{}", fact.time);
        for stream in fact.states.keys().take(2) {
            state_must_be(&tool, stream, &moment[1..], None);
        }
    }
}

fn behind_the_import_everything_was_known(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    let stats = tool.one(&["stats"]);
    let behind = ["--recorded-as-of", text(&stats, "last_recorded")];
    assert_eq!(events(&tool, &behind), facts.events);
    for fact in &facts.as_of {
        let moment = [&["--as-of", &fact.time], &behind[..]].concat();
        assert_eq!(events(&tool, &moment), fact.events, "{}", fact.time);
        for (stream, state) in fact.states.iter().take(2) {
            state_must_be(&tool, stream, &moment[1..], state.as_ref());
        }
    }
}

/// No time runs backwards in these sets, so of a position and a time the lesser one counts.
fn a_time_is_seen_as_of_a_position(given: &Given) {
    let (tool, facts) = (tool(given), given.facts);
    for at in &facts.at_position {
        let position = at.events.to_string();
        for fact in &facts.as_of {
            let moment = ["--as-of", &fact.time, "--recorded-as-of", &position];
            assert_eq!(events(&tool, &moment), fact.events.min(at.events), "{moment:?}");
            let states = if fact.events <= at.events { &fact.states } else { &at.states };
            for (stream, state) in states.iter().take(3) {
                state_must_be(&tool, stream, &moment[1..], state.as_ref());
            }
        }
    }
}

/// How a total comes from the events of one type.
enum Total {
    /// The sum of a number in their data.
    Sum(&'static str),
    /// How many streams have one.
    Streams,
}

/// Totals of the facts that come from one type of event, or from all.
const TOTALS: &[(&str, Option<&str>, Total)] = &[
    ("confirmed_permits", Some("Confirmation of receipt"), Total::Streams),
    ("amount_requested", Some("A_SUBMITTED"), Total::Sum("amount_requested")),
    ("approved", Some("A_APPROVED"), Total::Streams),
    ("paid_cents", Some("Payment"), Total::Sum("payment_cents")),
    ("expense_cents", Some("Send Fine"), Total::Sum("expense_cents")),
    ("in_collection", Some("Send for Credit Collection"), Total::Streams),
    ("appealed_to_judge", Some("Appeal to Judge"), Total::Streams),
    ("bytes_delta", None, Total::Sum("delta")),
];

fn totals_are_those_of_the_facts(given: &Given) {
    let tool = tool(given);
    let times = given.facts.as_of.iter().map(|fact| (fact.time.clone(), &fact.totals));
    let positions = given.facts.at_position.iter().map(|fact| (fact.events.to_string(), &fact.totals));
    for (moment, totals) in times.chain(positions) {
        let mut told = 0;
        for (name, event_type, total) in TOTALS {
            let Some(expected) = totals.get(*name) else { continue };
            let mut read = vec!["read", "--as-of", &moment];
            read.extend(event_type.iter().flat_map(|name| ["--type", name]));
            assert_eq!(total.of(&tool.lines(&read)), expected.as_i64().unwrap(), "{name} as of {moment}");
            told += 1;
        }
        assert!(told > 0, "{totals}");
    }
}

impl Total {
    fn of(&self, events: &[Value]) -> i64 {
        match self {
            Total::Sum(key) => events.iter().filter_map(|event| event["data"][key].as_i64()).sum(),
            Total::Streams => {
                let streams: HashSet<&str> = events.iter().map(|event| text(event, "stream")).collect();
                assert!(events.iter().all(|event| number(event, "version") > 0));
                streams.len().try_into().unwrap()
            }
        }
    }
}
