//! What the user of the tool can do, where the library's own text cannot know.

use super::essence::essence;
use annals::{
    AppendError, BackupError, EraseError, GuardError, KeyError, OpenError, ReadError, RetentionError,
};
use std::error::Error;
use std::io::ErrorKind;

pub(super) fn advice(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let cause = essence(cause);
    if let Some(error) = cause.downcast_ref() {
        return on_opening(error);
    }
    if let Some(error) = cause.downcast_ref() {
        return on_appending(error);
    }
    if let Some(error) = cause.downcast_ref() {
        return on_copying(error);
    }
    if let Some(error) = cause.downcast_ref() {
        return on_erasing(error);
    }
    if let Some(RetentionError::NoStream { .. }) = cause.downcast_ref() {
        return Some(STREAMS);
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

/// Where the names of streams are to be had.
const STREAMS: &str = "`annals streams` lists what is there";

fn on_copying(error: &BackupError) -> Option<&'static str> {
    match error {
        BackupError::Corrupt(_) => Some("`annals verify` tells more"),
        BackupError::BadCopy { .. } => {
            Some("make a new backup in another directory, on a disk that can be trusted")
        }
        BackupError::Open(OpenError::NotFound { .. } | OpenError::NotAStore { .. }) => {
            Some("name the directory of a backup, or of a store")
        }
        _ => None,
    }
}

fn on_erasing(error: &EraseError) -> Option<&'static str> {
    match error {
        EraseError::NoStream { .. } => Some(STREAMS),
        EraseError::TooMany => Some("--until says up to which"),
        EraseError::StateWouldGo { .. } => Some("--forget-states says that"),
        _ => None,
    }
}

fn on_opening(error: &OpenError) -> Option<&'static str> {
    match error {
        OpenError::NotFound { .. } => {
            Some("name the store with --store or ANNALS_STORE; `annals import` or `annals append` make one")
        }
        OpenError::NotAStore { .. } => Some("name the store with --store or ANNALS_STORE"),
        OpenError::Locked { .. } => Some("commands that only read work meanwhile"),
        OpenError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => Some(
            "make room on the disk: to open a store for writing takes a few kilobytes; commands that only read work meanwhile",
        ),
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
