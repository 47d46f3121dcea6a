//! `state` and `diff`.

use crate::common::Place;
use serde_json::{Value, json};

fn store() -> Place {
    Place::with(&[
        r#"{"stream":"order-1","type":"Placed","time":"2024-05-01T00:00:00Z","data":{"status":"placed","total":20.5,"items":{"tea":2}}}"#,
        r#"{"stream":"other","type":"T","time":"2024-05-01T00:00:00Z"}"#,
        r#"{"stream":"order-1","type":"Paid","time":"2024-05-03T00:00:00Z","data":{"status":"paid","paid":20.5}}"#,
        r#"{"stream":"order-1","type":"Noted","time":"2024-05-04T00:00:00Z"}"#,
        r#"{"stream":"order-1","type":"Changed","time":"2024-05-02T00:00:00Z","data":{"total":0.1,"items":{"tea":null,"cup":1}}}"#,
    ])
}

fn state(place: &Place, args: &str) -> (u64, Value) {
    let args: Vec<_> = "state --stream order-1".split_whitespace().chain(args.split_whitespace()).collect();
    let shown = place.one(&args);
    assert_eq!(shown["stream"], "order-1");
    (shown["version"].as_u64().unwrap(), shown["state"].clone())
}

#[test]
fn the_state_is_the_merge_of_all_data_as_of_any_moment() {
    let place = store();
    let first = json!({"status": "placed", "total": 20.5, "items": {"tea": 2}});
    let paid = json!({"status": "paid", "total": 20.5, "items": {"tea": 2}, "paid": 20.5});
    let last = json!({"status": "paid", "total": 0.1, "items": {"cup": 1}, "paid": 20.5});
    let changed = json!({"status": "placed", "total": 0.1, "items": {"cup": 1}});
    for (args, version, expected) in [
        ("", 4, &last),
        ("--at-version 1", 1, &first),
        ("--at-version 2", 2, &paid),
        ("--at-version 0", 0, &Value::Null),
        ("--as-of 3", 2, &paid),
        ("--as-of 2024-05-01T00:00:00Z", 1, &first),
        ("--as-of 2024-05-02T00:00:00Z", 4, &changed),
        ("--as-of 2024-05-02T00:00:00Z --recorded-as-of 3", 1, &first),
        ("--as-of 2024-05-02T00:00:00Z --recorded-as-of 5", 4, &changed),
        ("--as-of 2024-05-03T00:00:00Z --recorded-as-of 4", 2, &paid),
        ("--as-of 2024-04-01T00:00:00Z", 0, &Value::Null),
        ("--as-of 2024-04-01T00:00:00Z --recorded-as-of 3", 0, &Value::Null),
        ("--recorded-as-of 0", 0, &Value::Null),
        ("--as-of 2000-01-01T00:00:00Z --clock recorded", 0, &Value::Null),
    ] {
        assert_eq!(state(&place, args), (version, expected.clone()), "{args}");
    }
}

#[test]
fn other_folds_give_the_last_data_the_count_and_exact_sums() {
    let place = store();
    assert_eq!(state(&place, "--reduce last --at-version 2").1, json!({"status": "paid", "paid": 20.5}));
    assert_eq!(state(&place, "--reduce last --at-version 3").1, Value::Null);
    assert_eq!(state(&place, "--reduce count").1, json!(4));
    let line = place.run(&["state", "--stream", "order-1", "--reduce", "sum:/total"]).stdout;
    assert_eq!(line, "{\"stream\":\"order-1\",\"version\":4,\"state\":20.6}\n");
    for (reduce, empty) in [("merge", "null"), ("last", "null"), ("count", "0"), ("sum:/total", "0")] {
        let args = ["state", "--stream", "order-1", "--as-of", "0", "--reduce", reduce];
        let expected = format!("{{\"stream\":\"order-1\",\"version\":0,\"state\":{empty}}}\n");
        assert_eq!(place.run(&args).stdout, expected);
    }
}

