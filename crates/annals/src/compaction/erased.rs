//! What was erased, event by event: events of the ledger.
//!
//! They come in front of the entry of the compaction that erased them, some hundred events in each, and are numbered. So after a crash
//! the last event of the ledger tells what it has, and what comes next is the same as it would have been.

use super::ledger::{ERASED, LEDGER_STREAM, SCHEMA_VERSION};
use crate::error::ReadError;
use crate::paged::Paged;
use crate::store::Store;
use annals_types::{ContentType, Erasure, EventRef, NewEvent, Position, Timestamp, Version};
use serde::{Deserialize, Serialize};
use std::iter::FusedIterator;

/// So many erased events one event of the ledger tells.
pub(super) const EVENTS_MAX: usize = 256;
/// More than such an event takes: a stream and a type with each byte escaped, and some numbers.
const JSON_BYTES_MAX: usize = EVENTS_MAX * (6 * (1024 + 512) + 512) + (16 << 10);
/// So many events of the ledger are read at once.
const PAGE: u64 = 16;

/// An event of which the payload was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasedEvent {
    /// The compaction that took it, counted from 1.
    pub compaction: u64,
    /// The number of the request, which is the version of its event in the stream `$annals.erasure`.
    pub request: u64,
    /// Its position.
    pub position: Position,
    /// Its stream.
    pub stream: String,
    /// Its version.
    pub version: Version,
    /// Its type.
    pub event_type: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What is left of the payload: when it was erased, how long it was, and perhaps its SHA-256.
    pub erasure: Erasure,
    /// Who asked for it; empty if that was not said.
    pub asked_by: String,
    /// Why; empty if that was not said.
    pub reason: String,
}

/// Some erased events of one request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenPart {
    pub(super) compaction: u64,
    /// Of those of the compaction, from 0.
    pub(super) part: u64,
    pub(super) request: u64,
    pub(super) at_nanos: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) asked_by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    pub(super) events: Vec<WrittenEvent>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenEvent {
    position: u64,
    stream: String,
    version: u64,
    #[serde(rename = "type")]
    event_type: String,
    recorded_at_nanos: i64,
    data_bytes: u32,
    metadata_bytes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl WrittenEvent {
    pub(super) fn of(event: &EventRef<'_>, erasure: &Erasure) -> Self {
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        WrittenEvent {
            position: event.position.get(),
            stream: event.stream.to_owned(),
            version: event.version.get(),
            event_type: event.event_type.to_owned(),
            recorded_at_nanos: event.recorded_at.as_nanos(),
            data_bytes: erasure.data_bytes,
            metadata_bytes: erasure.metadata_bytes,
            sha256: erasure.sha256.map(hex),
        }
    }

    fn event(self, part: &WrittenPart) -> Option<ErasedEvent> {
        let sha256 = match self.sha256 {
            Some(hex) => Some(hash_of(&hex)?),
            None => None,
        };
        Some(ErasedEvent {
            compaction: part.compaction,
            request: part.request,
            position: Position::new(self.position),
            stream: self.stream,
            version: Version::new(self.version),
            event_type: self.event_type,
            recorded_at: Timestamp::from_nanos(self.recorded_at_nanos),
            erasure: Erasure {
                erased_at: Timestamp::from_nanos(part.at_nanos),
                data_bytes: self.data_bytes,
                metadata_bytes: self.metadata_bytes,
                sha256,
            },
            asked_by: part.asked_by.clone(),
            reason: part.reason.clone(),
        })
    }
}

fn hash_of(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2).filter(|_| digits)?, 16).ok()?;
    }
    Some(hash)
}

impl WrittenPart {
    pub(super) fn to_new(&self) -> NewEvent<'static> {
        let data = serde_json::to_string(self).unwrap_or_default();
        NewEvent::json(ERASED, data).with_schema_version(SCHEMA_VERSION)
    }

    pub(super) fn read(
        event_type: &str,
        version: u32,
        content_type: ContentType,
        data: &[u8],
    ) -> Option<Self> {
        let known = event_type == ERASED
            && version == SCHEMA_VERSION
            && content_type == ContentType::JSON
            && data.len() <= JSON_BYTES_MAX;
        if known { serde_json::from_slice(data).ok() } else { None }
    }

    pub(super) fn of(event: &EventRef<'_>) -> Result<Option<Self>, ReadError> {
        if event.event_type != ERASED {
            return Ok(None);
        }
        let data = event.data().map_err(ReadError::Payload)?;
        Ok(Self::read(event.event_type, event.schema_version, event.content_type, &data))
    }
}

/// The events whose payloads were erased, from [`Store::erased_events`].
#[derive(Debug)]
pub struct ErasedEvents(Paged<ErasedEvent>);

impl Store {
    /// The events whose payloads were erased, as the ledger tells them: in the order in which that was done, and with ascending positions
    /// each time.
    #[must_use]
    pub fn erased_events(&self) -> ErasedEvents {
        ErasedEvents(Paged::new(self.view(), LEDGER_STREAM, PAGE))
    }
}

impl Iterator for ErasedEvents {
    type Item = Result<ErasedEvent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_by(|view, event, ready| {
            let part = WrittenPart::of(event).map_err(|error| view.parts.own_error(error))?;
            if let Some(mut part) = part {
                let events = std::mem::take(&mut part.events);
                ready.extend(events.into_iter().filter_map(|event| event.event(&part)));
            }
            Ok(())
        })
    }
}

impl FusedIterator for ErasedEvents {}
