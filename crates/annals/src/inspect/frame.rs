//! The records of one frame.

use super::{disk_of, open};
use crate::error::OpenError;
use annals_format::payload::{
    DICTIONARY_BYTES_MAX, DICTIONARY_HEADER_BYTES, Dictionary, key_of, plain_payload,
};
use annals_format::{
    Binding, FRAME_HEADER_BYTES, FormatError, FrameFault, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader,
    check_frame, first_dictionary,
};
use annals_types::{EventRef, PayloadError, PayloadReader, PlainPayload, Position, ReadPayload, Uuid};
use annals_vfs::{File, read_up_to};
use std::io;
use std::path::Path;

/// One record of a frame.
#[derive(Debug)]
pub struct InspectedRecord<'a> {
    /// Where it begins in the file.
    pub offset: u64,
    /// What it says. If it stands for an event that was lost, [`EventRef::is_lost`] is true.
    pub event: EventRef<'a>,
}

/// Looks into the frame of a segment that begins at `offset`; `record` gets its records, in order, up to the first one
/// that is damaged.
///
/// # Errors
/// [`OpenError::Corrupt`] if there is no whole frame, then behind the records that are sound; otherwise as
/// [`inspect`](crate::inspect).
pub fn inspect_frame(
    file: impl AsRef<Path>,
    offset: u64,
    record: &mut dyn FnMut(InspectedRecord<'_>),
) -> Result<(), OpenError> {
    let path = file.as_ref();
    let (disk, name) = disk_of(path)?;
    let file = open(&disk, &name, path)?;
    let failed = || OpenError::io(format!("read {}", path.display()));
    let mut header = [0; SEGMENT_HEADER_BYTES];
    read_up_to(&*file, &mut header, 0).map_err(failed())?;
    let binding = match SegmentHeader::decode(&header) {
        Ok(header) => header.binding(),
        Err(FormatError::Foreign { .. }) => {
            let reason = "only segments have frames".into();
            return Err(OpenError::NotAStore { path: path.to_owned(), reason });
        }
        Err(error) => return Err(OpenError::format(&name, error)),
    };
    let fault = |fault: FrameFault| {
        let damage = match fault {
            FrameFault::Damaged(damage) => damage,
            FrameFault::Blank => annals_format::Damage::new(offset, "frame, found zeros", 0u64, 1u64),
            FrameFault::Short { needed } => {
                annals_format::Damage::new(offset, "room for a frame", 0u64, needed)
            }
        };
        OpenError::Corrupt(damage.in_file(name.as_str()))
    };
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    let read = read_up_to(&*file, &mut bytes, offset).map_err(failed())?;
    // The header bounds the length.
    let frame = FrameHeader::decode(&bytes[..read], binding, offset).map_err(fault)?;
    bytes.resize(usize::try_from(frame.length).unwrap_or(FRAME_HEADER_BYTES), 0);
    let read = read_up_to(&*file, &mut bytes, offset).map_err(failed())?;
    let reader = PayloadReader::new(Reader(dictionary(&*file, binding).map_err(failed())?));
    check_frame(&bytes[..read], binding, offset, |within, event| {
        let event = EventRef { payload: event.payload.with_reader(&reader), ..event };
        record(InspectedRecord { offset: offset + within as u64, event });
    })
    .map_err(fault)?;
    Ok(())
}

/// Reads payloads that were compressed with a dictionary, or without one.
struct Reader(Option<Dictionary>);

impl ReadPayload for Reader {
    fn read(&self, position: Position, record: &[u8]) -> Result<PlainPayload<'static>, PayloadError> {
        plain_payload(record, position, self.0.as_ref(), None)
    }

    fn key_of(&self, record: &[u8]) -> Option<Uuid> {
        key_of(record)
    }
}

/// The dictionary of a segment, if it has a sound one.
fn dictionary(file: &dyn File, binding: Binding) -> io::Result<Option<Dictionary>> {
    let most = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + DICTIONARY_HEADER_BYTES + DICTIONARY_BYTES_MAX;
    let mut front = vec![0; most];
    let read = read_up_to(file, &mut front, 0)?;
    Ok(first_dictionary(&front[..read], binding).ok().flatten())
}
