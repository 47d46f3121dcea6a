//! Loading states: at the latest version, at an earlier one, as of any moment.

use super::error::LoadError;
use super::handle::Aggregates;
use super::left::Left;
use super::loaded::{Loaded, SnapshotOutcome};
use super::{Aggregate, SaveError};
use crate::query::AsOf;
use crate::view::View;
use annals_types::Version;

impl<A: Aggregate> Aggregates<A> {
    /// The state now. A stream without events, or one that was deleted, gives the default state at version 0.
    ///
    /// # Errors
    /// As [`LoadError`] says.
    pub fn load(&self, stream: &str) -> Result<Loaded<A>, LoadError> {
        self.load_from(&self.store.view(), stream)
    }

    /// The state as of a moment: after an event, as it was known at a time, or as it was at a time. Before the first event it
    /// is the default state at version 0.
    ///
    /// # Errors
    /// As [`LoadError`] says.
    pub fn load_as_of(&self, stream: &str, moment: AsOf) -> Result<Loaded<A>, LoadError> {
        self.load_from(&self.store.view().as_of(moment)?, stream)
    }

    /// The state that a view shows: as of a moment on either clock, or on both.
    ///
    /// It is saved if the policy says so, unless the view is as of a time on the occurred clock: then events may be missing in
    /// between, and the state is not that of a version.
    ///
    /// # Errors
    /// As [`LoadError`] says.
    pub fn load_from(&self, view: &View, stream: &str) -> Result<Loaded<A>, LoadError> {
        self.load_up_to(view, stream, view.cut_version(stream)?)
    }

    /// The state after the event with a version.
    ///
    /// # Errors
    /// [`LoadError::NotReached`] if the stream has no such version; [`LoadError::BelowFloor`] also if it was deleted with it;
    /// otherwise as [`LoadError`] says.
    pub fn load_at_version(&self, stream: &str, version: Version) -> Result<Loaded<A>, LoadError> {
        let view = self.store.view();
        let last = view.cut_version(stream)?;
        if version > last {
            return Err(LoadError::NotReached { stream: stream.into(), version, last });
        }
        let anew = Left::of(&view, stream)?.anew;
        if version < anew && version > Version::ZERO {
            let reason = "it was deleted".to_owned();
            return Err(LoadError::BelowFloor { stream: stream.into(), version, floor: anew, reason });
        }
        self.load_up_to(&view, stream, version)
    }

    /// Saves a state as a snapshot, whatever the policy. It is made durable by the system in its own time: if it is lost, or
    /// damaged, loading reads more events.
    ///
    /// # Errors
    /// As [`SaveError`] says.
    pub fn save(&self, loaded: &mut Loaded<A>) -> Result<(), SaveError> {
        let saving = self.saving.as_ref().ok_or(SaveError::NoTag)?;
        saving.save(&self.store, loaded)?;
        loaded.unsaved = 0;
        loaded.too_slow = false;
        Ok(())
    }

    /// The state of events up to a version, as far as the view shows them.
    fn load_up_to(&self, view: &View, stream: &str, version: Version) -> Result<Loaded<A>, LoadError> {
        let mut loaded =
            Loaded::nothing(stream, view.occurred.is_none(), view.rules_at()?, view.parts.erasures);
        let left = Left::of(view, stream)?;
        // A stream that was deleted is one without events, whatever it had.
        if version < left.anew && left.anew > Version::FIRST {
            return Ok(loaded);
        }
        if let Some(saving) = &self.saving {
            saving.begin(&self.store, view, version, left.anew, &mut loaded);
        }
        self.fold_rest(view, version, &left, &mut loaded)?;
        self.save_if_due(&mut loaded);
        Ok(loaded)
    }

    /// Folds the events behind the state, up to a version; all of them, if rules have been registered meanwhile by which those
    /// before it are read as other ones, or if events between are hidden by now.
    pub(super) fn catch_up(&self, view: &View, to: Version, loaded: &mut Loaded<A>) -> Result<(), LoadError> {
        let left = Left::of(view, &loaded.stream)?;
        let deleted = loaded.version() > Version::ZERO && loaded.version() < left.anew;
        if view.rules_at()? != loaded.rules_at || deleted || left.lacks(view, to, loaded)? {
            *loaded = self.load_up_to(view, &loaded.stream, to)?;
            return Ok(());
        }
        self.fold_rest(view, to, &left, loaded)
    }

    /// Saves the state if the policy says so. What goes wrong is told by the state.
    pub(super) fn save_if_due(&self, loaded: &mut Loaded<A>) {
        let due =
            self.saving.as_ref().is_some_and(|saving| saving.policy.is_due(loaded.unsaved, loaded.too_slow));
        if !due || !loaded.has_all || !self.store.is_writable() {
            return;
        }
        loaded.outcome = match self.save(loaded) {
            Ok(()) => SnapshotOutcome::Saved,
            Err(error) => SnapshotOutcome::Failed(error),
        };
    }
}
