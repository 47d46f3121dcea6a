//! Walking the frames of a segment.

use crate::window::Window;
use annals_format::{
    Binding, Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameFault, FrameHeader, SEGMENT_HEADER_BYTES,
    check_frame,
};
use annals_types::EventRef;
use std::io;

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
        /// What the frame's header says, if that is sound and only what follows it is not.
        header: Option<FrameHeader>,
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
        let header = FrameHeader::decode(&bytes[offset..], binding, at).ok();
        step(Step::Damaged { damage, header, next: next.map(|(next, _)| next as u64) });
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
        if offset.is_multiple_of(ZEROS.len()) && bytes[offset..].starts_with(&ZEROS) {
            // No header begins in zeros, and a file may have a great many of them. Asked once in a page: bytes that are
            // zeros but for one in each page would have most of them compared at every place.
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

/// The same for a file, up to the offset `limit` of it: in the memory of one frame, and through reads, so that a disk that
/// cannot give the bytes says so with an error and not with a signal. A tolerant window goes on behind them.
///
/// # Errors
/// What the system says; never with a tolerant window.
pub fn scan_window(
    window: &mut Window<'_>,
    limit: u64,
    binding: Binding,
    mut step: impl FnMut(Step<'_>),
) -> io::Result<()> {
    let limit = limit.min(window.file_length());
    let mut offset = SEGMENT_HEADER_BYTES as u64;
    while offset < limit {
        let damage = match frame_at(window, offset, limit, binding, &mut step)? {
            Ok(header) => {
                step(Step::Frame { offset, header });
                offset += header.length;
                continue;
            }
            Err(FrameFault::Blank) => None,
            Err(FrameFault::Short { needed }) => {
                Some(Damage::new(offset, "room for a frame", limit - offset, needed))
            }
            Err(FrameFault::Damaged(damage)) => Some(damage),
        };
        let header = bytes_at(window, offset, FRAME_HEADER_BYTES, limit)?;
        let header = FrameHeader::decode(header, binding, offset).ok();
        let (next, blank) =
            find_frame_in_window(window, offset + FRAME_ALIGNMENT as u64, limit, binding, |_| true)?;
        let next = next.map(|(next, _)| next);
        if damage.is_none() && blank {
            step(Step::Blank { offset });
            return Ok(());
        }
        let damage = damage.unwrap_or_else(|| Damage::new(offset, "frame magic", 0u64, 1u64));
        step(Step::Damaged { damage, header, next });
        let Some(next) = next else { return Ok(()) };
        offset = next;
    }
    Ok(())
}

fn bytes_at<'w>(window: &'w mut Window<'_>, offset: u64, wanted: usize, limit: u64) -> io::Result<&'w [u8]> {
    let bytes = window.at(offset, wanted)?;
    let most = usize::try_from(limit.saturating_sub(offset)).unwrap_or(usize::MAX);
    Ok(&bytes[..bytes.len().min(most)])
}

/// Checks the frame at an offset, of which the window may have to show more.
fn frame_at(
    window: &mut Window<'_>,
    offset: u64,
    limit: u64,
    binding: Binding,
    step: &mut impl FnMut(Step<'_>),
) -> io::Result<Result<FrameHeader, FrameFault>> {
    let mut wanted = FRAME_HEADER_BYTES;
    loop {
        let bytes = bytes_at(window, offset, wanted, limit)?;
        let most = bytes.len() as u64;
        let checked = check_frame(bytes, binding, offset, |within, event| {
            step(Step::Record { offset: offset + within as u64, event });
        });
        match checked {
            // A file that became shorter meanwhile does not get longer by asking again.
            Err(FrameFault::Short { needed })
                if needed > most && needed > wanted as u64 && needed <= limit - offset =>
            {
                wanted = usize::try_from(needed).unwrap_or(usize::MAX);
            }
            result => return Ok(result),
        }
    }
}

/// As [`find_frame_after`], of a file up to the offset `limit`: the next header that is sound and accepted. Says also whether there are only
/// zeros in front of it, or up to the limit.
///
/// # Errors
/// What the system says; never with a tolerant window.
pub fn find_frame_in_window(
    window: &mut Window<'_>,
    from: u64,
    limit: u64,
    binding: Binding,
    accepts: impl Fn(&FrameHeader) -> bool,
) -> io::Result<(Option<(u64, FrameHeader)>, bool)> {
    let (mut at, mut blank) = (from.next_multiple_of(FRAME_ALIGNMENT as u64), true);
    while at < limit {
        let bytes = bytes_at(window, at, FRAME_HEADER_BYTES, limit)?;
        if bytes.is_empty() {
            break;
        }
        // Whole aligned slots; a header that begins in the last bytes is looked at next time.
        let slots = (bytes.len() + 1).saturating_sub(FRAME_HEADER_BYTES).div_ceil(FRAME_ALIGNMENT).max(1);
        let mut slot = 0;
        while slot < slots {
            let rest = bytes.get(slot * FRAME_ALIGNMENT..).unwrap_or_default();
            let offset = at + (slot * FRAME_ALIGNMENT) as u64;
            // Asked once in a page, as above.
            if offset.is_multiple_of(ZEROS.len() as u64) && rest.starts_with(&ZEROS) {
                slot += ZEROS.len() / FRAME_ALIGNMENT;
                continue;
            }
            if rest.iter().take(FRAME_ALIGNMENT).any(|byte| *byte != 0) {
                blank = false;
                if let Ok(header) = FrameHeader::decode(rest, binding, offset)
                    && accepts(&header)
                {
                    return Ok((Some((offset, header)), blank));
                }
            }
            slot += 1;
        }
        at += (slot * FRAME_ALIGNMENT) as u64;
    }
    Ok((None, blank))
}
