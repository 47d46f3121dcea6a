//! What a reader sees who begins at a moment: which events are shown, which are hidden, and which are gone.

use super::rules::{Rules, time};
use super::{Model, Moment};
use annals::{Clock, Event, Position, Uuid};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What has become of an event, as far as readers are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Shown,
    /// Stored, and a rule of retention hides it.
    Hidden,
    /// Removed by compaction.
    Gone,
}

/// All that was appended, as it stands at some moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// By their positions, without a gap.
    pub(crate) events: Vec<Arc<Event>>,
    /// Of the same events; empty if all of them are shown.
    standings: Vec<Standing>,
    rules: Rules,
    now: i64,
    /// The first and the last version of each stream that is stored.
    stored: BTreeMap<String, (u64, u64)>,
    /// Whether compaction has ever removed anything.
    removed: bool,
    /// As of [`Model::made`].
    made: Option<Arc<HashMap<Uuid, u64>>>,
}

/// What of a picture belongs to a moment.
#[derive(Clone, Debug)]
pub(crate) struct Seen<'p> {
    pub(crate) shown: Vec<&'p Event>,
    /// With those that are hidden.
    pub(crate) stored: Vec<&'p Event>,
    /// Whether the moment is one of the occurred clock.
    pub(crate) occurred: bool,
}

impl Picture {
    pub(crate) fn of(model: &Model) -> Self {
        let mut stored: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let kept = |event: &&Arc<Event>| !model.is_gone(event.position.get());
        let plain = model.rules().is_empty() && model.removed_through() == 0;
        if !plain {
            for event in model.events.iter().filter(kept) {
                let version = event.version.get();
                stored.entry(event.stream.clone()).or_insert((version, version)).1 = version;
            }
        }
        let standing = |event: &Arc<Event>| {
            let last = stored.get(&event.stream).map_or(0, |(_, last)| *last);
            match () {
                () if model.is_gone(event.position.get()) => Standing::Gone,
                () if model.rules().hide(event, last, model.now()) => Standing::Hidden,
                () => Standing::Shown,
            }
        };
        let standings = if plain { Vec::new() } else { model.events.iter().map(standing).collect() };
        Picture {
            events: model.events.clone(),
            standings,
            rules: model.rules().clone(),
            now: model.now(),
            stored,
            removed: model.removed_through() > 0,
            made: model.made().cloned().map(Arc::new),
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.events.len() as u64
    }

    pub(crate) fn made(&self) -> Option<&HashMap<Uuid, u64>> {
        self.made.as_deref()
    }

    pub(crate) fn standing(&self, event: &Event) -> Standing {
        let index = usize::try_from(event.position.get() - 1).unwrap_or(usize::MAX);
        self.standings.get(index).copied().unwrap_or(Standing::Shown)
    }

    /// Of the event at a position, if there ever was one.
    pub(crate) fn standing_at(&self, position: Position) -> Option<Standing> {
        let index = usize::try_from(position.get().checked_sub(1)?).ok()?;
        self.events.get(index).map(|event| self.standing(event))
    }

    /// What is seen as of a moment.
    pub(crate) fn seen(&self, moment: &Moment) -> Seen<'_> {
        let within = self.events.iter().map(|event| &**event).filter(|event| moment.includes(event));
        let stored: Vec<&Event> = within.filter(|event| self.standing(event) != Standing::Gone).collect();
        let shown = stored.iter().copied().filter(|event| self.standing(event) == Standing::Shown).collect();
        Seen { shown, stored, occurred: moment.occurred.is_some() }
    }

    /// The first version of a stream that nothing hides but the time at which events occurred.
    pub(crate) fn floor(&self, stream: &str) -> u64 {
        let Some((first, last)) = self.stored.get(stream).copied() else {
            return self.rules.end_of_closed(stream);
        };
        let mut floor = self.rules.floor_by_versions(stream, last).min(last + 1);
        if let Some((Clock::Recorded, cutoff)) = self.rules.cutoff(stream, self.now) {
            let old = |event: &&Arc<Event>| {
                event.stream == stream
                    && self.standing(event) != Standing::Gone
                    && time(event, Clock::Recorded) <= cutoff
            };
            floor = floor.max(self.events.iter().rev().find(old).map_or(0, |event| event.version.get()) + 1);
        }
        if self.removed { floor.max(first) } else { floor }
    }

    /// Whether a stream is listed though nothing of it is shown, as of a moment at which this was its last version: it was not
    /// deleted, and its last event tells its version.
    pub(crate) fn is_kept(&self, stream: &str, version: u64) -> bool {
        let last = self.stored.get(stream).map_or(0, |(_, last)| *last);
        last == version && self.rules.deletion(stream, last).is_none()
    }
}
