//! Events of the stream `$annals.retention`: rules, and what was truncated, deleted or closed.

use crate::system_event::SystemEvent;
use annals_compaction::{RetentionRule, RetentionScope, RuleError};
use annals_types::{NewEvent, Position, Version};
use serde::{Deserialize, Serialize};

/// The stream of rules.
pub(crate) const RETENTION_STREAM: &str = "$annals.retention";

const RULE_SET: &str = "$annals.RetentionRuleSet";
const TRUNCATED: &str = "$annals.StreamTruncated";
const DELETED: &str = "$annals.StreamDeleted";
const TOMBSTONED: &str = "$annals.StreamTombstoned";
const LOG_TRUNCATED: &str = "$annals.LogTruncated";

/// What an event of the stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RetentionEvent {
    /// This is the rule of a scope from now on.
    Rule(RetentionScope, RetentionRule),
    /// Events of a stream before this version go.
    Truncated(String, Version),
    /// All events that a stream had go, those before this version. It may begin anew.
    Deleted(String, Version),
    /// The same, and it may not.
    Tombstoned(String, Version),
    /// Events up to this position go, but for streams that are kept.
    LogTruncated(Position),
}

/// A rule as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    scope: WrittenKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    rule: RetentionRule,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenKind {
    Store,
    Category,
    Stream,
}

/// The first version of a stream that does not go.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFloor {
    stream: String,
    before: u64,
}

/// The last position that goes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPosition {
    through: u64,
}

impl RetentionEvent {
    /// As the store writes it.
    pub(crate) fn to_new(&self) -> NewEvent<'static> {
        let json = |written: serde_json::Result<String>| written.unwrap_or_default();
        let floor = |stream: &String, before: &Version| {
            json(serde_json::to_string(&WrittenFloor { stream: stream.clone(), before: before.get() }))
        };
        let (event_type, data) = match self {
            RetentionEvent::Rule(scope, rule) => {
                let written = WrittenRule {
                    scope: match scope {
                        RetentionScope::Store => WrittenKind::Store,
                        RetentionScope::Category(_) => WrittenKind::Category,
                        RetentionScope::Stream(_) => WrittenKind::Stream,
                    },
                    name: scope.name().map(str::to_owned),
                    rule: rule.clone(),
                };
                (RULE_SET, json(serde_json::to_string(&written)))
            }
            RetentionEvent::Truncated(stream, before) => (TRUNCATED, floor(stream, before)),
            RetentionEvent::Deleted(stream, before) => (DELETED, floor(stream, before)),
            RetentionEvent::Tombstoned(stream, before) => (TOMBSTONED, floor(stream, before)),
            RetentionEvent::LogTruncated(through) => {
                (LOG_TRUNCATED, json(serde_json::to_string(&WrittenPosition { through: through.get() })))
            }
        };
        NewEvent::json(event_type, data).with_schema_version(Self::SCHEMA_VERSION)
    }

    fn check(&self) -> Result<(), RuleError> {
        match self {
            RetentionEvent::Rule(scope, rule) => rule.check(scope),
            RetentionEvent::Truncated(stream, before)
            | RetentionEvent::Deleted(stream, before)
            | RetentionEvent::Tombstoned(stream, before) => {
                RetentionScope::stream(stream).check()?;
                let named = *before != Version::ZERO;
                if named { Ok(()) } else { Err(RuleError::Zero { field: "before" }) }
            }
            RetentionEvent::LogTruncated(_) => Ok(()),
        }
    }

    /// The stream that it is about, if it is about one.
    pub(crate) fn stream(&self) -> Option<&str> {
        match self {
            RetentionEvent::Rule(RetentionScope::Stream(stream), _)
            | RetentionEvent::Truncated(stream, _)
            | RetentionEvent::Deleted(stream, _)
            | RetentionEvent::Tombstoned(stream, _) => Some(stream),
            RetentionEvent::Rule(..) | RetentionEvent::LogTruncated(_) => None,
        }
    }
}

impl SystemEvent for RetentionEvent {
    const SCHEMA_VERSION: u32 = 1;
    /// More than a rule with a name of 1024 bytes takes, each of them escaped.
    const JSON_BYTES_MAX: usize = 8 << 10;

    fn from_json(event_type: &str, data: &[u8]) -> Option<Self> {
        let read = match event_type {
            RULE_SET => {
                let WrittenRule { scope, name, rule } = serde_json::from_slice(data).ok()?;
                let scope = match (scope, name) {
                    (WrittenKind::Store, None) => RetentionScope::Store,
                    (WrittenKind::Category, Some(name)) => RetentionScope::Category(name),
                    (WrittenKind::Stream, Some(name)) => RetentionScope::Stream(name),
                    _ => return None,
                };
                RetentionEvent::Rule(scope, rule)
            }
            LOG_TRUNCATED => {
                let WrittenPosition { through } = serde_json::from_slice(data).ok()?;
                RetentionEvent::LogTruncated(Position::new(through))
            }
            TRUNCATED | DELETED | TOMBSTONED => {
                let WrittenFloor { stream, before } = serde_json::from_slice(data).ok()?;
                let before = Version::new(before);
                match event_type {
                    TRUNCATED => RetentionEvent::Truncated(stream, before),
                    DELETED => RetentionEvent::Deleted(stream, before),
                    _ => RetentionEvent::Tombstoned(stream, before),
                }
            }
            _ => return None,
        };
        read.check().ok().map(|()| read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_types::Invalid;

    #[test]
    fn what_is_written_is_read_as_the_same_and_anything_else_is_refused() {
        let rule = RetentionRule::new().max_count(3);
        let (stream, version) = ("s \"1\"\u{0}".to_owned(), Version::new(7));
        for event in [
            RetentionEvent::Rule(RetentionScope::Store, rule.clone()),
            RetentionEvent::Rule(RetentionScope::category("c"), RetentionRule::new()),
            RetentionEvent::Rule(RetentionScope::stream(&*stream), rule.truncate_before(version)),
            RetentionEvent::Truncated(stream.clone(), version),
            RetentionEvent::Deleted(stream.clone(), version),
            RetentionEvent::Tombstoned(stream, version),
            RetentionEvent::LogTruncated(Position::new(9)),
        ] {
            let new = event.to_new();
            RetentionEvent::check_new(&new).unwrap();
            let read = RetentionEvent::from_json(&new.event_type, &new.data);
            assert_eq!(read, Some(event));
            let newer = new.clone().with_schema_version(2);
            assert_eq!(RetentionEvent::check_new(&newer), Err(Invalid::SystemStream));
        }
        for (event_type, data) in [
            (RULE_SET, r#"{"scope":"store","name":"x","rule":{}}"#),
            (RULE_SET, r#"{"scope":"stream","rule":{}}"#),
            (RULE_SET, r#"{"scope":"category","name":"c","rule":{"truncate_before":3}}"#),
            (RULE_SET, r#"{"scope":"stream","name":"$annals.schemas","rule":{}}"#),
            (RULE_SET, r#"{"scope":"store","rule":[]}"#),
            (RULE_SET, r#"["store",null,{}]"#),
            (TRUNCATED, r#"["s",1]"#),
            (TRUNCATED, r#"{"stream":"s","before":0}"#),
            (DELETED, r#"{"stream":"","before":1}"#),
            (DELETED, r#"{"stream":"s","before":1,"why":"x"}"#),
            ("$annals.Other", "{}"),
        ] {
            let event = NewEvent::json(event_type, data);
            assert_eq!(RetentionEvent::check_new(&event), Err(Invalid::SystemStream), "{data}");
        }
    }
}
