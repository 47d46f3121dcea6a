//! What the user of the tool can do, where the library's own text cannot know.

use super::essence::essence;
use annals::{AppendError, BackupError, GuardError, KeyError, OpenError, ReadError};
use std::error::Error;

pub(super) fn advice(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let cause = essence(cause);
    if let Some(error) = cause.downcast_ref() {
        return on_opening(error);
    }
    if let Some(error) = cause.downcast_ref() {
        return on_appending(error);
    }
    match cause.downcast_ref() {
        Some(BackupError::Corrupt(_)) => return Some("`annals verify` tells more"),
        Some(BackupError::BadCopy { .. }) => {
            return Some("make a new backup in another directory, on a disk that can be trusted");
        }
        _ => {}
    }
    if let Some(GuardError::NotFound { .. }) = cause.downcast_ref() {
        return Some("`annals retention guard show` lists those that are there");
    }
    if let Some(KeyError::Locked) = cause.downcast_ref() {
        return Some("commands that only read work meanwhile");
    }
    match cause.downcast_ref::<ReadError>()? {
        ReadError::Upcast(_) => Some("--stored shows what is stored"),
        ReadError::BelowFloor { .. } | ReadError::Hidden { .. } => {
            Some("`annals retention show` tells the rules")
        }
        error => error.is_corruption().then_some("`annals verify` tells more"),
    }
}

fn on_opening(error: &OpenError) -> Option<&'static str> {
    match error {
        OpenError::NotFound { .. } => {
            Some("name the store with --store or ANNALS_STORE; `annals import` or `annals append` make one")
        }
        OpenError::NotAStore { .. } => Some("name the store with --store or ANNALS_STORE"),
        OpenError::Locked { .. } => Some("commands that only read work meanwhile"),
        _ if error.is_corruption() => {
            Some("`annals verify` tells more, `annals repair` copies what is sound")
        }
        _ => None,
    }
}

fn on_appending(error: &AppendError) -> Option<&'static str> {
    match error {
        AppendError::Conflict(_) => Some("read the stream again and decide anew"),
        AppendError::SchemaViolation(_) => Some("`annals schema list` shows what is registered"),
        AppendError::IdTaken { .. } => Some("give the event an id of its own"),
        _ if error.is_corruption() => Some("`annals verify` tells more"),
        _ => None,
    }
}
