//! What a view hides: by the rules as they were when it was made.

use super::bounds::{Bounds, Hider};
use super::rules::Rules;
use crate::error::ReadError;
use crate::query::Query;
use crate::staged::Staged;
use crate::view::View;
use annals_compaction::SYSTEM_PREFIX;
use annals_index::{TermKey, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Timestamp, Version};
use annals_vfs::sync::OnceLock;
use std::sync::Arc;

/// The moment by which the rules of a view are meant, and the rules, once somebody has asked. Views of earlier moments share it:
/// what is hidden may be gone, so the past does not show it either.
#[derive(Debug)]
pub(crate) struct Hiding {
    pub(super) now: Timestamp,
    /// Where the store ended.
    pub(super) taken: Position,
    /// Nothing is hidden above this position: it is kept for a guard.
    pub(super) spared: Option<Position>,
    rules: OnceLock<Option<Arc<Rules>>>,
}

impl Hiding {
    /// By the rules up to a position, which are read when somebody asks, unless they are known.
    pub(crate) fn at(now: Timestamp, taken: Position, known: Option<Arc<Rules>>) -> Arc<Self> {
        match known {
            Some(rules) => Self::by(rules, now, taken),
            None => Arc::new(Hiding { now, taken, spared: None, rules: OnceLock::new() }),
        }
    }

    /// By these rules.
    pub(crate) fn by(rules: Arc<Rules>, now: Timestamp, taken: Position) -> Arc<Self> {
        let hiding = Hiding { now, taken, spared: None, rules: OnceLock::new() };
        hiding.rules.get_or_init(|| Some(rules));
        Arc::new(hiding)
    }

    /// The same, but for what lies above a position.
    fn sparing(&self, position: Position) -> Arc<Self> {
        let hiding =
            Hiding { now: self.now, taken: self.taken, spared: Some(position), rules: OnceLock::new() };
        if let Some(rules) = self.rules.get() {
            hiding.rules.get_or_init(|| rules.clone());
        }
        Arc::new(hiding)
    }
}

impl View {
    /// This view, with nothing hidden above a position.
    pub(crate) fn sparing(&self, position: Position) -> View {
        View { hiding: self.hiding.as_ref().map(|hiding| hiding.sparing(position)), ..self.clone() }
    }

    /// The rules that this view goes by; `None` if nothing is hidden.
    pub(super) fn hidden_by(&self) -> Result<Option<(&Hiding, &Rules)>, ReadError> {
        let Some(hiding) = &self.hiding else { return Ok(None) };
        let rules = match hiding.rules.get() {
            Some(rules) => rules,
            None => {
                let read = self.parts.retention.rules(&self.parts, hiding.taken)?;
                hiding.rules.get_or_init(|| read)
            }
        };
        Ok(rules.as_deref().map(|rules| (&**hiding, rules)))
    }

    /// Whether there are rules by which something may be hidden.
    pub(crate) fn may_hide(&self) -> Result<bool, ReadError> {
        Ok(self.hiding.is_some() && self.hidden_by()?.is_some())
    }

    /// What hides single events, beside the query; `None` if none is hidden that the query means. A query for one stream is narrowed
    /// instead.
    pub(crate) fn hide<'v>(
        &'v self,
        staged: Option<&'v Staged>,
        query: &mut Query,
    ) -> Result<Option<Box<Hider<'v>>>, ReadError> {
        if self.hiding.is_none() && self.parts.removed == Position::ZERO {
            return Ok(None);
        }
        let hider = self.hider(staged)?;
        let Some(stream) = query.stream.clone() else { return Ok(hider.map(Box::new)) };
        let mut hider = hider;
        let bounds = match &mut hider {
            Some(hider) => hider.bounds(&stream)?,
            None => Bounds::NONE,
        };
        let asked = query.versions.0;
        // No rule lets go anything of the store's own streams. Where a repair could not tell what was removed from what is lost, what is
        // left of them is gone by: without it, nothing of a repaired store could be read.
        let own = stream.starts_with(SYSTEM_PREFIX);
        if query.from_asked && asked >= Version::FIRST && !own {
            let floor = self.floor(&stream)?;
            if asked < floor {
                return Err(ReadError::BelowFloor { stream, asked, floor });
            }
        }
        // Of a stream of which events are spared a time does not tell which ones are shown.
        Ok(if bounds.narrow(query) { None } else { hider.map(Box::new) })
    }

    /// The version of a stream's first event, if events before it were removed; otherwise [`Version::FIRST`].
    fn first_stored(&self, stream: &str) -> Result<Version, ReadError> {
        if self.parts.removed == Position::ZERO || planted(Bug::RemovedNotBelowFloor) {
            return Ok(Version::FIRST);
        }
        let key = TermKey::new(TermKind::Stream, stream, self.parts.hash_seed);
        Ok(self.parts.first_version(&key)?.unwrap_or(Version::FIRST))
    }

    /// What hides events of this view; `None` if there are no rules.
    pub(crate) fn hider<'v>(&'v self, staged: Option<&'v Staged>) -> Result<Option<Hider<'v>>, ReadError> {
        Ok(self.hidden_by()?.map(|(hiding, rules)| Hider::new(self, staged, hiding, rules)))
    }

    /// What is hidden of a stream.
    pub(crate) fn bounds(&self, stream: &str) -> Result<Bounds, ReadError> {
        if self.hiding.is_none() {
            return Ok(Bounds::NONE);
        }
        self.hider(None)?.map_or(Ok(Bounds::NONE), |mut hider| hider.bounds(stream))
    }

    /// An event, unless it is hidden.
    pub(crate) fn unless_hidden<'v>(&self, event: EventRef<'v>) -> Result<EventRef<'v>, ReadError> {
        if self.hiding.is_none() || self.bounds(event.stream)?.show(&event) {
            return Ok(event);
        }
        Err(ReadError::Hidden { position: event.position })
    }

    /// The first version of a stream that a rule of retention leaves to be read: [`Version::FIRST`] where none hides anything and
    /// nothing was removed, the version behind the last one where all are hidden. A read that does not say from which version begins here.
    ///
    /// A limit of the age on the [occurred](crate::Clock::Occurred) clock hides events one by one, wherever they stand, and counts for
    /// nothing here.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Expected, NewEvent, Query, ReadError, Version};
    /// let events = ["opened", "deposited", "withdrawn"].map(|event_type| NewEvent::json(event_type, "{}"));
    /// store.append("account-1", Expected::NoStream, &events)?;
    /// store.retention().truncate("account-1", Version::new(3))?;
    /// let view = store.view();
    /// assert_eq!(view.floor("account-1")?, Version::new(3));
    /// assert_eq!(view.read(Query::stream("account-1"))?.count(), 1);
    /// let below = view.read(Query::stream("account-1").from_version(Version::new(2)));
    /// assert!(matches!(below, Err(ReadError::BelowFloor { floor, .. }) if floor == Version::new(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn floor(&self, stream: &str) -> Result<Version, ReadError> {
        let stored = self.first_stored(stream)?;
        if self.hiding.is_none() {
            return Ok(stored);
        }
        let Some(mut hider) = self.hider(None)? else { return Ok(stored) };
        let bounds = hider.bounds(stream)?;
        Ok(hider.floor(stream, &bounds)?.max(stored))
    }
}
