//! Rules of retention, as the model knows them, and what they say of single events.

use annals::{Clock, Event, RetentionRule, RetentionScope, Setting, category_of};
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000_000;
/// Streams of the store's own are kept whatever is said.
const SYSTEM_PREFIX: &str = "$annals.";
/// The stream in which rules are.
pub(crate) const RETENTION_STREAM: &str = "$annals.retention";

/// What an event of the stream of rules says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Says {
    Rule(RetentionScope, RetentionRule),
    /// Versions below this one are let go.
    Truncated(String, u64),
    /// The same, and the stream may begin anew.
    Deleted(String, u64),
    /// The same, and it may not.
    Tombstoned(String, u64),
}

/// What was said of one stream beside its rule.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    floor: u64,
    /// The first version behind its last deletion.
    anew: u64,
    tombstoned: bool,
}

/// Everything that was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    scopes: BTreeMap<RetentionScope, RetentionRule>,
    said: BTreeMap<String, Said>,
}

/// What an append makes of a stream that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    Soft,
    Tombstone,
}

impl Says {
    /// Type and data of the event.
    pub(crate) fn written(&self) -> (&'static str, String) {
        let floor = |stream: &String, before: &u64| {
            serde_json::json!({ "stream": stream, "before": before }).to_string()
        };
        match self {
            Says::Rule(scope, rule) => {
                let (kind, name) = match scope {
                    RetentionScope::Store => ("store", None),
                    RetentionScope::Category(name) => ("category", Some(name)),
                    RetentionScope::Stream(name) => ("stream", Some(name)),
                };
                let name = name.map(|name| format!(",\"name\":{}", serde_json::json!(name)));
                let (name, rule) = (name.unwrap_or_default(), rule.to_json());
                ("$annals.RetentionRuleSet", format!("{{\"scope\":{kind:?}{name},\"rule\":{rule}}}"))
            }
            Says::Truncated(stream, before) => ("$annals.StreamTruncated", floor(stream, before)),
            Says::Deleted(stream, before) => ("$annals.StreamDeleted", floor(stream, before)),
            Says::Tombstoned(stream, before) => ("$annals.StreamTombstoned", floor(stream, before)),
        }
    }

    /// The highest version that it may name, given the last one of the stream that it is about.
    pub(crate) fn is_beyond(&self, last: impl Fn(&str) -> u64) -> bool {
        match self {
            Says::Rule(..) => false,
            Says::Truncated(stream, before) => *before > last(stream),
            Says::Deleted(stream, before) | Says::Tombstoned(stream, before) => *before > last(stream) + 1,
        }
    }
}

impl Rules {
    pub(crate) fn take(&mut self, says: &Says) {
        match says {
            Says::Rule(scope, rule) => drop(self.scopes.insert(scope.clone(), rule.clone())),
            Says::Truncated(stream, before) => {
                let said = self.said.entry(stream.clone()).or_default();
                said.floor = said.floor.max(*before);
            }
            Says::Deleted(stream, before) | Says::Tombstoned(stream, before) => {
                let said = self.said.entry(stream.clone()).or_default();
                (said.floor, said.anew) = (said.floor.max(*before), said.anew.max(*before));
                said.tombstoned |= matches!(says, Says::Tombstoned(..));
            }
        }
    }

    /// The version behind the last one of a stream that was closed; 1 of any other.
    pub(crate) fn end_of_closed(&self, stream: &str) -> u64 {
        self.said.get(stream).filter(|said| said.tombstoned).map_or(1, |said| said.anew.max(1))
    }

    /// The highest version that what was said shows to have been there: a truncation leaves one, a deletion none.
    pub(crate) fn reached(&self, stream: &str) -> u64 {
        let said = self.said.get(stream).copied().unwrap_or_default();
        if said.floor > said.anew.max(1) { said.floor } else { self.deleted_through(stream) }
    }

    /// The last version that was deleted.
    pub(crate) fn deleted_through(&self, stream: &str) -> u64 {
        self.said.get(stream).map_or(0, |said| said.anew.saturating_sub(1))
    }

    /// Whether nothing was ever said.
    pub(crate) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.said.is_empty()
    }

    pub(crate) fn deletion(&self, stream: &str, last: u64) -> Option<Deletion> {
        let said = self.said.get(stream)?;
        match () {
            () if said.tombstoned => Some(Deletion::Tombstone),
            () if last > 0 && last < said.anew => Some(Deletion::Soft),
            () => None,
        }
    }

    /// Whether rules hide an event, of a stream with this last version, from who begins to read at a time.
    pub(crate) fn hide(&self, event: &Event, last: u64, now: i64) -> bool {
        if event.version.get() < self.floor_by_versions(&event.stream, last) {
            return true;
        }
        self.cutoff(&event.stream, now).is_some_and(|(clock, cutoff)| time(event, clock) <= cutoff)
    }

    /// The first version that is not hidden because of its number.
    pub(crate) fn floor_by_versions(&self, stream: &str, last: u64) -> u64 {
        if stream.starts_with(SYSTEM_PREFIX) {
            return 1;
        }
        let said = self.said.get(stream).copied().unwrap_or_default();
        if said.tombstoned {
            return u64::MAX;
        }
        let count = self.holds(stream, RetentionRule::count);
        let floor = count.map_or(1, |count| last.saturating_sub(count) + 1);
        floor.max(said.floor)
    }

    /// On which clock the events of a stream become too old, and where.
    pub(crate) fn cutoff(&self, stream: &str, now: i64) -> Option<(Clock, i64)> {
        if stream.starts_with(SYSTEM_PREFIX) {
            return None;
        }
        let age = self.holds(stream, RetentionRule::age)?;
        let seconds = i64::try_from(age.seconds()).unwrap_or(i64::MAX);
        Some((age.clock(), now.saturating_sub(seconds.saturating_mul(SECOND))))
    }

    /// The limit of the narrowest scope that says anything.
    fn holds<T: Copy + PartialEq>(
        &self,
        stream: &str,
        of: impl Fn(&RetentionRule) -> Setting<T>,
    ) -> Option<T> {
        let category = RetentionScope::category(category_of(stream));
        let scopes = [RetentionScope::stream(stream), category, RetentionScope::Store];
        let mut settings = scopes.iter().filter_map(|scope| self.scopes.get(scope)).map(of);
        settings.find(|setting| *setting != Setting::Inherit).and_then(Setting::limit)
    }
}

/// When an event was, on a clock.
pub(crate) fn time(event: &Event, clock: Clock) -> i64 {
    match clock {
        Clock::Recorded => event.recorded_at.as_nanos(),
        Clock::Occurred => event.occurred_at.as_nanos(),
    }
}
