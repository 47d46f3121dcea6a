//! What is asked of a run: answered by its file or, where that is missing or damaged, by indexes made again from its segments.

use super::RunPart;
use crate::error::ReadError;
use crate::part::located::{Found, Located};
use annals_format::Damage;
use annals_index::{IdKey, Postings, Run, TermKey, TermKind};
use annals_types::planted::{Bug, planted};
use annals_types::{Position, Version};
use std::collections::BTreeMap;

impl RunPart {
    pub(in crate::part) fn find(&self, kind: TermKind, name: &str) -> Result<Option<Located>, ReadError> {
        self.find_by(kind, name, |run| run.find(kind, name))
    }

    pub(in crate::part) fn find_key(&self, key: &TermKey<'_>) -> Result<Option<Located>, ReadError> {
        self.find_by(key.kind(), key.name(), |run| run.find_key(key))
    }

    fn find_by(
        &self,
        kind: TermKind,
        name: &str,
        find: impl FnOnce(&Run) -> Result<Option<Postings>, Damage>,
    ) -> Result<Option<Located>, ReadError> {
        if let Some(answer) = self.ask(find) {
            return Ok(answer.map(|postings| Located::new(kind, name, postings)));
        }
        if self.answers_nothing() {
            return Ok(None);
        }
        self.find_in_segments(kind, name)
    }

    /// Has what is needed for looking up a term fetched into the processor's cache. Only a hint; a file that is not open
    /// yet is left alone.
    pub(crate) fn prefetch(&self, key: &TermKey<'_>) {
        if let Some(run) = self.opened() {
            run.prefetch_key(key);
        }
    }

    /// Appends to `out` the positions of some ordinals of what was found in the file; `false`, and none are appended, if it
    /// has turned out to be damaged.
    pub(crate) fn positions_of(
        &self,
        postings: &Postings,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> bool {
        self.ask(|run| run.positions(postings, from, limit, out)).is_some()
    }

    pub(in crate::part) fn last_version(&self, stream: &TermKey<'_>) -> Result<Option<Version>, ReadError> {
        if let Some(answer) = self.ask(|run| run.find_key(stream)) {
            return Ok(answer.map(|postings| postings.last_version()));
        }
        if self.answers_nothing() {
            return Ok(None);
        }
        Ok(self.find_in_segments(stream.kind(), stream.name())?.map(|located| located.last_version()))
    }

    pub(in crate::part) fn positions(
        &self,
        term: &mut Located,
        from: u64,
        limit: usize,
        out: &mut Vec<Position>,
    ) -> Result<(), ReadError> {
        if let Found::Whole(postings) = term.found {
            if self.ask(|run| run.positions(&postings, from, limit, out)).is_some() {
                return Ok(());
            }
            self.find_again(term)?;
        }
        let Found::Pieces(pieces) = &term.found else { return Ok(()) };
        let (mut start, wanted) = (0, from..from.saturating_add(limit as u64));
        for (segment, count) in pieces {
            let (low, high) = (wanted.start.max(start), wanted.end.min(start + count));
            if low < high {
                let index = self.rebuilt.of(&self.segments[*segment])?;
                if let Some(postings) = index.find(term.kind, &term.name) {
                    let length = usize::try_from(high - low).unwrap_or(limit);
                    index.positions(&postings, low - start, length, out);
                }
            }
            start += count;
        }
        Ok(())
    }

    pub(in crate::part) fn rank(&self, term: &mut Located, position: Position) -> Result<u64, ReadError> {
        if let Found::Whole(postings) = term.found {
            if let Some(rank) = self.ask(|run| run.rank(&postings, position)) {
                return Ok(rank);
            }
            self.find_again(term)?;
        }
        let Found::Pieces(pieces) = &term.found else { return Ok(0) };
        let mut rank = 0;
        for (segment, count) in pieces {
            let segment = &self.segments[*segment];
            let last =
                segment.sealed_entry().map_or(Position::ZERO, annals_format::SealedSegment::last_position);
            if last <= position {
                rank += count;
            } else if segment.first_position() <= position {
                let index = self.rebuilt.of(segment)?;
                rank += index.find(term.kind, &term.name).map_or(0, |found| index.rank(&found, position));
            }
        }
        Ok(rank)
    }

    pub(in crate::part) fn find_id(&self, id: &IdKey, out: &mut Vec<Position>) -> Result<(), ReadError> {
        if self.ask(|run| run.find_id_key(id, out)).is_some() {
            return Ok(());
        }
        for segment in &self.segments {
            self.rebuilt.of(segment)?.find_id_key(id, out);
        }
        Ok(())
    }

    pub(in crate::part) fn terms(
        &self,
        kind: TermKind,
        prefix: &str,
        after: Option<&str>,
        least: usize,
    ) -> Result<Vec<(String, Located)>, ReadError> {
        if let Some(terms) = self.ask(|run| run.terms(kind, prefix, after, least)) {
            let located = |(name, postings): (String, Postings)| {
                let located = Located::new(kind, &name, postings);
                (name, located)
            };
            return Ok(terms.into_iter().map(located).collect());
        }
        // The first names of all are among the first ones of each.
        let mut names: BTreeMap<String, Located> = BTreeMap::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let index = self.rebuilt.of(segment)?;
            for (name, postings) in index.terms(kind, prefix, after, least) {
                match names.get_mut(&name) {
                    Some(located) => located.add_piece(number, postings.count()),
                    None => drop(names.insert(name.clone(), Located::piece(kind, &name, number, postings))),
                }
            }
            while names.len() > least {
                names.pop_last();
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Puts a question to the file; `None` if there is no sound one.
    fn ask<R>(&self, question: impl FnOnce(&Run) -> Result<R, Damage>) -> Option<R> {
        let answer = question(self.sound()?);
        if answer.is_err() {
            self.condemn();
        }
        answer.ok()
    }

    fn answers_nothing(&self) -> bool {
        planted(Bug::DamagedRunSaysNotThere) && self.entry.is_some()
    }

    fn find_in_segments(&self, kind: TermKind, name: &str) -> Result<Option<Located>, ReadError> {
        let mut found: Option<Located> = None;
        for (number, segment) in self.segments.iter().enumerate() {
            let index = self.rebuilt.of(segment)?;
            let Some(postings) = index.find(kind, name) else { continue };
            match &mut found {
                Some(located) => located.add_piece(number, postings.count()),
                None => found = Some(Located::piece(kind, name, number, postings)),
            }
        }
        Ok(found)
    }

    /// What was found in the file, found in the segments: the file has turned out to be damaged since.
    fn find_again(&self, term: &mut Located) -> Result<(), ReadError> {
        let found = self.find_in_segments(term.kind, &term.name)?;
        term.found = found.map_or(Found::Pieces(Vec::new()), |located| located.found);
        Ok(())
    }
}
