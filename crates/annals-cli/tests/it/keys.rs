//! `keys`, `--keys` and `--encrypt`, and events whose payload is not there.

use crate::common::Place;
use serde_json::{Value, json};

const KEYS: [&str; 2] = ["--keys", "keys"];

fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&KEYS, args].concat()
}

/// A store with an event of a user, encrypted, and one that is not.
fn place() -> Place {
    let place = Place::new();
    let file = place.file(
        "given.jsonl",
        [
            r#"{"stream":"user-7","type":"Registered","data":{"name":"Ada"},"metadata":{"by":"Bob"}}"#,
            r#"{"stream":"order-1","type":"Placed","data":{"total":1}}"#,
        ]
        .join("\n"),
    );
    place.ok(&with(&["--encrypt", "category:user", "import", &file]));
    place
}

#[test]
fn with_its_key_an_event_is_read_without_it_that_is_said_and_when_it_is_destroyed_it_is_erased() {
    let place = place();
    let keys = place.ok(&with(&["keys", "list"]));
    assert_eq!((keys.len(), &keys[0]["subject"], &keys[0]["destroyed"]), (1, &json!("user-7"), &Value::Null));

    let read = place.ok(&with(&["read", "--all"]));
    assert_eq!((&read[0]["data"], &read[0]["metadata"]), (&json!({"name":"Ada"}), &json!({"by":"Bob"})));
    let read = place.ok(&["read", "--all"]);
    assert_eq!((&read[0]["data"], &read[1]["data"]), (&Value::Null, &json!({"total":1})));
    let why = read[0]["unreadable"].as_str().unwrap();
    assert!(why.contains(keys[0]["id"].as_str().unwrap()), "{why}");
    assert!(place.fails(1, &["state", "--stream", "user-7"]).contains("key"));

    place.ok(&with(&["keys", "destroy", "user-7"]));
    place.fails(1, &with(&["keys", "destroy", "user-7"]));
    let read = place.ok(&with(&["read", "--stream", "user-7"]));
    assert_eq!((&read[0]["data"], &read[0]["erased"]["key"]), (&Value::Null, &keys[0]["id"]));
    assert!(read[0].get("metadata").is_none());
    assert_eq!(place.ok(&with(&["keys", "list"]))[0]["subject"], Value::Null);
    assert!(place.fails(1, &with(&["state", "--stream", "user-7"])).contains("destroyed"));
    place.ok(&["verify"]);
}

#[test]
fn an_export_takes_erased_events_along_and_refuses_nothing_but_what_it_could_not_read() {
    let place = place();
    let unread = place.path("unread.jsonl");
    place.ok(&["export", "--output", unread.to_str().unwrap()]);
    place.ok(&with(&["keys", "destroy", "user-7"]));
    let erased = place.path("erased.jsonl");
    place.ok(&with(&["export", "--output", erased.to_str().unwrap()]));

    let other = Place::new();
    other.ok(&["import", erased.to_str().unwrap()]);
    let read = other.ok(&["read", "--all"]);
    assert_eq!((read.len(), &read[0]["data"], &read[1]["data"]), (2, &Value::Null, &json!({"total":1})));
    assert!(read[0]["erased"]["at"].is_string());
    let again = other.path("again.jsonl");
    other.ok(&["export", "--output", again.to_str().unwrap()]);
    let third = Place::new();
    third.ok(&["import", again.to_str().unwrap()]);
    assert_eq!(third.ok(&["read", "--all"])[0]["erased"], read[0]["erased"]);

    let refused = Place::new().fails(1, &["import", unread.to_str().unwrap()]);
    assert!(refused.contains("export it with its key"), "{refused}");
}

#[test]
fn keys_are_created_by_hand_too_and_the_file_has_to_be_named() {
    let place = Place::new();
    let made = place.one(&with(&["keys", "create", "user-1"]));
    assert_eq!(place.one(&with(&["keys", "create", "user-1"]))["id"], made["id"]);
    assert!(place.fails(2, &["keys", "list"]).contains("--keys"));
    place.fails(1, &["--keys", "nowhere", "keys", "destroy", "user-1"]);
    assert!(!place.path("nowhere").exists());
    for rule in ["user", "category:", "name:x"] {
        place.fails(2, &with(&["--encrypt", rule, "append", "--stream", "s", "--type", "T"]));
    }
    place.fails(2, &["--encrypt", "tag:x", "append", "--stream", "s", "--type", "T"]);
}
