//! The open segments of a log that opening would refuse: all damage in all of them, and not only the first.
//!
//! Two walks over every file. The first gathers what proves that something was durable; the second judges: what lies
//! at or before the last proven position and is no sound frame is damage, what lies behind it is a torn tail.

use super::{Verification, file};
use annals_format::{
    Binding, Damage, FormatError, FrameHeader, Manifest, OpenSegment, SEGMENT_HEADER_BYTES, SegmentHeader,
    names,
};
use annals_types::limits::BATCH_BYTES_MAX;
use annals_types::{EventRef, Position};
use annals_vfs::{Disk, File};
use annals_wal::{Step, Window, scan_window};
use std::sync::Arc;

/// A segment after the first walk.
struct Surveyed {
    name: String,
    binding: Binding,
    /// `None` if it cannot be read at all, which was said.
    file: Option<Arc<dyn File>>,
    header: Header,
    /// Position of its first event: by its header, or else by the first frame that can be told.
    start: Option<Position>,
    /// The highest durable position that a frame tells.
    durable: Position,
}

enum Header {
    Sound,
    /// Nothing but zeros in the whole file: laid out and not begun.
    Blank,
    Wrong(String, u64),
}

/// Looks at all open segments and lists what is wrong with them.
pub(super) fn survey(disk: &dyn Disk, manifest: &Manifest, found: &mut Verification) {
    let segments: Vec<Surveyed> =
        manifest.open.iter().map(|entry| look(disk, manifest, entry, found)).collect();
    let sound = |segment: &&Surveyed| matches!(segment.header, Header::Sound);
    let starts = segments.iter().filter(sound).filter_map(|segment| segment.start).map(Position::previous);
    let told = starts.chain(segments.iter().map(|segment| segment.durable));
    let evidence = told.fold(manifest.durable.max(manifest.sealed_end().previous()), Position::max);
    let mut next = manifest.sealed_end();
    for (index, segment) in segments.iter().enumerate() {
        let begun = segments[index + 1..].iter().find(|later| !matches!(later.header, Header::Blank));
        let until = match begun {
            Some(later) => later.start,
            None => Some(evidence.next()),
        };
        let last = until.map_or(evidence, Position::previous).min(evidence);
        let mut judge = Judge { segment, next, last, ends: until.is_some(), batch: Batch::default(), found };
        judge.segment(manifest, begun.is_some());
        next = judge.next;
    }
    if let Some(last) = segments.last().filter(|_| next <= evidence) {
        found.missing(&last.name, None, next, evidence);
    }
}

/// Where frames end at the latest; see the recovery of the log.
fn limit(manifest: &Manifest) -> u64 {
    manifest.segment_bytes.max((SEGMENT_HEADER_BYTES + BATCH_BYTES_MAX) as u64)
}

/// The first walk.
fn look(disk: &dyn Disk, manifest: &Manifest, entry: &OpenSegment, found: &mut Verification) -> Surveyed {
    let (name, binding) = (names::segment(entry.id), entry.binding(&manifest.store_id));
    let mut segment = Surveyed {
        name,
        binding,
        file: file::open(disk, &names::segment(entry.id), found),
        header: Header::Wrong(String::new(), 0),
        start: None,
        durable: Position::ZERO,
    };
    let Some(file) = segment.file.clone() else { return segment };
    let Some(mut window) = file::window(&*file, &segment.name, found) else {
        segment.file = None;
        return segment;
    };
    let (mut first, mut durable, mut blank) = (None, Position::ZERO, true);
    let mut take = |header: &FrameHeader| {
        first.get_or_insert(header.first_position);
        durable = durable.max(header.durable);
    };
    let walked = scan_window(&mut window, limit(manifest), binding, |step| match step {
        Step::Frame { header, .. } | Step::Damaged { header: Some(header), .. } => {
            blank = false;
            take(&header);
        }
        Step::Record { .. } | Step::Damaged { .. } => blank = false,
        Step::Blank { .. } => {}
    });
    debug_assert!(walked.is_ok(), "the window is tolerant");
    (segment.start, segment.durable) = (first, durable);
    let bytes = file::bytes(&mut window, 0, SEGMENT_HEADER_BYTES);
    let zeros = bytes.iter().all(|byte| *byte == 0);
    segment.header = match bytes.first_chunk().map(SegmentHeader::decode) {
        Some(Ok(header)) if header.binding() == binding && header.segment_id == entry.id => {
            segment.start = Some(header.first_position);
            Header::Sound
        }
        _ if blank && zeros && window.unreadable().is_none() => Header::Blank,
        Some(Ok(_)) => Header::Wrong("segment header of another store or segment".into(), 0),
        Some(Err(FormatError::Damaged(damage))) => {
            let corruption = damage.in_file(segment.name.as_str());
            Header::Wrong(format!("{}{}", corruption.what, corruption.numbers()), corruption.offset)
        }
        Some(Err(error)) => Header::Wrong(format!("segment header: {error}"), 0),
        None => Header::Wrong("no room for a segment header".into(), 0),
    };
    file::unreadable(&window, &segment.name, found);
    segment
}

