//! `retention`, `truncate`, `delete`: what is hidden, what is told, and what cannot be meant.

use crate::common::{Place, each};
use serde_json::json;

/// Two streams of one category, six events each.
fn store() -> Place {
    let place = Place::new();
    for number in 1..=6 {
        for stream in ["order-1", "order-2"] {
            let data = format!("{{\"n\":{number},\"k{number}\":1}}");
            place.one(&["append", "--stream", stream, "--type", "Set", "--data", &data]);
        }
    }
    place
}

fn versions(place: &Place, stream: &str) -> Vec<u64> {
    let events = place.ok(&["read", "--stream", stream]);
    each(&events, "version").into_iter().map(|version| version.as_u64().unwrap()).collect()
}

#[test]
fn rules_are_set_shown_and_hold_at_once() {
    let place = store();
    let set = place.one(&["retention", "set", "--category", "order", "--max-count", "4", "--max-age", "30d"]);
    let rule = json!({"max_age": {"seconds": 2_592_000, "clock": "recorded"}, "max_count": 4});
    assert_eq!((&set["scope"], &set["name"], &set["rule"]), (&json!("category"), &json!("order"), &rule));
    assert_eq!(set["position"], 13);
    assert_eq!(versions(&place, "order-1"), [3, 4, 5, 6]);
    let again = place.one(&["retention", "set", "--category", "order", "--rule", &rule.to_string()]);
    assert_eq!(again["already"], true);
    place.one(&["retention", "set", "--stream", "order-2", "--max-count", "keep"]);
    assert_eq!(versions(&place, "order-2").len(), 6);
    let holds = place.one(&["retention", "show", "--stream", "order-1"]);
    assert_eq!(holds["max_count"], json!({"limit": 4, "scope": "category"}));
    assert_eq!(
        (&holds["floor"], &holds["deleted"], &holds["max_bytes"]),
        (&json!(3), &json!(null), &json!(null))
    );
    let shown = place.ok(&["retention", "show"]);
    assert_eq!(each(&shown, "name"), ["order", "order-2"]);
    assert_eq!(shown[0]["rule"], rule);
    assert_eq!(place.ok(&["retention", "show", "--limit", "1"]).len(), 1);
    place.one(&["retention", "set", "--category", "order", "--clear"]);
    assert_eq!(versions(&place, "order-1").len(), 6, "nothing was removed");
    let table = place.run(&["--format", "table", "retention", "show"]).stdout;
    assert!(table.contains("order-2") && table.contains("keep"), "{table}");
}

#[test]
fn a_truncated_stream_begins_at_its_floor_and_its_state_says_so() {
    let place = store();
    let truncated = place.one(&["truncate", "--stream", "order-1", "--before", "5"]);
    assert_eq!((&truncated["floor"], &truncated["already"]), (&json!(5), &json!(false)));
    assert_eq!(place.one(&["truncate", "--stream", "order-1", "--before", "5"])["already"], true);
    assert_eq!(versions(&place, "order-1"), [5, 6]);
    let state = place.one(&["state", "--stream", "order-1"]);
    let wanted = json!({"stream": "order-1", "version": 6, "floor": 5, "state": {"k5": 1, "k6": 1, "n": 6}});
    assert_eq!(state, wanted);
    assert_eq!(place.one(&["state", "--stream", "order-1", "--reduce", "count"])["floor"], 5);
    assert_eq!(place.one(&["state", "--stream", "order-2"]).get("floor"), None);
    let diff = place.one(&["diff", "--stream", "order-1", "--from", "10", "--to", "12"]);
    assert_eq!((&diff["floor"], &diff["to_version"]), (&json!(5), &json!(6)));
    assert!(place.fails(1, &["state", "--stream", "order-1", "--at-version", "4"]).contains("is hidden"));
    let below = place.fails(1, &["read", "--stream", "order-1", "--from", "2"]);
    assert!(below.contains("begins at version 5") && below.contains("retention show"), "{below}");
    assert!(
        place.fails(1, &["truncate", "--stream", "order-1", "--before", "4"]).contains("does not come back")
    );
    assert!(
        place.fails(1, &["truncate", "--stream", "order-1", "--before", "7"]).contains("delete the stream")
    );
    assert!(
        place.fails(1, &["truncate", "--stream", "order-9", "--before", "1"]).contains("never had an event")
    );
}

