//! `schema`, and what it does to the commands that show events.

use crate::common::{Place, each, run};
use serde_json::{Value, json};

const RULES: &str =
    r#"[{"move":{"from":"/amount","to":"/cents"}},{"default":{"at":"/currency","value":"EUR"}}]"#;
const SCHEMA: &str = r#"{"type":"object","required":["cents"],"properties":{"cents":{"type":"integer"}}}"#;

fn store() -> Place {
    Place::with(&[
        r#"{"stream":"a","type":"Deposited","id":"8fdb3160-2904-56a7-84a5-cbab24cd44c8","data":{"amount":123456789012345678901234567890}}"#,
        r#"{"stream":"a","type":"Noted","data":{"text": "x"}}"#,
        r#"{"stream":"b","type":"Deposited","data":{"amount":7}}"#,
    ])
}

fn registered() -> Place {
    let place = store();
    let (schema, rules) = (place.file("schema.json", SCHEMA), place.file("rules.json", RULES));
    let said = place.one(&[
        "schema",
        "register",
        "--type",
        "Deposited",
        "--version",
        "2",
        "--schema",
        &schema,
        "--upcast",
        &rules,
        "--compat",
        "backward",
        "--description",
        "cents",
    ]);
    assert_eq!(
        said,
        json!({"position":4,"type":"Deposited","schema_version":2,"looked_at":2,"already_registered":false})
    );
    place
}

