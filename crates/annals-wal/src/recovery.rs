//! What opening finds in the segments that have no footer yet.
//!
//! Sealed segments are not looked at. The open ones are, in order; each is one of these cases, which
//! `docs/durability.md` explains and the tests name:
//!
//! | label | found | decided |
//! |---|---|---|
//! | R1 unused | nothing but zeros, and no position is missing that it would have held | kept for later |
//! | R2 false start | no sound header, and nothing says that anything in it was durable | wiped, kept for later |
//! | R3 lost start | no sound header, but something in it or behind it was durable | corruption |
//! | R4 wrong start | a sound header of another store, segment or position | corruption |
//! | R5 whole | sound frames, then zeros or the beginning of the next segment | taken |
//! | R6 torn tail | sound frames, then bytes that are none, and nothing says that more was durable | cut |
//! | R7 damage | the same, but something says that more was durable | corruption |
//! | R8 missing | the manifest names a file that is not there | corruption |
//!
//! What "says that more was durable": the durable position in the manifest; the durable position in any
//! sound frame behind the place; a sound header of a later segment (a segment is begun only after the one
//! before it is durable). A sound frame behind a bad one is by itself no evidence: two writes that were
//! never acknowledged may reach the disk in either order.
//!
//! Everything is decided before anything is changed: a log that is refused stays as it was.

use crate::error::LogError;
use crate::prepare::PreparedSegment;
use crate::segment::Segment;
use crate::window::Window;
use annals_format::{
    Binding, CleanMark, Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FormatError, FrameFault, FrameHeader,
    OpenSegment, SEGMENT_HEADER_BYTES, SegmentHeader, StoreId, check_frame, names,
};
use annals_types::{EventRef, Position, Timestamp};
use annals_vfs::{Access, Disk, File, write_all_at};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Whether recovery may change files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The caller holds the lock of the store and is going to write: cut what is torn, write the tail again and
    /// sync it, and lay out space for more.
    Repair,
    /// The caller holds the lock of the store and is only going to read: the same, but no space is laid out.
    Mend,
    /// Look only.
    Observe,
}

/// The label of a case; see the table at the head of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// R1.
    Unused,
    /// R2.
    FalseStart,
    /// R5.
    Whole,
    /// R6.
    TornTail,
}

/// What was found in one open segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The segment's number.
    pub segment_id: u64,
    /// Which case it is.
    pub case: Case,
    /// Where its frames end.
    pub frames_end: u64,
    /// For a torn tail: what is wrong with the first bytes behind the last frame.
    pub torn: Option<Damage>,
}

/// What recovery has to know beforehand, from the manifest.
#[derive(Clone, Debug)]
pub struct RecoveryInput<'a> {
    /// The store.
    pub store_id: &'a StoreId,
    /// The open segments, in order.
    pub open: &'a [OpenSegment],
    /// The position behind the last sealed segment.
    pub next: Position,
    /// A position known to be durable.
    pub durable: Position,
    /// The recorded_at of the last sealed event.
    pub last_recorded: Timestamp,
    /// At which size a segment is full.
    pub segment_bytes: u64,
    /// Where the log ended when it was last closed in good order, if nobody has opened it for writing since.
    pub clean: Option<CleanMark>,
}

/// What recovery found.
#[derive(Debug)]
pub struct Recovered {
    /// Segments with frames, in order; the last one is the active one.
    pub segments: Vec<Arc<Segment>>,
    /// Where the frames of each of them end.
    pub frames_ends: Vec<u64>,
    /// The file and the capacity of the active segment, in [`Mode::Repair`].
    pub(crate) active: Option<(Arc<dyn File>, u64)>,
    /// Segments laid out and not used yet, in [`Mode::Repair`].
    pub prepared: Vec<PreparedSegment>,
    /// The position that comes next.
    pub next: Position,
    /// A position that is known to be durable. In [`Mode::Repair`] that is everything.
    pub durable: Position,
    /// The latest recorded_at.
    pub last_recorded: Timestamp,
    /// What was found, segment by segment.
    pub findings: Vec<Finding>,
}