#[test]
fn a_fold_that_does_not_fit_the_data_names_the_position() {
    let place = store();
    let said = place.fails(1, &["state", "--stream", "order-1", "--reduce", "sum:/status"]);
    assert!(said.contains("position 1"), "{said}");
    place.fails(2, &["state", "--stream", "order-1", "--reduce", "sum:total"]);
    place.fails(2, &["state", "--stream", "order-1", "--reduce", "average"]);
    place.fails(2, &["state", "--stream", "order-1", "--as-of", "1", "--at-version", "1"]);
    assert!(place.fails(1, &["state", "--stream", "order-1", "--at-version", "5"]).contains("version 4"));
    assert!(place.fails(1, &["state", "--stream", "never"]).contains("never"));
}

#[test]
fn numbers_of_a_state_are_never_rounded() {
    let place = Place::new();
    place.import(&[r#"{"stream":"a","type":"T","data":{"n":12345678901234567890.123000}}"#]);
    let line = place.run(&["state", "--stream", "a"]).stdout;
    assert_eq!(line, "{\"stream\":\"a\",\"version\":1,\"state\":{\"n\":12345678901234567890.123000}}\n");
}

#[test]
fn a_diff_shows_what_changed_between_two_moments() {
    let place = store();
    let args =
        ["diff", "--stream", "order-1", "--from", "2024-05-01T00:00:00Z", "--to", "2024-05-09T00:00:00Z"];
    assert_eq!(
        place.one(&args),
        json!({"stream": "order-1", "from_version": 1, "to_version": 4, "changes": [
            {"op": "add", "path": "/items/cup", "to": 1},
            {"op": "remove", "path": "/items/tea", "from": 2},
            {"op": "replace", "path": "/status", "from": "placed", "to": "paid"},
            {"op": "replace", "path": "/total", "from": 20.5, "to": 0.1},
            {"op": "add", "path": "/paid", "to": 20.5},
        ]})
        .sorted()
    );
}

#[test]
fn a_diff_takes_positions_and_the_time_before_the_first_event() {
    let place = store();
    let diff = place.one(&["diff", "--stream", "order-1", "--from", "0", "--to", "1"]);
    assert_eq!((&diff["from_version"], &diff["to_version"]), (&json!(0), &json!(1)));
    assert_eq!(diff["changes"].as_array().unwrap().len(), 3);
    let diff = place.one(&["diff", "--stream", "order-1", "--from", "3", "--to", "4"]);
    assert_eq!(diff["changes"], json!([]));
    assert!(place.fails(1, &["diff", "--stream", "never", "--from", "0", "--to", "1"]).contains("never"));
    place.fails(2, &["diff", "--stream", "order-1", "--from", "0"]);
}

#[test]
fn a_diff_as_it_was_known_leaves_out_what_came_to_be_known_later() {
    let place = store();
    // The event of May 2 is the last one of the log.
    let between = "diff --stream order-1 --from 2024-05-01T00:00:00Z --to 2024-05-02T00:00:00Z";
    let diff = |more: &str| {
        let args: Vec<_> = between.split(' ').chain(more.split_whitespace()).collect();
        let diff = place.one(&args);
        (diff["to_version"].as_u64().unwrap(), diff["changes"].as_array().unwrap().len())
    };
    assert_eq!(diff(""), (4, 3));
    assert_eq!(diff("--recorded-as-of 5"), (4, 3));
    assert_eq!(diff("--recorded-as-of 4"), (1, 0));
    assert_eq!(diff("--recorded-as-of 0"), (0, 0));
    assert_eq!(diff("--recorded-as-of 2000-01-01T00:00:00Z"), (0, 0));
    let known =
        place.one(&["diff", "--stream", "order-1", "--from", "0", "--to", "5", "--recorded-as-of", "3"]);
    assert_eq!(known["to_version"], 2, "positions are cut by what was known, too");
}

/// The order in which changes are told: those of a key of the first state first, then what is new.
trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for Value {
    fn sorted(mut self) -> Self {
        let order = ["/items/tea", "/items/cup", "/status", "/total", "/paid"];
        if let Some(changes) = self["changes"].as_array_mut() {
            changes.sort_by_key(|change| order.iter().position(|path| change["path"] == *path));
        }
        self
    }
}
