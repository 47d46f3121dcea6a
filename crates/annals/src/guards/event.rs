//! Events of the stream `$annals.guards`: where guards stand, and that they are gone.

use crate::system_event::SystemEvent;
use annals_compaction::Guard;
use annals_types::{NewEvent, Position};
use serde::{Deserialize, Serialize};

/// The stream of guards.
pub(crate) const GUARDS_STREAM: &str = "$annals.guards";

const SET: &str = "$annals.GuardSet";
const REMOVED: &str = "$annals.GuardRemoved";

/// What an event of the stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuardEvent {
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
        NewEvent::json(event_type, json.unwrap_or_default()).with_schema_version(Self::SCHEMA_VERSION)
    }
}

impl SystemEvent for GuardEvent {
    const SCHEMA_VERSION: u32 = 1;
    /// More than a name of 256 bytes takes, each of them escaped.
    const JSON_BYTES_MAX: usize = 2 << 10;

    fn from_json(event_type: &str, data: &[u8]) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use annals_types::Invalid;

    #[test]
    fn what_is_written_is_read_as_the_same_and_anything_else_is_refused() {
        let longest = "\u{1}".repeat(Guard::NAME_BYTES_MAX);
        for event in [
            GuardEvent::Set("mails".into(), Position::new(7)),
            GuardEvent::Set(longest.clone(), Position::MAX),
            GuardEvent::Removed(longest),
        ] {
            let new = event.to_new();
            GuardEvent::check_new(&new).unwrap();
            assert_eq!(GuardEvent::from_json(&new.event_type, &new.data), Some(event));
            let newer = new.clone().with_schema_version(2);
            assert_eq!(GuardEvent::check_new(&newer), Err(Invalid::SystemStream));
        }
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(Guard::NAME_BYTES_MAX + 1));
        for (event_type, data) in [
            (SET, r#"{"name":"","position":1}"#),
            (SET, r#"{"name":"mails"}"#),
            (SET, r#"{"name":"mails","position":-1}"#),
            (SET, r#"{"name":"mails","position":1,"by":"me"}"#),
            (SET, r#"["mails",1]"#),
            (REMOVED, r#"{"name":"mails","position":1}"#),
            (REMOVED, &long),
            ("$annals.Other", r#"{"name":"mails"}"#),
        ] {
            let event = NewEvent::json(event_type, data.to_owned());
            assert_eq!(GuardEvent::check_new(&event), Err(Invalid::SystemStream), "{data}");
        }
    }
}
