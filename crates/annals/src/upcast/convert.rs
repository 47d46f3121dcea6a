//! From one type of JSON value to another: exactly, or not at all.

use super::pointer::kind;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// What [`Rule::convert`](crate::Rule::convert) makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldType {
    /// A string: of a number its text, digit for digit; of a boolean `"true"` or `"false"`.
    String,
    /// A number: of a string the number that it is the text of, digit for digit; of a boolean 1 or 0.
    Number,
    /// A boolean: of the strings `"true"` and `"false"`, of the numbers 1 and 0.
    Boolean,
}

/// The value as another type. `null` stays what it is: there is no value to convert.
pub(crate) fn convert(value: Value, to: FieldType) -> Result<Value, String> {
    let converted = match (&value, to) {
        (Value::Null, _)
        | (Value::String(_), FieldType::String)
        | (Value::Number(_), FieldType::Number)
        | (Value::Bool(_), FieldType::Boolean) => return Ok(value),
        (Value::Number(number), FieldType::String) => Some(Value::String(number.to_string())),
        (Value::Bool(is), FieldType::String) => Some(Value::String(is.to_string())),
        (Value::String(text), FieldType::Number) => exact_number(text).map(Value::Number),
        (Value::Bool(is), FieldType::Number) => Some(Value::Number(u8::from(*is).into())),
        (Value::String(text), FieldType::Boolean) => text.parse().ok().map(Value::Bool),
        (Value::Number(number), FieldType::Boolean) => match number.to_string().as_str() {
            "0" => Some(Value::Bool(false)),
            "1" => Some(Value::Bool(true)),
            _ => None,
        },
        (Value::Array(_) | Value::Object(_), _) => None,
    };
    converted.ok_or_else(|| {
        let to = match to {
            FieldType::String => "a string",
            FieldType::Number => "a number",
            FieldType::Boolean => "a boolean",
        };
        format!("{} {} cannot be made {to} without changing it", kind(&value), shown(&value))
    })
}

/// The number that a text is, if all of it is kept.
fn exact_number(text: &str) -> Option<Number> {
    // Spaces around it would be lost.
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        || text.ends_with(char::is_whitespace)
    {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    let kept = cfg!(feature = "exact-numbers") || number.to_string() == text;
    kept.then_some(number)
}

/// A value in a message, cut where it is long.
pub(crate) fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 64;
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_can_be_said_in_the_other_type_is_and_everything_else_is_refused() {
        use FieldType::{Boolean, Number, String};
        let cases = [
            (json!(17), String, Some(json!("17"))),
            (json!(true), String, Some(json!("true"))),
            (json!("-1.5"), Number, Some(json!(-1.5))),
            (json!(false), Number, Some(json!(0))),
            (json!("true"), Boolean, Some(json!(true))),
            (json!(1), Boolean, Some(json!(true))),
            (json!(null), Number, Some(json!(null))),
            (json!("x"), String, Some(json!("x"))),
            (json!(""), Number, None),
            (json!(" 1"), Number, None),
            (json!("1 "), Number, None),
            (json!("0x10"), Number, None),
            (json!("NaN"), Number, None),
            (json!("01"), Number, None),
            (json!("yes"), Boolean, None),
            (json!(2), Boolean, None),
            (json!([1]), String, None),
            (json!({}), Number, None),
        ];
        for (value, to, expected) in cases {
            assert_eq!(convert(value.clone(), to).ok(), expected, "{value} to {to:?}");
        }
        assert!(convert(json!("x"), Number).unwrap_err().contains("a string \"x\" cannot be made a number"));
    }

    #[cfg(feature = "exact-numbers")]
    #[test]
    fn numbers_keep_every_digit_in_both_directions() {
        for text in ["123456789012345678901234567890", "0.10", "-1.000000000000000000000000000001"] {
            let number = convert(json!(text), FieldType::Number).unwrap();
            assert!(number.is_number());
            assert_eq!(convert(number, FieldType::String).unwrap(), json!(text));
        }
        assert!(convert(json!("1e400"), FieldType::Number).is_ok());
    }
}
