//! What all rules up to some position come to.

use super::event::{RETENTION_STREAM, RetentionEvent};
use super::layers::{Entry, Layers};
use crate::error::ReadError;
use crate::parts::Parts;
use crate::staged::Staged;
use crate::system_event::SystemEvent;
use annals_compaction::{RetentionRule, RetentionScope};
use annals_index::{TermKey, TermKind};
use annals_types::{EventRef, Position, Version};
use annals_vfs::sync::atomic::{AtomicU64, Ordering};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// So many changes of streams become one layer.
const TOGETHER: usize = 4096;

/// Where events are read by their positions: also what is staged, for the writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) staged: Option<&'a Staged>,
}

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

impl Log<'_> {
    pub(crate) fn event(&self, position: Position) -> Result<Option<EventRef<'_>>, ReadError> {
        match self.staged.map(|staged| staged.event(position)).transpose()?.flatten() {
            Some(event) => Ok(Some(event)),
            None => self.parts.event(position),
        }
    }

    /// What the event at a position says of retention.
    fn said_at(&self, position: Position) -> Result<Option<RetentionEvent>, ReadError> {
        match self.event(position)?.filter(|event| event.stream == RETENTION_STREAM) {
            Some(event) => RetentionEvent::of(&event).map_err(|error| self.parts.payload_error(error)),
            None => Ok(None),
        }
    }

    fn hash(&self, stream: &str) -> u64 {
        let seed = self.parts.hash_seed;
        TermKey::new(TermKind::Stream, stream, seed).hash(seed)
    }
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
                let entry = changes.of(self, log, &stream, position)?;
                entry.set_rule(position, is_rule);
                before.into_iter().for_each(|before| entry.truncate(before));
            }
            RetentionEvent::Truncated(stream, before) => {
                changes.of(self, log, &stream, position)?.truncate(before);
            }
            RetentionEvent::Deleted(stream, before) => {
                changes.of(self, log, &stream, position)?.delete(before, false);
                self.deletions = true;
            }
            RetentionEvent::Tombstoned(stream, before) => {
                changes.of(self, log, &stream, position)?.delete(before, true);
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

/// Entries that are not in a layer yet.
#[derive(Default)]
struct Changes {
    entries: Vec<Entry>,
    /// Where those with a hash are.
    by_hash: HashMap<u64, SmallVec<[u32; 1]>, foldhash::fast::RandomState>,
}

impl Changes {
    /// The entry of a stream, to be changed.
    fn of(
        &mut self,
        rules: &mut Rules,
        log: Log<'_>,
        stream: &str,
        position: Position,
    ) -> Result<&mut Entry, ReadError> {
        let hash = log.hash(stream);
        let mut others = false;
        let mut is_it = |entry: &Entry| -> Result<bool, ReadError> {
            let said = log.said_at(entry.position())?;
            let is_it = said.as_ref().and_then(RetentionEvent::stream) == Some(stream);
            others |= !is_it;
            Ok(is_it)
        };
        let places = self.by_hash.entry(hash).or_default();
        for place in places.iter() {
            let place = *place as usize;
            if is_it(&self.entries[place])? {
                return Ok(&mut self.entries[place]);
            }
        }
        let known = rules.streams.find(hash, &mut is_it)?;
        if others {
            rules.streams.note_shared(hash);
        }
        places.push(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(known.unwrap_or(Entry::new(hash, position)));
        let place = self.entries.len() - 1;
        Ok(&mut self.entries[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
