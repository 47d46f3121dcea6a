//! What a rule is about.

use super::error::RuleError;
use annals_types::limits::STREAM_NAME_BYTES_MAX;
use annals_types::{category_of, check_stream_name};
use std::fmt;

/// Names of the store's own streams, types and rules begin so.
pub const SYSTEM_PREFIX: &str = "$annals.";

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RetentionScope {
    /// All streams that no other rule is about.
    Store,
    /// All streams of a category, each by itself.
    Category(String),
    /// One stream.
    Stream(String),
}

/// The kinds of scopes, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeKind {
    /// The whole store.
    Store,
    /// A category.
    Category,
    /// One stream.
    Stream,
}

impl RetentionScope {
    /// One stream.
    #[must_use]
    pub fn stream(name: impl Into<String>) -> Self {
        RetentionScope::Stream(name.into())
    }

    /// A category: the part of stream names before the first `-`.
    #[must_use]
    pub fn category(name: impl Into<String>) -> Self {
        RetentionScope::Category(name.into())
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ScopeKind {
        match self {
            RetentionScope::Store => ScopeKind::Store,
            RetentionScope::Category(_) => ScopeKind::Category,
            RetentionScope::Stream(_) => ScopeKind::Stream,
        }
    }

    /// The name of the stream or category; `None` of the store.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            RetentionScope::Store => None,
            RetentionScope::Category(name) | RetentionScope::Stream(name) => Some(name),
        }
    }

    /// Whether there can be such a stream or category, and a rule for it.
    ///
    /// # Errors
    /// [`RuleError::Name`] or [`RuleError::SystemStream`].
    pub fn check(&self) -> Result<(), RuleError> {
        match self {
            RetentionScope::Store => return Ok(()),
            RetentionScope::Stream(name) => {
                check_stream_name(name).map_err(|error| RuleError::Name(error.to_string()))?;
            }
            RetentionScope::Category(name) => {
                if name.is_empty() || name.len() > STREAM_NAME_BYTES_MAX || category_of(name) != name {
                    let told = format!(
                        "a category has 1 to {STREAM_NAME_BYTES_MAX} bytes and no \"-\", which ends it in the name of a stream"
                    );
                    return Err(RuleError::Name(told));
                }
            }
        }
        let own = self.name().is_some_and(|name| name.starts_with(SYSTEM_PREFIX));
        if own { Err(RuleError::SystemStream) } else { Ok(()) }
    }
}

impl ScopeKind {
    /// Its name, as rules in JSON have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ScopeKind::Store => "store",
            ScopeKind::Category => "category",
            ScopeKind::Stream => "stream",
        }
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for RetentionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            None => f.write_str("the store"),
            Some(name) => write!(f, "{} {name:?}", self.kind()),
        }
    }
}
