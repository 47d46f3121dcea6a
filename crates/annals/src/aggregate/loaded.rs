//! The state of an aggregate at a version, and how it was come by.

use super::error::SaveError;
use annals_snapshot::Snapshot;
use annals_types::{EventRef, Position, Timestamp, Uuid, Version};

/// The state of an aggregate as it was loaded or as a command left it, with the version at which it stands.
#[derive(Debug)]
pub struct Loaded<A> {
    pub(super) stream: String,
    pub(super) state: A,
    pub(super) last: Option<LastEvent>,
    /// The latest time at which any of its events occurred.
    pub(super) occurred_max: Timestamp,
    /// Whether the state has all events up to its version.
    pub(super) has_all: bool,
    /// The first version that it has, if events before it are hidden and no snapshot has them.
    pub(super) floor: Option<Version>,
    /// Which registered rules its events were read by.
    pub(super) rules_at: Position,
    /// How many erasures there were when the oldest of its events was read.
    pub(super) erasures: u64,
    pub(super) snapshot: Option<Version>,
    pub(super) events_read: u64,
    /// Events since the state was loaded from a snapshot or saved as one.
    pub(super) unsaved: u64,
    /// Under which keys the events are that it is made of.
    pub(super) under: Under,
    /// Whether folding them took longer than it may.
    pub(super) too_slow: bool,
    pub(super) ignored: Vec<IgnoredSnapshot>,
    pub(super) outcome: SnapshotOutcome,
}

/// Under which keys those events of a state are whose payloads it has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Under {
    /// All of them are in plain.
    None,
    /// Some are under this one, all others in plain.
    One(Uuid),
    /// No key is that of all of them, so whatever it was encrypted under, it would outlive another one.
    Several,
}

impl Under {
    pub(super) fn and(self, key: Option<Uuid>) -> Self {
        match (self, key) {
            (under, None) => under,
            (Under::None, Some(key)) => Under::One(key),
            (Under::One(one), Some(key)) if one == key => self,
            _ => Under::Several,
        }
    }
}

/// The last event of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastEvent {
    pub(super) version: Version,
    pub(super) position: Position,
    pub(super) id: Uuid,
    pub(super) recorded_at: Timestamp,
}

impl LastEvent {
    pub(super) fn of(event: &EventRef<'_>) -> Self {
        LastEvent {
            version: event.version,
            position: event.position,
            id: event.id,
            recorded_at: event.recorded_at,
        }
    }
}

impl<A: Default> Loaded<A> {
    /// The state of a stream without events.
    pub(super) fn nothing(stream: &str, has_all: bool, rules_at: Position, erasures: u64) -> Self {
        Loaded {
            stream: stream.into(),
            state: A::default(),
            last: None,
            occurred_max: Timestamp::MIN,
            has_all,
            floor: None,
            rules_at,
            erasures,
            snapshot: None,
            events_read: 0,
            unsaved: 0,
            under: Under::None,
            too_slow: false,
            ignored: Vec::new(),
            outcome: SnapshotOutcome::NotDue,
        }
    }
}

impl<A> Loaded<A> {
    /// Begins with what a snapshot saves, which was encrypted under a key or under none.
    pub(super) fn begin_with(&mut self, state: A, under: Under, snapshot: &Snapshot) {
        (self.state, self.under) = (state, under);
        self.snapshot = Some(snapshot.version);
        self.occurred_max = snapshot.occurred_max;
        self.last = Some(LastEvent {
            version: snapshot.version,
            position: snapshot.position,
            id: snapshot.event_id,
            recorded_at: snapshot.recorded_at,
        });
    }

    pub(super) fn ignore(&mut self, version: Option<Version>, reason: String) {
        let ignored = IgnoredSnapshot { version, reason };
        if !self.ignored.contains(&ignored) {
            self.ignored.push(ignored);
        }
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &A {
        &self.state
    }

    /// The state, for keeping.
    #[must_use]
    pub fn into_state(self) -> A {
        self.state
    }

    /// The version of the last event that the state has; [`Version::ZERO`] if it has none.
    #[must_use]
    pub fn version(&self) -> Version {
        self.last.map_or(Version::ZERO, |last| last.version)
    }

    /// The position of that event; [`Position::ZERO`] if there is none.
    #[must_use]
    pub fn position(&self) -> Position {
        self.last.map_or(Position::ZERO, |last| last.position)
    }

    /// The version of the snapshot that loading began with; `None` if it began with the first event.
    #[must_use]
    pub fn snapshot(&self) -> Option<Version> {
        self.snapshot
    }

    /// The version of its first event, if there were others before it that rules of retention hide and no snapshot has: see
    /// [`Aggregates::from_floor`](crate::Aggregates::from_floor). `None` for a state of the whole history.
    #[must_use]
    pub fn floor(&self) -> Option<Version> {
        self.floor
    }

    /// How many stored events were read to come to the state, those behind the snapshot only.
    #[must_use]
    pub fn events_read(&self) -> u64 {
        self.events_read
    }

    /// The snapshots that would have been newer and could not be used, and why: each cost reading events instead, nothing
    /// else.
    #[must_use]
    pub fn ignored_snapshots(&self) -> &[IgnoredSnapshot] {
        &self.ignored
    }

    /// Whether the state was saved as a snapshot, as the policy says.
    #[must_use]
    pub fn snapshot_outcome(&self) -> &SnapshotOutcome {
        &self.outcome
    }
}

/// A snapshot that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredSnapshot {
    /// The version that it is said to stand at; `None` if not even that can be read.
    pub version: Option<Version>,
    /// What speaks against it.
    pub reason: String,
}

/// What became of saving a state, which never keeps a command from succeeding.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotOutcome {
    /// It was not to be saved: there is no policy, it is not due, or the store is open for reading only.
    NotDue,
    /// It was saved.
    Saved,
    /// It could not be saved. The next time that it is due it is tried again.
    Failed(SaveError),
}
