//! Setting, advancing and removing guards, and reading what is kept for one.

use super::error::GuardError;
use super::event::{GUARDS_STREAM, GuardEvent, can_be_named};
use crate::batch::Batch;
use crate::error::ReadError;
use crate::retention::RetentionChange;
use crate::store::Store;
use crate::view::View;
use annals_types::Position;

/// So many guards a store may have: each is looked at for each plan.
const GUARDS_MAX: usize = 1000;

/// The guards of a store: consumers that have not read everything yet, for whom events are kept. Made by [`Store::guards`]; cheap to
/// clone.
///
/// A guard has a name and a position, up to which it is done. Compaction keeps every segment with events above it, whatever rules of
/// retention say, unless the guard is [overridden](crate::Compaction::override_guard) by name. Guards are events of the stream
/// `$annals.guards`: they survive reopening and are part of every copy.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let store = annals::Store::open(directory.path().join("store"))?;
/// use annals::{Expected, NewEvent, Position, Query, RetentionRule, RetentionScope};
/// store.guards().set("mails", Position::ZERO)?;
/// let events = ["/", "/a", "/b"].map(|page| NewEvent::json("visited", format!("{page:?}")));
/// store.append("session-1", Expected::NoStream, &events)?;
/// store.retention().set(&RetentionScope::Store, &RetentionRule::new().max_count(1))?;
/// // Others see one of them. The consumer sees all, since it is not done with them.
/// assert_eq!(store.view().count(Query::stream("session-1"))?, 1);
/// let view = store.guards().view("mails")?;
/// assert_eq!(view.count(Query::stream("session-1"))?, 3);
/// for event in view.read(Query::all())? {
///     store.guards().advance("mails", event?.position)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Guards {
    store: Store,
}

/// A guard, and what it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardInfo {
    /// Its name.
    pub name: String,
    /// The last position that it is done with, as it is written down: what lies above is kept.
    pub position: Position,
    /// How far it was advanced since the store was opened, if that is further.
    pub told: Position,
    /// How many sealed segments it keeps from being compacted.
    pub segments: u64,
    /// Bytes of these.
    pub bytes: u64,
}

impl Store {
    /// The guards.
    #[must_use]
    pub fn guards(&self) -> Guards {
        Guards { store: self.clone() }
    }
}

impl Guards {
    /// Sets a guard, or moves one that there is further on, and writes that down. When this returns, everything above the position
    /// is kept that was not removed before.
    ///
    /// It never goes back: what it has let go may be gone. Who wants that nevertheless removes it first.
    ///
    /// # Errors
    /// [`GuardError::Name`], [`GuardError::Behind`], [`GuardError::BeyondEnd`], [`GuardError::TooMany`]; otherwise as [`GuardError`] says.
    pub fn set(&self, name: &str, position: Position) -> Result<RetentionChange, GuardError> {
        if !can_be_named(name) {
            return Err(GuardError::Name { bytes: name.len() });
        }
        let shared = &self.store.shared().guards;
        let _changing = shared.changing.lock();
        let view = self.store.view();
        let standing = shared.standing(&view)?;
        match standing.get(name) {
            Some(at) if position == *at => return Ok(RetentionChange::ALREADY),
            Some(at) if position < *at => {
                return Err(GuardError::Behind { name: name.into(), at: *at, asked: position });
            }
            None if standing.len() >= GUARDS_MAX => return Err(GuardError::TooMany { most: GUARDS_MAX }),
            Some(_) => {}
            None => shared.forget(name),
        }
        not_beyond(&view, position)?;
        self.write(&GuardEvent::Set(name.into(), position))
    }

    /// A guard is done with everything up to a position. May be called for each event that was read: it is written down when that lets
    /// a segment go, or when compaction begins, and only noted otherwise. What is only noted is forgotten when the store is closed, so
    /// this position is not to be taken for the consumer's own. A position behind which the guard stands changes nothing.
    ///
    /// # Errors
    /// [`GuardError::NotFound`], [`GuardError::BeyondEnd`]; otherwise as [`GuardError`] says.
    pub fn advance(&self, name: &str, position: Position) -> Result<RetentionChange, GuardError> {
        let shared = &self.store.shared().guards;
        let view = self.store.view();
        let at = self.position_in(&view, name)?;
        not_beyond(&view, position)?;
        if position <= at {
            return Ok(RetentionChange::ALREADY);
        }
        shared.tell(name, position);
        if !frees(&view, at, position) {
            return Ok(RetentionChange { position: Position::ZERO, already: false });
        }
        let _changing = shared.changing.lock();
        // It may be gone by now, or written down by somebody else.
        let at = self.position_in(&self.store.view(), name)?;
        if position <= at {
            return Ok(RetentionChange::ALREADY);
        }
        self.write(&GuardEvent::Set(name.into(), position))
    }

