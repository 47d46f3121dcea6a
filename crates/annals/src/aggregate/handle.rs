//! The aggregates of a store.

use super::Aggregate;
use super::codec::Codec;
use super::policy::SnapshotPolicy;
use super::saving::Saving;
use crate::store::Store;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// How often a command is decided, unless told otherwise.
const ATTEMPTS: u32 = 16;

/// The aggregates of one kind in a store: loads their states, now and as of any moment, and executes commands on them. Made
/// by [`Store::aggregates`]; cheap to clone, usable from any thread.
pub struct Aggregates<A> {
    pub(super) store: Store,
    pub(super) saving: Option<Arc<Saving<A>>>,
    pub(super) attempts: u32,
    /// Whether a state may lack the events that rules of retention hide.
    pub(super) from_floor: bool,
}

impl Store {
    /// The aggregates of a kind.
    #[must_use]
    pub fn aggregates<A: Aggregate>(&self) -> Aggregates<A> {
        Aggregates { store: self.clone(), saving: None, attempts: ATTEMPTS, from_floor: false }
    }
}

impl<A: Aggregate> Aggregates<A> {
    /// Saves states as snapshots, when the policy says so, and loads from the newest usable one at or before the moment asked
    /// for.
    ///
    /// The tag says what the state is: name and version, say `"account/2"`, of at most 100 bytes (28 more are for what the store adds
    /// to it when rules are registered; a longer one is told when a state is saved). Snapshots of another tag are not looked at. **Give
    /// it a new one whenever the same events would give another state**: when the fields of the state change, what `apply`
    /// does, or what the upcasters of its events do.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let store = annals::Store::open(directory.path().join("store"))?;
    /// use annals::{Aggregate, Handle, SnapshotPolicy, Version};
    /// use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// enum CounterEvent {
    ///     Counted,
    /// }
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Counter(u64);
    /// impl Aggregate for Counter {
    ///     type Event = CounterEvent;
    ///     fn apply(&mut self, _: CounterEvent) {
    ///         self.0 += 1;
    ///     }
    /// }
    /// struct Count;
    /// impl Handle<Count> for Counter {
    ///     type Error = std::convert::Infallible;
    ///     fn handle(&self, _: &Count) -> Result<Vec<CounterEvent>, Self::Error> {
    ///         Ok(vec![CounterEvent::Counted])
    ///     }
    /// }
    /// let counters = store.aggregates::<Counter>().with_snapshots("counter/1", SnapshotPolicy::every(10));
    /// for _ in 0..25 {
    ///     counters.execute("counter-1", &Count)?;
    /// }
    /// let counter = counters.load("counter-1")?;
    /// assert_eq!(counter.state().0, 25);
    /// assert_eq!((counter.snapshot(), counter.events_read()), (Some(Version::new(20)), 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_snapshots(self, tag: impl Into<String>, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        self.with_snapshots_in(Codec::default(), tag, policy)
    }

    /// The same with another codec than JSON. Snapshots that are there in other codecs are used as well.
    #[must_use]
    pub fn with_snapshots_in(mut self, codec: Codec, tag: impl Into<String>, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        self.saving = Some(Arc::new(Saving::new(codec, tag.into(), policy)));
        self
    }

    /// How often a command is decided before [`ExecuteError::Contended`](crate::ExecuteError::Contended) is given: 16 times
    /// unless told otherwise; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }
}

impl<A> Clone for Aggregates<A> {
    fn clone(&self) -> Self {
        let (store, saving) = (self.store.clone(), self.saving.clone());
        Aggregates { store, saving, attempts: self.attempts, from_floor: self.from_floor }
    }
}

impl<A> fmt::Debug for Aggregates<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregates")
            .field("saving", &self.saving)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
