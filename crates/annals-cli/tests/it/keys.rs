//! `keys`, `--keys` and `--encrypt`, and events whose payload is not there.

use crate::common::{Place, names_in};
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

#[test]
fn a_copy_of_the_keys_is_put_back_without_what_was_destroyed_since() {
    let place = place();
    let erase = r#"{"stream":"user-8","type":"Registered","data":{"name":"Bob"}}"#;
    let file = place.file("more.jsonl", erase);
    place.ok(&with(&["--encrypt", "category:user", "import", &file]));
    assert_eq!(place.one(&with(&["keys", "backup", "copy"]))["added"], 2);
    let sound = place.one(&with(&["keys", "verify", "--payloads"]));
    assert_eq!((&sound["keys"], &sound["encrypted"], &sound["readable"]), (&json!(2), &json!(2), &json!(2)));
    place.ok(&with(&["keys", "destroy", "user-8"]));
    let merged = place.one(&with(&["keys", "merge", "copy"]));
    assert_eq!(merged, json!({"added": 0, "destroyed": 0, "kept_destroyed": 1}));
    let sound = place.one(&with(&["keys", "verify", "--payloads"]));
    assert_eq!(
        (&sound["destroyed"], &sound["erased"], &sound["readable"]),
        (&json!(1), &json!(1), &json!(1))
    );

    // With the copy that is up to date the key file is made anew; the old one knew nothing of the destruction.
    assert_eq!(place.one(&with(&["keys", "backup", "copy"]))["destroyed"], 1);
    place.ok(&["--keys", "anew", "keys", "merge", "copy"]);
    assert_eq!(place.one(&["--keys", "anew", "keys", "verify", "--payloads"]), sound);
}

#[test]
fn keys_that_are_missing_are_named_and_it_is_said_what_to_do() {
    let place = place();
    let id = place.one(&with(&["keys", "list"]))["id"].clone();
    place.ok(&["--keys", "others", "keys", "create", "user-7"]);
    let run = place.run(&["--keys", "others", "keys", "verify", "--payloads"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("open the store with the key file that has it"), "{}", run.stderr);
    assert_eq!((&run.json()[0]["unreadable"], &run.json()[0]["missing"]), (&json!(1), &json!([id])));
    // A path that is wrong by a letter makes no second key of a subject.
    for args in [
        &["read", "--all"][..],
        &["--encrypt", "category:user", "append", "--stream", "user-7", "--type", "T"],
    ] {
        let refused = place.fails(1, &[&["--keys", "kyes"], args].concat());
        assert!(refused.contains("kyes") && refused.contains("keys merge"), "{refused}");
    }
    assert!(!place.path("kyes").exists());
}

#[test]
fn a_key_file_is_no_copy_of_itself() {
    let place = place();
    std::os::unix::fs::symlink("keys", place.path("link")).unwrap();
    std::fs::hard_link(place.path("keys"), place.path("same")).unwrap();
    for copy in ["keys", "./keys", "link", "same"] {
        for command in ["backup", "merge"] {
            let refused = place.fails(1, &with(&["keys", command, copy]));
            assert!(refused.contains("is the key file itself"), "{command} {copy}: {refused}");
        }
    }
    place.one(&with(&["keys", "backup", "copy"]));
}

#[test]
fn a_path_that_leads_to_no_key_file_is_told_whole_and_nothing_is_left_beside_it() {
    let place = place();
    std::fs::create_dir(place.path("folder")).unwrap();
    let before = names_in(&place.store());
    for (path, status, told) in [
        ("store/MANIFEST", 1, "\"store/MANIFEST\" is no key file"),
        ("given.jsonl", 1, "\"given.jsonl\" is no key file"),
        ("nowhere/keys", 1, "cannot open nowhere, the directory of the key file"),
        ("folder", 1, "cannot open folder: "),
        (".", 1, "cannot open . as a key file: is a directory"),
    ] {
        let refused = place.fails(status, &["--keys", path, "keys", "create", "user-1"]);
        assert!(refused.contains(told), "{refused}");
        place.fails(status, &["--keys", path, "keys", "list"]);
    }
    assert_eq!(names_in(&place.store()), before);
    assert!(!place.path("given.jsonl.lock").exists() && !place.path("nowhere").exists());
    assert!(place.fails(2, &with(&["keys", "create", ""])).contains("1 to 1024 bytes"));
}

#[test]
fn a_key_file_that_was_cut_is_told() {
    let place = place();
    place.one(&with(&["keys", "create", "user-8"]));
    let whole = std::fs::read(place.path("keys")).unwrap();
    assert_eq!(place.one(&with(&["keys", "verify"]))["torn_bytes"], 0);
    // As a crash leaves it: without the mark that all of it is durable, and one byte.
    std::fs::write(place.path("keys"), &whole[..whole.len() - 49]).unwrap();
    let run = place.run(&with(&["keys", "verify"]));
    assert_eq!(
        (run.status, &run.json()[0]["keys"], &run.json()[0]["torn_bytes"]),
        (0, &json!(1), &json!(87))
    );
    assert!(run.stderr.contains("keys merge") && run.stderr.lines().count() == 1, "{}", run.stderr);
    let mut flipped = whole.clone();
    flipped[whole.len() - 60] ^= 1;
    std::fs::write(place.path("keys"), &flipped).unwrap();
    assert!(place.fails(4, &with(&["keys", "verify"])).contains("a key without its secret"));
    std::fs::write(place.path("keys"), &whole[..20]).unwrap();
    assert!(place.fails(4, &with(&["keys", "verify"])).contains("header of a key file"));
}
