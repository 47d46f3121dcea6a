//! JSON as text that is passed on without being understood, so that numbers are never rounded.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// The one JSON value in `bytes` as its text, without the blanks around it; `None` if it is not JSON.
pub(crate) fn value(bytes: &[u8]) -> Option<&str> {
    serde_json::from_slice::<&RawValue>(bytes).ok().map(RawValue::get)
}

/// A JSON text on one line: as it is, unless it has line breaks, which can only stand between tokens.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte == b'\n' || byte == b'\r') { compact(text).into() } else { text.into() }
}

/// A JSON text without the blanks between its tokens. Strings and numbers stay as they are.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for char in text.chars() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            ' ' | '\t' | '\n' | '\r' if !in_string => continue,
            _ => {}
        }
        out.push(char);
    }
    out
}

/// Whether two JSON texts are the same but for the blanks between tokens.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    match (value(a), value(b)) {
        (Some(a), Some(b)) => compact(a) == compact(b),
        _ => false,
    }
}

/// Appends `text` to `out` as a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(&mut *out, text).expect("a string always has a JSON form, and a vector takes it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_between_tokens_only() {
        let text = "{ \"a b\" : [ 1.0e+00 ,\r\n\t\"\\\" \\\\\" , 12345678901234567890.10 ] }";
        assert_eq!(compact(text), r#"{"a b":[1.0e+00,"\" \\",12345678901234567890.10]}"#);
    }

    #[test]
    fn a_text_on_one_line_is_kept_byte_for_byte() {
        assert!(matches!(on_one_line("{ \"a\" :  1 }"), Cow::Borrowed(_)));
        assert_eq!(on_one_line("{\n \"a\" :  1\n}"), r#"{"a":1}"#);
    }

    #[test]
    fn values_are_the_same_whatever_the_blanks_but_not_whatever_the_number() {
        assert!(same(b"{ \"a\":1}", b"{\"a\": 1 }"));
        assert!(!same(b"1.0", b"1"));
        assert!(!same(b"\"a b\"", b"\"ab\""));
        assert!(!same(b"\xff", b"\xfe"));
    }

    #[test]
    fn only_json_is_a_value() {
        assert_eq!(value(b" [1, 2]\n"), Some("[1, 2]"));
        assert_eq!(value(b"null"), Some("null"));
        for bytes in [&b""[..], b"{", b"1 2", b"\"\xff\"", b"nope"] {
            assert_eq!(value(bytes), None);
        }
    }
}