#[test]
fn a_stream_that_is_truncated_below_a_snapshot_keeps_its_state() {
    let place = store();
    let state = place.one(&["state", "--stream", "order-1"]);
    assert_eq!(place.one(&["truncate", "--stream", "order-1", "--below-snapshot"])["floor"], 6);
    assert_eq!(versions(&place, "order-1"), [6]);
    assert_eq!(place.one(&["state", "--stream", "order-1"]), state, "and it says nothing of a floor");
    place.one(&["snapshot", "prune", "--keep", "0"]);
    assert_eq!(place.one(&["state", "--stream", "order-1"])["floor"], 6);
    assert!(
        place.fails(1, &["snapshot", "create", "--stream", "order-1"]).contains("rules of retention hide")
    );
}

#[test]
fn a_deleted_stream_is_gone_and_can_be_continued_unless_its_name_is_closed() {
    let place = store();
    let gone = place.one(&["get", place.ok(&["read", "--stream", "order-1"])[0]["id"].as_str().unwrap()]);
    let conflict = place.fails(3, &["delete", "--stream", "order-1", "--expect", "5"]);
    assert!(conflict.contains("is at version 6") && conflict.contains("read the stream again"), "{conflict}");
    let deleted = place.one(&["delete", "--stream", "order-1", "--expect", "6"]);
    assert_eq!((&deleted["deleted"], &deleted["tombstoned"]), (&json!(6), &json!(false)));
    assert_eq!(each(&place.ok(&["streams"]), "stream"), ["$annals.retention", "order-2"]);
    assert!(place.fails(1, &["read", "--stream", "order-1"]).contains("were deleted"));
    let hidden = place.fails(1, &["get", gone["id"].as_str().unwrap()]);
    assert!(hidden.contains("hidden by a rule of retention"), "{hidden}");
    let append =
        |expect: &'static str| ["append", "--stream", "order-1", "--type", "Set", "--expect", expect];
    assert!(place.fails(3, &append("exists")).contains("soft deleted at version 6"));
    assert_eq!(place.one(&append("no-stream"))["version"], 7);
    assert_eq!(versions(&place, "order-1"), [7]);

    let closed = place.one(&["delete", "--stream", "order-1", "--tombstone"]);
    assert_eq!((&closed["deleted"], &closed["tombstoned"]), (&json!(7), &json!(true)));
    assert!(place.fails(3, &append("any")).contains("closed for good"));
    assert!(place.fails(3, &["delete", "--stream", "order-1"]).contains("closed for good"));
    assert_eq!(place.one(&["delete", "--stream", "new", "--tombstone"])["position"], 16);
    assert!(place.fails(1, &["delete", "--stream", "none"]).contains("never had an event"));
    assert_eq!(place.one(&["verify"])["ok"], true);
}

#[test]
fn what_is_left_can_be_exported_and_imported_with_the_rules_that_fit() {
    let place = store();
    place.one(&["retention", "set", "--all", "--max-count", "5"]);
    place.one(&["truncate", "--stream", "order-1", "--before", "4"]);
    place.one(&["delete", "--stream", "order-2"]);
    let exported = place.run(&["export"]);
    assert!(exported.stderr.contains("left out: 2 events of the store's own"), "{}", exported.stderr);
    let copy = Place::new();
    copy.ok(&["import", &copy.file("all.jsonl", exported.stdout)]);
    assert_eq!(versions(&copy, "order-1"), [1, 2, 3]);
    assert_eq!(each(&copy.ok(&["read", "--stream", "order-1"]), "data")[0]["n"], 4);
    assert_eq!(copy.one(&["retention", "show"])["rule"], json!({"max_count": 5}));
}