/// Looks at the open segments and decides; `visit` gets every event of a sound frame, in order.
///
/// Doing it again gives the same result, also after a crash in the middle: nothing is changed but bytes that
/// were decided to be no part of the log, and the tail, which is written again with the bytes it has.
///
/// # Errors
/// Cases R3, R4, R7 and R8 as [`LogError::Corrupt`]; what the system says otherwise.
pub fn recover(
    disk: &dyn Disk,
    mode: Mode,
    input: &RecoveryInput<'_>,
    visit: &mut dyn FnMut(&Arc<Segment>, EventRef<'_>),
) -> Result<Recovered, LogError> {
    let mut files = Vec::new();
    for entry in input.open {
        files.push(OpenFile::open(disk, mode, *entry, input.store_id)?);
    }
    let mut state = Recovered {
        segments: Vec::new(),
        frames_ends: Vec::new(),
        active: None,
        prepared: Vec::new(),
        next: input.next,
        durable: input.durable.max(input.next.previous()),
        last_recorded: input.last_recorded,
        findings: Vec::new(),
    };
    let mut repairs = Repairs::default();
    for (index, file) in files.iter().enumerate() {
        let later = files[index + 1..].iter().filter_map(|file| file.header.as_ref().ok());
        let next_start = later.map(|header| header.first_position).min();
        recover_one(input, file, next_start, &mut state, &mut repairs, visit)?;
    }
    if mode != Mode::Observe {
        repairs.carry_out(mode, input, &mut state)?;
    }
    Ok(state)
}

/// What is to be changed once everything is decided.
#[derive(Default)]
struct Repairs<'f> {
    /// The last segment with frames, and how the walk over it ended.
    tail: Option<(&'f OpenFile, Walk)>,
    /// Segments to be used later, and whether they are blank already.
    unused: Vec<(&'f OpenFile, bool)>,
}

impl Repairs<'_> {
    fn carry_out(self, mode: Mode, input: &RecoveryInput<'_>, state: &mut Recovered) -> Result<(), LogError> {
        if let Some((file, walk)) = self.tail {
            let capacity = if mode == Mode::Repair { input.segment_bytes.max(walk.end) } else { walk.end };
            make_tail_durable(file, &walk, capacity)?;
            state.durable = state.next.previous();
            let mapping = file.file.map(capacity).map_err(file.failed("map"))?;
            if let Some(segment) = state.segments.last_mut() {
                let first_position = segment.first_position();
                let remapped = Segment::live(file.entry.id, file.binding, first_position, mapping);
                copy_offsets(segment, &remapped, state.next);
                *segment = Arc::new(remapped);
            }
            state.active = Some((Arc::clone(&file.file), capacity));
        }
        if mode != Mode::Repair {
            state.active = None;
            return Ok(());
        }
        for (file, blank) in self.unused {
            let length = file.file.length().map_err(file.failed("look at"))?;
            if !blank || length < input.segment_bytes {
                file.file.set_len(0).map_err(file.failed("wipe"))?;
                file.file.preallocate(input.segment_bytes).map_err(file.failed("lay out"))?;
                file.file.sync_data().map_err(file.failed("sync"))?;
            }
            let capacity = file.file.length().map_err(file.failed("look at"))?;
            state.prepared.push(PreparedSegment::new(file.entry, Arc::clone(&file.file), capacity)?);
        }
        Ok(())
    }
}

/// A file of an open segment, with what its header says.
struct OpenFile {
    entry: OpenSegment,
    name: String,
    binding: Binding,
    file: Arc<dyn File>,
    header: Result<SegmentHeader, FormatError>,
}

impl OpenFile {
    fn open(disk: &dyn Disk, mode: Mode, entry: OpenSegment, store_id: &StoreId) -> Result<Self, LogError> {
        let name = names::segment(entry.id);
        let access = if mode == Mode::Observe { Access::Read } else { Access::ReadWrite };
        let file = disk.open(&name, access).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                // R8: the file was durable before the manifest that names it.
                let damage = Damage::new(0, "segment file that is not there", 0u64, 1u64);
                return LogError::corrupt(&name, damage);
            }
            LogError::Io { what: format!("open {name}"), source: error }
        })?;
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        annals_vfs::read_up_to(&*file, &mut bytes, 0).map_err(LogError::io(format!("read {name}")))?;
        let header = SegmentHeader::decode(&bytes);
        if let Err(error @ FormatError::Newer { .. }) = header {
            return Err(LogError::format(&name, error));
        }
        Ok(OpenFile { entry, binding: entry.binding(store_id), name, file, header })
    }

    fn corrupt(&self, damage: Damage) -> LogError {
        LogError::corrupt(&self.name, damage)
    }

    fn window(&self) -> Result<Window<'_>, LogError> {
        Window::new(&*self.file).map_err(self.failed("look at"))
    }

    fn failed(&self, what: &str) -> impl FnOnce(io::Error) -> LogError + use<> {
        LogError::io(format!("{what} {}", self.name))
    }
}

