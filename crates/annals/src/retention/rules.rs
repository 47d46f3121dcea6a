//! What all rules up to some position come to.

use super::changes::Changes;
use super::event::RetentionEvent;
use super::layers::{Entry, Layers};
use super::log::Log;
use crate::error::ReadError;
use crate::system_event::SystemEvent;
use annals_compaction::{RetentionRule, RetentionScope};
use annals_types::{EventRef, Position, Version};
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use hashbrown::HashMap;
use std::sync::Arc;

/// So many changes of streams become one layer.
const TOGETHER: usize = 4096;

/// What the rules say of one stream by itself.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// The first version that was not truncated or deleted.
    pub(crate) floor: Version,
    /// The first version behind the last deletion; 1 if there was none.
    pub(crate) anew: Version,
    pub(crate) tombstoned: bool,
    pub(crate) rule: Option<RetentionRule>,
}

impl Own {
    /// The last version that was deleted; 0 if there was none.
    pub(crate) fn deleted_through(&self) -> Version {
        Version::new(self.anew.get().saturating_sub(1))
    }

    /// The highest version that the rules show to have been there: a truncation leaves one, a deletion none.
    pub(crate) fn reached(&self) -> Version {
        if self.floor > self.anew { self.floor } else { self.deleted_through() }
    }
}

type Categories = HashMap<Box<str>, Arc<RetentionRule>, foldhash::quality::RandomState>;

/// All rules up to some position. Never changed, only continued.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// The version of the last event of the stream that is in it.
    pub(crate) version: u64,
    /// The position of that event.
    pub(crate) last: Position,
    /// Up to here there are no others.
    covers: AtomicU64,
    store: Option<Arc<RetentionRule>>,
    categories: Arc<Categories>,
    /// Events up to here go, but for streams that say otherwise.
    truncated: Position,
    streams: Layers,
    /// Whether any stream was ever deleted.
    deletions: bool,
    /// An event that a newer program has written.
    not_known: Option<(Position, u32)>,
}

