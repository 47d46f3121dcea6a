//! The last walk over the original: everything goes into the new store, and into the report.

use super::assign::Assignment;
use super::known::Known;
use super::log::{each, walk_log};
use super::progress::Progress;
use super::report::{Cause, RepairReport, TornBytes};
use super::salvage::Piece;
use super::source::Source;
use super::write::Destination;
use crate::error::OpenError;
use annals_format::names;
use annals_types::{EventRef, Position, Version};

/// Writes all that is kept, and what stands for all that is lost.
pub(super) fn copy(
    source: &Source,
    known: Known<'_>,
    assignment: Assignment,
    to: Destination,
    progress: &mut Progress<'_>,
) -> Result<RepairReport, OpenError> {
    let mut copy = Copy { known, assignment, to, report: RepairReport::default() };
    walk_log(source, &mut |piece| match piece {
        Piece::Record { event, bytes } => copy.record(&event, bytes),
        Piece::BatchEnd => copy.to.end_batch(),
        Piece::Lost { first, last, cause } => each(first, last, |position| copy.lose(position, cause)),
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
    copy.report.last_position = copy.to.finish()?;
    Ok(copy.report)
}

/// The last walk: everything goes into the new store.
struct Copy<'d> {
    known: Known<'d>,
    assignment: Assignment,
    to: Destination,
    report: RepairReport,
}

impl Copy<'_> {
    fn record(&mut self, event: &EventRef<'_>, bytes: &[u8]) -> Result<(), OpenError> {
        if !self.to.fits(event) {
            let what = format!(
                "version {} of {:?}, which contradicts what is before it",
                event.version, event.stream
            );
            let cause = Cause { file: names::LOG_DIR.into(), offset: 0, what };
            self.to.lose("", Version::ZERO)?;
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
        let (stream, version) =
            given.as_ref().map_or(("", Version::ZERO), |(stream, version)| (stream, *version));
        let taken = self.to.lose(stream, version)?;
        self.report.lose(position, cause, taken.then_some(stream));
        Ok(())
    }
}
