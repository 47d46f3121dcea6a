//! A segment without its footer: its header, and the walk over its frames and over damage.

use super::frame::check_damage;
use super::input::{Mode, split};
use annals_format::{
    Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FormatError, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES,
    SegmentHeader, reseal,
};
use annals_wal::{Step, find_frame_after, scan_mapped};

/// The header of a segment and the frames behind it.
///
/// # Panics
/// If the decoder or the walk does what it must not do.
pub fn segment(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::segment(&mut bytes);
    }
    let Some(header) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else { return };
    match SegmentHeader::decode(header) {
        Ok(decoded) => {
            assert_eq!(SegmentHeader::decode(&decoded.encode()), Ok(decoded.clone()));
            check_walk(&bytes, &decoded);
        }
        Err(error) => check_format_error(&error, bytes.len()),
    }
}

/// Damage lies within the file; a newer version is newer than this build's.
pub(super) fn check_format_error(error: &FormatError, length: usize) {
    match error {
        FormatError::Damaged(damage) => check_damage(damage, 0, length),
        FormatError::Newer { found, supported } => assert!(found > supported),
        FormatError::Foreign { .. } => {}
    }
}

/// The walk goes forwards, over every byte once, and stops.
fn check_walk(bytes: &[u8], header: &SegmentHeader) {
    let binding = header.binding();
    let mut walk = Walk { length: bytes.len() as u64, next: SEGMENT_HEADER_BYTES as u64, ..Walk::default() };
    scan_mapped(bytes, binding, |step| walk.step(&step, bytes));
    assert!(walk.ended || walk.next >= walk.length, "the walk stopped at {}", walk.next);
    if let Some((first, found)) = find_frame_after(bytes, 0, binding) {
        assert!(first.is_multiple_of(FRAME_ALIGNMENT) && first + FRAME_HEADER_BYTES <= bytes.len());
        assert!(found.length >= FRAME_HEADER_BYTES as u64);
    }
}

#[derive(Default)]
struct Walk {
    length: u64,
    /// Where the next frame begins.
    next: u64,
    /// Where the last record of the frame under way began, and how many it has had.
    record: Option<u64>,
    records: u32,
    ended: bool,
}

impl Walk {
    fn step(&mut self, step: &Step<'_>, bytes: &[u8]) {
        assert!(!self.ended, "the walk went on behind its end");
        match step {
            Step::Record { offset, event } => {
                let least = self
                    .record
                    .map_or(self.next + FRAME_HEADER_BYTES as u64, |last| last + RECORD_HEADER_BYTES as u64);
                assert!(*offset >= least && offset + RECORD_HEADER_BYTES as u64 <= self.length);
                assert!(event.data().map_or(0, |data| data.len() as u64) <= self.length - offset);
                (self.record, self.records) = (Some(*offset), self.records + 1);
            }
            Step::Frame { offset, header } => {
                assert_eq!((*offset, header.record_count), (self.next, self.records));
                self.begin(offset + header.length);
            }
            Step::Damaged { damage, next, .. } => self.damaged(damage, *next, bytes.len()),
            Step::Blank { offset } => {
                assert_eq!(*offset, self.next);
                let blank = bytes.iter().skip(usize::try_from(*offset).unwrap_or(usize::MAX));
                assert!(blank.copied().all(|byte| byte == 0));
                self.ended = true;
            }
        }
    }

    fn damaged(&mut self, damage: &Damage, next: Option<u64>, length: usize) {
        check_damage(damage, self.next, length - usize::try_from(self.next).unwrap_or(length));
        match next {
            Some(next) => {
                assert!(next > self.next && next.is_multiple_of(FRAME_ALIGNMENT as u64));
                self.begin(next);
            }
            None => self.ended = true,
        }
    }

    fn begin(&mut self, next: u64) {
        assert!(next <= self.length);
        (self.next, self.record, self.records) = (next, None, 0);
    }
}
