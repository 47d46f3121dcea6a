//! Documents by themselves, on made-up events.

use super::*;
use annals_types::{PayloadRef, Position, Tags, Timestamp, Uuid};

fn event(version: u64, data: &[u8]) -> EventRef<'_> {
    EventRef {
        position: Position::new(version + 10),
        stream: "s",
        version: Version::new(version),
        id: Uuid::nil(),
        event_type: "T",
        recorded_at: Timestamp::EPOCH,
        occurred_at: Timestamp::EPOCH,
        tags: Tags::default(),
        schema_version: 1,
        content_type: ContentType::JSON,
        payload: PayloadRef::plain(data, b""),
    }
}

fn document(data: &[&str]) -> Document {
    let mut document = Document::default();
    for (version, data) in (1..).zip(data) {
        document.apply(&event(version, data.as_bytes())).unwrap();
    }
    document
}

#[test]
fn a_document_is_the_merge_of_all_data_and_counts_every_event() {
    let found = document(&[r#"{"a":1,"b":{"c":2}}"#, "", r#"{"b":{"c":null,"d":1.5}}"#, ""]);
    assert_eq!(found.value().unwrap().to_string(), r#"{"a":1,"b":{"d":1.5}}"#);
    assert_eq!(found.version(), Version::new(4));
    assert_eq!(document(&["", ""]).value(), None);
    assert_eq!(document(&["null"]).value(), Some(&Value::Null));
}

#[test]
fn what_is_not_json_is_named_and_leaves_the_document_as_it_was() {
    let mut found = document(&[r#"{"a":1}"#]);
    let before = found.clone();
    for data in [&b"{"[..], b"\"\xff\"", b"1 2"] {
        let error = found.apply(&event(2, data)).unwrap_err();
        assert!(matches!(error, DocumentError::Json { .. }), "{error}");
        assert!(error.to_string().contains("position 12 (version 2)"), "{error}");
        assert_eq!(found, before);
    }
    let binary = EventRef { content_type: ContentType::CBOR, ..event(2, b"\xa0") };
    let error = found.apply(&binary).unwrap_err();
    assert!(matches!(error, DocumentError::NotJson { content_type: ContentType::CBOR, .. }), "{error}");
    assert_eq!(found, before);
}

#[test]
fn a_document_that_was_saved_goes_on_as_if_it_had_not_been() {
    let data = [r#"{"n":12345678901234567890.100}"#, "null", "7", r#"{"a":[null,1e3]}"#];
    for saved_at in 0..=data.len() {
        let mut found = document(&data[..saved_at]);
        let text = serde_json::to_string(&found).unwrap();
        let mut back: Document = serde_json::from_str(&text).unwrap();
        assert_eq!(back, found, "{text}");
        for (version, data) in (1..).zip(data).skip(saved_at) {
            found.apply(&event(version, data.as_bytes())).unwrap();
            back.apply(&event(version, data.as_bytes())).unwrap();
        }
        assert_eq!(back, found);
    }
}

#[test]
fn the_saved_form_is_the_version_and_the_value_and_nothing_else() {
    let text = |data: &[&str]| serde_json::to_string(&document(data)).unwrap();
    assert_eq!(text(&[]), r#"{"version":0}"#);
    assert_eq!(text(&["null"]), r#"{"version":1,"value":null}"#);
    assert_eq!(text(&[r#"{"b":1.0,"a":2}"#]), r#"{"version":1,"value":{"a":2,"b":1.0}}"#);
}
