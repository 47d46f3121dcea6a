//! `repair`, on stores that are whole, damaged, in use.

use crate::common::{Place, names_in};
use std::fs;

fn store() -> Place {
    let lines: Vec<String> = (0..60)
        .map(|n| {
            format!("{{\"stream\":\"s-{}\",\"type\":\"T\",\"data\":\"<{n}>{}\"}}", n % 4, "x".repeat(400))
        })
        .collect();
    let place = Place::new();
    let file = place.file("given.jsonl", lines.join("\n"));
    place.ok(&["import", &file, "--batch", "3", "--segment-bytes", "16384"]);
    place
}

/// Damages the data of the n-th event.
fn damage(place: &Place, n: usize) {
    let wanted = format!("<{n}>x");
    for name in names_in(&place.store().join("log")) {
        let path = place.store().join("log").join(name);
        let mut bytes = fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(wanted.len()).position(|window| window == wanted.as_bytes()) {
            bytes[at + 1] ^= 1;
            return fs::write(&path, bytes).unwrap();
        }
    }
    panic!("event {n} is nowhere");
}

fn to(place: &Place) -> String {
    place.path("new").to_str().unwrap().to_owned()
}

#[test]
fn a_whole_store_is_copied_event_for_event() {
    let place = store();
    let wanted = place.ok(&["read"]);
    let to = to(&place);
    let report = place.one(&["repair", &to]);
    assert_eq!((&report["ok"], &report["events"], &report["lost"]), (&true.into(), &60.into(), &0.into()));
    assert_eq!(report["destination"], to);
    fs::rename(place.store(), place.path("old")).unwrap();
    fs::rename(&to, place.store()).unwrap();
    assert_eq!(place.ok(&["read"]), wanted);
    assert_eq!(place.one(&["verify"])["ok"], true);
}

#[test]
fn what_is_lost_is_listed_and_told_by_the_exit_status() {
    let place = store();
    let wanted = place.ok(&["read"]);
    damage(&place, 21);
    damage(&place, 22);
    damage(&place, 40);
    let to = to(&place);
    let run = place.run(&["repair", &to]);
    let lines = run.json();
    let (summary, ranges) = lines.split_last().unwrap();
    assert_eq!(ranges.len(), 2);
    assert_eq!((&ranges[0]["first"], &ranges[0]["last"]), (&22.into(), &23.into()));
    assert_eq!(ranges[0]["streams"], serde_json::json!(["s-1", "s-2"]));
    assert!(ranges[1]["file"].as_str().unwrap().starts_with("log/") && ranges[1]["offset"].is_u64());
    assert_eq!(
        (&summary["events"], &summary["lost"], &summary["ok"]),
        (&57.into(), &3.into(), &false.into())
    );
    let said = run.failed(4);
    assert!(said.contains("3 positions were lost") && said.contains("is complete otherwise"), "{said}");

    fs::rename(place.store(), place.path("old")).unwrap();
    fs::rename(&to, place.store()).unwrap();
    let kept: Vec<_> = wanted
        .iter()
        .filter(|event| ![22, 23, 41].contains(&event["position"].as_u64().unwrap()))
        .cloned()
        .collect();
    assert_eq!(place.ok(&["read"]), kept);
    let verified = place.one(&["verify"]);
    assert_eq!(
        (&verified["ok"], &verified["lost"], &verified["events"]),
        (&true.into(), &3.into(), &57.into())
    );
    let stats = place.one(&["stats"]);
    assert_eq!(
        (&stats["events"], &stats["lost"], &stats["last_position"]),
        (&57.into(), &3.into(), &60.into())
    );
    let exported = place.run(&["export"]);
    assert_eq!(exported.stdout.lines().count(), 57);
    place.import(&["{\"stream\":\"s-1\",\"type\":\"T\",\"data\":1}"]);
    assert_eq!(place.one(&["stats"])["events"], 58);
}

#[test]
fn what_was_removed_is_told_from_what_may_be_lost() {
    let place = store();
    place.one(&["retention", "set", "--stream", "s-0", "--max-count", "2"]);
    place.one(&["compact"]);
    let kept = place.ok(&["read"]);
    let to = to(&place);
    let report = place.one(&["repair", &to]);
    assert_eq!(
        (&report["ok"], &report["lost"], &report["removed_or_lost"]),
        (&true.into(), &0.into(), &0.into())
    );
    assert!(report["removed"].as_u64().unwrap() > 5, "{report}");

    fs::remove_dir_all(&to).unwrap();
    fs::remove_file(place.store().join("MANIFEST")).unwrap();
    fs::remove_dir_all(place.store().join("index")).unwrap();
    let rewritten = names_in(&place.store().join("log")).into_iter().find(|name| name.ends_with(".1.seg"));
    fs::remove_file(place.store().join("log").join(rewritten.unwrap())).unwrap();
    let run = place.run(&["repair", &to]);
    let lines = run.json();
    assert_eq!(lines[0]["fate"], "removed or lost", "{lines:?}");
    let said = run.failed(4);
    assert!(said.contains("removed or lost, and nothing tells which"), "{said}");
    fs::rename(place.store(), place.path("old")).unwrap();
    fs::rename(&to, place.store()).unwrap();
    assert!(place.ok(&["read"]).iter().all(|event| kept.contains(event)));
    assert_eq!(place.one(&["verify"])["ok"], true);
}

#[test]
fn as_a_table_each_stretch_is_a_sentence() {
    let place = store();
    damage(&place, 20);
    let run = place.run(&["repair", &to(&place), "--format", "table"]);
    assert!(run.stdout.starts_with("lost 21 (s-0): log/"), "{}", run.stdout);
    assert!(run.stdout.contains("destination"));
}

#[test]
fn a_destination_that_is_taken_is_refused_with_what_to_do() {
    let place = store();
    let to = to(&place);
    place.ok(&["repair", &to]);
    let said = place.fails(1, &["repair", &to]);
    assert!(said.contains("is not empty") && said.contains("does not exist"), "{said}");
    let said = place.fails(1, &["repair", place.store().join("new").to_str().unwrap()]);
    assert!(said.contains("lies within the store"), "{said}");
    assert!(!place.store().join("new").exists());
    assert_eq!(place.run(&["repair"]).status, 2);
}

#[test]
fn a_store_that_is_in_use_and_one_that_is_not_there_are_refused() {
    let place = store();
    let lock = fs::File::open(place.store().join("LOCK")).unwrap();
    lock.lock().unwrap();
    let said = place.fails(1, &["repair", &to(&place)]);
    assert!(said.contains("open for writing") && said.contains("stop what writes it"), "{said}");
    assert!(!said.contains("read-only") && !said.contains("only read"), "{said}");
    drop(lock);
    assert!(!place.path("new").exists());
    assert!(Place::new().fails(1, &["repair", "new"]).contains("there is no store"));
}

#[test]
fn a_manifest_that_is_gone_is_made_again_from_the_segments() {
    let place = store();
    let wanted = place.ok(&["read"]);
    fs::remove_file(place.store().join("MANIFEST")).unwrap();
    let to = to(&place);
    let report = place.one(&["repair", &to]);
    assert!(report["notes"][0].as_str().unwrap().contains("no MANIFEST"), "{report}");
    fs::rename(place.store(), place.path("old")).unwrap();
    fs::rename(&to, place.store()).unwrap();
    assert_eq!(place.ok(&["read"]), wanted);
}
