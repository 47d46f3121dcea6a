//! One line of input as an event. Nothing is copied that the line can lend, and nothing is guessed: unknown
//! and repeated keys, wrong types and bad times are errors that say what is wrong and where.

use super::binary::Binary;
use super::erased::Erased;
use super::key::Key;
use crate::time;
use annals::{NewEvent, Uuid};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An event as a line of input gives it.
#[derive(Debug)]
pub(crate) struct EventIn<'a> {
    pub(crate) stream: Cow<'a, str>,
    pub(crate) event: NewEvent<'a>,
}

/// Reads one line; what is wrong with it comes back as text.
pub(crate) fn parse(line: &[u8]) -> Result<EventIn<'_>, String> {
    let line = std::str::from_utf8(line)
        .map_err(|error| format!("invalid UTF-8 (column {})", error.valid_up_to() + 1))?;
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        match text.strip_suffix(&place) {
            Some(text) if error.column() > 0 => format!("{text} (column {})", error.column()),
            Some(text) => text.to_owned(),
            None => text,
        }
    })
}

/// A string, borrowed from the line unless it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for EventIn<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;
        impl<'de> Visitor<'de> for EventVisitor {
            type Value = EventIn<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event as a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventIn<'de>, A::Error> {
                let mut parts = Parts::new();
                while let Some(key) = map.next_key()? {
                    parts.take(key, &mut map)?;
                }
                parts.event()
            }
        }
        deserializer.deserialize_map(EventVisitor)
    }
}

/// What has been read of an event so far.
struct Parts<'a> {
    /// One bit per key that was seen.
    seen: u32,
    stream: Cow<'a, str>,
    event: NewEvent<'a>,
}

impl<'a> Parts<'a> {
    fn new() -> Self {
        Parts { seen: 0, stream: Cow::Borrowed(""), event: NewEvent::json("", "") }
    }

    fn take<A: MapAccess<'a>>(&mut self, key: Key, map: &mut A) -> Result<(), A::Error> {
        if self.has(key) {
            return Err(de::Error::custom(format_args!("key {:?} stands twice", key.name())));
        }
        self.seen |= 1 << key as u32;
        let event = &mut self.event;
        match key {
            Key::Stream => self.stream = value::<Text<'_>, A>(key, map)?.0,
            Key::Type => event.event_type = value::<Text<'_>, A>(key, map)?.0,
            Key::Time => {
                let text: Text<'_> = value(key, map)?;
                event.occurred_at = Some(time::parse(&text.0).map_err(|error| wrong(key, error))?);
            }
            Key::Id => {
                let text: Text<'_> = value(key, map)?;
                event.id = Some(Uuid::parse_str(&text.0).map_err(|error| wrong(key, error))?);
            }
            Key::Tags => {
                let tags: Vec<Text<'_>> = value(key, map)?;
                event.tags = tags.into_iter().map(|tag| tag.0).collect();
            }
            Key::SchemaVersion => event.schema_version = value(key, map)?,
            Key::Data => event.data = raw(key, map)?,
            Key::Metadata => event.metadata = raw(key, map)?,
            Key::DataBase64 => {
                let binary: Binary<'_> = value(key, map)?;
                event.data = binary.bytes().map_err(|error| wrong(key, error))?.into();
                event.content_type = binary.content_type().map_err(|error| wrong(key, error))?;
            }
            Key::MetadataBase64 => {
                let binary: Binary<'_> = value(key, map)?;
                event.metadata = binary.bytes().map_err(|error| wrong(key, error))?.into();
            }
            Key::Erased => {
                let erased: Erased<'_> = value(key, map)?;
                event.erased = Some(erased.erasure().map_err(|error| wrong(key, error))?);
            }
            Key::Unreadable => {
                return Err(wrong(
                    key,
                    "the payload could not be read where the event comes from: export it with its key",
                ));
            }
            Key::Position | Key::Version | Key::Recorded => {
                value::<de::IgnoredAny, A>(key, map)?;
            }
        }
        Ok(())
    }

    fn has(&self, key: Key) -> bool {
        self.seen & 1 << key as u32 != 0
    }

    fn event<E: de::Error>(self) -> Result<EventIn<'a>, E> {
        for key in [Key::Stream, Key::Type] {
            if !self.has(key) {
                return Err(E::custom(format_args!("missing key {:?}", key.name())));
            }
        }
        for [text, binary] in [[Key::Data, Key::DataBase64], [Key::Metadata, Key::MetadataBase64]] {
            if self.has(text) && self.has(binary) {
                return Err(E::custom(format_args!("both {:?} and {:?}", text.name(), binary.name())));
            }
        }
        let mut event = self.event;
        if event.erased.is_some() {
            if ![&b""[..], b"null"].contains(&&*event.data) || !event.metadata.is_empty() {
                return Err(E::custom("both \"erased\" and a payload"));
            }
            event.data = Cow::Borrowed(&[]);
        }
        Ok(EventIn { stream: self.stream, event })
    }
}

/// The value of `key`; an error names the key.
fn value<'a, T: Deserialize<'a>, A: MapAccess<'a>>(key: Key, map: &mut A) -> Result<T, A::Error> {
    map.next_value().map_err(|error| wrong(key, error))
}