#[test]
fn events_are_shown_by_the_rules_and_as_they_are_stored_on_request() {
    let place = registered();
    let long: Value =
        serde_json::from_str(r#"{"cents":123456789012345678901234567890,"currency":"EUR"}"#).unwrap();
    let shown = place.ok(&["read", "--type", "Deposited"]);
    assert_eq!(shown[0]["data"], long);
    assert_eq!(each(&shown, "schema_version"), [2, 2]);
    let stored = place.ok(&["read", "--type", "Deposited", "--stored"]);
    assert_eq!(each(&stored, "schema_version"), [1, 1]);
    assert_eq!(stored[1]["data"], json!({"amount":7}));
    let id = "8fdb3160-2904-56a7-84a5-cbab24cd44c8";
    assert_eq!(place.one(&["get", id])["data"], long);
    assert_eq!(place.one(&["get", id, "--stored"])["schema_version"], 1);
    assert_eq!(place.ok(&["tail", "-n", "2", "--stream", "a"])[0]["data"], long);
    assert_eq!(place.ok(&["tail", "-n", "2", "--stream", "b", "--stored"])[0]["data"], json!({"amount":7}));
    assert_eq!(place.one(&["state", "--stream", "b"])["state"], json!({"cents":7,"currency":"EUR"}));
    assert_eq!(place.one(&["state", "--stream", "b", "--stored"])["state"], json!({"amount":7}));
    let diff = |more: &[&str]| {
        let args = [&["diff", "--stream", "b", "--from", "1", "--to", "3"][..], more].concat();
        place.one(&args)["changes"].to_string()
    };
    assert!(diff(&[]).contains("cents") && diff(&["--stored"]).contains("amount"));
}

#[test]
fn what_is_registered_is_listed_and_compared_with_what_is_appended() {
    let place = registered();
    let listed = place.one(&["schema", "list"]);
    assert_eq!((&listed["position"], &listed["problem"]), (&json!(4), &Value::Null));
    assert_eq!(listed["registered"]["schema"], serde_json::from_str::<Value>(SCHEMA).unwrap());
    assert_eq!(listed["registered"]["compatibility"], "backward");
    assert_eq!(place.ok(&["schema", "list", "--type", "Noted"]).len(), 0);
    let table = place.run(&["schema", "list", "--format", "table"]).stdout;
    assert!(table.contains("Deposited") && table.contains("backward") && table.contains("cents"), "{table}");

    let append = |version: &str, data: &str| {
        place.run(&[
            "append",
            "--stream",
            "a",
            "--type",
            "Deposited",
            "--schema-version",
            version,
            "--data",
            data,
        ])
    };
    assert_eq!(append("2", r#"{"cents":1}"#).status, 0);
    assert_eq!(append("1", r#"{"amount":1}"#).status, 0);
    let said = append("2", r#"{"cents":"1"}"#).failed(1);
    assert!(said.contains("at \"/cents\"") && said.contains("annals schema list"), "{said}");
    assert!(append("3", r#"{"cents":1}"#).failed(1).contains("the newest is 2"));
    let again = place.one(&[
        "schema",
        "register",
        "--type",
        "Deposited",
        "--version",
        "2",
        "--schema",
        "schema.json",
        "--upcast",
        "rules.json",
        "--compat",
        "backward",
        "--description",
        "cents",
    ]);
    assert_eq!((&again["already_registered"], &again["position"]), (&json!(true), &json!(4)));
}

#[test]
fn a_dry_run_lists_what_would_fail_and_registering_refuses_it_unless_told_to() {
    let place = store();
    let schema = place.file("schema.json", r#"{"properties":{"cents":{"type":"integer","maximum":100}}}"#);
    let rules = place.file("rules.json", RULES);
    let args = |command| {
        ["schema", command, "--type", "Deposited", "--version", "2", "--schema", &schema, "--upcast", &rules]
    };
    let run = place.run(&args("check"));
    let found = run.json();
    assert_eq!((found.len(), &found[0]["position"], &found[0]["pointer"]), (1, &json!(1), &json!("/cents")));
    assert!(run.failed(1).contains("1 failures in 2 events"));
    assert!(place.fails(1, &args("register")).contains("position 1"));
    assert_eq!(place.ok(&["schema", "list"]).len(), 0);
    let skipped = [&args("register")[..], &["--skip-check"]].concat();
    assert_eq!(place.one(&skipped)["looked_at"], 0);
    let fine = [
        "schema",
        "check",
        "--type",
        "Noted",
        "--version",
        "1",
        "--schema",
        &place.file("fine.json", "true"),
    ];
    assert_eq!(place.one(&fine), json!({"looked_at":1,"failed":0}));
}

#[test]
fn an_export_of_a_store_with_registrations_is_taken_back_as_it_was() {
    let place = registered();
    let events = ["{\"stream\":\"a\",\"type\":\"Deposited\",\"schema_version\":2,\"data\":{\"cents\":5}}"];
    place.import(&events);
    place.one(&["export", "--output", "all.jsonl"]);
    let file = place.path("all.jsonl").to_str().unwrap().to_owned();
    let shown = place.ok(&["read"]);
    for writers in ["1", "3"] {
        let copy = Place::new();
        assert_eq!(copy.one(&["import", &file, "--writers", writers])["imported"], 5, "{writers}");
        assert_eq!(copy.ok(&["schema", "list"]).len(), 1);
        let data = |place: &Place, more: &str| {
            let mut data: Vec<_> =
                place.ok(&["read", more]).iter().map(|event| event["data"].to_string()).collect();
            data.sort();
            data
        };
        assert_eq!(data(&copy, "--all"), data(&place, "--all"));
        assert_eq!(data(&copy, "--stored"), data(&place, "--stored"));
        assert_eq!(copy.one(&["import", &file, "--writers", writers])["skipped"], 5);
    }
    assert_eq!(shown.len(), 5);
}

#[test]
fn one_stored_event_may_be_shown_as_several_or_none() {
    let place = Place::with(&[
        r#"{"stream":"a","type":"Moved","id":"8fdb3160-2904-56a7-84a5-cbab24cd44c8","data":{"from":"A","to":"B"}}"#,
        r#"{"stream":"a","type":"Beat","id":"8fdb3160-2904-56a7-84a5-cbab24cd44c9","data":{}}"#,
        r#"{"stream":"a","type":"Moved","data":{"from":"B","to":"C"}}"#,
    ]);
    let split = place.file(
        "split.json",
        r#"{"from":{"type":"Moved","schema_version":1},"into":[
            {"type":"Left","schema_version":1,"rules":[{"remove":{"at":"/to"}}]},
            {"type":"Arrived","schema_version":1,"rules":[{"remove":{"at":"/from"}}]}]}"#,
    );
    place.one(&["schema", "register", "--type", "Left", "--version", "1", "--upcast", &split]);
    let drop = place.file("drop.json", r#"{"drop":true}"#);
    place.one(&["schema", "register", "--type", "Beat", "--version", "2", "--upcast", &drop]);
    let types = |args: &[&str]| -> Vec<String> {
        place.ok(args).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let stream = ["read", "--stream", "a"];
    assert_eq!(types(&stream), ["Left", "Arrived", "Left", "Arrived"]);
    assert_eq!(types(&["tail", "--stream", "a", "-n", "3"]), ["Arrived", "Left", "Arrived"]);
    assert_eq!(types(&["tail", "--stream", "a", "-n", "4"]), ["Left", "Arrived", "Left", "Arrived"]);
    assert_eq!(types(&["tail", "--stream", "a", "-n", "1", "--type", "Left"]), ["Left"]);
    assert!(types(&["tail", "--stream", "a", "-n", "0"]).is_empty());
    assert_eq!(types(&["get", "8fdb3160-2904-56a7-84a5-cbab24cd44c8"]), ["Left", "Arrived"]);
    let dropped = place.run(&["get", "8fdb3160-2904-56a7-84a5-cbab24cd44c9"]);
    assert_eq!((dropped.status, &*dropped.stdout), (0, ""));
    assert!(dropped.stderr.contains("--stored shows it"), "{}", dropped.stderr);
}

#[test]
fn bad_input_is_told_in_one_line_with_the_right_status() {
    let place = registered();
    let bad = [
        ("text.json", "not json", "does not hold one JSON value"),
        ("rule.json", r#"[{"rename":{"from":"/a","to":"/b"}}]"#, "unknown variant `rename`"),
        ("field.json", r#"[{"move":{"from":"/a"}}]"#, "missing field `to`"),
        ("pointer.json", r#"[{"remove":{"at":"a"}}]"#, "no JSON pointer"),
        ("none.json", "{}", "one of \"rules\", \"into\" and \"drop\""),
    ];
    for (name, content, reason) in bad {
        let file = place.file(name, content);
        let said =
            place.fails(1, &["schema", "register", "--type", "Noted", "--version", "2", "--upcast", &file]);
        assert!(said.contains(reason), "{said}");
    }
    let schema = place.file("bad-schema.json", r#"{"type":"text"}"#);
    let said = place.fails(1, &["schema", "check", "--type", "Noted", "--version", "1", "--schema", &schema]);
    assert!(said.contains("the JSON Schema cannot be used"), "{said}");
    let remote = place.file("remote.json", r#"{"$ref":"https://example.com/x.json"}"#);
    let said =
        place.fails(1, &["schema", "register", "--type", "Noted", "--version", "1", "--schema", &remote]);
    assert!(said.contains("nothing outside of it is ever read"), "{said}");
    assert!(
        place
            .fails(1, &["schema", "register", "--type", "N", "--version", "1", "--schema", "no.json"])
            .contains("cannot read no.json")
    );
    let gap = place.fails(1, &["schema", "register", "--type", "Deposited", "--version", "4"]);
    assert!(gap.contains("does not follow what is known, which is 1 to 2"), "{gap}");
    let other = place.fails(1, &["schema", "register", "--type", "Deposited", "--version", "2"]);
    assert!(other.contains("was registered at position 4, and otherwise"), "{other}");
    let narrower = place.file("narrower.json", r#"{"required":["cents","by"]}"#);
    let compat = [
        "schema",
        "register",
        "--type",
        "Deposited",
        "--version",
        "3",
        "--schema",
        &narrower,
        "--compat",
        "backward",
    ];
    assert!(place.fails(1, &compat).contains("\"by\" may be missing"));

    let usage: [&[&str]; 6] = [
        &["schema", "register", "--type", "N", "--version", "1", "--compat", "sideways"],
        &["schema", "register", "--type", "N", "--version", "0"],
        &["schema", "register", "--type", "N"],
        &["schema", "register", "--type", "", "--version", "1"],
        &["schema", "forget", "--type", "N"],
        &["schema", "list", "--version", "1"],
    ];
    for args in usage {
        place.fails(2, args);
    }
    let system = place.run(&["append", "--stream", "$annals.schemas", "--type", "T"]).failed(1);
    assert!(system.contains("the store's own"), "{system}");
    assert_eq!(place.ok(&["schema", "list"]).len(), 1, "nothing of all that was registered");
}

#[test]
fn an_event_that_cannot_be_upcast_is_named_and_those_before_it_are_shown() {
    let place = store();
    let rules = place.file("rules.json", r#"[{"convert":{"at":"/text","to":"number"}}]"#);
    place.one(&[
        "schema",
        "register",
        "--type",
        "Noted",
        "--version",
        "2",
        "--upcast",
        &rules,
        "--skip-check",
    ]);
    let read = place.run(&["read"]);
    assert_eq!(read.json().len(), 1);
    let said = read.failed(1);
    assert!(said.contains("position 2") && said.contains("--stored shows what is stored"), "{said}");
    assert_eq!(place.ok(&["read", "--stored"]).len(), 4);
    assert_eq!(place.ok(&["export"]).len(), 4);
    let mut help = place.command(&["schema"]);
    assert_eq!(run(&mut help).status, 2);
}
