//! Which events go for good.

use super::fate::{Fate, Fates};
use super::survey::Blocked;
use crate::error::ReadError;
use crate::parts::Parts;
use crate::query::Query;
use crate::retention::Departed;
use crate::view::View;
use annals_index::{TermKey, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Version};
use std::collections::HashMap;
use std::sync::Arc;

/// So many streams are remembered.
const REMEMBERED: usize = 1 << 16;

/// Tells of events whether they go, as the rules were when the view was made.
///
/// Of each stream the first versions go, up to the first event that is not hidden: so those that stay follow each other. If all are
/// hidden the last one stays, which tells the version from which the stream goes on; unless its name is closed for good.
#[derive(Debug)]
pub(super) struct Going {
    view: View,
    /// Whether anything is hidden.
    hides: bool,
    blocked: Blocked,
    /// The first version of each stream that stays.
    first: HashMap<Box<str>, Version>,
}

impl Going {
    /// Nothing goes behind what is blocked.
    pub(super) fn new(view: &View, blocked: Blocked) -> Result<Self, ReadError> {
        Ok(Going { hides: view.may_hide()?, view: view.clone(), blocked, first: HashMap::new() })
    }

    /// Goes by the files that there are by now. What it says stays the same; those that it has gone by until now can go.
    pub(super) fn renew(&mut self, parts: Arc<Parts>) {
        self.view = self.view.over(parts);
    }

    /// Whether an event may go, if nothing blocks it.
    pub(super) fn may_go(&mut self, event: &EventRef<'_>) -> Result<bool, ReadError> {
        // What was lost to damage has perhaps no stream; then nothing is missing in one without it, and it takes no room.
        if !self.hides || event.stream.is_empty() {
            return Ok(false);
        }
        let first = self.first_of(event.stream)?;
        let stays = event.is_lost() && planted(Bug::LostStaysAmongRemoved);
        Ok(event.version < first && !stays && (!event.is_lost() || self.takes_along(event, first)?))
    }

    /// Whether a lost event goes with others of its stream: if one goes that lies behind it, a version would be missing otherwise in
    /// what stays. One that no rule hides goes on being told as lost.
    fn takes_along(&self, lost: &EventRef<'_>, first: Version) -> Result<bool, ReadError> {
        if lost.version < self.view.floor(lost.stream)? {
            return Ok(true);
        }
        let all = View { hiding: None, ..self.view.clone() };
        let before = Version::new(first.get().saturating_sub(1));
        let behind = Query::stream(lost.stream).from_version(lost.version).to_version(before).limit(1);
        Ok(all.read(behind)?.next().transpose()?.is_some())
    }

    /// For which reason an event goes; `None` if it stays.
    pub(super) fn goes(&mut self, event: &EventRef<'_>) -> Result<Option<Departed>, ReadError> {
        if !self.may_go(event)? {
            return Ok(None);
        }
        let blocked = self.blocked.get(&self.hash(event.stream)).is_some_and(|from| event.position >= *from);
        if blocked && !planted(Bug::RemovedFromTheMiddle) {
            return Ok(None);
        }
        self.view.departed(event).map(Some)
    }

    /// The hash of a stream's name.
    pub(super) fn hash(&self, stream: &str) -> u64 {
        let seed = self.view.parts.hash_seed;
        TermKey::new(TermKind::Stream, stream, seed).hash(seed)
    }

    fn first_of(&mut self, stream: &str) -> Result<Version, ReadError> {
        if let Some(first) = self.first.get(stream) {
            return Ok(*first);
        }
        let first = self.find(stream)?;
        if self.first.len() >= REMEMBERED {
            self.first.clear();
        }
        self.first.insert(stream.into(), first);
        Ok(first)
    }

    fn find(&self, stream: &str) -> Result<Version, ReadError> {
        if self.view.is_tombstoned(stream)? {
            return Ok(Version::new(u64::MAX));
        }
        match self.view.read(Query::stream(stream).limit(1))?.next().transpose()? {
            Some(event) => Ok(event.version),
            None => self.view.cut_version(stream),
        }
    }
}

impl Fates for Going {
    fn of(&mut self, event: &EventRef<'_>) -> Result<Fate, ReadError> {
        Ok(self.goes(event)?.map_or(Fate::Stays, Fate::Goes))
    }
}