#[test]
fn segments_are_compressed_and_made_plain_again_when_that_is_asked_for() {
    let place = Place::new();
    for number in 0..16 {
        let data = format!("{{\"number\":{number},\"said\":\"{}\"}}", "the same again, ".repeat(180));
        let args = ["append", "--segment-bytes", "16384", "--stream", "talk", "--type", "T", "--data", &data];
        place.one(&args);
    }
    let before = place.ok(&["read", "--stream", "talk"]);
    assert_eq!(place.one(&["compact"])["segments_rewritten"], 0, "nothing goes");
    let packed = place.one(&["compact", "--recompress"]);
    let segments = packed["segments_rewritten"].as_u64().unwrap();
    assert!(segments >= 2 && packed["bytes_after"].as_u64() < packed["bytes_before"].as_u64(), "{packed}");
    assert_eq!(place.one(&["stats"])["segments_compressed"], segments);
    assert_eq!(place.ok(&["read", "--stream", "talk"]), before);
    let file = place.store().join("log/000000000001.1.seg");
    let shown = place.ok(&["inspect", file.to_str().unwrap()]);
    assert!(shown[0]["facts"]["dictionary_bytes"].as_u64() > Some(0), "{}", shown[0]);
    assert_eq!((&shown[1]["records"], shown[1]["dictionary"].as_u64() > Some(0)), (&json!(0), true));
    let frame = shown[2]["offset"].to_string();
    let records = place.ok(&["inspect", file.to_str().unwrap(), "--frame", &frame]);
    assert!(records[0]["data_bytes"].as_u64() > Some(2000), "{}", records[0]);
    let plain = place.one(&["compact", "--compression", "none", "--recompress"]);
    assert_eq!(
        (&plain["segments_rewritten"], &place.one(&["stats"])["segments_compressed"]),
        (&json!(segments), &json!(0))
    );
    assert_eq!(place.ok(&["read", "--stream", "talk"]), before);
    assert_eq!(place.one(&["verify"])["ok"], true);
}

#[test]
fn limits_of_bytes_and_plans() {
    let place = Place::new();
    let data = format!("\"{}\"", "x".repeat(3000));
    for number in 0..16 {
        let stream = if number < 8 { "old" } else { "new" };
        let args = ["append", "--segment-bytes", "16384", "--stream", stream, "--type", "T", "--data", &data];
        place.one(&args);
    }
    place.one(&["retention", "set", "--stream", "new", "--max-bytes", "7000"]);
    let round = place.one(&["retention", "apply"]);
    assert_eq!((&round["streams_measured"], &round["streams_truncated"]), (&json!(1), &json!(1)));
    assert_eq!(versions(&place, "new"), [7, 8]);
    place.one(&["delete", "--stream", "old", "--tombstone"]);
    let plan = place.ok(&["retention", "plan"]);
    assert_eq!(plan[0]["action"], "drop");
    assert!(each(&plan, "why").iter().any(|why| *why == "not sealed"), "{plan:?}");
    let guarded = place.ok(&["retention", "plan", "--all", "--guard", "mails=1"]);
    assert_eq!((&guarded[0]["action"], &guarded[0]["why"]), (&json!("keep"), &json!("guard mails")));
    let overridden = place.ok(&["retention", "plan", "--guard", "mails=1", "--override", "mails"]);
    assert_eq!(overridden, plan);
    let table = place.run(&["--format", "table", "retention", "plan"]);
    assert!(table.stdout.contains("drop") && table.stderr.contains("events would go"), "{}", table.stderr);
}

