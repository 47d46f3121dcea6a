//! The folds that `state` knows: from the events of a stream to one JSON value.

use crate::json::{event_out, text};
use annals::{ContentType, Document, EventRef, Version};
use anyhow::{Context, Result, anyhow, bail};
use bigdecimal::BigDecimal;
use serde_json::Value;
use std::str::FromStr;

/// Which fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    /// JSON merge patch of all data, in order.
    Merge,
    /// The data of the last event.
    Last,
    /// The number of events.
    Count,
    /// The exact sum of the numbers at a JSON pointer.
    Sum(String),
}

impl FromStr for Reduce {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "merge" => Ok(Reduce::Merge),
            "last" => Ok(Reduce::Last),
            "count" => Ok(Reduce::Count),
            _ => match text.strip_prefix("sum:") {
                Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                    Ok(Reduce::Sum(pointer.to_owned()))
                }
                Some(_) => Err("a JSON pointer begins with a slash, as in sum:/amount".to_owned()),
                None => Err("expected merge, last, count or sum:POINTER".to_owned()),
            },
        }
    }
}

/// A fold under way.
pub(crate) struct Fold {
    version: Version,
    state: State,
}

enum State {
    Merge(Document),
    Last(Option<String>),
    Count(u64),
    Sum(String, BigDecimal),
}

impl Fold {
    pub(crate) fn new(reduce: &Reduce) -> Self {
        let state = match reduce {
            Reduce::Merge => State::Merge(Document::default()),
            Reduce::Last => State::Last(None),
            Reduce::Count => State::Count(0),
            Reduce::Sum(pointer) => State::Sum(pointer.clone(), BigDecimal::from(0)),
        };
        Fold { version: Version::ZERO, state }
    }

    /// The state that a document is, with the version at which it stands.
    pub(crate) fn of_document(version: Version, document: Document) -> Self {
        Fold { version, state: State::Merge(document) }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// If its data are not what the fold needs; the error names the position.
    pub(crate) fn apply(&mut self, event: &EventRef<'_>) -> Result<()> {
        self.version = event.version;
        match &mut self.state {
            State::Count(count) => *count += 1,
            State::Last(last) => *last = last_text(event)?,
            State::Merge(document) => document.apply(event)?,
            State::Sum(pointer, sum) => {
                if let Some(found) = parse(event)?.as_ref().and_then(|data| data.pointer(pointer)) {
                    *sum += number(found).with_context(|| place(event, pointer))?;
                }
            }
        }
        Ok(())
    }

    /// The version of the last event taken.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The state as JSON text.
    pub(crate) fn into_json(self) -> String {
        match self.state {
            State::Merge(document) => document.into_value().unwrap_or_default().to_string(),
            State::Last(text) => text.unwrap_or_else(|| "null".to_owned()),
            State::Count(count) => count.to_string(),
            State::Sum(_, sum) => sum.to_plain_string(),
        }
    }
}

/// The data of an event as a value; `None` if it has none.
fn parse(event: &EventRef<'_>) -> Result<Option<Value>> {
    let data = event.data()?;
    if data.is_empty() {
        return Ok(None);
    }
    if event.content_type != ContentType::JSON {
        bail!(not_json(event));
    }
    serde_json::from_slice(&data).map(Some).with_context(|| not_json(event))
}

fn last_text(event: &EventRef<'_>) -> Result<Option<String>> {
    let data = event.data()?;
    if data.is_empty() {
        return Ok(None);
    }
    let json = event_out::json_of(&data, event.content_type).ok_or_else(|| anyhow!(not_json(event)))?;
    Ok(Some(text::on_one_line(json).into_owned()))
}

fn not_json(event: &EventRef<'_>) -> String {
    format!(
        "the data of the event at position {} (version {}) cannot be folded as JSON",
        event.position, event.version
    )
}

fn place(event: &EventRef<'_>, pointer: &str) -> String {
    format!("cannot add {pointer:?} of the event at position {} (version {})", event.position, event.version)
}

/// Most digits before or after the point that a sum may get, so that a short text cannot fill the memory.
const DIGITS_MAX: u64 = 10_000;

fn number(value: &Value) -> Result<BigDecimal> {
    let Value::Number(number) = value else { bail!("not a number") };
    let number = BigDecimal::from_str(&number.to_string()).context("not a number that can be summed")?;
    if number.fractional_digit_count().unsigned_abs() > DIGITS_MAX {
        bail!("the exponent is beyond {DIGITS_MAX} digits");
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals::{PayloadRef, Position, Tags, Timestamp, Uuid};

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

    fn fold(reduce: &str, data: &[&str]) -> Result<String> {
        let mut fold = Fold::new(&reduce.parse().unwrap());
        for (version, data) in (1..).zip(data) {
            fold.apply(&event(version, data.as_bytes()))?;
        }
        assert_eq!(fold.version(), Version::new(data.len() as u64));
        Ok(fold.into_json())
    }

    #[test]
    fn each_fold_gives_its_state() {
        let data = [r#"{"a":1,"b":{"c":2}}"#, "", r#"{"b":{"c":null,"d":1.10}}"#];
        assert_eq!(fold("merge", &data).unwrap(), r#"{"a":1,"b":{"d":1.10}}"#);
        assert_eq!(fold("last", &data).unwrap(), data[2]);
        assert_eq!(fold("last", &data[..2]).unwrap(), "null");
        assert_eq!(fold("count", &data).unwrap(), "3");
        assert_eq!(fold("sum:/a", &data).unwrap(), "1");
    }

    #[test]
    fn a_stream_without_events_has_an_empty_state() {
        for (reduce, state) in [("merge", "null"), ("last", "null"), ("count", "0"), ("sum:/a", "0")] {
            assert_eq!(fold(reduce, &[]).unwrap(), state);
        }
    }

    #[test]
    fn sums_are_exact_at_any_size() {
        let sum = |data: &[&str]| fold("sum:", data).unwrap();
        assert_eq!(sum(&["0.1", "0.2"]), "0.3");
        assert_eq!(sum(&["9007199254740993", "1", "{}"][..2]), "9007199254740994");
        assert_eq!(sum(&["123456789012345678901234567890", "-0.01"]), "123456789012345678901234567889.99");
        assert_eq!(sum(&["1e3", "-1E3", "5"]), "5");
        assert_eq!(sum(&["1e-3", "2"]), "2.001");
    }

    #[test]
    fn what_is_not_a_number_is_named_with_its_position() {
        for data in ["\"5\"", "null", "true", "[1]"] {
            let error = fold("sum:", &["1", data]).unwrap_err();
            assert_eq!(
                format!("{error:#}"),
                "cannot add \"\" of the event at position 12 (version 2): not a number"
            );
        }
        assert!(fold("sum:", &["1e999999999"]).is_err());
        assert!(fold("sum:", &["1e99999999999999999999999"]).is_err());
    }

    #[test]
    fn data_that_are_not_json_are_named_with_their_position() {
        for reduce in ["merge", "last", "sum:/a"] {
            let error = fold(reduce, &["1", "{"]).unwrap_err();
            assert!(error.to_string().contains("position 12 (version 2)"), "{error}");
        }
    }

    #[test]
    fn only_known_folds_are_taken() {
        assert_eq!("sum:/a/b".parse(), Ok(Reduce::Sum("/a/b".to_owned())));
        for text in ["sum:a", "sum", "", "max:/a"] {
            assert!(text.parse::<Reduce>().is_err(), "{text}");
        }
    }
}
