//! What rules of retention mean for appends.
//!
//! The writer goes by all rules that are written or staged, so a batch behind a deletion in the same group sees it. Conditions
//! ([`Batch::fail_if`]) are not asked about here: they look at everything that was appended, hidden or not. A decision must not
//! come out differently because an event that speaks against it was hidden, and whoever states a condition has read up to a
//! position, behind which everything counts.

use super::event::{RETENTION_STREAM, RetentionEvent};
use super::log::Log;
use super::rules::Rules;
use crate::batch::{Batch, BatchStream};
use crate::error::{AppendError, ReadError};
use crate::system_event::SystemEvent;
use annals_types::planted::{Bug, planted};
use annals_types::{Expected, Invalid, Position, Version};

/// A deletion that nothing was appended behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// The stream may begin anew.
    Soft,
    /// Its name is closed for good.
    Tombstone,
}

impl Deletion {
    /// Whether the expectation holds for a stream that is deleted, whose last event has `last`. It counts as one that does not
    /// exist, and still as one at its last version: who has seen that and not the deletion may go on.
    pub(crate) fn holds(expected: Expected, last: Version) -> bool {
        match expected {
            Expected::Any | Expected::NoStream => true,
            Expected::StreamExists => false,
            Expected::Exact(version) => version == last || version == Version::ZERO,
        }
    }
}

/// How a stream stands, as far as rules tell, with the events that come before a batch.
///
/// All of its events may be gone: compaction leaves nothing of a closed one; a store may be restored to a moment up to which
/// compaction has left none of them; all may have been lost. What a deletion says of them is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) deletion: Option<Deletion>,
    /// The version of its last event, for what is expected of it.
    pub(crate) last: Version,
    /// The version behind which it goes on. Rules hide what is below their floors: an event that began again at version 1 would be
    /// hidden as soon as it is acknowledged.
    pub(crate) head: Version,
}

impl Standing {
    /// Of a stream of which no rule says anything, whose last event that is stored has this version.
    pub(crate) fn plain(stored: Version) -> Self {
        Standing { deletion: None, last: stored, head: stored }
    }
}

impl Rules {
    /// How a stream of a batch stands, whose last event that is stored has this version.
    pub(crate) fn standing(
        &self,
        log: Log<'_>,
        stream: &BatchStream,
        stored: Version,
    ) -> Result<Standing, ReadError> {
        let plain = Standing::plain(stored);
        if !self.has_deletions() && stored > Version::ZERO {
            return Ok(plain);
        }
        let Some(own) = self.own(log, stream.hash, &stream.name)? else { return Ok(plain) };
        let (last, head) = match stored {
            Version::ZERO => (own.deleted_through(), own.reached()),
            stored => (stored, stored),
        };
        let deletion = match () {
            () if own.tombstoned => Some(Deletion::Tombstone),
            () if last < own.anew && last > Version::ZERO => Some(Deletion::Soft),
            () => None,
        };
        Ok(Standing { deletion, last, head })
    }
}

/// Refuses rules of a batch that name versions or positions which are not there yet: what would come there would be hidden unseen.
/// `last_of` tells the last version of a stream, with the events before the batch.
#[cold]
pub(crate) fn check_ends(
    batch: &Batch,
    last_position: Position,
    mut last_of: impl FnMut(&str) -> Result<Version, AppendError>,
) -> Result<(), AppendError> {
    for index in 0..batch.len() {
        let event = batch.frame.draft(index);
        let event = event.map_err(|damage| AppendError::Corrupt(damage.in_file("a batch")))?;
        if event.stream != RETENTION_STREAM || planted(Bug::TruncatedBeyondEnd) {
            continue;
        }
        let said = RetentionEvent::of(&event).ok().flatten().ok_or(Invalid::SystemStream)?;
        let (stream, before, behind) = match &said {
            RetentionEvent::Rule(scope, rule) => match (scope.name(), rule.before()) {
                (Some(stream), Some(before)) => (stream, before, 0),
                _ => continue,
            },
            RetentionEvent::Truncated(stream, before) => (stream.as_str(), *before, 0),
            RetentionEvent::Deleted(stream, before) | RetentionEvent::Tombstoned(stream, before) => {
                (stream.as_str(), *before, 1)
            }
            RetentionEvent::LogTruncated(through) if *through > last_position => {
                let (after, last) = (*through, last_position);
                return Err(Invalid::TruncateLogBeyondEnd { through: after, last }.into());
            }
            RetentionEvent::LogTruncated(_) => continue,
        };
        let last = last_of(stream)?;
        if before > last.plus(behind) {
            return Err(Invalid::TruncateBeyondEnd { before, last }.into());
        }
    }
    Ok(())
}
