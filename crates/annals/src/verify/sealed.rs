//! The part of `verify` that is about sealed segments: header, frames, footer.

use super::run::Runs;
use super::{Verification, file};
use crate::part::indexed;
use annals_format::{
    Damage, FOOTER_TRAILER_BYTES, Footer, Manifest, OCCURRED_RECORDS, SEGMENT_HEADER_BYTES, SPAN_BYTES,
    SealedSegment, SegmentHeader, Stretch, TimeRange, span_checksum,
};
use annals_index::MemoryIndex;
use annals_types::{EventRef, Timestamp};
use annals_vfs::Disk;
use annals_wal::{Step, Window, scan_window};
use std::cmp::Ordering;

/// A sealed segment, to be checked.
pub(crate) struct Sealed<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) manifest: &'a Manifest,
    pub(crate) entry: &'a SealedSegment,
}

/// What the footer has to say of the frames.
#[derive(Default)]
struct Told {
    /// Where the records begin.
    offsets: Vec<u32>,
    /// The range of occurred_at of each [`OCCURRED_RECORDS`].
    occurred: Vec<TimeRange>,
    /// Which positions there are, if not all.
    stretches: Vec<Stretch>,
    /// Whether nothing is wrong with header and frames.
    sound: bool,
}

impl Told {
    /// Takes the next record. `distance` is how far its position is from the segment's first.
    fn record(&mut self, offset: u64, distance: u64, event: &EventRef<'_>) {
        let follows = self.stretches.last().map_or(0, |last| {
            u64::from(last.position) + (self.offsets.len() as u64 - u64::from(last.record))
        });
        if self.stretches.is_empty() || distance != follows {
            let record = u32::try_from(self.offsets.len()).unwrap_or(u32::MAX);
            self.stretches.push(Stretch { position: u32::try_from(distance).unwrap_or(u32::MAX), record });
        }
        if self.offsets.len().is_multiple_of(OCCURRED_RECORDS) {
            self.occurred.push(TimeRange::EMPTY);
        }
        self.offsets.push(u32::try_from(offset).unwrap_or(0));
        if let Some(block) = self.occurred.last_mut().filter(|_| !event.is_lost()) {
            block.include(event.occurred_at);
        }
    }

    /// Whether the tables of the footer say the same. In version 1 there are no ranges to compare.
    fn is_in(&self, footer: &Footer, tables: &[u8]) -> bool {
        let whole = [Stretch { position: 0, record: 0 }];
        let stretches = (0..footer.stretch_count()).map(|number| footer.stretch(tables, number));
        let same = match footer.stretch_count() {
            0 => self.stretches == whole,
            _ => stretches.eq(self.stretches.iter().copied().map(Some)),
        };
        same && self.has_same_blocks(footer, tables)
    }

    fn has_same_blocks(&self, footer: &Footer, tables: &[u8]) -> bool {
        let offsets = (0..).zip(&self.offsets);
        let mut offsets = offsets.map(|(index, offset)| footer.offset(tables, index) == Some(*offset));
        // Up to version 3 several of these ranges were one.
        let step = usize::try_from(footer.occurred_records()).unwrap_or(OCCURRED_RECORDS);
        let ranges = self.occurred.chunks((step / OCCURRED_RECORDS).max(1));
        let mut ranges = (0..).step_by(step).zip(ranges).map(|(first, ranges)| {
            let mut range = TimeRange::EMPTY;
            for part in ranges.iter().filter(|part| part.min <= part.max) {
                range.include(part.min);
                range.include(part.max);
            }
            footer.occurred_block(first).is_none() || footer.occurred_in_block(tables, first) == Some(range)
        });
        offsets.all(|same| same) && ranges.all(|same| same)
    }
}

