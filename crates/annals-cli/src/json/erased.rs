//! What is said in the place of a payload that is not there:
//! `"data":null,"erased":{...}` if it was erased, `"data":null,"unreadable":"why"` otherwise.

use super::text;
use crate::time;
use annals::{Erasure, PayloadError};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::io::Write;

/// Appends the members to `out`, with a comma in front.
pub(crate) fn push(out: &mut Vec<u8>, error: &PayloadError) {
    out.extend_from_slice(b",\"data\":null,");
    match error {
        PayloadError::Erased { erasure, .. } => {
            let (data, metadata) = (erasure.data_bytes, erasure.metadata_bytes);
            put(out, format_args!("\"erased\":{{\"at\":\"{}\"", time::show(erasure.erased_at)));
            put(out, format_args!(",\"data_bytes\":{data},\"metadata_bytes\":{metadata}"));
            if let Some(hash) = &erasure.sha256 {
                out.extend_from_slice(b",\"sha256\":\"");
                hash.iter().for_each(|byte| put(out, format_args!("{byte:02x}")));
                out.push(b'"');
            }
            out.push(b'}');
        }
        PayloadError::KeyDestroyed { key, at, .. } => {
            put(out, format_args!("\"erased\":{{\"at\":\"{}\",\"key\":\"{key}\"}}", time::show(*at)));
        }
        error => {
            out.extend_from_slice(b"\"unreadable\":");
            text::push_string(out, &error.to_string());
        }
    }
}

/// What an input event says of its erased payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erased<'a> {
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(default)]
    data_bytes: u32,
    #[serde(default)]
    metadata_bytes: u32,
    #[serde(borrow, default)]
    sha256: Option<Cow<'a, str>>,
    /// The key that was destroyed is not there to be told again: the event is as any erased one from now on.
    #[serde(default, rename = "key")]
    _key: Option<IgnoredAny>,
}

impl Erased<'_> {
    pub(crate) fn erasure(&self) -> Result<Erasure, String> {
        Ok(Erasure {
            erased_at: time::parse(&self.at).map_err(|error| error.to_string())?,
            data_bytes: self.data_bytes,
            metadata_bytes: self.metadata_bytes,
            sha256: self.sha256.as_deref().map(hash_of).transpose()?,
        })
    }
}

fn hash_of(text: &str) -> Result<[u8; 32], String> {
    let wrong = || format!("sha256 is 64 hexadecimal digits, not {text:?}");
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(hash)
}

/// The same for a person.
pub(crate) fn shown(error: &PayloadError) -> String {
    match error {
        PayloadError::Erased { erasure, .. } => {
            format!("<erased {}, was {} bytes>", time::show(erasure.erased_at), erasure.data_bytes)
        }
        PayloadError::KeyDestroyed { at, .. } => format!("<erased {}, with its key>", time::show(*at)),
        PayloadError::KeyMissing { key, .. } => format!("<encrypted under key {key}>"),
        error => format!("<{error}>"),
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals::{Position, Timestamp, Uuid};

    fn text(error: PayloadError) -> String {
        let mut out = Vec::new();
        push(&mut out, &error);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_erased_payload_is_told_apart_from_one_that_cannot_be_read_here() {
        let position = Position::new(3);
        let erasure = Erasure {
            erased_at: Timestamp::EPOCH,
            data_bytes: 12,
            metadata_bytes: 0,
            sha256: Some([0xab; 32]),
        };
        let hash = "ab".repeat(32);
        assert_eq!(
            text(PayloadError::Erased { position, erasure }),
            format!(
                r#","data":null,"erased":{{"at":"1970-01-01T00:00:00Z","data_bytes":12,"metadata_bytes":0,"sha256":"{hash}"}}"#
            )
        );
        let key = Uuid::nil();
        assert_eq!(
            text(PayloadError::KeyDestroyed { position, key, at: Timestamp::EPOCH }),
            r#","data":null,"erased":{"at":"1970-01-01T00:00:00Z","key":"00000000-0000-0000-0000-000000000000"}"#
        );
        let missing = PayloadError::KeyMissing { position, key };
        assert!(
            text(missing).starts_with(r#","data":null,"unreadable":"the payload of the event at position 3"#)
        );
        assert_eq!(shown(&missing), "<encrypted under key 00000000-0000-0000-0000-000000000000>");
    }
}
