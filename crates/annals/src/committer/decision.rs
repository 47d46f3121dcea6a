//! Whether a batch may be appended, and which versions its events get.

use super::{Committer, Decision, Item};
use crate::batch::{AppendedStream, Batch};
use crate::error::AppendError;
use crate::part::{Part, RunPart};
use crate::parts::Parts;
use annals_index::{TermKey, TermKind};
use annals_types::{Conflict, Expected, Invalid, StreamName, Version};
use std::sync::Arc;

/// How many streams ahead the index is fetched.
const AHEAD: usize = 4;
/// Streams whose known heads are fetched together.
const HEADS_TOGETHER: usize = 32;

impl Committer {
    pub(super) fn decide(&mut self, batch: &Batch) -> Result<Decision, AppendError> {
        let parts = self.core.parts.load_full();
        self.check_positions(batch)?;
        let any = batch
            .streams
            .iter()
            .filter(|stream| stream.events > 0)
            .any(|stream| !stream.expected.unwrap_or_default().is_exact());
        if any && let Some(appended) = self.find_applied(&parts, batch)? {
            return Ok(Decision::Already(appended));
        }
        self.find_heads(&parts, batch)?;
        for (index, stream) in batch.streams.iter().enumerate() {
            let (_, actual) = self.found[index];
            let expected = stream.expected.unwrap_or_default();
            if !expected.holds_at(actual) {
                if let Some(appended) = self.find_applied(&parts, batch)? {
                    return Ok(Decision::Already(appended));
                }
                return Err(conflict(&stream.name, expected, actual));
            }
        }
        if let Some(failed) = self.failed_condition(&parts, batch)? {
            let applied = self.find_applied(&parts, batch)?;
            return applied.map(Decision::Already).ok_or(failed);
        }
        Ok(Decision::Append(self.assign_versions(batch)))
    }

    /// A position behind the end was not seen in this store, and a condition on what follows it might hold for ever.
    fn check_positions(&self, batch: &Batch) -> Result<(), AppendError> {
        let last = self.last_position();
        match batch.conditions.iter().map(|condition| condition.after).find(|after| *after > last) {
            Some(after) => Err(Invalid::ConditionBeyondEnd { after, last }.into()),
            None => Ok(()),
        }
    }

    /// The first condition that does not hold, as an error.
    fn failed_condition(&self, parts: &Parts, batch: &Batch) -> Result<Option<AppendError>, AppendError> {
        for (condition, stated) in batch.conditions.iter().enumerate() {
            if let Some(position) = stated.violated_at(parts, &self.staged, self.last_position())? {
                let after = stated.after;
                return Ok(Some(AppendError::ConditionFailed { position, after, condition }));
            }
        }
        Ok(None)
    }

    /// Gives the events of the batch their versions, which go on from the heads of their streams. Afterwards the heads are
    /// those with the batch.
    fn assign_versions(&mut self, batch: &Batch) -> Vec<AppendedStream> {
        let heads = self.found.clone();
        self.versions.clear();
        for stream in &batch.stream_of {
            let (_, head) = &mut self.found[*stream as usize];
            *head = head.next();
            self.versions.push(*head);
        }
        let written = batch.streams.iter().zip(heads).filter(|(stream, _)| stream.events > 0);
        written
            .map(|(stream, (_, head))| AppendedStream {
                stream: stream.name.to_string(),
                first_version: head.next(),
                last_version: head.plus(stream.events),
            })
            .collect()
    }

