//! `read` and `get`.

use crate::common::{Place, each};
use serde_json::Value;

/// Six events of three streams; the third happened before the second.
fn store() -> Place {
    Place::with(&[
        r#"{"stream":"order-1","type":"Placed","time":"2024-05-01T00:00:00Z","tags":["vip","c:1"],"data":1}"#,
        r#"{"stream":"order-2","type":"Placed","time":"2024-05-03T00:00:00Z","tags":["c:1"],"data":2}"#,
        r#"{"stream":"order-1","type":"Paid","time":"2024-05-02T00:00:00Z","tags":["vip"],"data":3}"#,
        r#"{"stream":"ledger","type":"Booked","time":"2024-05-03T00:00:00Z","data":4}"#,
        r#"{"stream":"order-1","type":"Shipped","time":"2024-05-04T00:00:00Z","tags":["vip","c:1"],"data":5}"#,
        r#"{"stream":"order-2","type":"Cancelled","time":"2024-05-05T00:00:00Z","data":6}"#,
    ])
}

fn data(place: &Place, args: &str) -> Vec<u64> {
    let args: Vec<_> = args.split_whitespace().collect();
    place.ok(&args).iter().map(|event| event["data"].as_u64().unwrap()).collect()
}

#[test]
fn streams_and_the_whole_store_are_read_in_both_directions() {
    let place = store();
    for (args, expected) in [
        ("read", &[1, 2, 3, 4, 5, 6][..]),
        ("read --all", &[1, 2, 3, 4, 5, 6]),
        ("read --backwards", &[6, 5, 4, 3, 2, 1]),
        ("read --limit 2", &[1, 2]),
        ("read --backwards --limit 2", &[6, 5]),
        ("read --limit 0", &[]),
        ("read --from 2 --to 4", &[2, 3, 4]),
        ("read --from 7", &[]),
        ("read --stream order-1", &[1, 3, 5]),
        ("read --stream order-1 --backwards", &[5, 3, 1]),
        ("read --stream order-1 --from 2", &[3, 5]),
        ("read --stream order-1 --from 2 --to 2", &[3]),
        ("read --stream order-1 --to 2 --backwards --limit 1", &[3]),
    ] {
        assert_eq!(data(&place, args), expected, "{args}");
    }
}

#[test]
fn filters_narrow_down_what_is_read() {
    let place = store();
    for (args, expected) in [
        ("read --type Placed", &[1, 2][..]),
        ("read --type Placed --type Paid", &[1, 2, 3]),
        ("read --tag vip", &[1, 3, 5]),
        ("read --tag vip --tag c:1", &[1, 5]),
        ("read --tag vip --type Shipped", &[5]),
        ("read --prefix order-", &[1, 2, 3, 5, 6]),
        ("read --prefix order-2", &[2, 6]),
        ("read --category order", &[1, 2, 3, 5, 6]),
        ("read --category ledger", &[4]),
        ("read --type None", &[]),
        ("read --stream order-1 --type Paid", &[3]),
        ("read --since 2024-05-03T00:00:00Z", &[2, 4, 5, 6]),
        ("read --until 2024-05-03T00:00:00Z", &[1, 3]),
        ("read --since 2024-05-02T00:00:00Z --until 2024-05-04T00:00:00Z", &[2, 3, 4]),
        ("read --since 2024-05-03T02:00:00+02:00 --until 2024-05-03T00:00:00.000000001Z", &[2, 4]),
        ("read --since 2024-05-03T00:00:00Z --clock recorded", &[1, 2, 3, 4, 5, 6]),
        ("read --until 2024-05-03T00:00:00Z --clock recorded", &[]),
    ] {
        assert_eq!(data(&place, args), expected, "{args}");
    }
}

