//! Loading states: at the latest version, at an earlier one, as of any moment.

use super::error::LoadError;
use super::fold::fold;
use super::handle::Aggregates;
use super::loaded::{Loaded, SnapshotOutcome};
use super::{Aggregate, SaveError};
use crate::error::ReadError;
use crate::query::AsOf;
use crate::view::View;
use annals_types::Version;

impl<A: Aggregate> Aggregates<A> {
    /// The state now. A stream without events gives the default state at version 0.
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
    /// [`LoadError::NotReached`] if the stream has no such version; otherwise as [`LoadError`] says.
    pub fn load_at_version(&self, stream: &str, version: Version) -> Result<Loaded<A>, LoadError> {
        let view = self.store.view();
        let last = view.cut_version(stream)?;
        if version > last {
            return Err(LoadError::NotReached { stream: stream.into(), version, last });
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
        let mut loaded = Loaded::nothing(stream, view.occurred.is_none(), view.rules_at()?);
        if let Some(saving) = &self.saving {
            saving.begin(&self.store, view, version, &mut loaded);
        }
        self.catch_up(view, version, &mut loaded)?;
        self.save_if_due(&mut loaded);
        Ok(loaded)
    }

    /// Folds the events behind the state, up to a version; all of them, if rules have been registered meanwhile by which those
    /// before it are read as other ones.
    pub(super) fn catch_up(&self, view: &View, to: Version, loaded: &mut Loaded<A>) -> Result<(), LoadError> {
        if view.rules_at()? != loaded.rules_at {
            *loaded = self.load_up_to(view, &loaded.stream, to)?;
            return Ok(());
        }
        let patience = self.saving.as_ref().and_then(|saving| saving.policy.patience());
        fold(view, to, patience, loaded)
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

impl View {
    /// The version of a stream's last event at or before the view's position, whenever it occurred.
    pub(crate) fn cut_version(&self, stream: &str) -> Result<Version, ReadError> {
        if self.occurred.is_none() {
            return Ok(self.stream(stream)?.map_or(Version::ZERO, |info| info.last_version));
        }
        let cut = View { occurred: None, ..self.clone() };
        Ok(cut.stream(stream)?.map_or(Version::ZERO, |info| info.last_version))
    }
}
