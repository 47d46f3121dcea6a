//! What rules of retention have left of a stream, for states: a state that lacks events is another state.

use super::Aggregate;
use super::error::LoadError;
use super::handle::Aggregates;
use super::loaded::Loaded;
use crate::error::ReadError;
use crate::query::Query;
use crate::view::View;
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Version};

/// From where on the events of a stream can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// Where the stream began anew when it was deleted last: what was before is not part of any state. 1 if it never was.
    pub(super) anew: Version,
    /// The first version that is not hidden. Where it lies above `anew`, a state needs a snapshot.
    pub(super) floor: Version,
    /// Whether events behind it may be hidden one by one.
    holes: bool,
}

impl Left {
    pub(super) fn of(view: &View, stream: &str) -> Result<Self, ReadError> {
        let (anew, floor, holes) = match view.may_hide()? {
            // Rules that let events go may have been taken back since.
            false => (Version::FIRST, view.floor(stream)?, false),
            true => {
                let bounds = view.bounds(stream)?;
                (bounds.anew, view.floor(stream)?, bounds.have_holes())
            }
        };
        Ok(Left { anew, floor, holes })
    }

    /// The first event to be folded behind a state.
    pub(super) fn from<A>(&self, loaded: &Loaded<A>) -> Version {
        loaded.version().next().max(self.anew)
    }

    /// Whether events are hidden that are needed to come from a state to a version.
    pub(super) fn lacks<A>(&self, view: &View, to: Version, loaded: &Loaded<A>) -> Result<bool, ReadError> {
        if planted(Bug::StateOfWhatIsLeft) {
            return Ok(false);
        }
        let from = self.from(loaded);
        // Of a moment before the first event that is left nothing is known any more, once the others are gone.
        let unknown = to == Version::ZERO && self.floor > self.anew && view.position < view.taken;
        if unknown || (from <= to && from < self.floor) {
            return Ok(true);
        }
        if !self.holes || from > to {
            return Ok(false);
        }
        let all = View { hiding: None, ..view.clone() };
        let query = Query::stream(loaded.stream()).from_version(from).to_version(to);
        Ok(all.count(query.clone())? > view.count(query)?)
    }
}

impl<A: Aggregate> Aggregates<A> {
    /// Allows states of streams whose first events a rule of retention hides, where no snapshot has what they did: such a state is
    /// folded from the first event that is left. It is not the state of the whole history, is never saved as a snapshot, and says
    /// so: [`Loaded::floor`]. One that is brought forward by commands may have events that one that is loaded anew has not.
    ///
    /// Without this, loading such a stream is an error: [`LoadError::BelowFloor`].
    #[must_use]
    pub fn from_floor(mut self) -> Self {
        self.from_floor = true;
        self
    }

    /// Folds what a state lacks, up to a version.
    pub(super) fn fold_rest(
        &self,
        view: &View,
        to: Version,
        left: &Left,
        loaded: &mut Loaded<A>,
    ) -> Result<(), LoadError> {
        if left.lacks(view, to, loaded)? {
            if !self.from_floor {
                let ignored = std::mem::take(&mut loaded.ignored);
                let reason = ignored.first().map(|snapshot| snapshot.reason.clone());
                let reason = reason.unwrap_or_else(|| "there is none".to_owned());
                let (stream, floor) = (loaded.stream.clone(), left.floor);
                return Err(LoadError::BelowFloor { stream, version: to, floor, reason });
            }
            let ignored = std::mem::take(&mut loaded.ignored);
            *loaded = Loaded::nothing(&loaded.stream, false, loaded.rules_at, loaded.erasures);
            (loaded.ignored, loaded.floor) = (ignored, Some(left.floor));
        }
        let patience = self.saving.as_ref().and_then(|saving| saving.policy.patience());
        let from = left.from(loaded).max(left.floor);
        super::fold::fold(view, from, to, patience, loaded)
    }
}

impl View {
    /// The version of a stream's last event at or before the view's position, whenever it occurred, hidden or not.
    pub(crate) fn cut_version(&self, stream: &str) -> Result<Version, ReadError> {
        self.last_version_at(stream, self.position)
    }

    fn last_version_at(&self, stream: &str, position: Position) -> Result<Version, ReadError> {
        let key = annals_index::TermKey::new(annals_index::TermKind::Stream, stream, self.parts.hash_seed);
        self.parts.last_version(&key, position)
    }
}
