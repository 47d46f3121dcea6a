//! Which positions are looked at next: some taken ahead, and the pages of a range asked for in large pieces.

use super::Events;
use crate::ahead::{AHEAD, Candidate};
use crate::cursor::{Candidates, PartCursor, StreamCursor};
use crate::error::ReadError;
use crate::part::Part;
use crate::range::{Range, STRETCH};
use annals_types::Position;

/// Where the candidates come from.
#[derive(Debug)]
pub(super) enum Source<'v> {
    /// From the positions of the query's stream.
    Stream(StreamCursor<'v>),
    /// From one part after the other, in each the narrowest way.
    Parts(PartCursor<'v>, Option<(&'v Part, Candidates)>),
}

impl<'v> Events<'v> {
    /// The next candidate. Others are taken ahead only where they come from the index, for whoever walks a range has the
    /// processor's own look-ahead.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Candidate<'v>> {
        if !self.ahead.is_empty() || self.failed.is_some() {
            return self.ahead.pop();
        }
        match self.next_candidate() {
            Ok(Some((position, true))) => {
                self.ask_for(position);
                return Some(self.ahead.alone(position));
            }
            Ok(Some((position, false))) => self.look_ahead(position),
            Ok(None) => {}
            Err(error) => self.failed = Some(error),
        }
        self.ahead.pop()
    }

    /// Takes more candidates ahead, behind the first one.
    fn look_ahead(&mut self, first: Position) {
        self.ahead.push(first);
        let wanted = usize::try_from(self.left).unwrap_or(AHEAD).min(AHEAD);
        while self.ahead.len() < wanted {
            match self.next_candidate() {
                Ok(Some((position, range))) => {
                    self.ahead.push(position);
                    if range {
                        self.ask_for(position);
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        self.ahead.fetch();
    }

    /// The next position to look at, and whether all positions of a range are. `None` at the end, or where a range is to be
    /// walked first.
    fn next_candidate(&mut self) -> Result<Option<(Position, bool)>, ReadError> {
        let query = &self.query;
        let surroundings = &mut self.surroundings;
        let (parts, current) = match &mut self.source {
            Source::Stream(cursor) => {
                let stream = query.stream.as_deref().unwrap_or_default();
                loop {
                    match cursor.next(query, stream, surroundings)? {
                        Some(position) if surroundings.hide(position)? => {}
                        found => return Ok(found.map(|position| (position, false))),
                    }
                }
            }
            Source::Parts(parts, current) => (parts, current),
        };
        while self.range.is_none() {
            let Some((part, candidates)) = current else {
                let Some(stretch) = parts.next() else { return Ok(None) };
                let (part, first, last) = stretch;
                let mut candidates = Candidates::choose(part, query, first, last)?;
                if candidates.is_range() {
                    let (_, first, last) = parts.without_gaps(stretch);
                    candidates = Candidates::range(first, last, query.backwards);
                }
                // What is staged may have no place in the log yet, and is asked for event by event.
                let range = candidates.as_whole_range().filter(|_| self.staged.is_none());
                self.range = range.map(|(first, last)| Range::new(&self.view.parts, first, last));
                *current = self.range.is_none().then_some((part, candidates));
                continue;
            };
            match candidates.next(part)? {
                Some(position) if candidates.is_range() => {
                    match self.view.parts.nearest(position, query.backwards)? {
                        Some(there) if there == position => return Ok(Some((position, true))),
                        nearest => candidates.leap_to(nearest),
                    }
                }
                Some(position) if surroundings.hide(position)? => {
                    candidates.leap_to(surroundings.next_shown(position, query.backwards)?);
                }
                Some(position) => return Ok(Some((position, false))),
                None => *current = None,
            }
        }
        Ok(None)
    }

    /// Has the pages of a range that is walked read from the disk in large pieces.
    #[inline]
    fn ask_for(&mut self, position: Position) {
        let backwards = self.query.backwards;
        let within =
            self.asked_for.is_some_and(|end| if backwards { position >= end } else { position <= end });
        if within {
            return;
        }
        let Some(segment) = self.ahead.segment_of(position) else { return };
        let Some(entry) = segment.sealed_entry() else {
            // It was written a moment ago.
            self.asked_for = Some(if backwards { segment.first_position() } else { Position::MAX });
            return;
        };
        let (first, last) = if backwards {
            (Position::new(position.get().saturating_sub(STRETCH)).max(entry.first_position), position)
        } else {
            (position, position.plus(STRETCH).min(entry.last_position()))
        };
        segment.read_ahead(first..last.next());
        self.asked_for = Some(if backwards { first } else { last });
    }
}
