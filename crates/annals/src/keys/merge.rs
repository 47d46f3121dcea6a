//! Taking in what another key file has: a copy that is put back, or one that is brought up to date.
//!
//! A key that is destroyed in one of the two is destroyed. All of it is one write: a crash may leave any part of that, and none brings a
//! destroyed key back. Then it is done again.

use super::KeyError;
use super::file::{Entry, EntryState, Opened};
use annals_format::keys::{KeyFact, KeyRecord};
use annals_types::planted::{Bug, planted};
use annals_types::{Timestamp, Uuid};

/// What was taken in from another key file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysMerged {
    /// Keys that were not here, and are now.
    pub added: u64,
    /// Keys that were here, and are destroyed there: they are destroyed here, too.
    pub destroyed: u64,
    /// Keys that are there, and are destroyed here: they stay so.
    pub kept_destroyed: u64,
}

/// What there is to do.
#[derive(Default)]
struct Work {
    merged: KeysMerged,
    records: Vec<(Uuid, Timestamp, KeyFact)>,
    /// Whose secrets are to be overwritten.
    destroyed: Vec<Uuid>,
}

impl Opened {
    pub(super) fn merge(&mut self, others: &[Entry]) -> Result<KeysMerged, KeyError> {
        let mut work = Work::default();
        for other in others {
            work.compare(self.entry(other.id), other)?;
        }
        let records = work.records.into_iter().zip(0..);
        self.append(records.map(|((id, at, what), index)| KeyRecord { id, at, index, what }).collect())?;
        self.overwrite(&work.destroyed)?;
        self.index_names();
        Ok(work.merged)
    }
}

impl Work {
    fn compare(&mut self, own: Option<&Entry>, other: &Entry) -> Result<(), KeyError> {
        let Entry { id, created_at, state, .. } = other;
        match (own.map(|own| &own.state), state) {
            (None, EntryState::Here(key, name)) => {
                let secret = Some((key.clone(), name.clone()));
                self.records.push((*id, *created_at, KeyFact::Created { secret }));
                self.merged.added += 1;
            }
            (None, EntryState::Destroyed(at)) => {
                self.records.push((*id, *at, KeyFact::DestroyedElsewhere { created_at: *created_at }));
            }
            (Some(EntryState::Here(own, _)), EntryState::Here(key, _)) => {
                if own.0 != key.0 {
                    return Err(KeyError::Conflict { key: *id });
                }
            }
            (Some(EntryState::Here(..)), EntryState::Destroyed(at)) => {
                self.records.push((*id, *at, KeyFact::Destroyed));
                self.destroyed.push(*id);
                self.merged.destroyed += 1;
            }
            (Some(EntryState::Destroyed(_)), EntryState::Here(key, name)) => {
                self.merged.kept_destroyed += 1;
                if planted(Bug::DestroyedKeyComesBack) {
                    let secret = Some((key.clone(), name.clone()));
                    self.records.push((*id, *created_at, KeyFact::Created { secret }));
                }
            }
            (Some(EntryState::Destroyed(_)), EntryState::Destroyed(_)) => {}
        }
        Ok(())
    }
}
