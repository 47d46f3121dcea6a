//! Stream names that a file system, a shell or a careless comparison would trip over.

use crate::common::{Place, each, names_in};
use serde_json::json;

#[test]
fn odd_names_are_streams_of_their_own_and_touch_no_file() {
    let long = "x".repeat(1024);
    let names = [
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        ".",
        "..",
        " ",
        "-",
        "--all",
        "a\0b",
        "a\nb",
        "\"",
        "🦀",
        "É",
        "E\u{301}",
        "Order-1",
        "order-1",
        "ORDER-1",
        "日本語/ページ",
        "\u{202e}rtl",
        &long,
    ];
    let place = Place::new();
    let lines: Vec<_> =
        names.iter().map(|name| json!({"stream": name, "type": "T", "data": name}).to_string()).collect();
    place.import(&lines.iter().map(String::as_str).collect::<Vec<_>>());

    let listed = place.ok(&["streams"]);
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(each(&listed, "stream"), sorted);
    for name in names.iter().filter(|name| !name.contains('\0')) {
        let stream = format!("--stream={name}");
        let event = place.one(&["read", &stream]);
        assert_eq!((&event["stream"], &event["data"]), (&json!(name), &json!(name)));
        assert_eq!(place.one(&["state", &stream])["state"], *name);
    }
    assert_eq!(names_in(&place.path("")), ["store"]);
    assert!(place.ok(&["verify"])[0]["ok"].as_bool().unwrap());
}