/// The second walk, over one segment.
struct Judge<'s> {
    segment: &'s Surveyed,
    /// The position that comes next.
    next: Position,
    /// The last position that was durable and must be here.
    last: Position,
    /// Whether `last` is known to be in this segment. Otherwise that and the end of this one may be in the next.
    ends: bool,
    batch: Batch,
    found: &'s mut Verification,
}

/// The sound records of the frame under way.
#[derive(Default)]
struct Batch {
    events: u64,
    lost: u64,
}

impl Judge<'_> {
    fn segment(&mut self, manifest: &Manifest, has_successor: bool) {
        let name = self.segment.name.as_str();
        match &self.segment.header {
            Header::Blank => return,
            Header::Sound if self.segment.start == Some(self.next) => {}
            Header::Sound => {
                let first = self.segment.start.unwrap_or_default();
                let what =
                    format!("segment header of another place: position {first} instead of {}", self.next);
                self.found.finding(name, Some(0), what);
            }
            Header::Wrong(..) if self.segment.file.is_none() => {}
            Header::Wrong(what, offset) => {
                let held = self.segment.start.is_some_and(|start| start <= self.last);
                if !held && !has_successor && self.next > self.last {
                    self.found.notes.push(format!("{name}: begun and not used, normal after a crash"));
                    return;
                }
                self.found.finding(name, Some(*offset), what.as_str());
            }
        }
        if let Some(file) = &self.segment.file
            && let Some(mut window) = file::window(&**file, name, self.found)
        {
            self.found.segments += 1;
            self.walk(&mut window, limit(manifest));
        }
        if self.ends && self.next <= self.last {
            self.skip_to(None, self.last.next());
        }
    }

    fn walk(&mut self, window: &mut Window<'_>, limit: u64) {
        let mut over = false;
        let walked = scan_window(window, limit, self.segment.binding, |step| {
            if over {
                return;
            }
            over = match step {
                Step::Record { event, .. } => {
                    self.batch.take(&event);
                    false
                }
                Step::Frame { offset, header } => {
                    self.frame(offset, &header, header.check_place(false, offset).err().as_ref())
                }
                Step::Damaged { damage, header: Some(header), .. } => {
                    self.frame(damage.offset, &header, Some(&damage))
                }
                Step::Damaged { damage, header: None, next } => self.no_frame(&damage, next.is_some()),
                Step::Blank { offset } => {
                    if self.ends && self.next <= self.last {
                        self.found.finding(&self.segment.name, Some(offset), "zeros where frames were");
                    }
                    true
                }
            }
        });
        debug_assert!(walked.is_ok(), "the window is tolerant");
    }

    /// A frame whose header is sound, and perhaps the rest. Says whether the log ends before it.
    fn frame(&mut self, offset: u64, header: &FrameHeader, damage: Option<&Damage>) -> bool {
        let batch = std::mem::take(&mut self.batch);
        let first = header.first_position;
        if first > self.next {
            if self.next > self.last {
                return self.torn(damage, offset);
            }
            self.skip_to(Some(offset), first.min(self.last.next()));
            if first > self.next {
                return self.torn(damage, offset);
            }
        }
        if first < self.next {
            // A frame without records holds no position.
            if header.record_count > 0 && first <= self.last {
                let what = format!("position {first} stands here again");
                self.found.finding(&self.segment.name, Some(offset), what);
            }
            return false;
        }
        match damage {
            Some(_) if first > self.last => return self.torn(damage, offset),
            Some(damage) => {
                self.found.corrupt(damage.clone().in_file(self.segment.name.as_str()));
                self.count(&batch);
                let end = header.last_position().min(self.last).next();
                if self.next < end {
                    self.skip_to(Some(damage.offset), end);
                }
            }
            None => self.count(&batch),
        }
        false
    }

    /// Bytes that are no frame at all. Says whether the log ends before them.
    fn no_frame(&mut self, damage: &Damage, goes_on: bool) -> bool {
        if self.next > self.last {
            return self.torn(Some(damage), damage.offset);
        }
        // They may be the footer that was being written, where the next segment cannot say where it begins.
        if self.ends || goes_on {
            self.found.corrupt(damage.clone().in_file(self.segment.name.as_str()));
        }
        false
    }

    fn torn(&mut self, damage: Option<&Damage>, offset: u64) -> bool {
        let name = &self.segment.name;
        let what = match damage {
            Some(damage) => format!("{name}: torn tail, normal after a crash ({damage})"),
            None => {
                format!("{name}: torn tail, normal after a crash (a frame behind a gap at offset {offset})")
            }
        };
        self.found.notes.push(what);
        true
    }

    fn count(&mut self, batch: &Batch) {
        self.found.events += batch.events;
        self.found.lost += batch.lost;
        let all = batch.events + batch.lost;
        if all > 0 {
            self.next = self.next.plus(all);
            self.found.last_position = self.next.previous();
        }
    }

    fn skip_to(&mut self, offset: Option<u64>, next: Position) {
        self.found.missing(&self.segment.name, offset, self.next, next.previous());
        self.next = next;
    }
}

impl Batch {
    fn take(&mut self, event: &EventRef<'_>) {
        if event.is_lost() {
            self.lost += 1;
        } else {
            self.events += 1;
        }
    }
}
