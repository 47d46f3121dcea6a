//! `verify` and `inspect`, on stores that are whole and on some that are not.

use crate::common::Place;
use std::fs;
use std::path::PathBuf;

fn store() -> Place {
    let place = Place::new();
    let lines: String = (0..500)
        .map(|n| format!("{{\"stream\":\"s-{}\",\"type\":\"T\",\"data\":\"{}\"}}\n", n % 9, "x".repeat(100)))
        .collect();
    let file = place.file("given.jsonl", lines);
    place.ok(&["import", &file, "--batch", "50", "--segment-bytes", "16384"]);
    place
}

/// All files of the log, oldest first.
fn segments(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.store().join("log")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_whole_store_passes() {
    let place = store();
    let report = place.one(&["verify"]);
    assert_eq!(report["ok"], true);
    assert_eq!((&report["findings"], &report["events"]), (&0.into(), &500.into()));
    let table = place.run(&["verify", "--format", "table"]);
    assert!(table.status == 0 && table.stdout.contains("500"), "{}", table.stdout);
}

#[test]
fn a_flipped_bit_is_found_named_and_never_shown_as_data() {
    let place = store();
    let file = &segments(&place)[0];
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(20).position(|window| window == [b'x'; 20]).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();

    let run = place.run(&["verify"]);
    let lines = run.json();
    let (summary, findings) = lines.split_last().unwrap();
    assert_eq!(summary["ok"], false);
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding["what"].is_string()));
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(findings.iter().any(|finding| finding["file"].as_str().unwrap().contains(name)), "{findings:?}");
    run.failed(4);

    let read = place.run(&["read"]);
    assert!(read.json().iter().all(|event| event["data"] == "x".repeat(100)));
    assert!(read.failed(4).contains(name));
    assert_eq!(place.run(&["inspect", file.to_str().unwrap()]).status, 4);
}

#[test]
fn files_of_the_store_can_be_looked_into() {
    let place = store();
    let lines = place.ok(&["inspect", segments(&place)[0].to_str().unwrap()]);
    assert!(lines[0]["kind"].is_string() && lines[0]["facts"].is_object());
    assert_eq!(
        (&lines[0]["facts"]["first_position"], &lines[0]["facts"]["sealed"]),
        (&1.into(), &true.into())
    );
    assert_eq!(lines[0]["frames"], lines.len() - 1);
    assert_eq!(lines[1]["first_position"], 1);
    assert_eq!(lines[1]["records"], 50);
    let table =
        place.run(&["inspect", "--format", "table", place.store().join("MANIFEST").to_str().unwrap()]);
    assert!(table.status == 0 && table.stdout.contains("kind"), "{}", table.stdout);
}

#[test]
fn the_records_of_one_frame_are_shown_on_request() {
    let place = store();
    let file = segments(&place)[0].to_str().unwrap().to_owned();
    let frames = place.ok(&["inspect", &file]);
    let records = place.ok(&["inspect", &file, "--frame", &frames[2]["offset"].to_string()]);
    assert_eq!((records.len(), &records[0]["position"]), (50, &frames[2]["first_position"]));
    assert_eq!((&records[0]["stream"], &records[0]["lost"]), (&"s-5".into(), &false.into()));
    // An offset that is none of a frame says nothing about the file.
    let said = place.fails(1, &["inspect", &file, "--frame", "72"]);
    assert!(
        said.contains("no whole frame begins at byte 72") && !said.contains("store is damaged"),
        "{said}"
    );
    let manifest = place.store().join("MANIFEST");
    assert_eq!(place.run(&["inspect", manifest.to_str().unwrap(), "--frame", "64"]).status, 1);
    let table = place.run(&["inspect", &file, "--frame", "64", "--format", "table"]);
    assert!(table.stdout.contains("data_bytes") && table.stdout.lines().count() == 51, "{}", table.stdout);
}

#[test]
fn a_file_that_cannot_be_inspected_is_told_as_a_file_and_not_as_a_store() {
    let place = store();
    let other = place.file("other", "hello");
    for (file, what) in [("none", "there is no file none"), (&other, "does not begin like a segment")] {
        let said = place.fails(1, &["inspect", file]);
        assert!(said.contains(what) && !said.contains("--store"), "{said}");
    }
}

#[test]
fn one_finding_is_counted_like_any_number_of_them() {
    let place = store();
    fs::remove_file(&segments(&place)[0]).unwrap();
    let said = place.fails(4, &["verify"]);
    assert!(said.contains("(1 finding)"), "{said}");
}
