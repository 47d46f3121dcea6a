//! `streams`, `types` and `stats`.

use crate::common::Place;
use serde_json::{Value, json};

fn store() -> Place {
    Place::with(&[
        r#"{"stream":"b-1","type":"T","time":"2024-05-02T00:00:00Z"}"#,
        r#"{"stream":"a-1","type":"U","time":"2024-05-01T00:00:00Z"}"#,
        r#"{"stream":"b-1","type":"U","time":"2024-05-01T00:00:00Z"}"#,
        r#"{"stream":"b-2","type":"T","time":"2024-05-03T00:00:00Z"}"#,
    ])
}

fn stream(name: &str, events: u64, last_version: u64) -> Value {
    json!({"stream": name, "events": events, "last_version": last_version})
}

#[test]
fn streams_are_listed_by_name_with_counts_and_last_versions() {
    let place = store();
    assert_eq!(place.ok(&["streams"]), [stream("a-1", 1, 1), stream("b-1", 2, 2), stream("b-2", 1, 1)]);
    assert_eq!(place.ok(&["streams", "--prefix", "b-", "--limit", "1"]), [stream("b-1", 2, 2)]);
    assert_eq!(place.ok(&["streams", "--as-of", "2"]), [stream("a-1", 1, 1), stream("b-1", 1, 1)]);
    let then = place.ok(&["streams", "--as-of", "2024-05-01T00:00:00Z"]);
    assert_eq!(then, [stream("a-1", 1, 1), stream("b-1", 1, 2)]);
    assert!(place.ok(&["streams", "--prefix", "c"]).is_empty());
}

#[test]
fn types_are_listed_with_counts() {
    let place = store();
    let type_of = |name: &str, events: u64| json!({"type": name, "events": events});
    assert_eq!(place.ok(&["types"]), [type_of("T", 2), type_of("U", 2)]);
    assert_eq!(place.ok(&["types", "--as-of", "1"]), [type_of("T", 1)]);
    assert_eq!(place.ok(&["types", "--as-of", "2024-05-01T00:00:00Z"]), [type_of("U", 2)]);
}

#[test]
fn stats_tell_counts_sizes_and_times() {
    let place = store();
    let stats = place.one(&["stats"]);
    for (key, expected) in
        [("events", 4), ("streams", 3), ("types", 2), ("segments", 1), ("last_position", 4)]
    {
        assert_eq!(stats[key], expected, "{key}");
    }
    assert_eq!(stats["durable_position"], 4);
    assert_eq!(stats["first_occurred"], "2024-05-01T00:00:00Z");
    assert_eq!(stats["last_occurred"], "2024-05-03T00:00:00Z");
    assert!(stats["bytes"].as_u64().unwrap() > 0);
    for key in ["log_bytes", "index_bytes", "runs", "segment_bytes", "format_version"] {
        assert!(stats[key].is_u64(), "{key}");
    }
    for key in ["first_recorded", "last_recorded", "created_at"] {
        assert!(stats[key].as_str().unwrap().ends_with('Z'), "{key}");
    }
}

#[test]
fn stats_of_an_empty_store_have_no_times() {
    let place = Place::with(&[]);
    let stats = place.one(&["stats"]);
    assert_eq!((&stats["events"], &stats["first_recorded"]), (&json!(0), &Value::Null));
    assert!(
        place.ok(&["read"]).is_empty()
            && place.ok(&["streams"]).is_empty()
            && place.ok(&["types"]).is_empty()
    );
}