impl Rules {
    /// These, continued with what comes behind them, up to `version`.
    pub(crate) fn continued<'e>(
        &self,
        log: Log<'_>,
        events: impl Iterator<Item = Result<EventRef<'e>, ReadError>>,
        version: u64,
    ) -> Result<Self, ReadError> {
        let mut next = Rules {
            version,
            last: self.last,
            covers: AtomicU64::new(0),
            store: self.store.clone(),
            categories: Arc::clone(&self.categories),
            truncated: self.truncated,
            streams: self.streams.clone(),
            deletions: self.deletions,
            not_known: self.not_known,
        };
        let mut changes = Changes::default();
        for event in events {
            let event = event?;
            next.last = event.position;
            match RetentionEvent::of(&event).map_err(|error| log.parts.payload_error(error))? {
                Some(said) => next.take(log, said, event.position, &mut changes)?,
                None => {
                    next.not_known.get_or_insert((event.position, event.schema_version));
                }
            }
            if changes.entries.len() >= TOGETHER {
                next.streams.add(std::mem::take(&mut changes).entries);
            }
        }
        next.streams.add(changes.entries);
        Ok(next)
    }

    fn take(
        &mut self,
        log: Log<'_>,
        said: RetentionEvent,
        position: Position,
        changes: &mut Changes,
    ) -> Result<(), ReadError> {
        match said {
            RetentionEvent::Rule(RetentionScope::Store, rule) => {
                self.store = (!rule.is_empty()).then(|| Arc::new(rule));
            }
            RetentionEvent::Rule(RetentionScope::Category(name), rule) => {
                let categories = Arc::make_mut(&mut self.categories);
                if rule.is_empty() {
                    categories.remove(&*name);
                } else {
                    categories.insert(name.into_boxed_str(), Arc::new(rule));
                }
            }
            RetentionEvent::Rule(RetentionScope::Stream(stream), rule) => {
                let before = rule.before();
                let is_rule = [rule.age() != Default::default(), rule.count() != Default::default()];
                let is_rule = is_rule.contains(&true) || rule.bytes() != Default::default();
                let entry = changes.of(&mut self.streams, log, &stream, position)?;
                entry.set_rule(position, is_rule);
                before.into_iter().for_each(|before| entry.truncate(before));
            }
            RetentionEvent::Truncated(stream, before) => {
                changes.of(&mut self.streams, log, &stream, position)?.truncate(before);
            }
            RetentionEvent::Deleted(stream, before) => {
                changes.of(&mut self.streams, log, &stream, position)?.delete(before, false);
                self.deletions = true;
            }
            RetentionEvent::Tombstoned(stream, before) => {
                changes.of(&mut self.streams, log, &stream, position)?.delete(before, true);
                self.deletions = true;
            }
            RetentionEvent::LogTruncated(through) => self.truncated = self.truncated.max(through),
        }
        Ok(())
    }

    /// Whether any stream was ever deleted or closed.
    pub(crate) fn has_deletions(&self) -> bool {
        self.deletions
    }

    /// The rule of the store.
    pub(crate) fn of_store(&self) -> Option<&RetentionRule> {
        self.store.as_deref()
    }

    /// The rule of a category.
    pub(crate) fn of_category(&self, category: &str) -> Option<&RetentionRule> {
        self.categories.get(category).map(|rule| &**rule)
    }

    /// The categories with rules, by name.
    pub(crate) fn categories(&self) -> Vec<(&str, &RetentionRule)> {
        let mut all: Vec<_> = self.categories.iter().map(|(name, rule)| (&**name, &**rule)).collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }

    /// The position up to which events go, but for streams that say otherwise.
    pub(crate) fn truncated(&self) -> Position {
        self.truncated
    }

    /// What is known of a stream by itself; `None` if nothing is.
    pub(crate) fn own(&self, log: Log<'_>, hash: u64, stream: &str) -> Result<Option<Own>, ReadError> {
        let mut rule = None;
        let found = self.streams.find(hash, |entry| {
            let said = log.said_at(entry.position())?;
            let is_it = said.as_ref().and_then(RetentionEvent::stream) == Some(stream);
            if is_it
                && entry.has_rule()
                && let Some(RetentionEvent::Rule(_, said)) = said
            {
                rule = Some(said);
            }
            Ok::<_, ReadError>(is_it)
        })?;
        Ok(found.map(|entry| Own {
            floor: entry.floor(),
            anew: entry.anew(),
            tombstoned: entry.is_tombstoned(),
            rule,
        }))
    }

    /// The entry of a stream, found by one of its events: only if it is the one that stands for it.
    pub(crate) fn represented_by(
        &self,
        log: Log<'_>,
        stream: &str,
        position: Position,
    ) -> Result<bool, ReadError> {
        let is_it = |entry: &Entry| -> Result<bool, ReadError> {
            let said = log.said_at(entry.position())?;
            Ok(said.as_ref().and_then(RetentionEvent::stream) == Some(stream))
        };
        let found = self.streams.find(log.hash(stream), is_it)?;
        Ok(found.is_some_and(|entry| entry.position() == position))
    }

    /// Refuses to go by rules of which some are not known.
    pub(crate) fn all_known(&self) -> Result<(), ReadError> {
        match self.not_known {
            None => Ok(()),
            Some((position, found)) => Err(ReadError::Newer {
                file: format!("the rule of retention at position {position}"),
                found,
                supported: 1,
            }),
        }
    }

    pub(crate) fn covers(&self) -> Position {
        Position::new(self.covers.load(Ordering::Acquire))
    }

    pub(crate) fn note_covered(&self, position: Position) {
        self.covers.fetch_max(position.get(), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::RETENTION_STREAM;
    use super::*;
    use crate::parts::Parts;
    use annals_format::FrameBuilder;
    use annals_types::NewEvent;

    /// An event of the stream, in a frame of its own.
    fn frame(event_type: &'static str, data: &'static str, schema_version: u32) -> FrameBuilder {
        let mut frame = FrameBuilder::new();
        let event = NewEvent::json(event_type, data).with_schema_version(schema_version);
        frame.push(RETENTION_STREAM, &event).unwrap();
        frame
    }

    #[test]
    fn rules_of_a_newer_program_are_told_and_not_passed_over() {
        let parts = Parts::default();
        let log = Log { parts: &parts, staged: None };
        let known = r#"{"scope":"store","rule":{"max_count":3}}"#;
        for (frame, newer) in [
            (frame("$annals.RetentionRuleSet", known, 1), false),
            (frame("$annals.RetentionRuleSet", known, 2), true),
            (frame("$annals.RetentionRuleSet", r#"{"scope":"store","rule":{"max_size":3}}"#, 1), true),
            (frame("$annals.StreamArchived", "{}", 1), true),
        ] {
            let event = frame.draft(0).unwrap();
            let rules = Rules::default().continued(log, std::iter::once(Ok(event)), 1).unwrap();
            let told = matches!(rules.all_known(), Err(ReadError::Newer { .. }));
            assert_eq!((told, rules.of_store().is_some()), (newer, !newer), "{event:?}");
            // It stays so, whatever comes behind it.
            let more = self::frame("$annals.LogTruncated", r#"{"through":1}"#, 1);
            let more = std::iter::once(Ok(more.draft(0).unwrap()));
            let rules = rules.continued(log, more, 2).unwrap();
            assert_eq!(rules.all_known().is_err(), newer);
        }
    }
}
