//! `erase`, and what `ledger`, `stats`, `read` and `export` say of it.

use crate::common::{Place, each};
use serde_json::json;

/// Two patients with two visits each.
fn store() -> Place {
    Place::with(&[
        r#"{"stream":"visit-1","type":"visited","data":{"note":"hemlock 1"},"tags":["patient:7"],"id":"00000000-0000-0000-0000-000000000001"}"#,
        r#"{"stream":"visit-2","type":"visited","data":{"note":"hemlock 2"},"tags":["patient:8"]}"#,
        r#"{"stream":"visit-1","type":"visited","data":{"note":"hemlock 3"},"tags":["patient:7"]}"#,
        r#"{"stream":"visit-2","type":"visited","data":{"note":"hemlock 4"},"tags":["patient:8"]}"#,
    ])
}

/// Whether some text is in any file of the store.
fn has(place: &Place, text: &str) -> bool {
    ["log", "index", "snapshots"]
        .iter()
        .flat_map(|name| std::fs::read_dir(place.store().join(name)).unwrap())
        .any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
}

#[test]
fn what_a_patient_said_is_gone_and_told() {
    let place = store();
    let plan = place.ok(&["erase", "--tag", "patient:7", "--dry-run"]);
    assert_eq!(plan.last().unwrap(), &json!({"found": 2, "events": 2, "segments": 1}));
    assert!(has(&place, "hemlock 1"));
    let erased = place.one(&["erase", "--tag", "patient:7", "--reason", "a letter", "--asked-by", "clerk 7"]);
    assert_eq!(
        (&erased["found"], &erased["events"], &erased["events_erased"]),
        (&json!(2), &json!(2), &json!(2))
    );
    assert!(!has(&place, "hemlock 1") && !has(&place, "hemlock 3") && has(&place, "hemlock 2"));
    let read = place.ok(&["read", "--stream", "visit-1"]);
    assert!(read.iter().all(|event| event["data"].is_null()));
    assert_eq!(read[0]["erased"]["data_bytes"], 20);
    assert_eq!(read[0]["tags"], json!(["patient:7"]));
    let told = place.ok(&["ledger", "--erased"]);
    assert_eq!(each(&told, "position"), [1, 3]);
    assert_eq!((&told[0]["reason"], &told[0]["asked_by"]), (&json!("a letter"), &json!("clerk 7")));
    assert_eq!(told[0]["sha256"], read[0]["erased"]["sha256"]);
    let ledger = place.one(&["ledger"]);
    assert_eq!((&ledger["erased"], &ledger["events"]), (&json!(2), &json!(0)));
    assert_eq!(place.one(&["stats"])["erasures_under_way"], 0);
    assert_eq!(place.one(&["verify"])["ok"], true);
    let again = place.one(&["erase", "--tag", "patient:7"]);
    assert_eq!((&again["found"], &again["events"], &again["position"]), (&json!(2), &json!(0), &json!(0)));
    let table = place.run(&["--format", "table", "ledger", "--erased"]).stdout;
    assert!(table.contains("visit-1") && table.contains("a letter"), "{table}");
    let table = place.run(&["--format", "table", "erase", "--tag", "patient:8", "--dry-run"]).stdout;
    assert!(table.contains("segment"), "{table}");
}

#[test]
fn one_event_or_a_stream_up_to_a_moment_with_or_without_tags_and_hash() {
    let place = store();
    place.one(&["erase", "--id", "00000000-0000-0000-0000-000000000001", "--no-hash"]);
    let read = place.ok(&["read", "--stream", "visit-1"]);
    assert!(
        read[0]["erased"].is_object()
            && read[0]["erased"].get("sha256").is_none()
            && read[1]["data"].is_object()
    );
    let until = place.one(&["erase", "--stream", "visit-2", "--until", "2", "--no-tags"]);
    assert_eq!(until["events"], 1);
    let read = place.ok(&["read", "--stream", "visit-2"]);
    assert_eq!((&read[0]["tags"], &read[0]["data"]), (&json!([]), &json!(null)));
    assert_eq!(read[1]["tags"], json!(["patient:8"]));
    let none = place.one(&["erase", "--stream", "visit-2", "--until", "1999-01-01T00:00:00Z"]);
    assert_eq!((&none["found"], &none["events"]), (&json!(0), &json!(0)));
    place.one(&["erase", "--position", "4", "--unthrottled"]);
    assert_eq!(place.ok(&["ledger", "--erased"]).len(), 3);
}

