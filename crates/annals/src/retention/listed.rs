//! Everything that was said of retention, scope by scope.

use super::event::{RETENTION_STREAM, RetentionEvent};
use super::handle::{own, rule_in, rule_of};
use super::rules::Log;
use crate::error::ReadError;
use crate::query::Query;
use crate::view::View;
use annals_compaction::{RetentionRule, RetentionScope};
use annals_types::Version;
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
pub struct RetentionEntries {
    view: View,
    ready: VecDeque<RetentionEntry>,
    /// The version of the next event to look at; `None` behind the last one.
    next: Option<Version>,
}

impl RetentionEntries {
    pub(super) fn new(view: View) -> Result<Self, ReadError> {
        let mut ready = VecDeque::new();
        let entry = |scope, rule| RetentionEntry { scope, rule, deleted: None, tombstoned: false };
        if let Some(rule) = rule_in(&view, &RetentionScope::Store)? {
            ready.push_back(entry(RetentionScope::Store, rule));
        }
        let next = view.hidden_by()?.map(|(_, rules)| {
            let categories = rules.categories().into_iter();
            ready.extend(categories.map(|(name, rule)| entry(RetentionScope::category(name), rule.clone())));
            Version::FIRST
        });
        Ok(RetentionEntries { view, ready, next })
    }

    /// Looks at the next events, each of which stands for a stream or for nothing.
    fn fill(&mut self, from: Version) -> Result<(), ReadError> {
        let view = self.view.clone();
        let query = Query::stream(RETENTION_STREAM).from_version(from).limit(PAGE);
        let mut last = None;
        for event in view.read(query)? {
            let event = event?;
            last = Some(event.version);
            let said = RetentionEvent::of(&event).map_err(|error| view.parts.payload_error(error))?;
            let Some(stream) = said.as_ref().and_then(RetentionEvent::stream) else { continue };
            let stands = match view.hidden_by()? {
                Some((_, rules)) => {
                    rules.represented_by(Log { parts: &view.parts, staged: None }, stream, event.position)?
                }
                None => false,
            };
            if let Some(own) = own(&view, stream)?.filter(|_| stands) {
                let entry = RetentionEntry {
                    scope: RetentionScope::stream(stream),
                    rule: rule_of(&own).unwrap_or_default(),
                    deleted: (own.anew > Version::FIRST).then(|| Version::new(own.anew.get() - 1)),
                    tombstoned: own.tombstoned,
                };
                let says = !entry.rule.is_empty() || entry.deleted.is_some() || entry.tombstoned;
                self.ready.extend(Some(entry).filter(|_| says));
            }
        }
        self.next = last.map(Version::next);
        Ok(())
    }
}

impl Iterator for RetentionEntries {
    type Item = Result<RetentionEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(Ok(ready));
            }
            if let Err(error) = self.fill(self.next?) {
                self.next = None;
                return Some(Err(error));
            }
        }
    }
}

impl FusedIterator for RetentionEntries {}
