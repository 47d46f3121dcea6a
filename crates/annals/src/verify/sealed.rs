//! The part of `verify` that is about sealed segments: header, frames, footer, and the run made from them.

use super::Verification;
use super::run::check_run;
use crate::error::OpenError;
use crate::part::{identity, indexed};
use annals_format::{
    FOOTER_TRAILER_BYTES, Footer, Manifest, RunEntry, SEGMENT_HEADER_BYTES, SealedSegment, SegmentHeader,
    names,
};
use annals_index::{MemoryIndex, Run};
use annals_types::Timestamp;
use annals_vfs::{Access, Disk, Mapping};
use annals_wal::{Step, scan_mapped};
use std::cmp::Ordering;
use std::io;

/// A sealed segment and its run, to be checked.
pub(crate) struct Sealed<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) manifest: &'a Manifest,
    pub(crate) entry: &'a SealedSegment,
    pub(crate) run: Option<&'a RunEntry>,
}

impl Sealed<'_> {
    pub(crate) fn check(
        &self,
        last_recorded: &mut Timestamp,
        found: &mut Verification,
    ) -> Result<(), OpenError> {
        let name = names::segment(self.entry.id);
        let Some(mapping) = map_whole(self.disk, &name, self.entry.length, found)? else { return Ok(()) };
        let bytes = mapping.bytes(0..mapping.len()).unwrap_or_default();
        found.segments += 1;
        found.bytes += bytes.len() as u64;
        self.check_header(&name, bytes, found);
        let before = found.findings.len();
        let (index, offsets) = self.check_frames(&name, bytes, last_recorded, found);
        self.check_footer(&name, bytes, &offsets, found);
        // The run of a damaged segment cannot be compared.
        let index = if found.findings.len() == before { index } else { None };
        self.check_run(index.as_ref(), found)
    }

    fn check_header(&self, name: &str, bytes: &[u8], found: &mut Verification) {
        let expected = SegmentHeader {
            store_id: self.manifest.store_id,
            segment_id: self.entry.id,
            first_position: self.entry.first_position,
            salt: self.entry.salt,
        };
        let header = bytes.first_chunk::<SEGMENT_HEADER_BYTES>().map(SegmentHeader::decode);
        match header {
            Some(Ok(header)) if header == expected => {}
            Some(Ok(_)) => {
                found.finding(name, Some(0), "segment header of another store, segment or position")
            }
            Some(Err(error)) => found.undecodable(name, "segment header", error),
            None => found.finding(name, Some(0), "no room for a segment header"),
        }
    }

    /// Walks the frames; returns the index made from them, if all were sound, and where the records begin.
    fn check_frames(
        &self,
        name: &str,
        bytes: &[u8],
        last_recorded: &mut Timestamp,
        found: &mut Verification,
    ) -> (Option<MemoryIndex>, Vec<u32>) {
        let frames = usize::try_from(self.entry.frames_end).unwrap_or(usize::MAX).min(bytes.len());
        let binding = self.entry.binding(&self.manifest.store_id);
        let mut index = MemoryIndex::new(self.entry.first_position, 0);
        let mut offsets = Vec::new();
        let mut next = self.entry.first_position;
        let mut sound = true;
        scan_mapped(&bytes[..frames], binding, |step| match step {
            Step::Record { offset, event } if event.position == next => {
                found.count(&event);
                if event.recorded_at < *last_recorded {
                    found.finding(
                        name,
                        Some(offset),
                        format!("position {next} was recorded before the one before it"),
                    );
                }
                *last_recorded = event.recorded_at;
                if sound && let Err(expected) = index.try_insert(&indexed(&event, binding)) {
                    sound = false;
                    let what = format!(
                        "position {next} has version {} in its stream instead of {expected}",
                        event.version
                    );
                    found.finding(name, Some(offset), what);
                }
                offsets.push(u32::try_from(offset).unwrap_or(0));
                next = next.next();
            }
            Step::Record { offset, event } => {
                sound = false;
                if event.position > next {
                    let what = format!("positions {next} to {} are missing", event.position.previous());
                    found.finding(name, Some(offset), what);
                    found.count(&event);
                    next = event.position.next();
                } else {
                    found.finding(
                        name,
                        Some(offset),
                        format!("position {} stands here again", event.position),
                    );
                }
            }
            Step::Frame { .. } => {}
            Step::Damaged { damage, next: goes_on } => {
                sound = false;
                found.corrupt(damage.in_file(name));
                if goes_on.is_none() {
                    found.notes.push(format!("{name}: no whole frame follows the damage"));
                }
            }
            Step::Blank { offset } => {
                sound = false;
                found.finding(name, Some(offset), "zeros where frames were");
            }
        });
        let end = self.entry.last_position().next();
        if next != end {
            sound = false;
            found.finding(name, None, format!("positions {next} to {} are missing", end.previous()));
        }
        (sound.then_some(index), offsets)
    }

    fn check_footer(&self, name: &str, bytes: &[u8], offsets: &[u32], found: &mut Verification) {
        let binding = self.entry.binding(&self.manifest.store_id);
        let Some(trailer) = bytes.last_chunk::<FOOTER_TRAILER_BYTES>() else { return };
        let footer = match Footer::decode_trailer(trailer, binding, bytes.len() as u64) {
            Ok(footer) => footer,
            Err(error) => return found.undecodable(name, "footer", error),
        };
        let start = usize::try_from(footer.frames_end).unwrap_or(usize::MAX);
        let tables = bytes.get(start..).unwrap_or_default();
        if let Err(damage) = footer.check_tables(tables) {
            return found.corrupt(damage.in_file(name));
        }
        let same_segment = footer.segment_id == self.entry.id
            && footer.first_position == self.entry.first_position
            && footer.count == self.entry.count
            && footer.frames_end == self.entry.frames_end
            && footer.recorded == self.entry.recorded
            && footer.occurred == self.entry.occurred;
        let own = offsets.iter().flat_map(|offset| offset.to_le_bytes());
        if !same_segment {
            found.finding(name, None, "the footer does not agree with the manifest");
        } else if offsets.len() as u64 == footer.count && !own.eq(tables[..offsets.len() * 4].iter().copied())
        {
            found.finding(name, Some(footer.frames_end), "the footer does not agree with the frames");
        }
    }

    fn check_run(&self, index: Option<&MemoryIndex>, found: &mut Verification) -> Result<(), OpenError> {
        let first = self.entry.first_position;
        let Some(entry) = self.run else {
            found.notes.push(format!("no run for the positions from {first} on; it will be made again"));
            return Ok(());
        };
        let name = names::run(entry.id);
        let file = match self.disk.open(&name, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found.notes.push(format!("{name} is not there; it will be made again"));
                return Ok(());
            }
            other => other.map_err(OpenError::io(format!("open {name}")))?,
        };
        let length = file.length().map_err(OpenError::io(format!("look at {name}")))?;
        if length != entry.length {
            found.finding(
                &name,
                Some(length),
                format!("the file has {length} bytes instead of {}", entry.length),
            );
            return Ok(());
        }
        let mapping = file.map(length).map_err(OpenError::io(format!("map {name}")))?;
        found.runs += 1;
        found.bytes += length;
        let run = Run::open(mapping, &self.manifest.store_id, &identity(entry));
        let checked = run.and_then(|run| run.check_all().map(|()| run).map_err(Into::into));
        match (checked, index) {
            (Ok(run), Some(index)) => check_run(&name, &run, index, found),
            (Ok(_), None) => {}
            (Err(error), _) => found.undecodable(&name, "run", error),
        }
        Ok(())
    }
}

/// Maps a whole file, or says what is wrong with it.
fn map_whole(
    disk: &dyn Disk,
    name: &str,
    expected: u64,
    found: &mut Verification,
) -> Result<Option<Mapping>, OpenError> {
    let file = match disk.open(name, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.finding(name, None, "the file is not there");
            return Ok(None);
        }
        other => other.map_err(OpenError::io(format!("open {name}")))?,
    };
    let length = file.length().map_err(OpenError::io(format!("look at {name}")))?;
    let what = format!("the file has {length} bytes instead of {expected}");
    match length.cmp(&expected) {
        Ordering::Less => found.finding(name, Some(length), what),
        Ordering::Equal => {}
        // Readers do not look there either.
        Ordering::Greater => found.notes.push(format!("{name}: {what}; what is too much is not looked at")),
    }
    file.map(length.min(expected)).map(Some).map_err(OpenError::io(format!("map {name}")))
}
