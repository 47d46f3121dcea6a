//! `append`.

use crate::common::{Place, run};
use serde_json::json;

#[test]
fn an_appended_event_is_told_and_can_be_read_back() {
    let place = Place::new();
    let id = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";
    let appended = place.one(&[
        "append",
        "--stream",
        "order-1",
        "--type",
        "Placed",
        "--data",
        r#"{ "total": 25.00 }"#,
        "--metadata",
        r#"{"user":7}"#,
        "--id",
        id,
        "--time",
        "2024-05-01T09:30:00.25+02:00",
        "--tag",
        "shop:7",
        "--tag",
        "b",
        "--schema-version",
        "3",
        "--expect",
        "no-stream",
    ]);
    assert_eq!(appended["position"], 1);
    assert_eq!(appended["version"], 1);
    assert_eq!(appended["id"], id);
    assert_eq!(appended["already_applied"], false);
    let line = place.run(&["read", "--stream", "order-1"]).stdout;
    let recorded = appended["recorded"].as_str().unwrap();
    assert_eq!(
        line,
        format!(
            r#"{{"position":1,"stream":"order-1","version":1,"type":"Placed","time":"2024-05-01T07:30:00.25Z","recorded":"{recorded}","id":"{id}","tags":["shop:7","b"],"schema_version":3,"data":{{ "total": 25.00 }},"metadata":{{"user":7}}}}"#
        ) + "\n"
    );
}

#[test]
fn an_event_needs_no_more_than_stream_and_type() {
    let place = Place::new();
    let appended = place.one(&["append", "--stream", "a", "--type", "T"]);
    let event = place.one(&["get", appended["id"].as_str().unwrap()]);
    assert_eq!(event["time"], event["recorded"]);
    assert_eq!((&event["tags"], &event["schema_version"]), (&json!([]), &json!(1)));
    assert!(event.get("data").is_none() && event.get("metadata").is_none());
}

#[test]
fn a_wrong_expected_version_is_a_conflict_and_appends_nothing() {
    let place = Place::new();
    place.ok(&["append", "--stream", "a", "--type", "T", "--expect", "0"]);
    for expect in ["no-stream", "0", "2"] {
        let said = place.fails(3, &["append", "--stream", "a", "--type", "T", "--expect", expect]);
        assert!(said.contains("version 1"), "{said}");
    }
    place.fails(3, &["append", "--stream", "b", "--type", "T", "--expect", "exists"]);
    assert_eq!(place.ok(&["read"]).len(), 1);
    for expect in ["1", "exists", "any"] {
        place.ok(&["append", "--stream", "a", "--type", "T", "--expect", expect]);
    }
    assert_eq!(place.ok(&["read"]).len(), 4);
}

#[test]
fn a_repeated_append_with_the_same_id_gives_the_first_result() {
    let place = Place::new();
    let id = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";
    let args = [
        "append",
        "--stream",
        "a",
        "--type",
        "T",
        "--data",
        "1",
        "--id",
        id,
        "--time",
        "2024-05-01T00:00:00Z",
    ];
    let first = place.one(&args);
    let second = place.one(&args);
    assert_eq!(second["already_applied"], true);
    for key in ["position", "version", "id", "recorded"] {
        assert_eq!(first[key], second[key]);
    }
    let other = ["append", "--stream", "a", "--type", "T", "--data", "2", "--id", id];
    assert!(place.fails(1, &other).contains(id));
    assert_eq!(place.ok(&["read"]).len(), 1);
}

