//! Which case an open segment is. Nothing is changed here.

use super::open_file::OpenFile;
use super::repair::Repairs;
use super::walk::{farthest_end, search, walk_frames};
use super::{Case, Finding, Recovered, RecoveryInput, Visit};
use crate::error::LogError;
use crate::segment::Segment;
use annals_format::{Damage, FormatError, SegmentHeader};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use std::sync::Arc;

pub(super) fn recover_one<'f>(
    input: &RecoveryInput<'_>,
    file: &'f OpenFile,
    next_start: Option<Position>,
    state: &mut Recovered,
    repairs: &mut Repairs<'f>,
    visit: &mut Visit<'_>,
) -> Result<(), LogError> {
    let header = match &file.header {
        Ok(header) => header,
        Err(error) => return recover_unbegun(input, file, next_start, state, repairs, error),
    };
    let expected = SegmentHeader {
        store_id: *input.store_id,
        segment_id: file.entry.id,
        first_position: state.next,
        salt: file.entry.salt,
    };
    if *header != expected && !planted(Bug::SegmentHeaderNotChecked) {
        // R4. A hole before the segment is damage of the one before it, which was looked at by then.
        let (found, wanted) = (header.first_position.get(), state.next.get());
        return Err(file.corrupt(Damage::new(0, "segment header of another place", found, wanted)));
    }
    let mapping = file.map()?;
    let segment = Arc::new(Segment::live(file.entry.id, file.binding, state.next, mapping));
    let walk = walk_frames(input, file, &segment, state, visit)?;

    // What lies behind the last frame of a segment that has a successor may be its unfinished footer.
    let complete = next_start == Some(state.next);
    let evidence = evidence(state, walk.durable_behind, next_start);
    if !complete && evidence >= state.next && !planted(Bug::DamageCutAsTornTail) {
        // R7, and also a log that ends in zeros although more was durable.
        let mut corruption = walk.damage.in_file(file.name.as_str());
        corruption.what = format!(
            "{} (positions {} to {evidence} were acknowledged and cannot be read here)",
            corruption.what, state.next
        );
        return Err(LogError::Corrupt(corruption));
    }
    // A close in good order says where the frames end. One that is missing before that is damage, although a frame that
    // only tells what is durable holds no position.
    let closed = input.clean.filter(|mark| mark.segment_id == file.entry.id);
    if closed.is_some_and(|mark| walk.end < mark.frames_end) {
        return Err(file.corrupt(walk.damage));
    }
    let torn = (walk.rubbish && !complete).then_some(walk.damage.clone());
    let case = if torn.is_some() { Case::TornTail } else { Case::Whole };
    state.segments.push(segment);
    state.frames_ends.push(walk.end);
    state.findings.push(Finding { segment_id: file.entry.id, case, frames_end: walk.end, torn });
    if !complete {
        repairs.tail = Some((file, walk));
    }
    Ok(())
}

/// The last position that anything says was durable: what was found up to here, what sound frames behind it tell, and
/// the beginning of the next segment.
fn evidence(state: &Recovered, durable_behind: Position, next_start: Option<Position>) -> Position {
    let behind = if planted(Bug::EvidenceBehindDamageIgnored) { Position::ZERO } else { durable_behind };
    let next_start = next_start.filter(|_| !planted(Bug::EvidenceOfNextSegmentIgnored));
    state.durable.max(behind).max(next_start.map_or(Position::ZERO, Position::previous))
}

/// Cases R1, R2 and R3: a segment without a sound header.
pub(super) fn recover_unbegun<'f>(
    input: &RecoveryInput<'_>,
    file: &'f OpenFile,
    next_start: Option<Position>,
    state: &mut Recovered,
    repairs: &mut Repairs<'f>,
    error: &FormatError,
) -> Result<(), LogError> {
    let mut window = file.window()?;
    let limit = farthest_end(input);
    let (durable_behind, blank) = search(&mut window, 0, limit, file.binding).map_err(file.failed("read"))?;
    let evidence = evidence(state, durable_behind, next_start);
    // The next segment goes on where this one would begin: whatever was durable, nothing of it was in here.
    let passed_over = blank && next_start == Some(state.next);
    let lost = evidence >= state.next || (next_start.is_some() && !blank);
    if lost && !passed_over && !planted(Bug::LostStartWiped) {
        let damage = match error {
            FormatError::Damaged(damage) => damage.clone(),
            _ => {
                Damage::new(0, "segment header, though its events were acknowledged", 0u64, state.next.get())
            }
        };
        return Err(file.corrupt(damage));
    }
    let case = if blank { Case::Unused } else { Case::FalseStart };
    if next_start.is_none() {
        repairs.unused.push((file, blank));
    }
    // Otherwise it was passed over (it could not be made large enough for a batch, say). It is not used any
    // more: segments are begun in the order of the list.
    state.findings.push(Finding { segment_id: file.entry.id, case, frames_end: 0, torn: None });
    Ok(())
}
