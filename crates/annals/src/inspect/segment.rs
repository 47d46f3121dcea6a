//! A segment: header, footer, and the frames between them.

use super::{Fact, InspectedFrame, Inspector};
use crate::error::OpenError;
use annals_format::{
    Binding, FOOTER_TRAILER_BYTES, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, Footer, FrameFault, FrameHeader,
    SEGMENT_HEADER_BYTES, SegmentHeader, check_frame,
};
use annals_types::Uuid;
use annals_wal::Window;

/// So many zeros behind the last frame are taken for the rest of the file. A segment that is laid out is all zeros, and a
/// file without contents may claim any length.
const BLANK_MAX: u64 = 256 << 20;
/// Most bytes of a footer that are read at once: a footer of the longest segment is not longer.
const FOOTER_MAX: u64 = 1 << 30;
const ZEROS: [u8; 4096] = [0; 4096];

impl Inspector<'_> {
    pub(super) fn segment(&mut self, frame: &mut dyn FnMut(&InspectedFrame)) -> Result<(), OpenError> {
        self.out.kind = "segment";
        let header = self.read(0, SEGMENT_HEADER_BYTES)?;
        let Some(header) = header.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            self.finding(Some(0), "no room for a segment header");
            return Ok(());
        };
        let Some(header) = self.check(SegmentHeader::decode(header))? else { return Ok(()) };
        self.fact("store_id", Fact::Text(Uuid::from_bytes(header.store_id).to_string()));
        self.fact("segment_id", Fact::Number(header.segment_id));
        self.fact("first_position", Fact::Number(header.first_position.get()));
        self.fact("salt", Fact::Text(format!("{:016x}", header.salt)));
        self.fact("length", Fact::Number(self.length));
        let end = self.footer(header.binding())?.unwrap_or(self.length);
        self.frames(header.binding(), end, frame)
    }

    /// Where the frames end, if there is a sound footer that says so.
    fn footer(&mut self, binding: Binding) -> Result<Option<u64>, OpenError> {
        let start = self.length.saturating_sub(FOOTER_TRAILER_BYTES as u64);
        let trailer = self.read(start, FOOTER_TRAILER_BYTES)?;
        let footer = trailer.first_chunk::<FOOTER_TRAILER_BYTES>();
        let footer = footer.and_then(|trailer| Footer::decode_trailer(trailer, binding, self.length).ok());
        self.fact("sealed", Fact::Flag(footer.is_some()));
        let Some(footer) = footer else { return Ok(None) };
        self.fact("footer_version", Fact::Number(footer.version.into()));
        self.fact("events", Fact::Number(footer.count));
        self.fact("frames_end", Fact::Number(footer.frames_end));
        let length = self.length.saturating_sub(footer.frames_end);
        if length > FOOTER_MAX {
            self.finding(Some(footer.frames_end), format!("a footer of {length} bytes"));
        } else {
            let tables = self.read(footer.frames_end, usize::try_from(length).unwrap_or(usize::MAX))?;
            if let Err(damage) = footer.check_tables(&tables) {
                self.finding(Some(damage.offset), damage.to_string());
            }
        }
        for (key, part) in [
            ("offset_bytes", footer.offsets()),
            ("distance_bytes", footer.distances()),
            ("occurred_bytes", footer.occurred_blocks()),
            ("span_bytes", footer.spans()),
        ] {
            self.fact(key, Fact::Number(part.end - part.start));
        }
        Ok(Some(footer.frames_end))
    }

    fn frames(
        &mut self,
        binding: Binding,
        end: u64,
        visit: &mut dyn FnMut(&InspectedFrame),
    ) -> Result<(), OpenError> {
        let name = self.name;
        let failed = || OpenError::io(format!("read {name}"));
        let mut window = Window::new(self.file).map_err(failed())?;
        let end = end.min(window.file_length());
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        while offset < end {
            match frame_at(&mut window, offset, end, binding).map_err(failed())? {
                Ok(frame) => {
                    if let Some(bytes) = frame.dictionary_bytes {
                        self.fact("dictionary_bytes", Fact::Number(bytes));
                    }
                    visit(&frame);
                    self.out.frames += 1;
                    offset += frame.length;
                }
                Err(what) => {
                    let from = offset + FRAME_ALIGNMENT as u64;
                    let search = find_frame(&mut window, from, end, binding).map_err(failed())?;
                    // Zeros up to the end are what is to be expected there.
                    if what.is_some() || search.next.is_some() || !search.blank {
                        let what = what.unwrap_or_else(|| "zeros in the place of a frame".into());
                        self.finding(Some(offset), what);
                    }
                    if let Some(at) = search.given_up {
                        self.fact("not_searched_from", Fact::Number(at));
                    }
                    offset = search.next.unwrap_or(end);
                }
            }
        }
        Ok(())
    }
}

