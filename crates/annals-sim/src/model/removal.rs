//! What compaction may remove, and what it has removed.

use super::rules::Deletion;
use super::{Model, Picture};
use crate::check::{Wrong, ensure, events};
use annals::{Event, Position, ReadError, Store, Uuid};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The stream in which the store tells what it has removed.
const LEDGER_STREAM: &str = "$annals.ledger";

/// What is gone, and what may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removal {
    /// Positions whose events are gone.
    gone: BTreeSet<u64>,
    /// Behind this position the log is whole.
    through: u64,
    /// What a compaction may have removed of which it is not known how far it came: its manifest may be found when the store is
    /// opened the next time.
    open: BTreeSet<u64>,
    /// The ledger of a store that was restored to an earlier moment does not have what was noted in it later.
    incomplete: bool,
}

impl Removal {
    pub(super) fn truncate(&mut self, last: u64) {
        drop(self.gone.split_off(&(last + 1)));
        drop(self.open.split_off(&(last + 1)));
        self.through = self.through.min(last);
    }
}

impl Model {
    pub(crate) fn is_gone(&self, position: u64) -> bool {
        self.removal.gone.contains(&position)
    }

    /// How many events are gone.
    pub(crate) fn gone(&self) -> u64 {
        self.removal.gone.len() as u64
    }

    /// The highest position that was removed.
    pub(crate) fn removed_through(&self) -> u64 {
        self.removal.through
    }

    /// Whether nothing is left of a stream, not even what tells its last version.
    pub(crate) fn is_forgotten(&self, stream: &str) -> bool {
        let mut own = self.events.iter().filter(|event| event.stream == stream).peekable();
        own.peek().is_some() && own.all(|event| self.is_gone(event.position.get()))
    }

    /// The version of a stream's last event that is stored. Of one that was deleted, what its deletion tells is as good.
    pub(super) fn stored_version(&self, stream: &str) -> u64 {
        let forgotten = !self.removal.gone.is_empty() && self.is_forgotten(stream);
        if forgotten { self.rules.deleted_through(stream) } else { self.version(stream) }
    }

    /// Whether the event at a position is an entry of the ledger.
    pub(crate) fn is_of_ledger(&self, position: u64) -> bool {
        let index = usize::try_from(position).ok().and_then(|position| position.checked_sub(1));
        index.and_then(|index| self.events.get(index)).is_some_and(|event| event.stream == LEDGER_STREAM)
    }

    /// The same model of a store that was restored to an earlier moment. Of a stream of which nothing is left there it is only
    /// known what rules say of it.
    pub(crate) fn restored_to(mut self, position: u64) -> Self {
        self.removal.incomplete |= position < self.last();
        self.truncate(position);
        if !self.is_end(position) {
            // The last events of the batch were removed, so it ends here.
            self.ends.push(position);
        }
        self.removal.open.clear();
        let kept = |event: &&Arc<Event>| !self.is_gone(event.position.get());
        let left: HashSet<&str> = self.events.iter().filter(kept).map(|event| &*event.stream).collect();
        let left: HashMap<String, u64> =
            left.into_iter().map(|stream| (stream.to_owned(), self.version(stream))).collect();
        for (stream, version) in &mut self.versions {
            *version = left.get(stream).copied().unwrap_or_else(|| self.rules.reached(stream));
        }
        self
    }

    /// A compaction begins: of each stream the first events may go, up to the first that is shown. Its last event stays unless its
    /// name is closed.
    pub(crate) fn may_be_compacted(&mut self) {
        let mut kept: HashSet<&str> = HashSet::new();
        let mut open = BTreeSet::new();
        for event in &self.events {
            let (stream, position) = (event.stream.as_str(), event.position.get());
            if self.is_gone(position) || kept.contains(stream) {
                continue;
            }
            let last = self.version(stream);
            let closed = self.rules.deletion(stream, last) == Some(Deletion::Tombstone);
            let stays = event.version.get() == last && !closed;
            if !stays && self.rules.hide(event, last, self.now()) {
                open.insert(position);
            } else {
                kept.insert(stream);
            }
        }
        self.removal.open.extend(open);
    }

