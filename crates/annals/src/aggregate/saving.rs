//! How the states of a kind of aggregate are saved and found again.

use super::Aggregate;
use super::codec::Codec;
use super::error::SaveError;
use super::loaded::{Loaded, Under};
use super::policy::SnapshotPolicy;
use crate::error::with_causes;
use crate::keys::open_state;
use crate::store::Store;
use crate::view::View;
use annals_format::payload::{AboutState, STATE_ENCRYPTED};
use annals_snapshot::{NewSnapshot, Snapshot};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// How many snapshots are tried before the events are folded from the first one.
const TRIES: usize = 16;

type Reason = Box<dyn Error + Send + Sync>;

/// Tag, policy and codec, and the functions that serde has made for the state, so that aggregates without snapshots need none.
pub(super) struct Saving<A> {
    tag: String,
    pub(super) policy: SnapshotPolicy,
    codec: Codec,
    encode: fn(Codec, &A) -> Result<Vec<u8>, Reason>,
    decode: fn(Codec, &[u8]) -> Result<A, Reason>,
}

impl<A> Saving<A> {
    pub(super) fn new(codec: Codec, tag: String, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        Saving {
            tag,
            policy,
            codec,
            encode: |codec, state| codec.encode(state),
            decode: |codec, bytes| codec.decode(bytes),
        }
    }
}

impl<A: Aggregate> Saving<A> {
    /// The tag under which states are saved that were read by the rules that are registered up to a position. What is
    /// registered later may make other states of the same events, and no program that saves states has to know of it.
    fn tag_by(&self, rules_at: Position) -> Cow<'_, str> {
        match rules_at {
            Position::ZERO => Cow::Borrowed(&*self.tag),
            _ if planted(Bug::SnapshotOfOtherRules) => Cow::Borrowed(&*self.tag),
            rules_at => Cow::Owned(format!("{}@{rules_at}", self.tag)),
        }
    }

    /// Puts the newest usable snapshot, at or before a version, in the place of a state without events. Whatever keeps one from
    /// being used costs reading more events. One before `anew` is not of this life of the stream.
    pub(super) fn begin(
        &self,
        store: &Store,
        view: &View,
        version: Version,
        anew: Version,
        loaded: &mut Loaded<A>,
    ) {
        let tag = self.tag_by(loaded.rules_at);
        // A state that has what is being erased is not used, and what came of it not saved again.
        let concealed = match view.states_concealed_from(&loaded.stream) {
            Ok(concealed) => concealed,
            Err(error) => return loaded.ignore(None, with_causes(&error)),
        };
        let below = |from: Version| Version::new(from.get().saturating_sub(1));
        let mut at_most = concealed.map_or(version, |from| version.min(below(from)));
        for _ in 0..TRIES {
            if at_most == Version::ZERO {
                return;
            }
            let occurred = view.occurred.filter(|_| !planted(Bug::SnapshotBeforeItsTime));
            let found = store.shared().find_snapshot(&loaded.stream, &tag, at_most, occurred);
            let found = match found {
                Ok(found) => found,
                Err(error) => return loaded.ignore(None, with_causes(&error)),
            };
            found.passed_over.iter().for_each(|unusable| loaded.ignore(None, unusable.to_string()));
            let Some(snapshot) = found.snapshot else { return };
            if snapshot.version < anew && !planted(Bug::SnapshotOfDeletedStream) {
                return;
            }
            match self.state_in(store, &snapshot, &tag, view, &loaded.stream) {
                Ok((state, under)) => return loaded.begin_with(state, under, &snapshot),
                Err(reason) => loaded.ignore(Some(snapshot.version), with_causes(&*reason)),
            }
            at_most = Version::new(snapshot.version.get() - 1);
        }
    }

    /// The state that a snapshot saves, if it is one of the history that the view shows, and the key that it was encrypted under.
    fn state_in(
        &self,
        store: &Store,
        snapshot: &Snapshot,
        tag: &str,
        view: &View,
        stream: &str,
    ) -> Result<(A, Under), Reason> {
        // Also where its last event is hidden by now: the snapshot is what is left of that.
        if !view.has_behind(stream, snapshot)? {
            return Err("it was taken behind another event than the one that the stream has there".into());
        }
        self.opened(store, snapshot, tag, stream)
    }

    /// The state in the payload of a snapshot.
    fn opened(
        &self,
        store: &Store,
        snapshot: &Snapshot,
        tag: &str,
        stream: &str,
    ) -> Result<(A, Under), Reason> {
        let codec = Codec::of_id(snapshot.codec & !STATE_ENCRYPTED)?;
        if snapshot.codec & STATE_ENCRYPTED == 0 {
            return Ok(((self.decode)(codec, &snapshot.payload)?, Under::None));
        }
        let Snapshot { version, event_id, recorded_at, occurred_max, .. } = *snapshot;
        let about =
            AboutState { stream, tag, version, event_id, recorded_at, occurred_max, codec: codec.id() };
        let (state, key) = open_state(store.shared().encryption.as_ref(), &snapshot.payload, &about)?;
        Ok(((self.decode)(codec, &state)?, Under::One(key)))
    }

    pub(super) fn save(&self, store: &Store, loaded: &Loaded<A>) -> Result<(), SaveError> {
        if !store.is_writable() {
            return Err(SaveError::ReadOnly);
        }
        if let Some(floor) = loaded.floor {
            return Err(SaveError::FromFloor { floor });
        }
        if !loaded.has_all {
            return Err(SaveError::NotOfAVersion);
        }
        let last = loaded.last.ok_or(SaveError::Empty)?;
        let tag = self.tag_by(loaded.rules_at);
        let about = AboutState {
            stream: &loaded.stream,
            tag: &tag,
            version: last.version,
            event_id: last.id,
            recorded_at: last.recorded_at,
            occurred_max: loaded.occurred_max,
            codec: self.codec.id(),
        };
        let (codec, payload) = self.payload_of(store, loaded, &about)?;
        let snapshot = NewSnapshot {
            stream: &loaded.stream,
            tag: &tag,
            version: last.version,
            position: last.position,
            event_id: last.id,
            recorded_at: last.recorded_at,
            occurred_max: loaded.occurred_max,
            codec,
            payload: &payload,
        };
        let saved = store.shared().put_snapshot(&snapshot, loaded.erasures)?;
        if saved { Ok(()) } else { Err(SaveError::ErasedSince) }
    }

    /// What is stored of a state, and its codec. A state of what one key protects is protected by that key: then it goes with it.
    fn payload_of(
        &self,
        store: &Store,
        loaded: &Loaded<A>,
        about: &AboutState<'_>,
    ) -> Result<(u8, Vec<u8>), SaveError> {
        let encode = || (self.encode)(self.codec, &loaded.state).map_err(SaveError::Encode);
        match loaded.under {
            Under::Several => Err(SaveError::SeveralKeys),
            Under::One(key) if !planted(Bug::SnapshotInPlain) => {
                let encryption = store.shared().encryption.as_ref().ok_or(SaveError::NoKey { key })?;
                let sealed = encryption.seal_state(&encode()?, about, key)?;
                Ok((about.codec | STATE_ENCRYPTED, sealed.ok_or(SaveError::NoKey { key })?))
            }
            Under::One(_) | Under::None => Ok((about.codec, encode()?)),
        }
    }
}

impl<A> fmt::Debug for Saving<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Saving { tag, policy, codec, .. } = self;
        f.debug_struct("Saving")
            .field("tag", tag)
            .field("policy", policy)
            .field("codec", codec)
            .finish_non_exhaustive()
    }
}
