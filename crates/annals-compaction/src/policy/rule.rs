//! A rule: what may go of a scope.

use super::age::MaxAge;
use super::error::RuleError;
use super::scope::{RetentionScope, ScopeKind};
use annals_types::Version;

/// What a rule says of one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Setting<T> {
    /// Nothing: a rule of a wider scope holds, if there is one.
    #[default]
    Inherit,
    /// There is no limit, whatever rules of wider scopes say.
    Keep,
    /// What goes beyond this goes.
    Limit(T),
}

impl<T: Copy> Setting<T> {
    /// The limit, if there is one.
    #[must_use]
    pub fn limit(self) -> Option<T> {
        match self {
            Setting::Limit(limit) => Some(limit),
            Setting::Inherit | Setting::Keep => None,
        }
    }
}

/// What may go of a stream, of each stream of a category, or of the store. Of several limits each counts by itself: an event goes
/// as soon as one of them is passed. An empty rule says nothing; to set it takes back what was set before.
///
/// ```
/// use annals_compaction::{MaxAge, RetentionRule, RetentionScope};
/// use annals_types::Clock;
/// let month = MaxAge::new(30 * 86_400, Clock::Recorded)?;
/// let rule = RetentionRule::new().max_age(month).max_count(1000).keep_bytes();
/// let json = r#"{"max_age":{"seconds":2592000,"clock":"recorded"},"max_count":1000,"max_bytes":"keep"}"#;
/// assert_eq!(rule.to_json(), json);
/// assert_eq!(RetentionRule::from_json(json.as_bytes())?, rule);
/// rule.check(&RetentionScope::category("session"))?;
/// # Ok::<(), annals_compaction::RuleError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RetentionRule {
    pub(super) max_age: Setting<MaxAge>,
    pub(super) max_count: Setting<u64>,
    pub(super) max_bytes: Setting<u64>,
    pub(super) truncate_before: Option<Version>,
}

impl RetentionRule {
    /// An empty rule.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Events that are older go.
    #[must_use]
    pub fn max_age(mut self, age: MaxAge) -> Self {
        self.max_age = Setting::Limit(age);
        self
    }

    /// Events stay whatever their age.
    #[must_use]
    pub fn keep_age(mut self) -> Self {
        self.max_age = Setting::Keep;
        self
    }

    /// So many events of a stream stay, the newest.
    #[must_use]
    pub fn max_count(mut self, events: u64) -> Self {
        self.max_count = Setting::Limit(events);
        self
    }

    /// Events stay however many there are.
    #[must_use]
    pub fn keep_count(mut self) -> Self {
        self.max_count = Setting::Keep;
        self
    }

    /// Of a stream so many bytes of records stay, the newest; of the store, so many of all its segments.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Setting::Limit(bytes);
        self
    }

    /// Events stay however many bytes they take.
    #[must_use]
    pub fn keep_bytes(mut self) -> Self {
        self.max_bytes = Setting::Keep;
        self
    }

    /// Events of the stream before this version go: it is the first that stays. For rules of streams only.
    #[must_use]
    pub fn truncate_before(mut self, version: Version) -> Self {
        self.truncate_before = Some(version);
        self
    }

    /// It does not truncate.
    #[must_use]
    pub fn truncate_nothing(mut self) -> Self {
        self.truncate_before = None;
        self
    }

    /// What it says of the age.
    #[must_use]
    pub fn age(&self) -> Setting<MaxAge> {
        self.max_age
    }

    /// What it says of the number of events.
    #[must_use]
    pub fn count(&self) -> Setting<u64> {
        self.max_count
    }

    /// What it says of bytes.
    #[must_use]
    pub fn bytes(&self) -> Setting<u64> {
        self.max_bytes
    }

    /// The first version that stays, if it says one.
    #[must_use]
    pub fn before(&self) -> Option<Version> {
        self.truncate_before
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can be the rule of a scope.
    ///
    /// # Errors
    /// As [`RuleError`] says.
    pub fn check(&self, scope: &RetentionScope) -> Result<(), RuleError> {
        scope.check()?;
        if self.max_count == Setting::Limit(0) {
            return Err(RuleError::Zero { field: "max_count" });
        }
        if self.max_bytes == Setting::Limit(0) {
            return Err(RuleError::Zero { field: "max_bytes" });
        }
        match self.truncate_before {
            Some(_) if scope.kind() != ScopeKind::Stream => Err(RuleError::NotOfAStream),
            Some(Version::ZERO) => Err(RuleError::Zero { field: "truncate_before" }),
            _ => Ok(()),
        }
    }
}
