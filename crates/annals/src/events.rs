//! Reading events one after the other.

use crate::cursor::Candidates;
use crate::error::ReadError;
use crate::part::Part;
use crate::query::Query;
use crate::staged::Staged;
use crate::view::View;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position};
use annals_wal::Segment;
use std::collections::VecDeque;
use std::iter::FusedIterator;

/// The events of a query, in its order. Made by [`View::read`], and by [`Situation::events`](crate::Situation::events).
///
/// Memory is bounded whatever the number of events. An error ends the iteration.
#[derive(Debug)]
pub struct Events<'v> {
    view: &'v View,
    /// What comes behind the view, within a decision.
    staged: Option<&'v Staged>,
    query: Query,
    /// The parts still to be read, with the first and the last position wanted of each.
    parts: VecDeque<(&'v Part, Position, Position)>,
    current: Option<(&'v Part, Candidates)>,
    /// Candidates that were taken ahead, so that their records are on their way from memory when it is their turn.
    ahead: VecDeque<Position>,
    /// What went wrong behind them.
    failed: Option<ReadError>,
    /// Where the stretch ends that was asked for when positions are walked one by one.
    asked_for: Option<Position>,
    position: Position,
    left: u64,
}

/// Candidates taken ahead. A stream of ten events in six runs, all in memory, takes NN µs with them and NN µs without.
const AHEAD: usize = 16;
/// Positions whose pages are asked for at once when a range is walked.
const STRETCH: u64 = 2048;

impl<'v> Events<'v> {
    pub(crate) fn new(view: &'v View, query: Query) -> Result<Self, ReadError> {
        Self::up_to(view, None, view.position, query)
    }

    /// Reads staged events as well, up to `last`.
    pub(crate) fn with_staged(
        view: &'v View,
        staged: &'v Staged,
        last: Position,
        query: Query,
    ) -> Result<Self, ReadError> {
        Self::up_to(view, Some(staged), last, query)
    }

    fn up_to(
        view: &'v View,
        staged: Option<&'v Staged>,
        last: Position,
        query: Query,
    ) -> Result<Self, ReadError> {
        let (mut from, mut to) = query.positions;
        from = from.max(Position::FIRST);
        to = if planted(Bug::ReadBeyondView) { to } else { to.min(last) };
        // On the recorded clock a range of times is a range of positions.
        if query.recorded.0 > annals_types::Timestamp::MIN {
            let before = annals_types::Timestamp::from_nanos(query.recorded.0.as_nanos() - 1);
            from = from.max(view.recorded_by(before)?.next());
        }
        if let Some(until) = query.recorded.1 {
            let before = until.as_nanos().checked_sub(1).map(annals_types::Timestamp::from_nanos);
            let end = before.map(|before| view.recorded_by(before)).transpose()?;
            // Behind the last event of the view, what is staged is compared one by one.
            let end = end.map(|end| if end < view.position { end } else { last });
            to = end.unwrap_or(Position::ZERO).min(to);
        }
        let parts = view.parts.ranges(to).filter(|(_, _, last)| *last >= from);
        let parts = parts.filter_map(|(part, first, last)| {
            let (first, last) = may_hold(view, &query, first.max(from), last)?;
            Some((part, first, last))
        });
        let parts = parts.collect();
        Ok(Events {
            view,
            staged,
            left: query.limit,
            query,
            parts,
            current: None,
            ahead: VecDeque::new(),
            failed: None,
            asked_for: None,
            position: to,
        })
    }

    /// The last position that is looked at: of the view, or an earlier one if the query ends there. All events of the
    /// query up to it are among those that are read, so this is the position to give to
    /// [`Batch::fail_if`](crate::Batch::fail_if) when something is decided on them.
    ///
    /// A query with a [limit](Query::limit) shows only the first of its events. Read [backwards](Query::backwards), these are
    /// the newest, and this position stands for a decision on "the last so many". Read forwards, there may be more behind
    /// the last one that was shown: then condition on the position of that one, unless fewer came than the limit allows.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    fn advance(&mut self) -> Result<Option<EventRef<'v>>, ReadError> {
        while self.left > 0 {
            self.look_ahead();
            let Some(position) = self.ahead.pop_front() else {
                return self.failed.take().map_or(Ok(None), Err);
            };
            let Some(event) = self.event(position)? else { continue };
            if self.query.matches(&event) && self.view.shows(&event) {
                self.left -= 1;
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Takes candidates ahead; more than one only where they come from the index, for whoever walks a range has the
    /// processor's own look-ahead.
    fn look_ahead(&mut self) {
        let wanted = usize::try_from(self.left).unwrap_or(AHEAD).min(AHEAD);
        while self.ahead.len() < wanted && self.failed.is_none() {
            match self.next_candidate() {
                Ok(Some((position, true))) => {
                    self.ask_for(position);
                    self.ahead.push_back(position);
                    break;
                }
                Ok(Some((position, false))) => {
                    if let Some(segment) = self.view.parts.segment_of(position) {
                        segment.prefetch(position);
                    }
                    self.ahead.push_back(position);
                }
                Ok(None) => break,
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// The next position to look at, and whether all positions of a range are.
    fn next_candidate(&mut self) -> Result<Option<(Position, bool)>, ReadError> {
        loop {
            let Some((part, candidates)) = &mut self.current else {
                let next = if self.query.backwards { self.parts.pop_back() } else { self.parts.pop_front() };
                let Some((part, first, last)) = next else { return Ok(None) };
                self.current = Some((part, Candidates::choose(part, &self.query, first, last)?));
                continue;
            };
            match candidates.next(part)? {
                Some(position) => return Ok(Some((position, candidates.is_range()))),
                None => self.current = None,
            }
        }
    }

    /// Has the pages of a range that is walked read from the disk in large pieces.
    fn ask_for(&mut self, position: Position) {
        let backwards = self.query.backwards;
        let within =
            self.asked_for.is_some_and(|end| if backwards { position >= end } else { position <= end });
        if within {
            return;
        }
        let Some(segment) = self.view.parts.segment_of(position) else { return };
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

    fn event(&self, position: Position) -> Result<Option<EventRef<'v>>, ReadError> {
        match self.staged.map(|staged| staged.event(position)).transpose()?.flatten() {
            Some(event) => Ok(Some(event)),
            None => self.view.parts.event(position),
        }
    }
}

impl<'v> Iterator for Events<'v> {
    type Item = Result<EventRef<'v>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        if result.is_err() {
            self.left = 0;
        }
        result.transpose()
    }
}

impl FusedIterator for Events<'_> {}

/// Between which of two positions there can be events of the query, as far as the times of their segments tell.
fn may_hold(view: &View, query: &Query, first: Position, last: Position) -> Option<(Position, Position)> {
    let (since, until) = query.occurred;
    if since == annals_types::Timestamp::MIN && until.is_none() && view.occurred.is_none() {
        return Some((first, last));
    }
    let within = |segment: &&Segment| {
        segment.sealed_entry().is_none_or(|entry| {
            entry.occurred.max >= since
                && until.is_none_or(|until| entry.occurred.min < until)
                && view.occurred.is_none_or(|time| entry.occurred.min <= time)
        })
    };
    let mut segments = view.parts.segments_within(first, last).filter(within);
    let oldest = segments.next()?;
    let newest = segments.next_back().unwrap_or(oldest);
    let end = newest.sealed_entry().map_or(last, |entry| entry.last_position().min(last));
    Some((first.max(oldest.first_position()), end))
}