#[test]
fn any_moment_can_be_asked_for() {
    let place = store();
    for (args, expected) in [
        ("read --as-of 2024-05-03T00:00:00Z", &[1, 2, 3, 4][..]),
        ("read --as-of 2024-05-02T23:59:59.999999999Z", &[1, 3]),
        ("read --as-of 2024-05-02T00:00:00Z --backwards --limit 1", &[3]),
        ("read --as-of 3", &[1, 2, 3]),
        ("read --as-of 0", &[]),
        ("read --as-of 99", &[1, 2, 3, 4, 5, 6]),
        ("read --as-of 2024-05-03T00:00:00Z --stream order-1", &[1, 3]),
        ("read --as-of 2024-05-03T00:00:00Z --recorded-as-of 2", &[1, 2]),
        ("read --as-of 2024-05-03T00:00:00Z --clock recorded", &[]),
        ("read --recorded-as-of 2024-05-03T00:00:00Z", &[]),
    ] {
        assert_eq!(data(&place, args), expected, "{args}");
    }
    let events = place.ok(&["read"]);
    let recorded = each(&events, "recorded")[5].as_str().unwrap();
    let args = format!("read --as-of {recorded} --clock recorded");
    assert_eq!(data(&place, &args), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_stream_that_never_had_an_event_is_an_error_and_one_that_had_none_yet_is_empty() {
    let place = store();
    assert!(place.fails(1, &["read", "--stream", "order-9"]).contains("order-9"));
    assert!(place.ok(&["read", "--stream", "order-1", "--as-of", "2024-04-01T00:00:00Z"]).is_empty());
    assert!(place.ok(&["read", "--stream", "ledger", "--as-of", "3"]).is_empty());
}

#[test]
fn bad_values_are_wrong_usage() {
    let place = store();
    for args in [
        &["read", "--as-of", "yesterday"][..],
        &["read", "--since", "2024-05-01"],
        &["read", "--until", "2024-05-01T00:00:00"],
        &["read", "--from", "-1"],
        &["read", "--limit", "x"],
        &["read", "--clock", "wall"],
        &["read", "--stream", "a", "--all"],
        &["read", "--nothing"],
        &["read", "--format", "xml"],
        &["get", "7"],
        &["unknown"],
    ] {
        place.fails(2, args);
    }
}

#[test]
fn an_event_is_found_by_its_id() {
    let place = store();
    let events = place.ok(&["read"]);
    for event in &events {
        assert_eq!(&place.one(&["get", event["id"].as_str().unwrap()]), event);
    }
    let unknown = "00000000-0000-0000-0000-000000000001";
    assert!(place.fails(1, &["get", unknown]).contains(unknown));
}

#[test]
fn bytes_that_are_not_json_go_out_as_base64() {
    let place = Place::new();
    let store = annals::Store::open(place.store()).unwrap();
    let event = annals::NewEvent::new("T", &b"\x00\xff"[..]).with_metadata(&b"meta"[..]);
    store.append("a", annals::Expected::Any, &[event]).unwrap();
    store.close().unwrap();
    let event = place.one(&["read"]);
    assert_eq!(event["data_base64"]["base64"], "AP8=");
    assert_eq!(event["metadata_base64"]["base64"], "bWV0YQ==");
    assert_eq!((event.get("data"), event.get("metadata")), (None::<&Value>, None::<&Value>));
}

#[test]
fn events_of_any_of_several_clauses_are_read_followed_and_exported() {
    let place = store();
    for (args, expected) in [
        (r#"read --match {"types":["Placed","Paid"]}"#, &[1, 2, 3][..]),
        (r#"read --match {"tags":["vip","c:1"]}"#, &[1, 5]),
        (r#"read --match {"types":["Paid"],"tags":["vip"]} --match {"types":["Booked"]}"#, &[3, 4]),
        (r#"read --match {"types":["Paid"],"tags":["c:1"]}"#, &[]),
        (r#"read --match {"tags":["c:1"]} --type Placed --backwards --limit 1"#, &[2]),
        (r#"read --match {"tags":["c:1"]} --stream order-1 --from 2"#, &[5]),
        (r#"tail -n 2 --match {"tags":["vip"]}"#, &[3, 5]),
        (r#"export --match {"tags":["vip"]}"#, &[1, 3, 5]),
    ] {
        assert_eq!(data(&place, args), expected, "{args}");
    }
}