impl Sealed<'_> {
    pub(crate) fn check(&self, runs: &mut Runs<'_>, last_recorded: &mut Timestamp, found: &mut Verification) {
        runs.enter(self.entry, found);
        let before = found.findings.len();
        let index = self.check_segment(runs, last_recorded, found);
        // The run of a damaged segment cannot be compared.
        let index = index.filter(|_| found.findings.len() == before);
        runs.leave(self.entry, index.as_ref(), found);
    }

    /// Header, frames and footer; returns the index made from the frames, if all were sound.
    fn check_segment(
        &self,
        runs: &mut Runs<'_>,
        last_recorded: &mut Timestamp,
        found: &mut Verification,
    ) -> Option<MemoryIndex> {
        let name = self.entry.path();
        let file = file::open(self.disk, &name, found)?;
        let mut window = file::window(&*file, &name, found)?;
        let length = check_length(&name, window.file_length(), self.entry.length, found);
        let before = found.findings.len();
        found.segments += 1;
        found.bytes += length;
        self.check_header(&name, &mut window, found);
        let (index, mut told) = self.check_frames(&name, &mut window, runs, last_recorded, found);
        told.sound = found.findings.len() == before;
        self.check_footer(&name, &mut window, length, &told, found);
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

    /// Walks the frames; returns the index made from them, if all were sound, and what a footer says of them.
    fn check_frames(
        &self,
        name: &str,
        window: &mut Window<'_>,
        runs: &mut Runs<'_>,
        last_recorded: &mut Timestamp,
        found: &mut Verification,
    ) -> (Option<MemoryIndex>, Told) {
        let frames = self.entry.frames_end.min(self.entry.length);
        let binding = self.entry.binding(&self.manifest.store_id);
        let mut index = MemoryIndex::new(self.entry.first_position, 0);
        let mut told = Told::default();
        let mut next = self.entry.first_position;
        let mut sound = true;
        let sparse = self.entry.positions() != self.entry.count;
        let last = self.entry.last_position();
        let walked = scan_window(window, frames, binding, |step| match step {
            Step::Record { offset, event } if event.position > last => {
                sound = false;
                let what = format!("position {} stands here, and the segment ends at {last}", event.position);
                found.finding(name, Some(offset), what);
            }
            Step::Record { offset, event } if event.position == next || (sparse && event.position > next) => {
                next = event.position;
                index.skip_to(next);
                found.count(&event);
                if event.recorded_at < *last_recorded {
                    found.finding(
                        name,
                        Some(offset),
                        format!("position {next} was recorded before the one before it"),
                    );
                }
                *last_recorded = event.recorded_at;
                let indexed = indexed(&event, binding);
                runs.event(&indexed, found);
                if sound && let Err(expected) = index.try_insert(&indexed) {
                    sound = false;
                    let what = format!(
                        "position {next} has version {} in its stream instead of {expected}",
                        event.version
                    );
                    found.finding(name, Some(offset), what);
                }
                told.record(offset, next.events_since(self.entry.first_position), &event);
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
        if sparse {
            // Of positions that are not there the number of records and the footer tell whether they are to be.
            if (told.offsets.len() as u64) < self.entry.count {
                sound = false;
                found.finding(name, None, "fewer records than the manifest says");
            }
            next = end;
            index.skip_to(end);
        }
        if next != end {
            sound = false;
            found.missing(name, None, next, end.previous());
        }
        (sound.then_some(index), told)
    }

    fn check_footer(
        &self,
        name: &str,
        window: &mut Window<'_>,
        length: u64,
        told: &Told,
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
        if told.offsets.len() as u64 == footer.count && !told.is_in(&footer, tables) {
            found.finding(name, Some(footer.frames_end), "the footer does not agree with the frames");
        }
        if !told.sound {
            return;
        }
        let sums: Vec<Option<u32>> =
            (0..footer.span_count()).map(|span| footer.span_checksum(tables, span)).collect();
        check_spans(name, window, &footer, &sums, found);
    }
}

/// Says which spans are not those that were summed up, where nothing else is wrong with them.
fn check_spans(
    name: &str,
    window: &mut Window<'_>,
    footer: &Footer,
    sums: &[Option<u32>],
    found: &mut Verification,
) {
    for (number, sum) in (0..).zip(sums) {
        let start = number * SPAN_BYTES as u64;
        let length = usize::try_from(footer.frames_end - start).unwrap_or(SPAN_BYTES).min(SPAN_BYTES);
        let computed = span_checksum(file::bytes(window, start, length));
        if let Some(sum) = sum.filter(|sum| *sum != computed) {
            found.corrupt(Damage::new(start, "span checksum", computed, sum).in_file(name));
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