fn recover_one<'f>(
    input: &RecoveryInput<'_>,
    file: &'f OpenFile,
    next_start: Option<Position>,
    state: &mut Recovered,
    repairs: &mut Repairs<'f>,
    visit: &mut dyn FnMut(&Arc<Segment>, EventRef<'_>),
) -> Result<(), LogError> {
    let header = match &file.header {
        Ok(header) => header,
        Err(error) => return recover_unbegun(file, next_start, state, repairs, error),
    };
    let expected = SegmentHeader {
        store_id: *input.store_id,
        segment_id: file.entry.id,
        first_position: state.next,
        salt: file.entry.salt,
    };
    if *header != expected {
        // R4. A hole before the segment is damage of the one before it, which was looked at by then.
        let (found, wanted) = (header.first_position.get(), state.next.get());
        return Err(file.corrupt(Damage::new(0, "segment header of another place", found, wanted)));
    }
    let length = file.file.length().map_err(file.failed("look at"))?;
    let capacity = length.max(SEGMENT_HEADER_BYTES as u64);
    let mapping = file.file.map(capacity.min(length)).map_err(file.failed("map"))?;
    let segment = Arc::new(Segment::live(file.entry.id, file.binding, state.next, mapping));
    let walk = walk_frames(input, file, &segment, state, visit)?;

    // What lies behind the last frame of a segment that has a successor may be its unfinished footer.
    let complete = next_start == Some(state.next);
    let evidence = state.durable.max(walk.durable_behind);
    let evidence = next_start.map_or(evidence, |start| evidence.max(start.previous()));
    if !complete && evidence >= state.next {
        // R7, and also a log that ends in zeros although more was durable.
        let mut corruption = walk.damage.in_file(file.name.as_str());
        corruption.what = format!(
            "{} (positions {} to {evidence} were acknowledged and cannot be read here)",
            corruption.what, state.next
        );
        return Err(LogError::Corrupt(corruption));
    }
    let torn = (walk.rubbish && !complete).then_some(walk.damage.clone());
    let case = if torn.is_some() { Case::TornTail } else { Case::Whole };
    state.segments.push(segment);
    state.frames_ends.push(walk.end);
    state.findings.push(Finding { segment_id: file.entry.id, case, frames_end: walk.end, torn });
    if !complete {
        repairs.tail = Some((file, walk));
    }
    Ok(())
}

/// Cases R1, R2 and R3: a segment without a sound header.
fn recover_unbegun<'f>(
    file: &'f OpenFile,
    next_start: Option<Position>,
    state: &mut Recovered,
    repairs: &mut Repairs<'f>,
    error: &FormatError,
) -> Result<(), LogError> {
    let mut window = file.window()?;
    let (durable_behind, blank) = search(&mut window, 0, file.binding).map_err(file.failed("read"))?;
    let evidence = state.durable.max(durable_behind);
    let evidence = next_start.map_or(evidence, |start| evidence.max(start.previous()));
    if evidence >= state.next || (next_start.is_some() && !blank) {
        let damage = match error {
            FormatError::Damaged(damage) => damage.clone(),
            _ => {
                Damage::new(0, "segment header, though its events were acknowledged", 0u64, state.next.get())
            }
        };
        return Err(file.corrupt(damage));
    }
    let case = if blank { Case::Unused } else { Case::FalseStart };
    if next_start.is_none() {
        repairs.unused.push((file, blank));
    }
    // Otherwise it was passed over (it could not be made large enough for a batch, say). It is not used any
    // more: segments are begun in the order of the list.
    state.findings.push(Finding { segment_id: file.entry.id, case, frames_end: 0, torn: None });
    Ok(())
}

