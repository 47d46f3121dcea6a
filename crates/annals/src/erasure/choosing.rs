//! What is left of each payload.

use super::stretches::Stretches;
use super::under_way::Numbered;
use crate::compaction::{Fate, Fates};
use crate::error::ReadError;
use annals_format::payload::erasure_of;
use annals_types::{Erasure, EventRef, PayloadError, Position, Timestamp};

/// What some requests come to.
#[derive(Debug)]
pub(super) struct Chosen {
    requests: Vec<Numbered>,
    positions: Stretches,
}

/// What stays beside the event: of several requests, what all of them leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) tags: bool,
    pub(super) hash: bool,
}

/// The events of a unit, erased at a time.
pub(super) struct ErasedAt<'c> {
    pub(super) chosen: &'c Chosen,
    pub(super) at: Timestamp,
}

impl Chosen {
    pub(super) fn by(requests: Vec<Numbered>) -> Self {
        let positions = Stretches::joined(requests.iter().map(|(_, request)| request.positions()));
        Chosen { requests, positions }
    }

    pub(super) fn requests(&self) -> &[Numbered] {
        &self.requests
    }

    pub(super) fn positions(&self) -> &Stretches {
        &self.positions
    }

    /// What stays of the event at a position; `None` if it is not meant.
    pub(super) fn kept_at(&self, position: Position) -> Option<Kept> {
        if !self.positions.has(position) {
            return None;
        }
        let all = self.requests.iter().filter(|(_, request)| request.has(position));
        all.map(|(_, request)| Kept { tags: request.keep_tags, hash: request.keep_hash })
            .reduce(|one, other| Kept { tags: one.tags && other.tags, hash: one.hash && other.hash })
    }

    /// Whether there is something of an event to be erased.
    pub(super) fn wants(&self, event: &EventRef<'_>) -> bool {
        self.kept_at(event.position).is_some_and(|kept| kept.lacks(event))
    }
}

impl Kept {
    /// Whether an event has more than this.
    pub(super) fn lacks(self, event: &EventRef<'_>) -> bool {
        !event.is_lost() && (!event.payload.is_erased() || (!self.tags && !event.tags.is_empty()))
    }
}

impl Fates for ErasedAt<'_> {
    fn of(&mut self, event: &EventRef<'_>) -> Result<Fate, ReadError> {
        let kept = self.chosen.kept_at(event.position).filter(|kept| kept.lacks(event));
        Ok(kept.map_or(Fate::Stays, |kept| Fate::Erased {
            erasure: left_of(event, kept.hash, self.at),
            keep_tags: kept.tags,
        }))
    }
}

/// What is told of a payload from now on. The hash of an encrypted one would tell everybody what only the key is to tell, and of one
/// that cannot be read nothing is known.
fn left_of(event: &EventRef<'_>, keep_hash: bool, at: Timestamp) -> Erasure {
    let hash_stays = keep_hash && !event.payload.is_encrypted();
    match event.plain() {
        Ok(plain) => {
            let erasure = erasure_of(&plain, at);
            Erasure { sha256: erasure.sha256.filter(|_| hash_stays), ..erasure }
        }
        Err(PayloadError::Erased { erasure, .. }) => Erasure { erased_at: at, ..erasure },
        // Its key is not here, or was destroyed: nobody knows.
        Err(_) => Erasure { erased_at: at, data_bytes: 0, metadata_bytes: 0, sha256: None },
    }
}