/// The value of `key` as its text.
fn raw<'a, A: MapAccess<'a>>(key: Key, map: &mut A) -> Result<Cow<'a, [u8]>, A::Error> {
    value::<&RawValue, A>(key, map).map(|raw| Cow::Borrowed(raw.get().as_bytes()))
}

fn wrong<E: de::Error>(key: Key, error: impl fmt::Display) -> E {
    E::custom(format_args!("{:?}: {error}", key.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn every_key_is_read_and_the_payload_keeps_its_text() {
        let line = r#"{"stream":"a-1","type":"T","time":"1969-12-31T23:59:59.5Z","id":"8fdb3160-2904-56a7-84a5-cbab24cd44c8","tags":["x:1","y"],"schema_version":7,"data":{ "n" : 1.50 },"metadata":[1e400]}"#;
        let parsed = parse(line.as_bytes()).unwrap();
        assert!(matches!(parsed.stream, Cow::Borrowed("a-1")));
        assert_eq!(parsed.event.event_type, "T");
        assert_eq!(parsed.event.occurred_at.unwrap().as_nanos(), -500_000_000);
        assert_eq!(parsed.event.id.unwrap().to_string(), "8fdb3160-2904-56a7-84a5-cbab24cd44c8");
        assert_eq!(parsed.event.tags, ["x:1", "y"]);
        assert_eq!(parsed.event.schema_version, 7);
        assert_eq!(&*parsed.event.data, br#"{ "n" : 1.50 }"#);
        assert_eq!(&*parsed.event.metadata, b"[1e400]");
    }

    #[test]
    fn only_stream_and_type_are_required() {
        let parsed = parse(br#" {"type":"\u0054","stream":"\ud83e\udd80"} "#).unwrap();
        assert_eq!((&*parsed.stream, &*parsed.event.event_type), ("🦀", "T"));
        assert!(parsed.event.data.is_empty() && parsed.event.metadata.is_empty());
        assert_eq!((parsed.event.id, parsed.event.occurred_at), (None, None));
    }

    #[test]
    fn null_is_data_but_not_a_value_of_the_other_keys() {
        assert_eq!(&*parse(br#"{"stream":"a","type":"T","data":null}"#).unwrap().event.data, b"null");
        for key in ["stream", "type", "time", "id", "tags", "schema_version"] {
            let line = format!(r#"{{"{key}":null}}"#);
            assert!(error(&line).starts_with(&format!("{key:?}: invalid type: null")), "{}", error(&line));
        }
    }

    #[test]
    fn keys_that_only_output_has_are_ignored() {
        let line = br#"{"position":3,"version":"x","recorded":null,"stream":"a","type":"T"}"#;
        assert!(parse(line).is_ok());
    }

    #[test]
    fn errors_say_what_is_wrong_and_in_which_column() {
        for (line, expected) in [
            ("", "EOF while parsing a value"),
            ("[]", "invalid type: sequence, expected an event as a JSON object"),
            (r#"{"type":"T"}"#, r#"missing key "stream" (column 12)"#),
            (r#"{"stream":"a"}"#, r#"missing key "type" (column 14)"#),
            (r#"{"stream":5,"type":"T"}"#, r#""stream": invalid type"#),
            (r#"{"stream":"a","type":["T"]}"#, r#""type": invalid type: sequence, expected a string"#),
            (r#"{"stream":"a","stream":"b","type":"T"}"#, r#"key "stream" stands twice"#),
            (r#"{"streams":"a","type":"T"}"#, r#"unknown key "streams": an event has"#),
            (r#"{"stream":"a","type":"T","tags":"x"}"#, r#""tags": invalid type: string"#),
            (r#"{"stream":"a","type":"T","tags":[1]}"#, r#""tags": invalid type"#),
            (r#"{"stream":"a","type":"T","id":"7"}"#, r#""id": invalid"#),
            (r#"{"stream":"a","type":"T","schema_version":-1}"#, r#""schema_version": invalid"#),
            (
                r#"{"stream":"a","type":"T","time":"2024-05-01T00:00:00"}"#,
                r#""time": the time has no offset"#,
            ),
            (r#"{"stream":"a","type":"T","time":"soon"}"#, r#""time": not an RFC 3339 time"#),
            (r#"{"stream":"a","type":"T","time":1700000000}"#, r#""time": invalid type"#),
            (r#"{"stream":"a","type":"T","data":{"#, r#""data": EOF while parsing"#),
            (r#"{"stream":"a","type":"T"} x"#, "trailing characters (column 27)"),
            (
                r#"{"stream":"a","type":"T","data":1,"data_base64":{"base64":""}}"#,
                r#"both "data" and "data_base64""#,
            ),
            (r#"{"stream":"a","type":"T","data_base64":{"base64":"?"}}"#, r#""data_base64": not base64"#),
        ] {
            assert!(error(line).starts_with(expected), "{line}: {}", error(line));
            assert!(!error(line).contains(" at line "), "{line}: {}", error(line));
        }
        let error = parse(b"{\"stream\":\"\xff\"}").unwrap_err();
        assert_eq!(error, "invalid UTF-8 (column 12)");
    }
}
