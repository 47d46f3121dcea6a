//! The one form of JSON that the checksums are over: keys in the order of their code points, no blanks, nothing
//! escaped that need not be.

use crate::data::Written;
use annals::EventRef;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A value in that form.
pub(crate) fn of(value: &Value) -> String {
    let mut out = String::new();
    push(&mut out, value);
    out
}

/// A JSON text in that form.
pub(crate) fn of_text(text: &[u8]) -> String {
    of(&serde_json::from_slice(text).unwrap())
}

/// Appends a value in that form.
fn push(out: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) => write!(out, "{value}").unwrap(),
        Value::Number(number) => {
            let text = number.to_string();
            let number: i64 = text.parse().expect("all numbers in these data are integers");
            write!(out, "{number}").unwrap();
        }
        Value::String(text) => push_string(out, text),
        Value::Array(values) => push_members(out, ['[', ']'], values, push),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            push_members(out, ['{', '}'], members, |out, (key, value)| {
                push_string(out, key);
                out.push(':');
                push(out, value);
            });
        }
    }
}

fn push_members<T>(
    out: &mut String,
    [open, close]: [char; 2],
    members: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    out.push(open);
    for (index, member) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, member);
    }
    out.push(close);
}

fn push_string(out: &mut String, text: &str) {
    out.push_str(&string(text));
}

/// A text as a JSON string.
pub(crate) fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A checksum over lines.
#[derive(Clone, Default)]
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub(crate) fn line(&mut self, line: &str) {
        self.0.update(line);
        self.0.update("\n");
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn hex(self) -> String {
        self.0.finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }
}

/// The two checksums over events.
#[derive(Clone, Default)]
pub(crate) struct EventChecksums {
    pub(crate) exact: Checksum,
    pub(crate) norm: Checksum,
}

/// An event as the checksums are over it: payloads in the canonical form, the time as an instant and as its source
/// wrote it, the id only where its source gave one.
pub(crate) struct SummedEvent<'a> {
    pub(crate) stream: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) instant: i64,
    pub(crate) time: &'a str,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
    pub(crate) metadata: String,
}

impl EventChecksums {
    pub(crate) fn add(&mut self, event: &SummedEvent<'_>) {
        let SummedEvent { stream, event_type, instant, time, id, data, metadata } = event;
        let (stream, event_type, time) = (string(stream), string(event_type), string(time));
        let id = id.as_ref().map(|id| format!(r#""id":"{id}","#)).unwrap_or_default();
        self.norm.line(&format!("[{stream},{event_type},{instant},{data},{metadata}]"));
        self.exact.line(&format!(
            r#"{{"data":{data},{id}"metadata":{metadata},"stream":{stream},"time":{time},"type":{event_type}}}"#
        ));
    }
}

impl<'a> SummedEvent<'a> {
    pub(crate) fn new(event: &EventRef<'a>, written: &'a Written) -> Self {
        SummedEvent {
            stream: event.stream,
            event_type: event.event_type,
            instant: event.occurred_at.as_nanos(),
            time: written.at(event.occurred_at),
            id: written.has_id.then(|| event.id.to_string()),
            data: of_text(&event.data().unwrap()),
            metadata: of_text(&event.metadata().unwrap()),
        }
    }
}