/// What a walk over the frames of a segment ended with.
struct Walk {
    /// Where the frames end.
    end: u64,
    /// The first frame that holds a position which is not known to be durable.
    unproven_from: Option<u64>,
    /// What is there instead of a frame. Blank space counts: it is wrong where more was durable.
    damage: Damage,
    /// Whether there is anything but zeros behind the end.
    rubbish: bool,
    /// The highest durable position that a sound frame behind the end tells of.
    durable_behind: Position,
}

fn walk_frames(
    input: &RecoveryInput<'_>,
    file: &OpenFile,
    segment: &Arc<Segment>,
    state: &mut Recovered,
    visit: &mut dyn FnMut(&Arc<Segment>, EventRef<'_>),
) -> Result<Walk, LogError> {
    let mut window = file.window()?;
    let mut end = SEGMENT_HEADER_BYTES as u64;
    // Frames whose last position is above what is proven so far; later frames may prove them.
    let mut unproven: VecDeque<(Position, u64)> = VecDeque::new();
    let damage = loop {
        if end >= window.file_length() {
            break Damage::new(end, "end of the file", end, end);
        }
        let mut wanted = FRAME_HEADER_BYTES;
        let result = loop {
            let bytes = window.at(end, wanted).map_err(file.failed("read"))?;
            let most = bytes.len();
            match check_next(bytes, file.binding, end, state.next) {
                Err(FrameFault::Short { needed })
                    // A file that became shorter meanwhile does not get longer by asking again.
                    if wanted as u64 <= most as u64
                        && needed > most as u64
                        && needed <= window.file_length() - end =>
                {
                    wanted = usize::try_from(needed).unwrap_or(usize::MAX);
                }
                result => break result,
            }
        };
        match result {
            Ok(header) => {
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                let bytes = window.at(end, length).map_err(file.failed("read"))?;
                take_frame(bytes, file.binding, end, segment, visit);
                state.next = header.last_position().next();
                state.durable = state.durable.max(header.durable);
                state.last_recorded = state.last_recorded.max(header.recorded_at);
                unproven.push_back((header.last_position(), end));
                while unproven.front().is_some_and(|(last, _)| *last <= state.durable) {
                    unproven.pop_front();
                }
                end += header.length;
            }
            Err(FrameFault::Blank) => break Damage::new(end, "frame, found zeros", 0u64, state.next.get()),
            Err(FrameFault::Short { needed }) => {
                break Damage::new(end, "room for a frame", window.file_length() - end, needed);
            }
            Err(FrameFault::Damaged(damage)) => break damage,
        }
    };
    // After a close in good order nothing was written behind the end, so there is nothing to look for.
    let closed_here = CleanMark { segment_id: file.entry.id, frames_end: end };
    let (durable_behind, blank) = if input.clean == Some(closed_here) {
        (Position::ZERO, true)
    } else {
        search(&mut window, end, file.binding).map_err(file.failed("read"))?
    };
    let unbegun = end == SEGMENT_HEADER_BYTES as u64;
    let unproven_from = if unbegun { Some(end) } else { unproven.front().map(|(_, offset)| *offset) };
    Ok(Walk { end, unproven_from, damage, rubbish: !blank, durable_behind })
}

/// A frame counts only if it is whole and holds the positions that come next.
fn check_next(
    bytes: &[u8],
    binding: Binding,
    offset: u64,
    next: Position,
) -> Result<FrameHeader, FrameFault> {
    let header = check_frame(bytes, binding, offset, |_, _| {})?;
    if header.first_position != next {
        let (found, expected) = (header.first_position.get(), next.get());
        return Err(FrameFault::Damaged(Damage::new(offset, "first position of a frame", found, expected)));
    }
    Ok(header)
}

fn take_frame(
    bytes: &[u8],
    binding: Binding,
    offset: u64,
    segment: &Arc<Segment>,
    visit: &mut dyn FnMut(&Arc<Segment>, EventRef<'_>),
) {
    let _ = check_frame(bytes, binding, offset, |within, event| {
        segment.set_offset(event.position, u32::try_from(offset + within as u64).unwrap_or(0));
        visit(segment, event);
    });
}

const ZEROS: [u8; 4096] = [0; 4096];

/// Looks at everything from `offset` on: the highest durable position told by a sound frame header, and
/// whether there are only zeros.
fn search(window: &mut Window<'_>, offset: u64, binding: Binding) -> io::Result<(Position, bool)> {
    let (mut at, mut durable, mut blank) = (offset, Position::ZERO, true);
    while at < window.file_length() {
        let bytes = window.at(at, FRAME_HEADER_BYTES)?;
        if bytes.is_empty() {
            break;
        }
        // Whole aligned slots of this window; a header that begins in its last bytes is looked at next time.
        let slots = (bytes.len() + 1).saturating_sub(FRAME_HEADER_BYTES).div_ceil(FRAME_ALIGNMENT).max(1);
        let mut slot = 0;
        while slot < slots {
            let rest = &bytes[slot * FRAME_ALIGNMENT..];
            if rest.starts_with(&ZEROS) {
                // Most of a segment's end was never written: a page at a time, by memory comparison. The
                // bytes of a header that begins in the zeros are looked at in the slots that follow.
                slot += ZEROS.len() / FRAME_ALIGNMENT;
                continue;
            }
            if rest.iter().take(FRAME_ALIGNMENT).any(|byte| *byte != 0) {
                blank = false;
                if let Ok(header) = FrameHeader::decode(rest, binding, 0) {
                    durable = durable.max(header.durable);
                }
            }
            slot += 1;
        }
        at += (slot * FRAME_ALIGNMENT) as u64;
    }
    Ok((durable, blank))
}

/// Cuts what is behind the last frame, writes again the frames that nothing proves to be on the disk (after
/// a failed sync the page cache shows bytes that the disk may not have), and syncs.
fn make_tail_durable(file: &OpenFile, walk: &Walk, capacity: u64) -> Result<(), LogError> {
    let length = file.file.length().map_err(file.failed("look at"))?;
    let mut changed = false;
    if walk.rubbish {
        file.file.set_len(walk.end).map_err(file.failed("cut"))?;
        changed = true;
    }
    if changed || length < capacity {
        file.file.preallocate(capacity).map_err(file.failed("lay out"))?;
        changed = true;
    }
    if let Some(from) = walk.unproven_from {
        // The segment's header went out with its first frame.
        let from = if from == SEGMENT_HEADER_BYTES as u64 { 0 } else { from };
        let mut window = file.window()?;
        let mut at = from;
        while at < walk.end {
            let left = usize::try_from(walk.end - at).unwrap_or(usize::MAX);
            let bytes = window.at(at, left.min(1 << 20)).map_err(file.failed("read"))?;
            let bytes = &bytes[..bytes.len().min(left)];
            if bytes.is_empty() {
                break;
            }
            let taken = bytes.len() as u64;
            write_all_at(&*file.file, &mut [IoSlice::new(bytes)], at).map_err(file.failed("write again"))?;
            at += taken;
        }
        changed = true;
    }
    if changed {
        file.file.sync_data().map_err(file.failed("sync"))?;
    }
    Ok(())
}

fn copy_offsets(from: &Segment, to: &Segment, end: Position) {
    let mut position = from.first_position();
    while position < end {
        if let Ok(offset) = from.offset_of(position) {
            to.set_offset(position, offset);
        }
        position = position.next();
    }
}
