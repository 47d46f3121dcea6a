//! What is said in the place of a payload that is not there:
//! `"data":null,"erased":{...}` if it was erased, `"data":null,"unreadable":"why"` otherwise.

use super::text;
use crate::time;
use annals::PayloadError;
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
    use annals::{Erasure, Position, Timestamp, Uuid};

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
