//! `export`, and the way back.

use crate::common::{Place, names_in, run};
use serde_json::Value;

fn store() -> Place {
    let place = Place::with(&[
        r#"{"stream":"a-1","type":"T","time":"1969-07-20T20:17:40Z","tags":["x"],"data":{ "n": 1.10 },"metadata":[1]}"#,
        r#"{"stream":"b-1","type":"U","schema_version":4,"data":null}"#,
        r#"{"stream":"a-1","type":"T","data":"🦀\u0000"}"#,
        r#"{"stream":"c","type":"T"}"#,
    ]);
    let store = annals::Store::open(place.store()).unwrap();
    let event = annals::NewEvent::new("T", &b"\x00\xff"[..]).with_metadata(&b"meta"[..]);
    store.append("c", annals::Expected::Any, &[event]).unwrap();
    store.close().unwrap();
    place
}

/// The events without what a new store gives anew.
fn content(place: &Place) -> Vec<String> {
    let without_recorded = |line: &str| {
        let (before, after) = line.split_once(r#","recorded":""#).unwrap();
        format!("{before},{}", after.split_once(r#"","#).unwrap().1)
    };
    place.run(&["read"]).stdout.lines().map(without_recorded).collect()
}

#[test]
fn what_is_exported_and_imported_again_is_the_same() {
    let place = store();
    for name in ["all.jsonl", "all.jsonl.gz", "all.jsonl.zst"] {
        let summary = place.one(&["export", "--output", name]);
        assert_eq!(summary["exported"], 5);
        let copy = Place::new();
        assert_eq!(copy.one(&["import", place.path(name).to_str().unwrap()])["imported"], 5);
        assert_eq!(content(&copy), content(&place));
        assert_eq!(place.one(&["import", name])["skipped"], 5, "into the same store nothing is added");
    }
    let names = ["all.jsonl", "all.jsonl.gz", "all.jsonl.zst", "given.jsonl", "store"];
    assert_eq!(names_in(&place.path("")), names, "nothing unfinished is left");
    assert_eq!(&std::fs::read(place.path("all.jsonl.gz")).unwrap()[..2], [0x1f, 0x8b]);
}

#[test]
fn an_export_goes_to_standard_output_unless_told_otherwise() {
    let place = store();
    let piped = place.run(&["export", "--format", "table"]).stdout;
    assert_eq!(piped, place.run(&["read"]).stdout);
    let copy = Place::new();
    assert_eq!(run(copy.command(&["import", "-"]).write_stdin(piped)).json()[0]["imported"], 5);
}

#[test]
fn the_filters_of_read_hold() {
    let place = store();
    let types = |args: &[&str]| -> Vec<Value> {
        place.ok(args).iter().map(|event| event["position"].clone()).collect()
    };
    assert_eq!(types(&["export", "--prefix", "a-"]), [1, 3]);
    assert_eq!(types(&["export", "--as-of", "2", "--type", "U"]), [2]);
    assert_eq!(types(&["export", "--stream", "c", "--limit", "1"]), [4]);
    place.fails(1, &["export", "--stream", "never"]);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let place = store();
    assert!(place.fails(1, &["export", "--output", "no/such/dir.jsonl"]).contains("no/such/dir.jsonl"));
    place.fails(1, &["export", "--stream", "never", "--output", "never.jsonl"]);
    assert_eq!(names_in(&place.path("")), ["given.jsonl", "store"]);
}