    /// Has what the batches of a group will look up in the index fetched while the first of them are decided. Of 64
    /// writers, each with a condition on a name that nobody has heard of in ten million events, 0.78 of the appends
    /// without conditions came through with this, 0.71 without (2026-11-20).
    pub(super) fn prefetch(&self, group: &[Item]) {
        if group.len() < 2 {
            return;
        }
        let (parts, seed) = (self.core.parts.load_full(), self.core.plan.hash_seed);
        let fetch = |kind, name: &str| parts.prefetch(&TermKey::new(kind, name, seed));
        for item in group {
            let Item::Batch(batch) = item else { continue };
            batch.streams.iter().take(AHEAD).for_each(|stream| fetch(TermKind::Stream, &stream.name));
            let clauses = batch.conditions.iter().filter_map(|stated| stated.criteria.clauses()).flatten();
            for clause in clauses.take(AHEAD) {
                clause.tags.iter().take(AHEAD).for_each(|tag| fetch(TermKind::Tag, tag));
                clause.types.iter().take(AHEAD).for_each(|name| fetch(TermKind::Type, name));
            }
        }
    }

    /// Finds the version of the last event of each stream of a batch, staged ones included.
    ///
    /// Each part of the index that does not know a stream costs a wait for memory: so while one stream is looked up, what
    /// the next ones need is fetched.
    fn find_heads(&mut self, given: &Parts, batch: &Batch) -> Result<(), AppendError> {
        let seed = self.core.plan.hash_seed;
        self.found.clear();
        self.found.extend(
            batch
                .streams
                .iter()
                .map(|stream| (TermKey::new(TermKind::Stream, &stream.name, seed).hash(seed), Version::ZERO)),
        );
        let mut unknown = Vec::new();
        for (index, stream) in batch.streams.iter().enumerate() {
            self.fetch_heads(index);
            let (hash, version) = &mut self.found[index];
            match self.heads.get(*hash, &stream.name) {
                Some(known) => *version = known,
                None => unknown.push((index, TermKey::new(TermKind::Stream, &stream.name, seed))),
            }
        }
        let parts = if unknown.is_empty() { None } else { self.whole_index(given) };
        let parts = parts.as_deref().unwrap_or(given);
        for (_, key) in unknown.iter().take(AHEAD) {
            parts.prefetch(key);
        }
        for next in 0..unknown.len() {
            if let Some((_, key)) = unknown.get(next + AHEAD) {
                parts.prefetch(key);
            }
            let (index, key) = &unknown[next];
            self.found[*index].1 = parts.head(key)?;
        }
        Ok(())
    }

    /// Has the heads fetched that those of the streams from `index` on need, where a group of them begins.
    #[inline]
    fn fetch_heads(&self, index: usize) {
        if index.is_multiple_of(HEADS_TOGETHER) {
            let group = self.found[index..].iter().take(HEADS_TOGETHER);
            self.heads.ask_for(group.map(|(hash, _)| *hash));
        }
    }

    /// The parts with all runs that were missing, if some were.
    ///
    /// A run that is missing stands for its segment, which is read again for each look-up. So an append to a store whose
    /// index was deleted has it written first: that reads each segment once, as the background worker does beside it.
    /// What could not be written is left to the worker; appends then take as long as it takes.
    fn whole_index(&mut self, parts: &Parts) -> Option<Arc<Parts>> {
        let missing = |part: &Arc<Part>| part.as_run().is_some_and(RunPart::is_missing);
        if self.index_stays_missing || !parts.index.iter().any(missing) {
            return None;
        }
        while self.core.write_missing_run().unwrap_or_else(|_| {
            self.index_stays_missing = true;
            false
        }) {}
        Some(self.core.parts.load_full())
    }

    /// Remembers the heads of the streams that a batch was staged for. If it cannot be written there are no more appends.
    pub(super) fn note_heads(&mut self, batch: &Batch) {
        for (index, stream) in batch.streams.iter().enumerate() {
            self.fetch_heads(index);
            if stream.events > 0 {
                let (hash, version) = self.found[index];
                self.heads.put(hash, &stream.name, version);
            }
        }
    }
}

fn conflict(stream: &str, expected: Expected, actual: Version) -> AppendError {
    match StreamName::new(stream) {
        Ok(stream) => AppendError::Conflict(Conflict { stream, expected, actual }),
        Err(invalid) => AppendError::Invalid(invalid),
    }
}