#[test]
fn an_export_of_what_is_left_can_be_imported() {
    let place = store();
    place.one(&["erase", "--tag", "patient:7"]);
    let run = place.run(&["export"]);
    assert!(run.stderr.contains("left out: 3 events"), "{}", run.stderr);
    let other = Place::new();
    let file = other.file("events.jsonl", &run.stdout);
    other.ok(&["import", &file]);
    let read = other.ok(&["read", "--all"]);
    assert_eq!(read.len(), 4);
    assert!(read[0]["erased"].is_object() && read[1]["data"].is_object());
    // A copy has a ledger of its own.
    other.one(&["erase", "--tag", "patient:8"]);
    assert_eq!(each(&other.ok(&["ledger", "--erased"]), "position"), [2, 4]);
}

#[test]
fn what_cannot_be_meant_is_told_in_one_line() {
    let place = store();
    place.one(&["erase", "--position", "1"]);
    for (status, args, what) in [
        (2, &["erase"][..], "required"),
        (2, &["erase", "--id", "7"], "--id"),
        (2, &["erase", "--position", "0"], "0"),
        (2, &["erase", "--tag", ""], "1 to 512"),
        (2, &["erase", "--tag", "a", "--stream", "b"], "cannot be used with"),
        (2, &["erase", "--position", "1", "--until", "2"], "cannot be used with"),
        (2, &["erase", "--tag", "a", "--until", "soon"], "position"),
        (2, &["erase", "--tag", "a", "--no-tags", "--keep-tags"], "cannot be used with"),
        (2, &["erase", "--tag", "a", "--clock", "recorded"], "--until"),
        (2, &["erase", "--stream", "$annals.erasure"], "own stream"),
        (2, &["erase", "--position", "5"], "own stream"),
        (1, &["erase", "--position", "99"], "no event at position 99"),
        (1, &["erase", "--stream", "nobody"], "nobody"),
        (1, &["erase", "--stream", "nobody", "--dry-run"], "nobody"),
        (1, &["erase", "--id", "00000000-0000-0000-0000-000000000009"], "no event with id"),
    ] {
        let said = place.fails(status, args);
        assert!(said.contains(what), "{args:?}: {said}");
    }
    let long = "x".repeat(1025);
    assert!(place.fails(2, &["erase", "--tag", "a", "--reason", &long]).contains("1024"));
    let none = place.one(&["erase", "--tag", "patient:9"]);
    assert_eq!((&none["found"], &none["position"]), (&json!(0), &json!(0)));
    let nowhere = Place::new();
    nowhere.fails(1, &["erase", "--tag", "a"]);
}

#[test]
fn a_state_that_would_go_for_good_is_refused_until_that_is_said() {
    let place = store();
    place.one(&["truncate", "--stream", "visit-1", "--below-snapshot"]);
    let said = place.fails(3, &["erase", "--stream", "visit-1"]);
    assert!(said.contains("what is left of its state") && said.contains("--forget-states"), "{said}");
    let erased = place.one(&["erase", "--stream", "visit-1", "--forget-states"]);
    assert_eq!((&erased["events"], &erased["snapshots_dropped"]), (&json!(2), &json!(1)));
    assert!(!has(&place, "hemlock 1") && !has(&place, "hemlock 3"));
}

#[test]
fn damage_keeps_an_erasure_from_its_end_and_has_exit_status_4() {
    let place = Place::new();
    let pad = "x".repeat(3000);
    for number in 0..12 {
        let data = format!("{{\"note\":\"hemlock {number}\",\"pad\":\"{pad}\"}}");
        let stream = ["visit-1", "visit-2"][number % 2];
        let args = ["append", "--segment-bytes", "16384", "--stream", stream, "--type", "T", "--data", &data];
        place.one(&args);
    }
    let file = place.store().join("log/000000000001.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    // The damage is in the second event, which has to be written anew with the others of its segment.
    let said = place.fails(4, &["erase", "--stream", "visit-1"]);
    assert!(said.contains("is not shown any more") && said.contains("000000000001.seg"), "{said}");
    assert!(said.contains("`annals verify` tells more"), "{said}");
    let said = place.fails(4, &["compact"]);
    assert!(said.contains("an erasure that is under way") && said.contains("`annals verify`"), "{said}");
    assert_eq!(place.one(&["stats"])["erasures_under_way"], 1);
}
