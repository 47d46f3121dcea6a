//! A stored event as one line of JSON.

use super::{binary, erased, text};
use crate::time;
use annals::{ContentType, EventRef, PayloadError};
use std::io::Write;

/// Appends the event to `out`, without a line break. The payload keeps its JSON text. What was erased, or cannot be read without
/// a key, is said in its place.
///
/// # Errors
/// That the payload is damaged.
pub(crate) fn push(out: &mut Vec<u8>, event: &EventRef<'_>) -> Result<(), PayloadError> {
    let plain = event.plain();
    if let Err(error) = plain
        && error.is_damage()
    {
        return Err(error);
    }
    put(out, format_args!("{{\"position\":{},\"stream\":", event.position));
    text::push_string(out, event.stream);
    put(out, format_args!(",\"version\":{},\"type\":", event.version));
    text::push_string(out, event.event_type);
    put(out, format_args!(",\"time\":\"{}\"", time::show(event.occurred_at)));
    put(out, format_args!(",\"recorded\":\"{}\"", time::show(event.recorded_at)));
    put(out, format_args!(",\"id\":\"{}\",\"tags\":[", event.id));
    for (number, tag) in event.tags.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        text::push_string(out, tag);
    }
    put(out, format_args!("],\"schema_version\":{}", event.schema_version));
    match &plain {
        Ok(plain) => {
            push_data(out, &plain.data, event.content_type);
            push_metadata(out, &plain.metadata);
        }
        Err(error) => erased::push(out, error),
    }
    out.push(b'}');
    Ok(())
}

fn push_data(out: &mut Vec<u8>, data: &[u8], content_type: ContentType) {
    if data.is_empty() {
        return;
    }
    match json_of(data, content_type) {
        Some(json) => push_member(out, "data", json),
        None => {
            out.extend_from_slice(b",\"data_base64\":");
            binary::push(out, data, Some(content_type));
        }
    }
}

fn push_metadata(out: &mut Vec<u8>, metadata: &[u8]) {
    if metadata.is_empty() {
        return;
    }
    match text::value(metadata) {
        Some(json) => push_member(out, "metadata", json),
        None => {
            out.extend_from_slice(b",\"metadata_base64\":");
            binary::push(out, metadata, None);
        }
    }
}

fn push_member(out: &mut Vec<u8>, key: &str, json: &str) {
    put(out, format_args!(",\"{key}\":"));
    out.extend_from_slice(text::on_one_line(json).as_bytes());
}

/// The data of an event as JSON text, if that is what they are.
pub(crate) fn json_of(data: &[u8], content_type: ContentType) -> Option<&str> {
    (content_type == ContentType::JSON).then(|| text::value(data)).flatten()
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::event_in;
    use annals::{PayloadRef, Position, Tags, Timestamp, Uuid, Version};

    fn event<'a>(data: &'a [u8], metadata: &'a [u8], content_type: ContentType) -> EventRef<'a> {
        EventRef {
            position: Position::new(7),
            stream: "é\n\"-1",
            version: Version::new(2),
            id: Uuid::from_u128(0x8fdb_3160_2904_56a7_84a5_cbab_24cd_44c8),
            event_type: "T",
            recorded_at: Timestamp::EPOCH,
            occurred_at: Timestamp::from_nanos(-1),
            tags: Tags::from_encoded(b"\x01\x00a\x03\x00b:\"").unwrap(),
            schema_version: 1,
            content_type,
            payload: PayloadRef::plain(data, metadata),
        }
    }

    fn line(event: &EventRef<'_>) -> String {
        let mut out = Vec::new();
        push(&mut out, event).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_stand_in_their_order_and_payloads_keep_their_text() {
        assert_eq!(
            line(&event(br#"{ "n": 1.50 }"#, b"null", ContentType::JSON)),
            r#"{"position":7,"stream":"é\n\"-1","version":2,"type":"T","time":"1969-12-31T23:59:59.999999999Z","recorded":"1970-01-01T00:00:00Z","id":"8fdb3160-2904-56a7-84a5-cbab24cd44c8","tags":["a","b:\""],"schema_version":1,"data":{ "n": 1.50 },"metadata":null}"#
        );
    }

    #[test]
    fn an_event_without_payload_has_no_such_keys() {
        assert!(line(&event(b"", b"", ContentType::BINARY)).ends_with(r#""schema_version":1}"#));
    }

    #[test]
    fn line_breaks_in_a_payload_do_not_break_the_line() {
        assert!(!line(&event(b"{\n\"a\":\r\n1}", b"[\n]", ContentType::JSON)).contains(['\n', '\r']));
    }

    #[test]
    fn what_is_not_json_goes_out_and_comes_back_as_base64() {
        for content_type in [ContentType::JSON, ContentType::CBOR] {
            let event = event(b"\xa0\x00", b"{", content_type);
            let line = line(&event);
            let back = event_in::parse(line.as_bytes()).unwrap();
            assert_eq!(back.event.data, event.data().unwrap());
            assert_eq!(back.event.metadata, event.metadata().unwrap());
            assert_eq!(back.event.content_type, content_type);
        }
    }
}
