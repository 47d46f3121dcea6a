//! The last walk over the original: everything goes into the new store, and into the report.

use super::assign::Assignment;
use super::beginnings::Beginnings;
use super::known::{Known, Told};
use super::log::{each, walk_log};
use super::piece::Piece;
use super::progress::Progress;
use super::report::{Cause, RepairReport, TornBytes};
use super::source::Source;
use super::write::Destination;
use crate::error::OpenError;
use annals_format::names;
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Version};
use std::sync::Arc;

/// Writes all that is kept, and what stands for all that is lost.
pub(super) fn copy(
    source: &Source,
    known: Known<'_>,
    (assignment, beginnings): (Assignment, Beginnings),
    to: Destination<'_>,
    progress: &mut Progress<'_>,
) -> Result<RepairReport, OpenError> {
    let (report, last) = (RepairReport::default(), Position::ZERO);
    let mut copy = Copy { known, assignment, beginnings, to, report, last, left_over: 0 };
    walk_log(source, &mut |piece| match piece {
        Piece::Record { event, bytes } => copy.record(&event, bytes),
        Piece::BatchEnd => copy.to.end_batch(),
        Piece::Unreadable { event, cause } => {
            copy.lose_of(event.position, Some((event.stream.into(), event.version)), cause)
        }
        Piece::Lost { first, last, cause } => each(first, last, |position| copy.lose(position, cause)),
        Piece::Removed { first, last } => {
            copy.removed(first, last);
            Ok(())
        }
        Piece::Unsure { first, last, cause } => copy.unsure(first, last, cause),
        Piece::Segment { compressed, .. } => copy.to.begin_source(compressed),
        Piece::Torn(Cause { file, offset, what }) => {
            let torn = TornBytes { file: file.clone(), offset: *offset, what: what.clone() };
            copy.report.torn_tail = Some(torn);
            Ok(())
        }
        Piece::Done(bytes) => {
            progress.add(bytes);
            Ok(())
        }
    })?;
    let (last, stand_in) = copy.to.finish(copy.last, copy.report.removed_positions)?;
    copy.report.last_position = last;
    if let Some(position) = stand_in {
        copy.report.take_for_lost(position);
    }
    if copy.left_over > 0 {
        copy.report.notes.push(format!(
            "{} events were not used: versions behind them were removed from their streams, so they are left over from before that",
            copy.left_over
        ));
    }
    Ok(copy.report)
}

/// The last walk: everything goes into the new store.
struct Copy<'d, 't> {
    known: Known<'d>,
    assignment: Assignment,
    beginnings: Beginnings,
    to: Destination<'t>,
    report: RepairReport,
    /// The last position of the log so far.
    last: Position,
    /// Events that were found and had been removed.
    left_over: u64,
}

impl Copy<'_, '_> {
    fn record(&mut self, event: &EventRef<'_>, bytes: &[u8]) -> Result<(), OpenError> {
        let closed = planted(Bug::RepairClosesGaps).then(|| self.last.next());
        let event = &EventRef { position: closed.unwrap_or(event.position), ..*event };
        if self.beginnings.has_removed(event.stream, event.version) {
            self.left_over += 1;
            self.removed(event.position, event.position);
            return Ok(());
        }
        self.last = event.position;
        if !self.to.fits(event) {
            let what = format!(
                "version {} of {:?}, which contradicts what is before it",
                event.version, event.stream
            );
            let cause = Cause { file: names::LOG_DIR.into(), offset: 0, what };
            self.to.lose(event.position, "", Version::ZERO)?;
            self.report.lose(event.position, &cause, None);
            return Ok(());
        }
        if event.is_lost() {
            self.report.lost_before += 1;
        } else {
            self.report.events += 1;
        }
        self.to.keep(event, bytes)
    }

    fn lose(&mut self, position: Position, cause: &Cause) -> Result<(), OpenError> {
        let given = self.known.stream_at(position).or_else(|| self.assignment.take(position));
        self.lose_of(position, given, cause)
    }

    fn lose_of(
        &mut self,
        position: Position,
        given: Option<(Arc<str>, Version)>,
        cause: &Cause,
    ) -> Result<(), OpenError> {
        self.last = position;
        // A run may be older than what was removed.
        let given = given.filter(|(stream, version)| !self.beginnings.has_removed(stream, *version));
        let (stream, version) =
            given.as_ref().map_or(("", Version::ZERO), |(stream, version)| (stream, *version));
        let taken = self.to.lose(position, stream, version)?;
        self.report.lose(position, cause, taken.then_some(stream));
        Ok(())
    }

    fn removed(&mut self, first: Position, last: Position) {
        if !planted(Bug::RepairClosesGaps) {
            self.last = last;
        }
        self.report.removed_positions += last.next().events_since(first);
    }

    /// Positions of which the log does not tell: the index may, or the versions of a stream before and behind them, of which none
    /// is missing in between unless it was lost.
    fn unsure(&mut self, first: Position, last: Position, cause: &Cause) -> Result<(), OpenError> {
        let mut position = first;
        while position <= last {
            let told = self.known.next_told(position);
            let due = self.assignment.next_due(position);
            let next = told.into_iter().chain(due).min().unwrap_or(last.next()).min(last.next());
            if next > position {
                self.report.leave(position, next.previous(), cause);
                position = next;
                continue;
            }
            match self.known.told(position) {
                Told::There(stream, version) => self.lose_of(position, Some((stream, version)), cause)?,
                Told::Removed => self.removed(position, position),
                Told::Nothing => match self.assignment.take(position) {
                    Some(given) => self.lose_of(position, Some(given), cause)?,
                    None => self.report.leave(position, position, cause),
                },
            }
            position = position.next();
        }
        self.last = last;
        Ok(())
    }
}
