//! `snapshot`: create, list, prune; states are the same with and without.

use crate::common::Place;
use serde_json::{Value, json};

/// A stream of ten events, each recorded by itself.
fn store() -> Place {
    let place = Place::new();
    for number in 1..=10 {
        let data = format!("{{\"n\":{number},\"k{number}\":1}}");
        let time = format!("2024-05-{:02}T00:00:00Z", 11 - number);
        place.ok(&["append", "--stream", "order-1", "--type", "Set", "--data", &data, "--time", &time]);
    }
    place
}

fn state(place: &Place, moment: &[&str]) -> Value {
    place.one(&[&["state", "--stream", "order-1"], moment].concat())
}

const MOMENTS: [&[&str]; 8] = [
    &[],
    &["--at-version", "3"],
    &["--as-of", "0"],
    &["--as-of", "6"],
    &["--as-of", "9"],
    &["--as-of", "2024-05-04T00:00:00Z"],
    &["--as-of", "2024-05-10T00:00:00Z"],
    &["--as-of", "2024-05-08T00:00:00Z", "--recorded-as-of", "7"],
];

#[test]
fn states_are_the_same_with_snapshots_and_without() {
    let place = store();
    let without: Vec<Value> = MOMENTS.iter().map(|moment| state(&place, moment)).collect();
    let diff = ["diff", "--stream", "order-1", "--from", "2", "--to", "2024-05-07T00:00:00Z"];
    let changes = place.one(&diff);
    let created = place.one(&["snapshot", "create", "--stream", "order-1"]);
    let expected = json!({"stream": "order-1", "tag": "annals.document/1", "version": 10, "position": 10});
    assert_eq!(created, expected);
    for moment in [["--at-version", "4"], ["--as-of", "6"], ["--recorded-as-of", "8"]] {
        place.one(&[&["snapshot", "create", "--stream", "order-1"], &moment[..]].concat());
    }
    let with: Vec<Value> = MOMENTS.iter().map(|moment| state(&place, moment)).collect();
    assert_eq!(with, without);
    assert_eq!(place.one(&diff), changes);
    assert_eq!(place.one(&["verify"])["snapshots"], 4);
    assert_eq!(place.one(&["stats"])["snapshots"], 4);
}

#[test]
fn snapshots_are_listed_and_pruned() {
    let place = store();
    assert!(place.ok(&["snapshot", "list"]).is_empty());
    for version in ["2", "4", "6"] {
        place.one(&["snapshot", "create", "--stream", "order-1", "--at-version", version]);
    }
    let versions = |place: &Place| -> Vec<u64> {
        let listed = place.ok(&["snapshot", "list", "--stream", "order-1"]);
        assert!(listed.iter().all(|line| line["codec"] == "json" && line["stream"] == "order-1"));
        listed.iter().map(|line| line["version"].as_u64().unwrap()).collect()
    };
    assert_eq!(versions(&place), [6, 4, 2]);
    assert_eq!(place.ok(&["snapshot", "list", "--limit", "2"]).len(), 2);
    let pruned = place.one(&["snapshot", "prune", "--keep", "1"]);
    assert_eq!(pruned["removed"], 2);
    assert!(pruned["bytes_after"].as_u64() < pruned["bytes_before"].as_u64());
    assert_eq!(versions(&place), [6]);
    assert_eq!(state(&place, &["--at-version", "3"])["state"]["n"], 3);
    let table = place.run(&["--format", "table", "snapshot", "list"]).stdout;
    assert!(table.contains("annals.document/1"), "{table}");
}

#[test]
fn a_damaged_snapshot_changes_no_state_and_is_found() {
    let place = store();
    place.one(&["snapshot", "create", "--stream", "order-1"]);
    let before = state(&place, &[]);
    let files = std::fs::read_dir(place.store().join("snapshots")).unwrap();
    let file = files.map(|file| file.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(5).position(|window| window == b"\"k10\"").unwrap();
    bytes[at + 2] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(state(&place, &[]), before);
    let run = place.run(&["verify"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.json()[0]["file"].as_str().unwrap().starts_with("snapshots/"));
    place.one(&["snapshot", "prune", "--keep", "0"]);
    assert_eq!(place.one(&["verify"])["ok"], true);
    assert_eq!(state(&place, &[]), before);
}

#[test]
fn what_cannot_be_meant_is_told() {
    let place = store();
    let create = ["snapshot", "create", "--stream"];
    let fails = |status, args: &[&str]| place.fails(status, &[&create[..], args].concat());
    assert!(fails(1, &["order-9"]).contains("never had an event"));
    assert!(fails(1, &["order-1", "--at-version", "11"]).contains("has not reached version 11"));
    assert!(fails(1, &["order-1", "--as-of", "0"]).contains("without events"));
    assert!(fails(2, &["order-1", "--as-of", "2024-05-04T00:00:00Z"]).contains("--at-version"));
    assert!(fails(2, &["order-1", "--as-of", "2024-05-04T00:00:00"]).contains("offset"));
    place.fails(2, &["snapshot", "prune", "--keep", "-1"]);
    place.fails(2, &["snapshot", "prune"]);
    assert!(place.fails(1, &["snapshot", "list", "--stream", "order-9"]).contains("never had an event"));
    let nothing = Place::new();
    assert!(nothing.fails(1, &["snapshot", "create", "--stream", "s"]).contains("no store"));
    assert!(!nothing.store().exists());
}
