//! What rules of retention leave of a set: exactly the events that a filter over the data gives, in as much space.

use crate::data::{Given, Line, Set};
use crate::tool::{Tool, number, text};
use std::collections::HashMap;
use std::path::Path;

/// So many events of each stream stay.
const KEPT: usize = 5;

#[test]
fn of_loans_the_last_five_events_of_each_stream_stay_in_their_share_of_the_space() {
    crate::data::on(Set::Loans, check);
}

fn check(given: &Given) {
    let directory = tempfile::tempdir().unwrap();
    let tool = Tool::on(directory.path().join("store"));
    let counts = tool.import(&given.file(), &["--segment-bytes", "4194304"]);
    assert_eq!(counts, (given.facts.events, 0));
    let before = log_bytes(tool.store());
    tool.one(&["retention", "set", "--all", "--max-count", &KEPT.to_string()]);
    // The newest segment is sealed before it is compacted.
    let report = tool.one(&["compact", "--all", "--unthrottled"]);
    let stays = filtered(given);
    assert_eq!(number(&report, "events_removed"), given.facts.events - stays.len() as u64);

    // The store's own events, the rule and the entry of the ledger, come behind those of the set.
    let mut events = tool.lines(&["read", "--all"]);
    events.retain(|event| !text(event, "stream").starts_with('$'));
    let found = events.iter().map(|event| (number(event, "position"), number(event, "version")));
    assert!(found.eq(stays.iter().copied()));
    let mut lines = (1..).zip(given.lines());
    for (event, (position, _)) in events.iter().zip(&stays) {
        let (_, line) = lines.find(|(line, _)| line == position).unwrap();
        let line = Line::parse(&line);
        assert_eq!((text(event, "stream"), text(event, "type")), (&*line.stream, &*line.event_type));
        assert_eq!(event["data"], serde_json::from_str::<serde_json::Value>(line.data.get()).unwrap());
    }
    tool.must_be_sound();

    let share = stays.len() as f64 / given.facts.events as f64;
    let space = log_bytes(tool.store()) as f64 / before as f64;
    assert!(space <= 1.15 * share, "{space:.4} of the space for {share:.4} of the events");
}

/// Position and version of each event that stays, by the data alone.
fn filtered(given: &Given) -> Vec<(u64, u64)> {
    let mut streams: HashMap<String, Vec<u64>> = HashMap::new();
    for (position, line) in (1..).zip(given.lines()) {
        streams.entry(Line::parse(&line).stream.into_owned()).or_default().push(position);
    }
    let last = |positions: Vec<u64>| {
        let behind = positions.len().saturating_sub(KEPT);
        positions.into_iter().zip(1..).skip(behind)
    };
    let mut stays: Vec<(u64, u64)> = streams.into_values().flat_map(last).collect();
    stays.sort_unstable();
    stays
}

fn log_bytes(store: &Path) -> u64 {
    let files = std::fs::read_dir(store.join("log")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}