    /// Looks what a compaction has removed. `known` says that no other manifest can be found later.
    pub(crate) fn find_removed(&mut self, store: &Store, known: bool) -> Result<(), Wrong> {
        let view = store.view();
        let mut found = Vec::new();
        for position in self.removal.open.iter().copied().filter(|position| !self.is_gone(*position)) {
            match view.event_at(Position::new(position)) {
                Err(ReadError::Removed { .. }) => found.push(position),
                Err(ReadError::Hidden { .. }) | Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.removal.gone.extend(found.iter().copied());
        self.removal.through = found.last().copied().unwrap_or(0).max(self.removal.through);
        if known {
            self.removal.open.clear();
        }
        self.ensure_prefixes(&found)?;
        self.check_ledger(store)
    }

    /// Of each stream the beginning has gone, and nothing else.
    fn ensure_prefixes(&self, found: &[u64]) -> Result<(), Wrong> {
        let at = |position: u64| usize::try_from(position - 1).unwrap_or(usize::MAX);
        let streams: HashSet<&str> =
            found.iter().filter_map(|position| Some(&*self.events.get(at(*position))?.stream)).collect();
        let mut left: HashSet<&str> = HashSet::new();
        for event in self.events.iter().filter(|event| streams.contains(&*event.stream)) {
            let gone = self.is_gone(event.position.get());
            ensure!(!gone || !left.contains(&*event.stream), "{event:?} went, and one before it did not");
            if !gone {
                left.insert(&event.stream);
            }
        }
        Ok(())
    }

    /// What went is told once, whatever happened between a removal and its entry.
    fn check_ledger(&self, store: &Store) -> Result<(), Wrong> {
        let ledger = store.ledger()?;
        if self.removal.incomplete {
            return Ok(());
        }
        let numbered = ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number);
        let told: u64 = ledger.iter().map(annals::LedgerEntry::events).sum();
        ensure!(numbered && told == self.gone(), "{} events are gone: {ledger:?}", self.gone());
        let reaches = ledger.iter().map(|entry| entry.last_position.get()).max().unwrap_or(0);
        ensure!(reaches == self.removed_through(), "gone up to {}: {ledger:?}", self.removed_through());
        Ok(())
    }

    /// Compares a store that shows no more than a beginning of the log.
    pub(crate) fn compare_beginning(&self, store: &Store) -> Result<(), Wrong> {
        let view = store.view();
        let mut model = self.clone();
        model.truncate(view.position().get());
        if !model.removal.open.is_empty() {
            model.find_removed(store, false)?;
        }
        events(&view, &Picture::of(&model))
    }

    /// Takes what the store has written into its ledger behind the last event.
    pub(crate) fn take_ledger(&mut self, store: &Store) -> Result<(), Wrong> {
        let view = store.view();
        while self.last() < view.position().get() {
            let position = Position::new(self.last() + 1);
            let event = view.event_at(position)?.map(|event| event.to_event());
            let Some(event) = event.filter(|event| event.stream == LEDGER_STREAM) else {
                return Err(Wrong::Differs(format!("position {position} is of nobody")));
            };
            self.take_event(event)?;
        }
        Ok(())
    }

    fn take_event(&mut self, event: Event) -> Result<(), Wrong> {
        let version = self.versions.entry(event.stream.clone()).or_default();
        *version += 1;
        ensure!(event.version.get() == *version, "{event:?} should have version {version}");
        let (position, id): (u64, Uuid) = (event.position.get(), event.id);
        self.ids.entry(id).or_default().push(position);
        if let Some(made) = &mut self.made {
            made.insert(id, position);
        }
        // Nobody appends it again, so what a producer would have given does not matter.
        let fact = super::Fact {
            stream: event.stream.clone(),
            event_type: event.event_type.clone(),
            id: None,
            occurred: None,
            tags: Vec::new(),
            schema_version: event.schema_version,
            metadata: Vec::new(),
            data: Vec::new(),
            says: None,
        };
        self.facts.push(Arc::new(fact));
        self.events.push(Arc::new(event));
        self.ends.push(position);
        Ok(())
    }
}
