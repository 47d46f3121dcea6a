//! Whether a batch was appended before: by the ids that its events were given.

use super::Committer;
use crate::batch::{Appended, AppendedStream, Batch};
use crate::error::{AppendError, ReadError};
use crate::part::Part;
use crate::parts::Parts;
use annals_format::same_content;
use annals_index::IdKey;
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Timestamp, Uuid, Version};
use std::sync::Arc;

impl Committer {
    /// The result of the first append of this batch, if all its events are stored already, one after the other,
    /// by their ids and with the same content.
    pub(super) fn find_applied(&self, batch: &Batch) -> Result<Option<Appended>, AppendError> {
        if !batch.has_ids {
            return Ok(None);
        }
        let parts = &*self.core.parts.load_full();
        let mut first = None;
        let mut taken = None;
        let mut all = true;
        for index in 0..batch.frame.record_count() {
            let record = batch.frame.record(index);
            let Some(id) = batch.frame.given_id(index) else {
                all = false;
                continue;
            };
            match self.position_of(parts, id)? {
                None => all = false,
                Some(position) => {
                    let first =
                        *first.get_or_insert(Position::new(position.get().wrapping_sub(index as u64)));
                    let same = first.plus(index as u64) == position
                        && (planted(Bug::RepetitionComparedByIdsOnly)
                            || self.with_record(parts, position, |stored| same_content(stored, record))?);
                    all &= same;
                    taken.get_or_insert((id, position));
                }
            }
        }
        match (taken, first) {
            (Some(_), Some(first)) if all => self.applied_at(parts, batch, first).map(Some),
            (Some((id, position)), _) => Err(AppendError::IdTaken { id, position }),
            _ => Ok(None),
        }
    }

    fn applied_at(&self, parts: &Parts, batch: &Batch, first: Position) -> Result<Appended, AppendError> {
        let mut streams: Vec<Option<(Version, Version)>> = vec![None; batch.streams.len()];
        let mut recorded_at = Timestamp::EPOCH;
        for (index, event) in batch.events.iter().enumerate() {
            let (version, recorded) = self.stamp_of(parts, first.plus(index as u64))?;
            recorded_at = recorded;
            let (_, last) = streams[event.stream as usize].get_or_insert((version, version));
            *last = version;
        }
        let named = batch.streams.iter().zip(streams);
        Ok(Appended {
            first_position: first,
            last_position: first.plus(batch.len() as u64).previous(),
            recorded_at,
            already_applied: true,
            streams: named
                .filter_map(|(stream, versions)| versions.map(|versions| (stream.name.to_string(), versions)))
                .map(|(stream, (first_version, last_version))| AppendedStream {
                    stream,
                    first_version,
                    last_version,
                })
                .collect(),
        })
    }

    fn position_of(&self, parts: &Parts, id: Uuid) -> Result<Option<Position>, AppendError> {
        let mut candidates = Vec::new();
        if let Some(position) = annals_format::position_of_made_id(id)
            && position >= Position::FIRST
            && position < self.writer.next_position()
        {
            candidates.push(position);
        }
        let asked = |part: &&Arc<Part>| !(planted(Bug::IdNotLookedUpInRuns) && part.as_run().is_some());
        let key = IdKey::new(id, self.core.plan.hash_seed);
        for part in parts.index.iter().filter(asked) {
            part.find_id(&key, &mut candidates)?;
        }
        for position in candidates {
            if planted(Bug::IdNotCompared) || self.id_at(parts, position)? == Some(id) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    fn id_at(&self, parts: &Parts, position: Position) -> Result<Option<Uuid>, AppendError> {
        if let Some((stamp, index, frame)) = self.staged.at(position) {
            return Ok(frame.event(index, stamp).ok().map(|event| event.id));
        }
        // The id of a lost event is lost with it.
        Ok(parts.event(position)?.filter(|event| !event.is_lost()).map(|event| event.id))
    }

    fn stamp_of(&self, parts: &Parts, position: Position) -> Result<(Version, Timestamp), AppendError> {
        if let Some((stamp, index, frame)) = self.staged.at(position) {
            let event = frame.event(index, stamp).ok();
            return Ok(
                event.map_or((Version::ZERO, stamp.recorded_at), |event| (event.version, event.recorded_at))
            );
        }
        let event = parts.event(position)?;
        Ok(event.map_or((Version::ZERO, Timestamp::EPOCH), |event| (event.version, event.recorded_at)))
    }

    fn with_record<R>(
        &self,
        parts: &Parts,
        position: Position,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, AppendError> {
        if let Some((_, index, frame)) = self.staged.at(position) {
            return Ok(look(frame.record(index)));
        }
        match parts.segment_of(position) {
            Some(segment) => Ok(look(segment.record(position).map_err(ReadError::from)?.unwrap_or_default())),
            None => Ok(look(&[])),
        }
    }
}
