//! What the new store takes over of the original's manifest and ledger.

use super::losses::Seen;
use super::source::Source;
use crate::options::Durability;
use annals_format::{CompactionEntry, Erasures, Manifest, Removed, StoreId};
use annals_types::limits::{SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp};

/// What the new store takes over.
#[derive(Clone, Debug)]
pub(super) struct Inherited {
    pub(super) store_id: StoreId,
    pub(super) generation: u64,
    pub(super) created_at: Timestamp,
    /// No event was recorded before.
    pub(super) began: Timestamp,
    pub(super) segment_bytes: u64,
    pub(super) durability: u8,
    pub(super) ids_indexed: bool,
    pub(super) has_rules: bool,
    /// Requests to erase; those that were finished stay so, where that is known.
    pub(super) erasures: Option<Erasures>,
    /// What compaction has removed; `None` in a store that was never compacted.
    pub(super) removed: Option<Removed>,
    /// Up to here positions may be missing, or are in segments that were written anew; [`Position::ZERO`] if none are.
    pub(super) sparse: Position,
    /// Compactions that are not in the ledger yet.
    pub(super) compactions: Vec<CompactionEntry>,
}

pub(super) fn inherit(source: &Source, seen: &Seen, now: Timestamp) -> Inherited {
    let first_recorded = seen.first_recorded.unwrap_or(now);
    let manifest = source.manifest.as_ref();
    let bytes = manifest.map_or(SEGMENT_BYTES_DEFAULT, |manifest| manifest.segment_bytes);
    let durability = manifest.and_then(|manifest| Durability::from_code(manifest.durability));
    Inherited {
        store_id: source.store_id,
        generation: manifest.map_or(1, |manifest| manifest.generation.saturating_add(1)),
        created_at: manifest.map_or(first_recorded, |manifest| manifest.created_at),
        began: first_recorded,
        segment_bytes: bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
        durability: durability.unwrap_or_default().code(),
        ids_indexed: manifest.is_none_or(|manifest| manifest.ids_indexed),
        // Where nobody knows, they are looked for.
        has_rules: manifest.is_none_or(|manifest| manifest.has_rules),
        erasures: manifest.and_then(|manifest| manifest.erasures).map(|erasures| {
            let finished = planted(Bug::RepairForgetsErasures).then_some(erasures.requested);
            Erasures { finished: finished.unwrap_or(erasures.finished), ..erasures }
        }),
        removed: source.compacted.then(|| removed(manifest, seen)),
        sparse: seen.sparse,
        compactions: manifest
            .filter(|_| !planted(Bug::RepairForgetsRemoved))
            .map_or_else(Vec::new, |manifest| manifest.compactions.clone()),
    }
}

/// Compactions go on being numbered behind all that are known of, so that the ledger takes the next one for a new one.
fn removed(manifest: Option<&Manifest>, seen: &Seen) -> Removed {
    let none = Removed { events: 0, through: Position::ZERO, compaction: 1 };
    if planted(Bug::RepairForgetsRemoved) {
        return none;
    }
    let told = manifest.and_then(|manifest| manifest.removed).unwrap_or(none);
    Removed { compaction: told.compaction.max(seen.compaction), ..told }
}
