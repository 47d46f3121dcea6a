//! Walking the frames of a segment.

use annals_format::{
    Binding, Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameFault, FrameHeader, SEGMENT_HEADER_BYTES,
    check_frame,
};
use annals_types::EventRef;

/// A page of zeros, which are passed over at once.
pub(crate) const ZEROS: [u8; 4096] = [0; 4096];

/// One thing met while walking.
#[derive(Debug)]
pub enum Step<'a> {
    /// A record, verified, which begins at this offset. Its frame may still turn out to be damaged behind it.
    Record {
        /// Where it begins in the file.
        offset: u64,
        /// What it says.
        event: EventRef<'a>,
    },
    /// A whole frame, verified; its records came before it.
    Frame {
        /// Where it begins in the file.
        offset: u64,
        /// What its header says.
        header: FrameHeader,
    },
    /// Bytes that are no frame; the walk goes on at the next whole frame.
    Damaged {
        /// What is wrong first.
        damage: Damage,
        /// Where the next whole frame begins, if there is one.
        next: Option<u64>,
    },
    /// From here on nothing was written.
    Blank {
        /// Where the frames end.
        offset: u64,
    },
}

/// Walks all frames of a segment whose bytes (from the header on) are given, and goes on behind damage.
pub fn scan_mapped<'a>(bytes: &'a [u8], binding: Binding, mut step: impl FnMut(Step<'a>)) {
    let mut offset = SEGMENT_HEADER_BYTES;
    while offset < bytes.len() {
        let at = offset as u64;
        let result = check_frame(&bytes[offset..], binding, at, |within, event| {
            step(Step::Record { offset: at + within as u64, event });
        });
        let damage = match result {
            Ok(header) => {
                step(Step::Frame { offset: at, header });
                offset += usize::try_from(header.length).unwrap_or(usize::MAX);
                continue;
            }
            Err(FrameFault::Blank) if bytes[offset..].iter().all(|byte| *byte == 0) => {
                step(Step::Blank { offset: at });
                return;
            }
            Err(FrameFault::Blank) => Damage::new(at, "frame magic", 0u64, 1u64),
            Err(FrameFault::Short { needed }) => {
                Damage::new(at, "room for a frame", (bytes.len() - offset) as u64, needed)
            }
            Err(FrameFault::Damaged(damage)) => damage,
        };
        let next = find_frame_after(bytes, offset + FRAME_ALIGNMENT, binding);
        step(Step::Damaged { damage, next: next.map(|(next, _)| next as u64) });
        match next {
            Some((next, _)) => offset = next,
            None => return,
        }
    }
}

/// The next place at or after `from` where a frame header of this segment is sound, and that header. Looks at
/// every aligned place up to the end of `bytes`.
#[must_use]
pub fn find_frame_after(bytes: &[u8], from: usize, binding: Binding) -> Option<(usize, FrameHeader)> {
    let mut offset = from.next_multiple_of(FRAME_ALIGNMENT);
    while offset + FRAME_HEADER_BYTES <= bytes.len() {
        if bytes[offset..].starts_with(&ZEROS) {
            // No header begins in zeros, and a file may have a great many of them.
            offset += ZEROS.len();
            continue;
        }
        if let Ok(header) = FrameHeader::decode(&bytes[offset..], binding, offset as u64) {
            return Some((offset, header));
        }
        offset += FRAME_ALIGNMENT;
    }
    None
}
