//! Open segments: their frames are copied, and continued in place.

use super::{Log, LogCopy};
use crate::backup::error::BackupError;
use crate::backup::files::{Copier, Got};
use crate::backup::scan::{Scanned, Wanted, scan};
use annals_format::{Corruption, Manifest, OpenSegment, SEGMENT_HEADER_BYTES, names};
use annals_types::Position;

/// An open segment of the copy.
#[derive(Clone, Copy)]
pub(super) struct Grown {
    pub(super) salt: u64,
    /// Where its frames end: behind that nothing counts. The largest number if the original says it, for it is full.
    pub(super) end: u64,
}

impl LogCopy<'_> {
    /// The frames of open segments up to `last`.
    pub(super) fn take_open(
        &mut self,
        manifest: &Manifest,
        open: &[(OpenSegment, u64)],
        last: Position,
        log: &mut Log,
        copier: &mut Copier<'_>,
    ) -> Result<Got, BackupError> {
        let mut next = log.position.next();
        // Why the frames of the segment before end where they do.
        let mut ended: Option<Corruption> = None;
        for (entry, limit) in open {
            // Segments that were begun since begin behind what was written since.
            if next > last {
                break;
            }
            let binding = entry.binding(&manifest.store_id);
            let wanted = Wanted { id: entry.id, salt: entry.salt, binding, next };
            let scanned = match (scan(copier.from, wanted, last, *limit), ended.take()) {
                (Err(BackupError::Corrupt(_)), Some(before)) => return Err(BackupError::Corrupt(before)),
                (Ok(Scanned::Nothing), Some(before)) => {
                    return Err(BackupError::Corrupt(before));
                }
                (scanned, _) => scanned?,
            };
            let (frames_end, end, fault, beyond) = match scanned {
                Scanned::Gone => return Ok(Got::Gone),
                Scanned::Nothing => continue,
                Scanned::Frames { frames_end, next, fault, beyond } => (frames_end, next, fault, beyond),
            };
            ended = fault;
            if frames_end <= SEGMENT_HEADER_BYTES as u64 {
                if beyond {
                    break;
                }
                continue;
            }
            let name = names::segment(entry.id);
            let got = match self.grown.get(&entry.id) {
                Some(grown) if grown.salt != entry.salt => return Err(self.diverged()),
                Some(grown) => self.extend(&name, grown.end.min(frames_end), frames_end, copier)?,
                None if self.whole.contains(&name) => return Err(self.diverged()),
                None => copier.copy(&name, &name, frames_end)?,
            };
            if got == Got::Gone {
                return Ok(Got::Gone);
            }
            self.grown.insert(entry.id, Grown { salt: entry.salt, end: frames_end });
            log.open.push(*entry);
            (log.position, log.tail) = (end.previous(), (entry.id, frames_end));
            next = end;
            if beyond {
                break;
            }
        }
        match ended.filter(|_| next <= last) {
            Some(corruption) => Err(BackupError::Corrupt(corruption)),
            None => Ok(Got::There),
        }
    }

    pub(super) fn extend(
        &self,
        name: &str,
        known: u64,
        length: u64,
        copier: &mut Copier<'_>,
    ) -> Result<Got, BackupError> {
        copier.extend(name, known, length)?.map_err(|damage| {
            let corruption = damage.in_file(name);
            BackupError::BadCopy { path: self.path.clone(), corruption }
        })
    }
}
