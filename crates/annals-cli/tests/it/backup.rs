//! `backup` and `restore`: of stores that others write, to any moment, and what is refused.

use crate::common::{Place, Run};
use annals::{Expected, NewEvent, Options};
use std::fs;

fn store() -> Place {
    let place = Place::new();
    let file = place.file("given.jsonl", lines(0, 60));
    place.ok(&["import", &file, "--batch", "3", "--segment-bytes", "16384"]);
    place
}

fn lines(from: u64, to: u64) -> String {
    let line = |n: u64| {
        let data = "x".repeat(400);
        format!("{{\"stream\":\"s-{}\",\"type\":\"T\",\"data\":\"<{n}>{data}\"}}\n", n % 4)
    };
    (from..to).map(line).collect()
}

fn path(place: &Place, name: &str) -> String {
    place.path(name).to_str().unwrap().to_owned()
}

fn read(place: &Place, store: &str) -> Vec<serde_json::Value> {
    place.ok(&["read", "--store", store])
}

/// The tool with the store named after the command.
fn with(place: &Place, args: &[&str]) -> Run {
    place.run(args)
}

#[test]
fn a_backup_is_brought_up_to_date_and_restored() {
    let place = store();
    let (backup, restored) = (path(&place, "backup"), path(&place, "restored"));
    let first = place.one(&["backup", &backup]);
    assert_eq!((&first["position"], &first["former"]), (&60.into(), &serde_json::Value::Null));
    assert!(first["linked"].as_u64().unwrap() > 0 && first["verified_bytes"].as_u64().unwrap() > 10_000);
    let more = place.file("more.jsonl", lines(60, 90));
    place.ok(&["import", &more, "--batch", "3"]);
    let next = place.one(&["backup", &backup, "--no-verify", "--no-links"]);
    assert_eq!(
        (&next["position"], &next["former"], &next["verified_bytes"]),
        (&90.into(), &60.into(), &0.into())
    );
    assert_eq!(next["linked"], 0);
    let wanted = place.ok(&["read"]);
    assert_eq!(place.one(&["verify", "--store", &backup])["ok"], true);
    assert_eq!(read(&place, &backup), wanted);
    let report = place.one(&["restore", &backup, &restored]);
    assert_eq!((&report["position"], &report["backup_position"]), (&90.into(), &90.into()));
    assert_eq!(read(&place, &restored), wanted);
    assert_eq!(place.one(&["inspect", &format!("{backup}/BACKUP")])["kind"], "backup");
}

#[test]
fn a_backup_is_restored_to_a_position_and_to_a_time() {
    let place = store();
    let backup = path(&place, "backup");
    place.ok(&["backup", &backup]);
    let wanted = place.ok(&["read"]);
    let report = place.one(&["restore", &backup, &path(&place, "a"), "--to", "31"]);
    assert_eq!((&report["position"], report["notes"].as_array().unwrap().len()), (&30.into(), 1));
    assert_eq!(read(&place, &path(&place, "a")), wanted[..30]);
    let time = wanted[44]["recorded"].as_str().unwrap();
    let by_then = wanted.iter().filter(|event| event["recorded"].as_str().unwrap() <= time).count();
    let report = place.one(&["restore", &backup, &path(&place, "b"), "--to", time]);
    assert_eq!(report["position"].as_u64().unwrap(), by_then as u64);
    assert_eq!(read(&place, &path(&place, "b")), wanted[..by_then]);
}

#[test]
fn a_store_that_another_process_writes_is_backed_up_to_what_is_durable() {
    let place = Place::new();
    let store = Options::new().segment_bytes(16 << 10).open(place.store()).unwrap();
    for n in 0..50 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![n; 900])]).unwrap();
    }
    store.mark_durable().unwrap();
    let backup = path(&place, "backup");
    assert_eq!(place.one(&["backup", &backup])["position"], 50);
    assert_eq!(read(&place, &backup).len(), 50);
    store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 900])]).unwrap();
    store.mark_durable().unwrap();
    assert_eq!(place.one(&["backup", &backup])["position"], 51);
    store.close().unwrap();
}

#[test]
fn what_is_refused_is_told_in_one_line() {
    let place = store();
    let backup = path(&place, "backup");
    let store = path(&place, "store");
    place.ok(&["backup", &backup]);
    for (said, status, args) in [
        ("lies within it or around it", 1, vec!["backup", store.as_str()]),
        ("is not empty", 1, vec!["restore", &backup, &store]),
        ("up to position 60, not up to 61", 1, vec!["restore", &backup, "new", "--to", "61"]),
        ("name the directory of a backup", 1, vec!["restore", "nowhere", "new"]),
        ("or a position", 2, vec!["restore", &backup, "new", "--to", "yesterday"]),
        ("no store", 1, vec!["backup", "new", "--store", "nowhere"]),
    ] {
        let line = with(&place, &args).failed(status);
        assert!(line.contains(said), "{args:?}: {line}");
    }
    assert!(!place.path("nowhere").exists());
    place.ok(&["append", "--store", &backup, "--stream", "x", "--type", "T"]);
    let line = place.fails(1, &["backup", &backup]);
    assert!(line.contains("opened for writing"), "{line}");
}

#[test]
fn damage_has_exit_status_4_names_the_file_and_leaves_the_former_backup() {
    let place = store();
    let backup = path(&place, "backup");
    place.ok(&["backup", &backup, "--no-links"]);
    let wanted = read(&place, &backup);
    let more = place.file("more.jsonl", lines(60, 120));
    place.ok(&["import", &more, "--batch", "3"]);
    let mut names: Vec<_> =
        fs::read_dir(place.store().join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let damaged = &names[names.len() - 3];
    let mut bytes = fs::read(damaged).unwrap();
    bytes[500] ^= 1;
    fs::write(damaged, bytes).unwrap();
    let line = place.fails(4, &["backup", &backup, "--no-links"]);
    let name = damaged.file_name().unwrap().to_str().unwrap();
    assert!(line.contains(name) && line.contains("offset"), "{line}");
    assert_eq!(read(&place, &backup), wanted);
}
