//! Values of arguments: checked while the command line is read, so that a bad one is wrong usage.

use crate::json::text;
use crate::time::{self, BadTime};
use annals::{Clock, Durability, Encrypt, Expected, Position, StreamName, Timestamp, Version};
use std::path::PathBuf;
use std::str::FromStr;

/// A moment to look back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A cut of the log: everything up to this position.
    Position(Position),
    /// A time on some clock.
    Time(Timestamp),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(|n| Moment::Position(Position::new(n))).map_err(|e| e.to_string());
        }
        time::parse(text).map(Moment::Time).map_err(|error| match error {
            BadTime::Form => format!("{error}, or a position"),
            error => error.to_string(),
        })
    }
}

/// One of the two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ClockName {
    /// When it happened
    #[default]
    Occurred,
    /// When the store took it
    Recorded,
}

impl From<ClockName> for Clock {
    fn from(name: ClockName) -> Clock {
        match name {
            ClockName::Occurred => Clock::Occurred,
            ClockName::Recorded => Clock::Recorded,
        }
    }
}

/// JSON given on the command line: the text itself, or a file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonArg {
    Text(String),
    File(PathBuf),
}

impl FromStr for JsonArg {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        match given.strip_prefix('@') {
            Some(path) => Ok(JsonArg::File(path.into())),
            None => match text::value(given.as_bytes()) {
                Some(json) => Ok(JsonArg::Text(json.to_owned())),
                None => Err("not a JSON value (quote it for the shell), nor @FILE".to_owned()),
            },
        }
    }
}

pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    time::parse(text).map_err(|error| error.to_string())
}

/// What an append expects: `any`, `no-stream`, `exists`, or the version of the last event.
pub(crate) fn parse_expected(text: &str) -> Result<Expected, String> {
    match text {
        "any" => Ok(Expected::Any),
        "no-stream" => Ok(Expected::NoStream),
        "exists" => Ok(Expected::StreamExists),
        _ => match text.parse() {
            Ok(version) => Ok(Expected::Exact(Version::new(version))),
            Err(_) => Err("expected any, no-stream, exists or the version of the last event".to_owned()),
        },
    }
}

pub(crate) fn parse_stream(text: &str) -> Result<String, String> {
    StreamName::new(text).map(|name| name.as_str().to_owned()).map_err(|error| error.to_string())
}

/// Whose payloads are encrypted.
pub(crate) fn parse_encrypt(text: &str) -> Result<Encrypt, String> {
    let (kind, what) = text.split_once(':').unwrap_or((text, ""));
    match kind {
        _ if what.is_empty() => {}
        "category" => return Ok(Encrypt::Category(what.to_owned())),
        "prefix" => return Ok(Encrypt::Prefix(what.to_owned())),
        "tag" => return Ok(Encrypt::Tagged(what.to_owned())),
        _ => {}
    }
    Err("expected category:NAME, prefix:TEXT or tag:TEXT".to_owned())
}

pub(crate) fn parse_durability(text: &str) -> Result<Durability, String> {
    text.parse::<Durability>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_position_and_anything_else_a_time() {
        assert_eq!("17".parse(), Ok(Moment::Position(Position::new(17))));
        assert_eq!("1970-01-01T00:00:00Z".parse(), Ok(Moment::Time(Timestamp::EPOCH)));
        for bad in ["", "-1", "2024-05-01", "99999999999999999999"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn expectations_are_words_or_a_version() {
        assert_eq!(parse_expected("no-stream"), Ok(Expected::NoStream));
        assert_eq!(parse_expected("0"), Ok(Expected::Exact(Version::ZERO)));
        for bad in ["", "-1", "none", "1.5"] {
            assert!(parse_expected(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_is_taken_as_text_or_from_a_file() {
        assert_eq!(" {\"a\": 1} ".parse(), Ok(JsonArg::Text("{\"a\": 1}".to_owned())));
        assert_eq!("@x.json".parse(), Ok(JsonArg::File("x.json".into())));
        assert!("{a:1}".parse::<JsonArg>().is_err());
    }
}
