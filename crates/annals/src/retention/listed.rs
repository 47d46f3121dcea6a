//! Everything that was said of retention, scope by scope.

use super::event::{RETENTION_STREAM, RetentionEvent};
use super::log::Log;
use super::of_stream::{own, rule_in, rule_of};
use crate::error::ReadError;
use crate::paged::Paged;
use crate::system_event::SystemEvent;
use crate::view::View;
use annals_compaction::{RetentionRule, RetentionScope};
use annals_types::{EventRef, Version};
use std::collections::VecDeque;
use std::iter::FusedIterator;

/// So many events are looked at before something is given out.
const PAGE: u64 = 256;

/// What was said of one scope, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionEntry {
    /// The scope.
    pub scope: RetentionScope,
    /// Its rule; empty if it has none, say because it was deleted only.
    pub rule: RetentionRule,
    /// Of a stream that was deleted: the version of the last event that was.
    pub deleted: Option<Version>,
    /// Whether it is a stream whose name is closed for good.
    pub tombstoned: bool,
}

/// Everything that was said of retention, scope by scope. Made by [`Retention::list`](crate::Retention::list); memory is bounded however
/// many streams there are. An error ends it.
#[derive(Debug)]
pub struct RetentionEntries(Paged<RetentionEntry>);

impl RetentionEntries {
    pub(super) fn new(view: View) -> Result<Self, ReadError> {
        let mut ready = VecDeque::new();
        let entry = |scope, rule| RetentionEntry { scope, rule, deleted: None, tombstoned: false };
        if let Some(rule) = rule_in(&view, &RetentionScope::Store)? {
            ready.push_back(entry(RetentionScope::Store, rule));
        }
        let Some((_, rules)) = view.hidden_by()? else {
            return Ok(RetentionEntries(Paged::only(view, RETENTION_STREAM, ready)));
        };
        let categories = rules.categories().into_iter();
        ready.extend(categories.map(|(name, rule)| entry(RetentionScope::category(name), rule.clone())));
        Ok(RetentionEntries(Paged::new(view, RETENTION_STREAM, PAGE).behind(ready)))
    }
}

/// The entry of the stream that an event is about, if the event is the one that stands for it.
fn entry_of(view: &View, event: &EventRef<'_>) -> Result<Option<RetentionEntry>, ReadError> {
    let said = RetentionEvent::of(event).map_err(|error| view.parts.payload_error(error))?;
    let Some(stream) = said.as_ref().and_then(RetentionEvent::stream) else { return Ok(None) };
    let log = Log { parts: &view.parts, staged: None };
    let stands = match view.hidden_by()? {
        Some((_, rules)) => rules.represented_by(log, stream, event.position)?,
        None => false,
    };
    let entry = own(view, stream)?.filter(|_| stands).map(|own| RetentionEntry {
        scope: RetentionScope::stream(stream),
        rule: rule_of(&own).unwrap_or_default(),
        deleted: (own.anew > Version::FIRST).then(|| Version::new(own.anew.get() - 1)),
        tombstoned: own.tombstoned,
    });
    Ok(entry.filter(|entry| !entry.rule.is_empty() || entry.deleted.is_some() || entry.tombstoned))
}

impl Iterator for RetentionEntries {
    type Item = Result<RetentionEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_by(|view, event, ready| {
            ready.extend(entry_of(view, event)?);
            Ok(())
        })
    }
}

impl FusedIterator for RetentionEntries {}
