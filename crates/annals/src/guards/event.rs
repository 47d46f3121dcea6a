//! Events of the stream `$annals.guards`: where guards stand, and that they are gone.

use annals_compaction::Guard;
use annals_types::{ContentType, EventRef, Invalid, NewEvent, PayloadError, Position};
use serde::{Deserialize, Serialize};

/// The stream of guards.
pub(crate) const GUARDS_STREAM: &str = "$annals.guards";
/// The version of the shape of its events.
const SCHEMA_VERSION: u32 = 1;
/// More than a name of 256 bytes takes, each of them escaped.
const JSON_BYTES_MAX: usize = 2 << 10;

const SET: &str = "$annals.GuardSet";
const REMOVED: &str = "$annals.GuardRemoved";

/// What an event of the stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GuardEvent {
    /// The guard is done with everything up to this position, if it does not stand further on already.
    Set(String, Position),
    /// There is no such guard any more.
    Removed(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGuard {
    name: String,
    position: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenName {
    name: String,
}

impl GuardEvent {
    /// As the store writes it.
    pub(super) fn to_new(&self) -> NewEvent<'static> {
        let (event_type, json) = match self {
            GuardEvent::Set(name, position) => {
                (SET, serde_json::to_string(&WrittenGuard { name: name.clone(), position: position.get() }))
            }
            GuardEvent::Removed(name) => {
                (REMOVED, serde_json::to_string(&WrittenName { name: name.clone() }))
            }
        };
        NewEvent::json(event_type, json.unwrap_or_default()).with_schema_version(SCHEMA_VERSION)
    }

    /// From an event of the stream; `None` if this program does not know such events.
    ///
    /// # Errors
    /// That its payload is damaged.
    pub(super) fn of(event: &EventRef<'_>) -> Result<Option<Self>, PayloadError> {
        match event.data() {
            Ok(data) => Ok(Self::read(event.event_type, event.schema_version, event.content_type, &data)),
            Err(error) if error.is_damage() => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn read(event_type: &str, version: u32, content_type: ContentType, data: &[u8]) -> Option<Self> {
        if version != SCHEMA_VERSION || content_type != ContentType::JSON || data.len() > JSON_BYTES_MAX {
            return None;
        }
        let read = match event_type {
            SET => {
                let WrittenGuard { name, position } = serde_json::from_slice(data).ok()?;
                GuardEvent::Set(name, Position::new(position))
            }
            REMOVED => {
                let WrittenName { name } = serde_json::from_slice(data).ok()?;
                GuardEvent::Removed(name)
            }
            _ => return None,
        };
        let (GuardEvent::Set(name, _) | GuardEvent::Removed(name)) = &read;
        can_be_named(name).then_some(read)
    }
}

/// Whether a guard can have this name.
pub(super) fn can_be_named(name: &str) -> bool {
    (1..=Guard::NAME_BYTES_MAX).contains(&name.len())
}

/// Whether a caller may append an event to the stream: only what the store would write itself, so that a copy of a store can be
/// made event by event.
#[cold]
pub(crate) fn check(event: &NewEvent<'_>) -> Result<(), Invalid> {
    let known = GuardEvent::read(&event.event_type, event.schema_version, event.content_type, &event.data);
    known.map(drop).ok_or(Invalid::SystemStream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_and_anything_else_is_refused() {
        let longest = "\u{1}".repeat(Guard::NAME_BYTES_MAX);
        for event in [
            GuardEvent::Set("mails".into(), Position::new(7)),
            GuardEvent::Set(longest.clone(), Position::MAX),
            GuardEvent::Removed(longest),
        ] {
            let new = event.to_new();
            check(&new).unwrap();
            assert_eq!(GuardEvent::read(&new.event_type, 1, ContentType::JSON, &new.data), Some(event));
            assert_eq!(check(&new.clone().with_schema_version(2)), Err(Invalid::SystemStream));
        }
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(Guard::NAME_BYTES_MAX + 1));
        for (event_type, data) in [
            (SET, r#"{"name":"","position":1}"#),
            (SET, r#"{"name":"mails"}"#),
            (SET, r#"{"name":"mails","position":-1}"#),
            (SET, r#"{"name":"mails","position":1,"by":"me"}"#),
            (REMOVED, r#"{"name":"mails","position":1}"#),
            (REMOVED, &long),
            ("$annals.Other", r#"{"name":"mails"}"#),
        ] {
            let event = NewEvent::json(event_type, data.to_owned());
            assert_eq!(check(&event), Err(Invalid::SystemStream), "{data}");
        }
    }
}
