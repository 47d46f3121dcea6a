//! The frames of a segment up to a position, each of them verified.

use super::error::BackupError;
use annals_format::{
    Binding, Corruption, Damage, FRAME_HEADER_BYTES, FormatError, FrameFault, FrameHeader,
    SEGMENT_HEADER_BYTES, SegmentHeader, check_frame, names,
};
use annals_types::Position;
use annals_types::planted::{Bug, planted};
use annals_vfs::{Access, Disk, File};
use annals_wal::Window;
use std::io;
use std::sync::Arc;

/// A segment as the manifest has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) id: u64,
    pub(super) salt: u64,
    pub(super) binding: Binding,
    /// The position that comes next in the log.
    pub(super) next: Position,
}

/// What of a segment there is up to a position.
#[derive(Debug)]
pub(super) enum Scanned {
    /// The file is not there any more.
    Gone,
    /// No frame of it was written, or none that counts.
    Nothing,
    Frames {
        /// Where the last frame that counts ends.
        frames_end: u64,
        /// The position that follows its events.
        next: Position,
        /// What is there instead of another frame, if the walk has come to the end of the frames and not to the position.
        fault: Option<Corruption>,
        /// Whether the next batch goes beyond the position, so that nothing counts from here on.
        beyond: bool,
    },
}

/// Walks the frames of a segment of `disk` that have no event behind `last`, but at most up to `limit`.
pub(super) fn scan(
    disk: &dyn Disk,
    wanted: Wanted,
    last: Position,
    limit: u64,
) -> Result<Scanned, BackupError> {
    let name = names::segment(wanted.id);
    let file = match disk.open(&name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Scanned::Gone),
        Err(error) => return Err(BackupError::io(format!("open {name}"))(error)),
    };
    Scan { name, file, wanted, limit }.walk(last)
}

struct Scan {
    name: String,
    file: Arc<dyn File>,
    wanted: Wanted,
    limit: u64,
}

impl Scan {
    fn walk(&self, last: Position) -> Result<Scanned, BackupError> {
        let failed = |error| BackupError::io(format!("read {}", self.name))(error);
        let mut window = Window::new(&*self.file).map_err(failed)?;
        let header = window.at(0, SEGMENT_HEADER_BYTES).map_err(failed)?;
        if !self.begins(header)? {
            return Ok(Scanned::Nothing);
        }
        let (mut at, mut end, mut next) = (SEGMENT_HEADER_BYTES as u64, None, self.wanted.next);
        let (mut fault, mut beyond) = (None, false);
        while next <= last {
            match self.frame(&mut window, at).map_err(failed)? {
                Ok(header) if header.first_position != next => {
                    let (found, expected) = (header.first_position.get(), next.get());
                    fault = Some(Damage::new(at, "first position of a frame", found, expected));
                    break;
                }
                Ok(header) if header.check_place(false, at).is_err() => {
                    fault = header.check_place(false, at).err();
                    break;
                }
                Ok(header) => {
                    // Of a batch that goes beyond the position nothing counts.
                    beyond = header.last_position() > last;
                    if beyond {
                        break;
                    }
                    at += header.length;
                    // A frame without events is taken together with one that has some before or behind it.
                    if header.record_count > 0 {
                        next = header.last_position().next();
                        end = Some(at);
                    }
                }
                Err(found) => {
                    fault = Some(self.damage(found, at, window.file_length()));
                    break;
                }
            }
        }
        let fault = fault.map(|damage| damage.in_file(self.name.as_str()));
        if fault.is_some() && !planted(Bug::BackupLeavesOutMarks) {
            // The log goes on in the next segment, so this one is full. Its copy has to be all of it: that is what it is compared
            // with when it is sealed.
            end = end.map(|_| at);
        }
        match end {
            None if fault.is_none() && !beyond => Ok(Scanned::Nothing),
            end => Ok(Scanned::Frames { frames_end: end.unwrap_or(0), next, fault, beyond }),
        }
    }

    /// Whether the segment was begun, and is the one that is wanted.
    fn begins(&self, bytes: &[u8]) -> Result<bool, BackupError> {
        let corrupt = |damage: Damage| Err(BackupError::Corrupt(damage.in_file(self.name.as_str())));
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return if bytes.iter().all(|byte| *byte == 0) {
                Ok(false)
            } else {
                corrupt(Damage::new(
                    0,
                    "room for a segment header",
                    bytes.len() as u64,
                    SEGMENT_HEADER_BYTES as u64,
                ))
            };
        };
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(false);
        }
        let header = match SegmentHeader::decode(bytes) {
            Ok(header) => header,
            Err(FormatError::Damaged(damage)) => return corrupt(damage),
            Err(error) => return Err(crate::error::OpenError::format(&self.name, error).into()),
        };
        let wanted = (self.wanted.id, self.wanted.salt, self.wanted.binding);
        if (header.segment_id, header.salt, header.binding()) != wanted {
            return corrupt(Damage::new(
                0,
                "segment header of another place",
                header.segment_id,
                self.wanted.id,
            ));
        }
        if header.first_position != self.wanted.next {
            let (found, expected) = (header.first_position.get(), self.wanted.next.get());
            return corrupt(Damage::new(40, "first position of the segment", found, expected));
        }
        Ok(true)
    }

    fn frame(&self, window: &mut Window<'_>, at: u64) -> io::Result<Result<FrameHeader, FrameFault>> {
        let room = window.file_length().min(self.limit).saturating_sub(at);
        let mut wanted = FRAME_HEADER_BYTES;
        loop {
            let bytes = window.at(at, wanted)?;
            let most = usize::try_from(room).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(most)];
            let length = bytes.len() as u64;
            match check_frame(bytes, self.wanted.binding, at, |_, _| {}) {
                // A file that became shorter meanwhile does not get longer by asking again.
                Err(FrameFault::Short { needed })
                    if needed > length && needed > wanted as u64 && needed <= room =>
                {
                    wanted = usize::try_from(needed).unwrap_or(usize::MAX);
                }
                result => return Ok(result),
            }
        }
    }

    fn damage(&self, fault: FrameFault, at: u64, length: u64) -> Damage {
        match fault {
            FrameFault::Damaged(damage) => damage,
            FrameFault::Blank => Damage::new(at, "frame, found zeros", 0u64, self.wanted.next.get()),
            FrameFault::Short { needed } => {
                Damage::new(at, "room for a frame", length.saturating_sub(at), needed)
            }
        }
    }
}
