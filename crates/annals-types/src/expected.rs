//! Optimistic concurrency: what an append expects of a stream, and what it found instead.

use crate::name::StreamName;
use crate::numbers::Version;
use std::fmt;

/// What an append expects of a stream. One that was deleted, and not continued since, counts as one without events, and still as one at
/// its last version.
///
/// ```
/// use annals_types::{Expected, Version};
/// assert!(Expected::Exact(Version::new(3)).holds_at(Version::new(3)));
/// assert!(!Expected::NoStream.holds_at(Version::new(3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Expected {
    /// Nothing is expected.
    #[default]
    Any,
    /// The stream has no events yet.
    NoStream,
    /// The stream has at least one event.
    StreamExists,
    /// The last event of the stream has this version; `Exact(Version::ZERO)` is the same as `NoStream`.
    Exact(Version),
}

impl Expected {
    /// Whether the expectation holds for a stream whose last event has `version`.
    #[must_use]
    pub fn holds_at(self, version: Version) -> bool {
        match self {
            Expected::Any => true,
            Expected::NoStream => version == Version::ZERO,
            Expected::StreamExists => version != Version::ZERO,
            Expected::Exact(expected) => version == expected,
        }
    }

    /// Whether the expectation names one version, so that a second append of the same batch must conflict.
    #[must_use]
    pub fn is_exact(self) -> bool {
        matches!(self, Expected::NoStream | Expected::Exact(_))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Any => f.write_str("any version"),
            Expected::NoStream => f.write_str("no stream"),
            Expected::StreamExists => f.write_str("an existing stream"),
            Expected::Exact(version) => write!(f, "version {version}"),
        }
    }
}

/// An expectation that did not hold: nothing of the batch was appended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("stream {stream:?} is {} version {actual}, expected {expected}", if *.deleted { "soft deleted at" } else { "at" })]
pub struct Conflict {
    /// The stream whose expectation failed.
    pub stream: StreamName,
    /// What was expected.
    pub expected: Expected,
    /// The version that the stream has; [`Version::ZERO`] if it has no events.
    pub actual: Version,
    /// Whether all its events were deleted.
    pub deleted: bool,
}
