//! What an open store knows of its guards: read when it is first needed, and on from there when there is more.

use super::event::{GUARDS_STREAM, GuardEvent};
use crate::error::ReadError;
use crate::query::Query;
use crate::system_event::SystemEvent;
use crate::view::View;
use annals_index::{TermKey, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Version};
use annals_vfs::sync::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where guards stand, by name.
pub(super) type Standing = BTreeMap<String, Position>;

/// Shared by all handles of an open store.
#[derive(Debug, Default)]
pub(crate) struct SharedGuards {
    /// Held while guards are changed, and while compaction puts files in the place of others: so that a guard, once it is set, keeps
    /// whatever is still there. Taken before everything else.
    pub(crate) changing: Mutex<()>,
    known: Mutex<Known>,
    /// How far guards were advanced without that being written down. Gone when the store is closed, which only keeps more.
    told: Mutex<Standing>,
}

/// What was read up to some event of the stream.
#[derive(Clone, Debug, Default)]
struct Known {
    version: Version,
    standing: Arc<Standing>,
}

impl Known {
    /// These, with what an event says.
    fn take(&mut self, said: GuardEvent) {
        let standing = Arc::make_mut(&mut self.standing);
        match said {
            GuardEvent::Set(name, position) => {
                let at = standing.entry(name).or_insert(position);
                *at = position.max(*at);
            }
            GuardEvent::Removed(name) => {
                standing.remove(&name);
            }
        }
    }
}

impl SharedGuards {
    /// Where guards stand by what is written up to where a view was taken.
    pub(super) fn standing(&self, view: &View) -> Result<Arc<Standing>, ReadError> {
        let key = TermKey::new(TermKind::Stream, GUARDS_STREAM, view.parts.hash_seed);
        let last = view.parts.last_version(&key, view.taken)?;
        let mut known =
            Some(self.known.lock().clone()).filter(|known| known.version <= last).unwrap_or_default();
        if known.version == last {
            return Ok(known.standing);
        }
        let whole = View::new(Arc::clone(&view.parts), view.taken);
        let behind = Query::stream(GUARDS_STREAM).from_version(known.version.next()).to_version(last);
        for event in whole.read(behind)? {
            let event = event?;
            // A guard that is not understood may keep what would go otherwise.
            let said = GuardEvent::of(&event).map_err(|error| whole.parts.payload_error(error))?;
            known.take(said.ok_or_else(|| ReadError::Newer {
                file: format!("the guard at position {}", event.position),
                found: event.schema_version,
                supported: 1,
            })?);
            known.version = event.version;
        }
        let mut newest = self.known.lock();
        if newest.version < known.version {
            *newest = known.clone();
        }
        Ok(known.standing)
    }

    /// The version of the last event that was read: another one means that something was set or removed.
    pub(crate) fn version(&self) -> Version {
        self.known.lock().version
    }

    /// The guards that compaction has to mind, by what is written up to where a view was taken.
    pub(crate) fn minded(&self, view: &View) -> Result<Vec<annals_compaction::Guard>, ReadError> {
        if planted(Bug::GuardIgnored) {
            return Ok(Vec::new());
        }
        let standing = self.standing(view)?;
        let guard = |(name, position): (&String, &Position)| annals_compaction::Guard::new(name, *position);
        Ok(standing.iter().map(guard).collect())
    }

    /// How far a guard was advanced without that being written down.
    pub(super) fn told(&self, name: &str) -> Position {
        self.told.lock().get(name).copied().unwrap_or(Position::ZERO)
    }

    /// Notes how far a guard is, without writing it down.
    pub(super) fn tell(&self, name: &str, position: Position) {
        let mut told = self.told.lock();
        match told.get_mut(name) {
            Some(at) => *at = position.max(*at),
            None => {
                told.insert(name.to_owned(), position);
            }
        }
    }

    /// A guard that is set anew does not stand where one with its name once did.
    pub(super) fn forget(&self, name: &str) {
        self.told.lock().remove(name);
    }

    /// All that was told and perhaps not written down.
    pub(super) fn all_told(&self) -> Standing {
        self.told.lock().clone()
    }
}
