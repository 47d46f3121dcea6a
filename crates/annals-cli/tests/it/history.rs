//! `history`.

use crate::common::{Place, each};
use serde_json::json;

fn store() -> Place {
    Place::with(&[
        r#"{"stream":"order-1","type":"Placed","time":"2024-05-01T00:00:00Z","data":{"total":20.50}}"#,
        r#"{"stream":"other","type":"T","time":"2024-05-01T00:00:00Z","data":{"total":1}}"#,
        r#"{"stream":"order-1","type":"Noted","time":"2024-05-02T00:00:00Z","data":{"note":"x"}}"#,
        r#"{"stream":"order-1","type":"Raised","time":"2024-05-04T00:00:00Z","data":{"total":12345678901234567890.10}}"#,
        r#"{"stream":"order-1","type":"Corrected","time":"2024-05-03T00:00:00Z","data":{"total":[null]}}"#,
        r#"{"stream":"order-1","type":"Cleared","time":"2024-05-05T00:00:00Z","data":{"total":null}}"#,
    ])
}

#[test]
fn each_event_that_changed_the_value_is_shown_with_what_it_was_and_what_it_became() {
    let place = store();
    let run = place.run(&["history", "--stream", "order-1", "--pointer", "/total"]);
    let lines = run.json();
    assert_eq!(each(&lines, "version"), [1, 3, 4, 5]);
    assert_eq!(each(&lines, "position"), [1, 4, 5, 6]);
    assert_eq!(each(&lines, "type"), ["Placed", "Raised", "Corrected", "Cleared"]);
    assert_eq!(lines[0].get("from"), None, "it was not there");
    assert_eq!(lines[3].get("to"), None, "it is gone");
    assert!(lines.iter().all(|line| line["recorded"].is_string()));
    let second = run.stdout.lines().nth(1).unwrap();
    assert!(
        second.starts_with(r#"{"version":3,"position":4,"time":"2024-05-04T00:00:00Z","recorded":""#),
        "{second}"
    );
    assert!(second.ends_with(r#""type":"Raised","from":20.50,"to":12345678901234567890.10}"#), "{second}");
    let inner = place.ok(&["history", "--stream", "order-1", "--pointer", "/total/0"]);
    assert_eq!(inner[0].get("to"), Some(&json!(null)), "null is a value");
    assert_eq!((inner.len(), inner[1].get("from")), (2, Some(&json!(null))));
}

#[test]
fn a_history_is_that_of_a_moment_on_either_clock() {
    let place = store();
    let versions = |args: &str| {
        let fixed = "history --stream order-1 --pointer /total".split(' ');
        let lines = place.ok(&fixed.chain(args.split_whitespace()).collect::<Vec<_>>());
        lines.iter().map(|line| line["version"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(versions("--as-of 2024-05-03T00:00:00Z"), [1, 4]);
    assert_eq!(versions("--as-of 4"), [1, 3]);
    assert_eq!(versions("--recorded-as-of 4 --as-of 2024-05-03T00:00:00Z"), [1]);
    assert_eq!(versions("--as-of 2000-01-01T00:00:00Z"), [0; 0]);
    assert_eq!(versions("--as-of 2000-01-01T00:00:00Z --clock recorded"), [0; 0]);
}

#[test]
fn a_table_shows_what_is_not_there_as_a_dash() {
    let place = store();
    let run = place.run(&["history", "--stream", "order-1", "--pointer", "/note", "--format", "table"]);
    assert_eq!(
        run.stdout,
        "version  position  time                  type   from  to\n      \
         2         3  2024-05-02T00:00:00Z  Noted  -     \"x\"\n"
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = store();
    assert!(
        place.fails(2, &["history", "--stream", "order-1", "--pointer", "total"]).contains("JSON pointer")
    );
    place.fails(2, &["history", "--stream", "order-1"]);
    assert!(place.fails(1, &["history", "--stream", "never", "--pointer", ""]).contains("never"));
    place.import(&[
        r#"{"stream":"order-1","type":"Binary","data_base64":{"content_type":"application/cbor","base64":"oA=="}}"#,
    ]);
    let run = place.run(&["history", "--stream", "order-1", "--pointer", "/note"]);
    assert_eq!(run.json().len(), 1, "what comes before it is shown");
    assert!(run.failed(1).contains("position 7 (version 6)"));
}
