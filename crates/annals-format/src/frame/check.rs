//! Verifying a whole frame: its header, each record, and what is behind them.

use super::{FRAME_ALIGNMENT, FrameFault, FrameHeader, FrameStretches, RECORDS_CHECKSUM, dictionary};
use crate::binding::Binding;
use crate::damage::Damage;
use crate::record::{parse_record, record_length, stored_checksum};
use annals_types::EventRef;
use annals_types::planted::{Bug, planted};
use crc32fast::Hasher;

/// Reads and verifies the whole frame at the front of `bytes`, which may go on behind it. `record` is called
/// with the offset of each record in the frame, and the event.
///
/// The checks, in order: header, room for the frame, the table of positions if some are missing, each record (with its
/// offset), checksum over the records' checksums, zeros behind them; or the dictionary that is there instead of records.
///
/// # Errors
/// The first check that fails; `record` may have been called for earlier records by then.
pub fn check_frame<'a>(
    bytes: &'a [u8],
    binding: Binding,
    offset: u64,
    mut record: impl FnMut(usize, EventRef<'a>),
) -> Result<FrameHeader, FrameFault> {
    let header = FrameHeader::decode(bytes, binding, offset)?;
    let Some(frame) = usize::try_from(header.length).ok().and_then(|length| bytes.get(..length)) else {
        return Err(FrameFault::Short { needed: header.length });
    };
    let stretches = FrameStretches::read(frame, &header, binding, offset).map_err(FrameFault::Damaged)?;
    let mut next = stretches.records_at();
    let mut checksums = Hasher::new();
    for position in stretches.positions() {
        let at = offset + next as u64;
        let event = parse_record(&frame[next..], binding, position, at).map_err(FrameFault::Damaged)?;
        if event.recorded_at != header.recorded_at {
            let (found, expected) = (event.recorded_at.as_nanos(), header.recorded_at.as_nanos());
            let damage = Damage::new(at, "recorded_at", found.cast_unsigned(), expected.cast_unsigned());
            return Err(FrameFault::Damaged(damage));
        }
        record(next, event);
        checksums.update(&stored_checksum(&frame[next..]).to_le_bytes());
        next += record_length(&frame[next..]).unwrap_or(frame.len());
    }
    let found = checksums.finalize();
    if found != header.records_checksum && !planted(Bug::RecordsChecksumNotVerified) {
        let at = offset + RECORDS_CHECKSUM as u64;
        let damage = Damage::new(at, "checksum of the records", header.records_checksum, found);
        return Err(FrameFault::Damaged(damage));
    }
    let padding = frame.get(next..).unwrap_or_default();
    if header.has_dictionary() {
        dictionary::check(padding, binding, offset + next as u64).map_err(FrameFault::Damaged)?;
        return Ok(header);
    }
    if padding.len() >= FRAME_ALIGNMENT || padding.iter().any(|byte| *byte != 0) {
        let damage =
            Damage::new(offset + next as u64, "zeros behind the records", padding.len() as u64, 0u64);
        return Err(FrameFault::Damaged(damage));
    }
    Ok(header)
}