    /// Removes a guard: nothing is kept for it any more.
    ///
    /// # Errors
    /// [`GuardError::NotFound`]; otherwise as [`GuardError`] says.
    pub fn remove(&self, name: &str) -> Result<RetentionChange, GuardError> {
        let shared = &self.store.shared().guards;
        let _changing = shared.changing.lock();
        self.position_in(&self.store.view(), name)?;
        let removed = self.write(&GuardEvent::Removed(name.into()))?;
        shared.forget(name);
        Ok(removed)
    }

    /// All guards, by name.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn list(&self) -> Result<Vec<GuardInfo>, ReadError> {
        let view = self.store.view();
        let shared = &self.store.shared().guards;
        let standing = shared.standing(&view)?;
        Ok(standing
            .iter()
            .map(|(name, position)| {
                let kept = sealed(&view).filter(|entry| entry.last_position() > *position);
                let (segments, bytes) =
                    kept.fold((0, 0), |(segments, bytes), entry| (segments + 1, bytes + entry.length));
                let told = shared.told(name).max(*position);
                GuardInfo { name: name.clone(), position: *position, told, segments, bytes }
            })
            .collect())
    }

    /// A view of everything appended so far that shows to the consumer behind a guard what is kept for it: above the position of the
    /// guard nothing is hidden by rules of retention. Below, it shows what every view does. What was removed before the guard
    /// was set is gone.
    ///
    /// # Errors
    /// [`GuardError::NotFound`]; otherwise as [`GuardError`] says.
    pub fn view(&self, name: &str) -> Result<View, GuardError> {
        let view = self.store.view();
        let position = self.position_in(&view, name)?;
        Ok(view.sparing(position))
    }

    /// Writes down how far guards were advanced, where that lets a segment go.
    pub(crate) fn write_told(&self) -> Result<(), GuardError> {
        let shared = &self.store.shared().guards;
        let view = self.store.view();
        for (name, position) in shared.all_told() {
            let _changing = shared.changing.lock();
            let Some(at) = shared.standing(&view)?.get(&name).copied() else { continue };
            if position > at && frees(&view, at, position) {
                self.write(&GuardEvent::Set(name, position))?;
            }
        }
        Ok(())
    }

    fn position_in(&self, view: &View, name: &str) -> Result<Position, GuardError> {
        let standing = self.store.shared().guards.standing(view)?;
        standing.get(name).copied().ok_or_else(|| GuardError::NotFound { name: name.into() })
    }

    /// Appends what is said of a guard.
    fn write(&self, event: &GuardEvent) -> Result<RetentionChange, GuardError> {
        let mut batch = Batch::new();
        batch.push(GUARDS_STREAM, &event.to_new())?;
        let appended = self.store.append_batch(batch)?;
        Ok(RetentionChange { position: appended.first_position, already: false })
    }
}

fn not_beyond(view: &View, asked: Position) -> Result<(), GuardError> {
    let last = view.taken;
    if asked > last { Err(GuardError::BeyondEnd { asked, last }) } else { Ok(()) }
}

/// Whether a segment goes on to be kept by a guard at one position, and not by one at another.
fn frees(view: &View, at: Position, position: Position) -> bool {
    let segments = &view.parts.segments;
    let last = |number: usize| {
        segments
            .get(number)
            .and_then(|segment| segment.sealed_entry())
            .map(annals_format::SealedSegment::last_position)
    };
    let after = segments.partition_point(|segment| segment.first_position() <= at);
    // The one that the position lies in; or, where that ends there, the next one.
    let holding = after.checked_sub(1).and_then(last).filter(|last| *last > at);
    holding.or_else(|| last(after)).is_some_and(|last| last <= position)
}

fn sealed(view: &View) -> impl Iterator<Item = &annals_format::SealedSegment> {
    view.parts.segments.iter().filter_map(|segment| segment.sealed_entry())
}
