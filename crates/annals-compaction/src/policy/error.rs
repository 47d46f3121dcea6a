//! What is wrong with a rule.

use super::age::MaxAge;

/// Why a rule cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Nothing would stay.
    #[error("{field} is 0, so nothing would stay: give at least 1, or delete the stream if that is meant")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// No event is that old.
    #[error(
        "a max_age has at most {} seconds (200 years), this one has {seconds}: say \"keep\" if events are to stay whatever their age",
        MaxAge::SECONDS_MAX
    )]
    AgeTooGreat {
        /// What was given, in seconds.
        seconds: u64,
    },
    /// Versions are counted within a stream, so a rule of a category or of the store cannot name one.
    #[error("truncate_before is for rules of streams only: versions are counted within a stream")]
    NotOfAStream,
    /// The name in the scope cannot be one.
    #[error("{0}")]
    Name(String),
    /// The store keeps its own streams as they are.
    #[error("streams whose names begin with $annals. are the store's own, and are kept: give another name")]
    SystemStream,
    /// It is no JSON of a rule.
    #[error("{0}")]
    Json(String),
    /// The JSON takes too many bytes.
    #[error("a rule has at most {most} bytes of JSON, this one has {bytes}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
}
