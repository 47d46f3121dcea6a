//! Bytes that are not JSON (written by programs that use the library), as JSON:
//! `{"base64": "...", "content_type": "application/cbor"}`.

use annals::ContentType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::borrow::Cow;

/// Appends `bytes` to `out` in their JSON form. The content type is left out where it says nothing.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8], content_type: Option<ContentType>) {
    out.extend_from_slice(br#"{"base64":""#);
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
    if let Some(content_type) = content_type {
        out.extend_from_slice(format!(r#","content_type":"{content_type}""#).as_bytes());
    }
    out.push(b'}');
}

/// Bytes as they are written in an input event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binary<'a> {
    #[serde(borrow)]
    base64: Cow<'a, str>,
    #[serde(borrow, default)]
    content_type: Option<Cow<'a, str>>,
}

impl Binary<'_> {
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, String> {
        STANDARD.decode(self.base64.as_bytes()).map_err(|error| format!("not base64: {error}"))
    }

    pub(crate) fn content_type(&self) -> Result<ContentType, String> {
        let Some(name) = &self.content_type else { return Ok(ContentType::BINARY) };
        (0..=u8::MAX)
            .map(ContentType::from_code)
            .find(|known| known.to_string() == **name)
            .ok_or_else(|| format!("unknown content type {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_their_content_type_survive_the_round_trip() {
        for code in [0, 2, 3, 200] {
            let mut text = Vec::new();
            push(&mut text, b"\x00\xff", Some(ContentType::from_code(code)));
            let binary: Binary<'_> = serde_json::from_slice(&text).unwrap();
            assert_eq!(binary.bytes().unwrap(), b"\x00\xff");
            assert_eq!(binary.content_type().unwrap().code(), code);
        }
    }
}
