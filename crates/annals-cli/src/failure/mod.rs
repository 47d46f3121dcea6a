//! From an error to one line on standard error and an exit status.

use crate::output::StdoutClosed;
use annals::{
    AppendError, BackupError, CompactError, EraseError, GuardError, Interrupted, KeyError, LoadError,
    OpenError, PayloadError, ReadError, RetentionError, SchemaError, TruncateError,
};
use anyhow::Error;

/// Exit statuses, as scripts know them.
pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const CONFLICT: u8 = 3;
pub(crate) const CORRUPTION: u8 = 4;

/// The arguments cannot be meant, which clap could not know.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A command looked for damage and found some. Its report has been written already.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damaged(pub(crate) String);

/// The exit status of a command that ended with `error`.
pub(crate) fn status(error: &Error) -> u8 {
    if error.is::<StdoutClosed>() {
        return DONE;
    }
    error.chain().find_map(status_of).unwrap_or(FAILED)
}

fn status_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<Usage>() {
        return Some(USAGE);
    }
    // Their own source is what these would say themselves.
    match cause.downcast_ref() {
        Some(SchemaError::Append(error)) => return status_of(error),
        Some(SchemaError::Read(error)) => return status_of(error),
        _ => {}
    }
    match cause.downcast_ref() {
        Some(RetentionError::Rule(_)) => return Some(USAGE),
        Some(RetentionError::Append(error)) => return status_of(error),
        Some(RetentionError::Read(error)) => return status_of(error),
        _ => {}
    }
    match cause.downcast_ref() {
        Some(CompactError::Retention(error)) => return status_of(error),
        Some(CompactError::Guard(error)) => return status_of(error),
        Some(CompactError::Read(error)) => return status_of(error),
        Some(CompactError::Append(error)) => return status_of(error),
        _ => {}
    }
    match cause.downcast_ref() {
        Some(EraseError::SystemStream { .. } | EraseError::Length { .. }) => return Some(USAGE),
        Some(EraseError::StateWouldGo { .. }) => return Some(CONFLICT),
        Some(EraseError::Read(error)) => return status_of(error),
        Some(EraseError::Append(error)) => return status_of(error),
        _ => {}
    }
    match cause.downcast_ref() {
        Some(Interrupted::Compact(error)) => return status_of(error),
        Some(Interrupted::Snapshot(error)) => return status_of(error),
        _ => {}
    }
    match cause.downcast_ref() {
        Some(GuardError::Name { .. } | GuardError::BeyondEnd { .. }) => return Some(USAGE),
        Some(GuardError::Behind { .. }) => return Some(CONFLICT),
        Some(GuardError::Append(error)) => return status_of(error),
        Some(GuardError::Read(error)) => return status_of(error),
        _ => {}
    }
    match cause.downcast_ref() {
        Some(TruncateError::Retention(error)) => return status_of(error),
        Some(TruncateError::Sync(error)) => return status_of(error),
        Some(TruncateError::Load(LoadError::Read(error))) => return status_of(error),
        _ => {}
    }
    if let Some(
        AppendError::Conflict(_)
        | AppendError::ConditionFailed { .. }
        | AppendError::ConditionBelowRemoved { .. }
        | AppendError::Tombstoned { .. },
    ) = cause.downcast_ref()
    {
        return Some(CONFLICT);
    }
    #[cfg(feature = "archive")]
    if cause.downcast_ref().is_some_and(annals_archive::ArchiveError::is_corruption) {
        return Some(CORRUPTION);
    }
    let corruption = cause.is::<Damaged>()
        || cause.downcast_ref().is_some_and(PayloadError::is_damage)
        || cause.downcast_ref().is_some_and(BackupError::is_corruption)
        || cause.downcast_ref().is_some_and(KeyError::is_corruption)
        || cause.downcast_ref().is_some_and(OpenError::is_corruption)
        || cause.downcast_ref().is_some_and(ReadError::is_corruption)
        || cause.downcast_ref().is_some_and(AppendError::is_corruption);
    corruption.then_some(CORRUPTION)
}

/// The error, its causes and what to do about it, in one line.
pub(crate) fn line(error: &Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = one_line(&cause.to_string());
        if !parts.last().is_some_and(|last| last.ends_with(&text)) {
            parts.push(text);
        }
    }
    if let Some(advice) = error.chain().find_map(advice) {
        parts.push(advice.to_owned());
    }
    format!("annals: {}", parts.join(": "))
}

/// What the user of the tool can do, where the library's own text cannot know.
fn advice(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return match error {
            OpenError::NotFound { .. } => Some(
                "name the store with --store or ANNALS_STORE; `annals import` or `annals append` make one",
            ),
            OpenError::NotAStore { .. } => Some("name the store with --store or ANNALS_STORE"),
            OpenError::Locked { .. } => Some("commands that only read work meanwhile"),
            _ if error.is_corruption() => {
                Some("`annals verify` tells more, `annals repair` copies what is sound")
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<BackupError>() {
        return match error {
            BackupError::Corrupt(_) => Some("`annals verify` tells more"),
            BackupError::BadCopy { .. } => {
                Some("make a new backup in another directory, on a disk that can be trusted")
            }
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<AppendError>() {
        return match error {
            AppendError::Conflict(_) => Some("read the stream again and decide anew"),
            AppendError::SchemaViolation(_) => Some("`annals schema list` shows what is registered"),
            AppendError::IdTaken { .. } => Some("give the event an id of its own"),
            _ if error.is_corruption() => Some("`annals verify` tells more"),
            _ => None,
        };
    }
    if let Some(RetentionError::Append(error)) = cause.downcast_ref() {
        return advice(error);
    }
    match cause.downcast_ref::<ReadError>()? {
        ReadError::Upcast(_) => Some("--stored shows what is stored"),
        ReadError::BelowFloor { .. } | ReadError::Hidden { .. } => {
            Some("`annals retention show` tells the rules")
        }
        error => error.is_corruption().then_some("`annals verify` tells more"),
    }
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    crate::table::printable(&lines.join(" ")).into_owned()
}

/// Wrong usage as clap tells it, in one line; `None` if it is no error (help, version).
pub(crate) fn usage_line(error: &clap::Error) -> Option<String> {
    if !error.use_stderr() {
        return None;
    }
    let text = error.render().to_string();
    let told = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let told = one_line(&told.collect::<Vec<_>>().join("\n"));
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    Some(format!("annals: {told}; see `annals help`"))
}
