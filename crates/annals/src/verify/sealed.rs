//! The part of `verify` that is about sealed segments: header, frames, footer, and the run made from them.

use super::run::check_run;
use super::{Verification, file};
use crate::part::{identity, indexed};
use annals_format::{
    FOOTER_TRAILER_BYTES, Footer, Manifest, RunEntry, SEGMENT_HEADER_BYTES, SealedSegment, SegmentHeader,
    names,
};
use annals_index::{MemoryIndex, Run};
use annals_types::Timestamp;
use annals_vfs::{Access, Disk};
use annals_wal::{Step, Window, scan_window};
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
    pub(crate) fn check(&self, last_recorded: &mut Timestamp, found: &mut Verification) {
        let before = found.findings.len();
        let index = self.check_segment(last_recorded, found);
        // The run of a damaged segment cannot be compared.
        let index = index.filter(|_| found.findings.len() == before);
        self.check_run(index.as_ref(), found);
    }

    /// Header, frames and footer; returns the index made from the frames, if all were sound.
    fn check_segment(&self, last_recorded: &mut Timestamp, found: &mut Verification) -> Option<MemoryIndex> {
        let name = names::segment(self.entry.id);
        let file = file::open(self.disk, &name, found)?;
        let mut window = file::window(&*file, &name, found)?;
        let length = check_length(&name, window.file_length(), self.entry.length, found);
        found.segments += 1;
        found.bytes += length;
        self.check_header(&name, &mut window, found);
        let (index, offsets) = self.check_frames(&name, &mut window, last_recorded, found);
        self.check_footer(&name, &mut window, length, &offsets, found);
        file::unreadable(&window, &name, found);
        index
    }

    fn check_header(&self, name: &str, window: &mut Window<'_>, found: &mut Verification) {
        let expected = SegmentHeader {
            store_id: self.manifest.store_id,
            segment_id: self.entry.id,
            first_position: self.entry.first_position,
            salt: self.entry.salt,
        };
        let bytes = file::bytes(window, 0, SEGMENT_HEADER_BYTES);
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
        window: &mut Window<'_>,
        last_recorded: &mut Timestamp,
        found: &mut Verification,
    ) -> (Option<MemoryIndex>, Vec<u32>) {
        let frames = self.entry.frames_end.min(self.entry.length);
        let binding = self.entry.binding(&self.manifest.store_id);
        let mut index = MemoryIndex::new(self.entry.first_position, 0);
        let mut offsets = Vec::new();
        let mut next = self.entry.first_position;
        let mut sound = true;
        let walked = scan_window(window, frames, binding, |step| match step {
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
                    found.missing(name, Some(offset), next, event.position.previous());
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
            Step::Damaged { damage, next: goes_on, .. } => {
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
        debug_assert!(walked.is_ok(), "the window is tolerant");
        let end = self.entry.last_position().next();
        if next != end {
            sound = false;
            found.missing(name, None, next, end.previous());
        }
        (sound.then_some(index), offsets)
    }

    fn check_footer(
        &self,
        name: &str,
        window: &mut Window<'_>,
        length: u64,
        offsets: &[u32],
        found: &mut Verification,
    ) {
        let binding = self.entry.binding(&self.manifest.store_id);
        let Some(trailer) = length.checked_sub(FOOTER_TRAILER_BYTES as u64) else { return };
        let trailer = file::bytes(window, trailer, FOOTER_TRAILER_BYTES);
        let Some(trailer) = trailer.first_chunk::<FOOTER_TRAILER_BYTES>() else { return };
        let footer = match Footer::decode_trailer(trailer, binding, length) {
            Ok(footer) => footer,
            Err(error) => return found.undecodable(name, "footer", error),
        };
        let same_segment = footer.segment_id == self.entry.id
            && footer.first_position == self.entry.first_position
            && footer.count == self.entry.count
            && footer.frames_end == self.entry.frames_end
            && footer.recorded == self.entry.recorded
            && footer.occurred == self.entry.occurred;
        if !same_segment {
            return found.finding(name, None, "the footer does not agree with the manifest");
        }
        // As long as the number of records in the manifest says, which is bounded by that of their bytes.
        let tables = usize::try_from(length - footer.frames_end).unwrap_or(usize::MAX);
        let tables = file::bytes(window, footer.frames_end, tables);
        if let Err(damage) = footer.check_tables(tables) {
            return found.corrupt(damage.in_file(name));
        }
        let own = offsets.iter().flat_map(|offset| offset.to_le_bytes());
        if offsets.len() as u64 == footer.count && !own.eq(tables[..offsets.len() * 4].iter().copied()) {
            found.finding(name, Some(footer.frames_end), "the footer does not agree with the frames");
        }
    }

    fn check_run(&self, index: Option<&MemoryIndex>, found: &mut Verification) {
        let first = self.entry.first_position;
        let Some(entry) = self.run else {
            found.notes.push(format!("no run for the positions from {first} on; it will be made again"));
            return;
        };
        let name = names::run(entry.id);
        let file = match self.disk.open(&name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found.notes.push(format!("{name} is not there; it will be made again"));
                return;
            }
            Err(error) => return found.refused(&name, None, "open", &error),
        };
        let length = match file.length() {
            Ok(length) => length,
            Err(error) => return found.refused(&name, None, "look at", &error),
        };
        if length != entry.length {
            found.finding(
                &name,
                Some(length),
                format!("the file has {length} bytes instead of {}", entry.length),
            );
            return;
        }
        if !file::is_readable(&*file, &name, found) {
            return;
        }
        let mapping = match file.map(length) {
            Ok(mapping) => mapping,
            Err(error) => return found.refused(&name, None, "map", &error),
        };
        found.runs += 1;
        found.bytes += length;
        let run = Run::open(mapping, &self.manifest.store_id, &identity(entry));
        let checked = run.and_then(|run| run.check_all().map(|()| run).map_err(Into::into));
        match (checked, index) {
            (Ok(run), Some(index)) => check_run(&name, &run, index, found),
            (Ok(_), None) => {}
            (Err(error), _) => found.undecodable(&name, "run", error),
        }
    }
}

/// Says what is wrong with the length of a file, and how much of it is to be looked at.
fn check_length(name: &str, length: u64, expected: u64, found: &mut Verification) -> u64 {
    let what = format!("the file has {length} bytes instead of {expected}");
    match length.cmp(&expected) {
        Ordering::Less => found.finding(name, Some(length), what),
        Ordering::Equal => {}
        // Readers do not look there either.
        Ordering::Greater => found.notes.push(format!("{name}: {what}; what is too much is not looked at")),
    }
    length.min(expected)
}
