//! Events of the stream `$annals.erasure`: what is to be erased, who asked for it, and why.
//!
//! A request names events by their positions, so that it means the same when it is worked off after a crash, and does not say again by
//! what they were found: a tag that names somebody may have to go itself. Streams are named, with the lowest version that is erased of
//! each: states from there on have to go.

use super::stretches::Stretches;
use crate::error::ReadError;
use annals_types::limits::STREAM_NAME_BYTES_MAX;
use annals_types::{ContentType, EventRef, NewEvent, Position, Version};
use serde::{Deserialize, Serialize};

/// The stream of requests.
pub(crate) const ERASURE_STREAM: &str = "$annals.erasure";
const REQUESTED: &str = "$annals.ErasureRequested";
/// The version of the shape of its events.
const SCHEMA_VERSION: u32 = 1;
/// Longest reason.
pub(super) const REASON_BYTES_MAX: usize = 1024;
/// Longest name of who asked.
pub(super) const ASKED_BY_BYTES_MAX: usize = 256;
/// So many streams one request names.
pub(super) const STREAMS_MAX: usize = 1024;
/// So many stretches of positions one request has.
pub(super) const STRETCHES_MAX: usize = 4096;
/// More than a request takes: names with each byte escaped, and two numbers of 15 digits for each stretch.
const JSON_BYTES_MAX: usize =
    STREAMS_MAX * (6 * STREAM_NAME_BYTES_MAX + 64) + STRETCHES_MAX * 32 + (16 << 10);

/// What is asked for by one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) keep_tags: bool,
    pub(crate) keep_hash: bool,
    pub(crate) asked_by: String,
    pub(crate) reason: String,
    pub(crate) streams: Vec<OfStream>,
}

/// What of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfStream {
    pub(crate) stream: String,
    /// The lowest version.
    pub(crate) from: Version,
    pub(crate) positions: Stretches,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequest {
    tags: Fate,
    hash: Fate,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    asked_by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    streams: Vec<WrittenStream>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Keep,
    Erase,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStream {
    stream: String,
    from: u64,
    positions: String,
}

impl Fate {
    fn of(kept: bool) -> Self {
        if kept { Fate::Keep } else { Fate::Erase }
    }
}

impl Request {
    /// As the store writes it.
    pub(super) fn to_new(&self) -> NewEvent<'static> {
        let stream = |of: &OfStream| WrittenStream {
            stream: of.stream.clone(),
            from: of.from.get(),
            positions: of.positions.to_text(),
        };
        let written = WrittenRequest {
            tags: Fate::of(self.keep_tags),
            hash: Fate::of(self.keep_hash),
            asked_by: self.asked_by.clone(),
            reason: self.reason.clone(),
            streams: self.streams.iter().map(stream).collect(),
        };
        let data = serde_json::to_string(&written).unwrap_or_default();
        NewEvent::json(REQUESTED, data).with_schema_version(SCHEMA_VERSION)
    }

    /// From an event of the stream.
    ///
    /// # Errors
    /// [`ReadError::Newer`] if this program does not know such events: it does not guess what is to be erased.
    pub(super) fn of(event: &EventRef<'_>) -> Result<Self, ReadError> {
        let data = event.data().map_err(ReadError::Payload)?;
        let known = event.event_type == REQUESTED
            && event.schema_version == SCHEMA_VERSION
            && event.content_type == ContentType::JSON
            && data.len() <= JSON_BYTES_MAX;
        let read = if known { Self::read(&data) } else { None };
        read.ok_or_else(|| ReadError::Newer {
            file: format!("the request to erase at position {}", event.position),
            found: event.schema_version,
            supported: SCHEMA_VERSION,
        })
    }

    fn read(data: &[u8]) -> Option<Self> {
        let written: WrittenRequest = serde_json::from_slice(data).ok()?;
        let mut left = STRETCHES_MAX;
        let streams = written.streams.into_iter().map(|of| {
            let positions = Stretches::from_text(&of.positions, left)?;
            left -= positions.len();
            let from = Version::new(of.from);
            (from >= Version::FIRST).then_some(OfStream { stream: of.stream, from, positions })
        });
        Some(Request {
            keep_tags: matches!(written.tags, Fate::Keep),
            keep_hash: matches!(written.hash, Fate::Keep),
            asked_by: written.asked_by,
            reason: written.reason,
            streams: streams.collect::<Option<_>>()?,
        })
    }

    pub(super) fn has(&self, position: Position) -> bool {
        self.streams.iter().any(|of| of.positions.has(position))
    }

    pub(super) fn positions(&self) -> Stretches {
        Stretches::joined(self.streams.iter().map(|of| of.positions.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_format::FrameBuilder;

    fn request() -> Request {
        let of = |stream: &str, from, text: &str| OfStream {
            stream: stream.into(),
            from: Version::new(from),
            positions: Stretches::from_text(text, 9).unwrap(),
        };
        Request {
            keep_tags: false,
            keep_hash: true,
            asked_by: "clerk 7".into(),
            reason: "asked for by letter".into(),
            streams: vec![of("user-7", 3, "5-9,12"), of("order-1", 1, "10")],
        }
    }

    fn read_back(new: &NewEvent<'_>) -> Result<Request, ReadError> {
        let mut frame = FrameBuilder::new();
        frame.push(ERASURE_STREAM, new).unwrap();
        Request::of(&frame.draft(0).unwrap())
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        assert_eq!(read_back(&request().to_new()).unwrap(), request());
        let none = Request { asked_by: String::new(), reason: String::new(), ..request() };
        let new = none.to_new();
        assert!(!String::from_utf8_lossy(&new.data).contains("reason"));
        assert_eq!(read_back(&new).unwrap(), none);
        let has: Vec<u64> = (0..14).filter(|position| request().has(Position::new(*position))).collect();
        assert_eq!(has, [5, 6, 7, 8, 9, 10, 12]);
        assert_eq!(request().positions().to_text(), "5-10,12");
    }

    #[test]
    fn a_request_of_a_newer_program_is_not_guessed_at() {
        let data = |data: &str| NewEvent::json(REQUESTED, data.to_owned()).with_schema_version(1);
        let stream = |from: &str, positions: &str| {
            data(&format!(
                r#"{{"tags":"keep","hash":"keep","streams":[{{"stream":"s","from":{from},"positions":"{positions}"}}]}}"#
            ))
        };
        read_back(&stream("1", "7")).unwrap();
        for newer in [
            request().to_new().with_schema_version(2),
            data("{}"),
            data(r#"{"tags":"keep","hash":"keep","streams":[],"metadata":"keep"}"#),
            data(r#"{"tags":"blur","hash":"keep","streams":[]}"#),
            stream("0", "7"),
            stream("1", "7,3"),
            stream("1", ""),
        ] {
            assert!(matches!(read_back(&newer), Err(ReadError::Newer { .. })), "{newer:?}");
        }
    }
}