/// The whole frame at an offset, or what is wrong there; `None` if it is zeros.
fn frame_at(
    window: &mut Window<'_>,
    offset: u64,
    end: u64,
    binding: Binding,
) -> std::io::Result<Result<InspectedFrame, Option<String>>> {
    let room = end - offset;
    let mut wanted = FRAME_HEADER_BYTES;
    loop {
        let bytes = window.at(offset, wanted)?;
        let most = bytes.len();
        let bytes = &bytes[..most.min(usize::try_from(room).unwrap_or(usize::MAX))];
        let mut lost = 0;
        let checked = check_frame(bytes, binding, offset, |_, event| lost += u32::from(event.is_lost()));
        return Ok(match checked {
            Ok(header) => Ok(InspectedFrame {
                offset,
                length: header.length,
                first_position: header.first_position,
                records: header.record_count,
                lost,
                dictionary_bytes: header.has_dictionary().then(|| header.length - FRAME_HEADER_BYTES as u64),
                missing: header.missing,
                durable: header.durable,
                recorded_at: header.recorded_at,
            }),
            Err(FrameFault::Short { needed }) if needed > most as u64 && needed <= room => {
                let more = usize::try_from(needed).unwrap_or(usize::MAX);
                if more <= wanted {
                    return Ok(Err(Some("room for a frame in a file that became shorter".into())));
                }
                wanted = more;
                continue;
            }
            Err(FrameFault::Blank) => Err(None),
            Err(FrameFault::Short { needed }) => {
                Err(Some(format!("room for a frame: found {room}, expected {needed}")))
            }
            Err(FrameFault::Damaged(damage)) => Err(Some(damage.to_string())),
        });
    }
}

/// What lies behind bytes that are no frame.
struct Search {
    /// The next frame header.
    next: Option<u64>,
    /// Whether there are only zeros before it, or up to the end.
    blank: bool,
    /// Where the search ended, if that was not the end.
    given_up: Option<u64>,
}

fn find_frame(window: &mut Window<'_>, from: u64, end: u64, binding: Binding) -> std::io::Result<Search> {
    let (mut at, mut blank, mut zeros) = (from, true, 0);
    while at < end {
        let bytes = window.at(at, FRAME_HEADER_BYTES)?;
        if bytes.is_empty() {
            break;
        }
        let mut place = 0;
        loop {
            let rest = bytes.get(place..).unwrap_or_default();
            if rest.starts_with(&ZEROS) {
                place += ZEROS.len();
                zeros += ZEROS.len() as u64;
                continue;
            }
            if rest.iter().take(FRAME_ALIGNMENT).any(|byte| *byte != 0) {
                (blank, zeros) = (false, 0);
                let offset = at + place as u64;
                if offset < end && FrameHeader::decode(rest, binding, offset).is_ok() {
                    return Ok(Search { next: Some(offset), blank, given_up: None });
                }
            }
            place += FRAME_ALIGNMENT;
            // A header that begins in the last bytes is looked at next time.
            if place + FRAME_HEADER_BYTES > bytes.len() {
                break;
            }
        }
        at += place as u64;
        if zeros >= BLANK_MAX && at < end {
            return Ok(Search { next: None, blank, given_up: Some(at) });
        }
    }
    Ok(Search { next: None, blank, given_up: None })
}