#[test]
fn what_cannot_be_meant_is_told_in_one_line() {
    let place = store();
    let set = |status, args: &[&str]| place.fails(status, &[&["retention", "set"], args].concat());
    for (args, told) in [
        (&["--stream", "order-1"][..], "required"),
        (&["--max-count", "3"], "required"),
        (&["--all", "--stream", "order-1", "--max-count", "3"], "cannot be used with"),
        (&["--all", "--max-count", "0"], "nothing would stay"),
        (&["--all", "--max-count", "-1"], "unexpected argument"),
        (&["--all", "--max-bytes", "ten"], "whole number"),
        (&["--all", "--max-age", "30"], "30d"),
        (&["--all", "--max-age", "0d"], "nothing would stay"),
        (&["--all", "--max-age", "300000d"], "200 years"),
        (&["--all", "--max-count", "3", "--clock", "recorded"], "--max-age"),
        (&["--all", "--truncate-before", "3"], "rules of streams only"),
        (&["--category", "order", "--truncate-before", "3"], "rules of streams only"),
        (&["--category", "order-1", "--max-count", "3"], "a category has"),
        (&["--stream", "$annals.retention", "--max-count", "3"], "the store's own"),
        (&["--all", "--rule", r#"{"max_cuont":3}"#], "unknown field"),
        (&["--all", "--rule", r#"{"max_count":0}"#], "nothing would stay"),
        (&["--all", "--rule", "{"], "not a JSON value"),
        (&["--all", "--rule", "{}", "--clear"], "cannot be used with"),
    ] {
        let said = set(2, args);
        assert!(said.contains(told), "{args:?}: {said}");
    }
    assert!(set(1, &["--stream", "order-1", "--truncate-before", "7"]).contains("last event has version 6"));
    assert!(set(1, &["--all", "--rule", "@none.json"]).contains("cannot read none.json"));
    place.fails(2, &["truncate", "--stream", "order-1"]);
    place.fails(2, &["truncate", "--stream", "order-1", "--before", "0"]);
    place.fails(2, &["truncate", "--stream", "order-1", "--before", "2", "--below-snapshot"]);
    place.fails(2, &["truncate", "--stream", "", "--before", "2"]);
    place.fails(2, &["delete"]);
    place.fails(2, &["delete", "--stream", "order-1", "--expect", "six"]);
    assert!(place.fails(2, &["delete", "--stream", "$annals.schemas"]).contains("the store's own"));
    place.fails(2, &["retention", "plan", "--guard", "mails"]);
    place.fails(2, &["retention", "plan", "--guard", "=3"]);
    let raw = r#"{"stream":"$annals.retention","type":"$annals.StreamDeleted","data":{"stream":"order-1","before":99}}"#;
    let file = place.file("raw.jsonl", raw);
    assert!(place.fails(1, &["import", &file]).contains("last event has version 6"));
    assert_eq!(place.one(&["stats"])["events"], 12, "nothing of all this was done");
    let nothing = Place::new();
    for args in [
        &["delete", "--stream", "s"][..],
        &["truncate", "--stream", "s", "--before", "2"],
        &["retention", "show"],
    ] {
        assert!(nothing.fails(1, args).contains("no store"));
    }
    assert!(!nothing.store().exists());
}

#[test]
fn what_is_no_json_object_is_no_rule_and_takes_none_back() {
    let place = store();
    place.one(&["retention", "set", "--all", "--max-count", "2"]);
    for json in ["[]", "null", "[3]", "3"] {
        let said = place.fails(2, &["retention", "set", "--all", "--rule", json]);
        assert!(said.contains("expected a JSON object"), "{json}: {said}");
    }
    let raw = r#"{"stream":"$annals.retention","type":"$annals.RetentionRuleSet","data":{"scope":"store","rule":[]}}"#;
    place.fails(1, &["import", &place.file("raw.jsonl", raw)]);
    assert_eq!(place.one(&["retention", "show"])["rule"], json!({"max_count": 2}));
    assert_eq!(versions(&place, "order-1"), [5, 6]);
}

#[test]
fn a_stream_that_never_had_an_event_is_told_as_such_when_it_is_to_begin_somewhere() {
    let place = store();
    for args in [
        &["retention", "set", "--stream", "order-9", "--truncate-before", "1"][..],
        &["truncate", "--stream", "order-9", "--before", "1"],
        &["truncate", "--stream", "order-9", "--below-snapshot"],
        &["delete", "--stream", "order-9"],
    ] {
        let said = place.fails(1, args);
        assert!(said.contains("\"order-9\" has never had an event"), "{args:?}: {said}");
        assert!(said.contains("`annals streams`"), "{args:?}: {said}");
    }
    let said = place.fails(2, &["truncate", "--stream", "order-1"]);
    assert!(said.contains("--before") && said.contains("--below-snapshot"), "both ways are told: {said}");
    let said = place.fails(2, &["retention", "set", "--all", "--max-count", "18446744073709551616"]);
    assert!(said.contains("up to 18446744073709551615"), "{said}");
}

#[test]
fn a_guard_that_is_to_be_passed_over_has_to_be_there() {
    let place = store();
    place.one(&["retention", "guard", "set", "--name", "mails", "--position", "0"]);
    for command in [&["retention", "plan"][..], &["compact"], &["compact", "--dry-run"]] {
        let said = place.fails(1, &[command, &["--override", "mials"]].concat());
        assert!(said.contains("no guard \"mials\"") && said.contains("guard show"), "{said}");
        place.ok(&[command, &["--override", "mails"]].concat());
        place.ok(&[command, &["--guard", "mials=3", "--override", "mials"]].concat());
    }
    let long = format!("{}=3", "x".repeat(257));
    assert!(place.fails(2, &["compact", "--guard", &long]).contains("1 to 256 bytes"));
    assert!(place.fails(1, &["retention", "guard", "remove", "--name", "x"]).contains("guard show"));
}

#[test]
fn guards_are_set_shown_and_removed_and_plans_mind_them() {
    let place = store();
    place.one(&["retention", "set", "--category", "order", "--max-count", "1"]);
    let set = place.one(&["retention", "guard", "set", "--name", "mails", "--position", "4"]);
    assert_eq!(set, json!({"name": "mails", "guarded_above": 4, "position": 14, "already": false}));
    let again = place.one(&["retention", "guard", "set", "--name", "mails", "--position", "4"]);
    assert_eq!((&again["already"], &again["position"]), (&json!(true), &json!(0)));
    place.one(&["retention", "guard", "set", "--name", "a", "--position", "0"]);
    let shown = place.ok(&["retention", "guard", "show"]);
    assert_eq!(each(&shown, "name"), ["a", "mails"]);
    assert_eq!(each(&shown, "guarded_above"), [0, 4]);
    assert_eq!(each(&shown, "segments_kept"), [0, 0], "no segment is sealed");
    let table = place.run(&["--format", "table", "retention", "guard", "show"]).stdout;
    assert!(table.contains("mails") && table.contains("segments kept"), "{table}");
    place.fails(3, &["retention", "guard", "set", "--name", "mails", "--position", "3"]);
    place.fails(2, &["retention", "guard", "set", "--name", "mails", "--position", "1000"]);
    place.fails(2, &["retention", "guard", "set", "--name", "", "--position", "1"]);
    place.fails(2, &["retention", "guard", "set", "--name", "mails"]);
    place.fails(1, &["retention", "guard", "remove", "--name", "nobody"]);
    let removed = place.one(&["retention", "guard", "remove", "--name", "a"]);
    assert_eq!((&removed["name"], &removed["already"]), (&json!("a"), &json!(false)));
    assert_eq!(each(&place.ok(&["retention", "guard", "show"]), "name"), ["mails"]);
}