#[test]
fn data_come_from_a_file_or_from_standard_input_too() {
    let place = Place::new();
    place.file("data.json", "{\n  \"n\": 1.10,\n  \"s\": \"a b\"\n}\n");
    place.ok(&["append", "--stream", "a", "--type", "T", "--data", "@data.json"]);
    let piped = run(place
        .command(&["append", "--stream", "a", "--type", "T", "--data", "@-"])
        .write_stdin("[1, 2]\n"));
    assert_eq!(piped.status, 0);
    let lines = place.run(&["read"]).stdout;
    assert!(lines.contains(r#""data":{"n":1.10,"s":"a b"}"#), "{lines}");
    assert!(lines.contains(r#""data":[1, 2]"#), "{lines}");
    assert_eq!(lines.lines().count(), 2);
    assert!(place.fails(1, &["append", "--stream", "a", "--type", "T", "--data", "@none"]).contains("none"));
    place.file("bad.json", "{");
    assert!(
        place.fails(1, &["append", "--stream", "a", "--type", "T", "--data", "@bad.json"]).contains("JSON")
    );
}

#[test]
fn bad_values_are_wrong_usage_and_make_no_store() {
    let place = Place::new();
    let long = "x".repeat(1025);
    for args in [
        &["append", "--stream", "a"][..],
        &["append", "--stream", "", "--type", "T"],
        &["append", "--stream", &long, "--type", "T"],
        &["append", "--stream", "a", "--type", ""],
        &["append", "--stream", "a", "--type", &long],
        &["append", "--stream", "a", "--type", "T", "--tag", ""],
        &["append", "--stream", "a", "--type", "T", "--data", "{a:1}"],
        &["append", "--stream", "a", "--type", "T", "--id", "7"],
        &["append", "--stream", "a", "--type", "T", "--time", "2024-05-01T00:00:00"],
        &["append", "--stream", "a", "--type", "T", "--expect", "some"],
        &["append", "--stream", "a", "--type", "T", "--schema-version", "-1"],
        &["append", "--stream", "a", "--type", "T", "--segment-bytes", "1000"],
        &["append", "--stream", "a", "--type", "T", "--durability", "never"],
    ] {
        place.fails(2, args);
    }
    assert!(!place.store().exists());
}

#[test]
fn options_of_a_new_store_are_kept() {
    let place = Place::new();
    let args = ["append", "--stream", "a", "--type", "T", "--segment-bytes", "65536", "--durability", "os"];
    place.ok(&args);
    let stats = place.one(&["stats"]);
    assert_eq!(stats["segment_bytes"], 65536);
    assert_eq!(stats["durability"], "os");
}

#[test]
fn an_event_that_must_not_be_there_is_a_conflict_that_names_its_position() {
    let place = Place::new();
    let taken = |seat: &str, extra: &[&str]| {
        let tag = format!("seat:{seat}");
        let base = ["append", "--stream", "hall", "--type", "Taken", "--tag", &tag];
        base.iter().chain(extra).map(|arg| (*arg).to_owned()).collect::<Vec<_>>()
    };
    let ok = |args: Vec<String>| place.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let fails =
        |status, args: Vec<String>| place.fails(status, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let first = r#"{"types":["Taken"],"tags":["seat:1"]}"#;
    let left = r#"{"types":["Left"]}"#;
    ok(taken("1", &["--fail-if", first]));
    ok(taken("2", &["--fail-if", left, "--after", "0"]));
    let said = fails(3, taken("1", &["--fail-if", left, "--fail-if", first]));
    assert!(said.contains("event at position 1 ") && said.contains("position 0"), "{said}");
    assert_eq!(said.lines().count(), 1);
    assert_eq!(place.ok(&["read"]).len(), 2);
    ok(taken("1", &["--fail-if", first, "--after", "1"]));
    // A position that was not read from this store.
    let said = fails(1, taken("9", &["--fail-if", first, "--after", "77"]));
    assert!(said.contains("77") && said.contains("position 3"), "{said}");
    assert_eq!(place.ok(&["read"]).len(), 3);
}

#[test]
fn clauses_that_say_nothing_or_are_no_json_are_wrong_usage() {
    let place = Place::new();
    place.ok(&["append", "--stream", "a", "--type", "T"]);
    for (clause, what) in [
        ("{", "EOF"),
        ("{}", "neither types nor tags"),
        (r#"{"type":["T"]}"#, "unknown field"),
        (r#"{"tags":[""]}"#, "1 to 512 bytes"),
        ("T", "expected"),
    ] {
        let said = place.fails(2, &["append", "--stream", "a", "--type", "T", "--fail-if", clause]);
        assert!(said.contains(what), "{said}");
        for command in ["read", "tail", "export"] {
            let said = place.fails(2, &[command, "--match", clause]);
            assert!(said.contains(what), "{said}");
        }
    }
    let said = place.fails(2, &["append", "--stream", "a", "--type", "T", "--after", "1"]);
    assert!(said.contains("--fail-if"), "{said}");
    assert_eq!(place.ok(&["read"]).len(), 1);
}
