//! From an error to one line on standard error and an exit status.

mod advice;
mod essence;

use crate::output::StdoutClosed;
use advice::advice;
use annals::{
    AppendError, BackupError, EraseError, GuardError, KeyError, OpenError, PayloadError, ReadError, RuleError,
};
use anyhow::Error;
use essence::essence;

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
    let cause = essence(cause);
    if is_usage(cause) {
        Some(USAGE)
    } else if is_conflict(cause) {
        Some(CONFLICT)
    } else {
        is_corruption(cause).then_some(CORRUPTION)
    }
}

fn is_usage(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<Usage>()
        || cause.is::<RuleError>()
        || matches!(cause.downcast_ref(), Some(EraseError::SystemStream { .. } | EraseError::Length { .. }))
        || matches!(cause.downcast_ref(), Some(GuardError::Name { .. } | GuardError::BeyondEnd { .. }))
        || matches!(cause.downcast_ref(), Some(KeyError::Name { .. }))
}

fn is_conflict(cause: &(dyn std::error::Error + 'static)) -> bool {
    let refused = matches!(
        cause.downcast_ref(),
        Some(
            AppendError::Conflict(_)
                | AppendError::ConditionFailed { .. }
                | AppendError::ConditionBelowRemoved { .. }
                | AppendError::Tombstoned { .. }
        )
    );
    refused
        || matches!(cause.downcast_ref(), Some(EraseError::StateWouldGo { .. }))
        || matches!(cause.downcast_ref(), Some(GuardError::Behind { .. }))
}

fn is_corruption(cause: &(dyn std::error::Error + 'static)) -> bool {
    #[cfg(feature = "archive")]
    if cause.downcast_ref().is_some_and(annals_archive::ArchiveError::is_corruption) {
        return true;
    }
    cause.is::<Damaged>()
        || cause.downcast_ref().is_some_and(PayloadError::is_damage)
        || cause.downcast_ref().is_some_and(BackupError::is_corruption)
        || cause.downcast_ref().is_some_and(KeyError::is_corruption)
        || cause.downcast_ref().is_some_and(OpenError::is_corruption)
        || cause.downcast_ref().is_some_and(ReadError::is_corruption)
        || cause.downcast_ref().is_some_and(AppendError::is_corruption)
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
