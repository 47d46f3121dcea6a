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

mod decide;
mod open_file;
mod repair;
mod walk;

use crate::error::LogError;
use crate::output::Output;
use crate::prepare::PreparedSegment;
use crate::segment::Segment;
use annals_format::{CleanMark, Damage, OpenSegment, StoreId};
use annals_types::planted::{Bug, planted};
use annals_types::{EventRef, Position, Timestamp};
use annals_vfs::Disk;
use decide::recover_one;
use open_file::OpenFile;
use repair::Repairs;
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
    /// What the disk is left with when space is laid out.
    pub room_left: u64,
    /// Where the log ended when it was last closed in good order, if nobody has opened it for writing since.
    pub clean: Option<CleanMark>,
    /// Where the log ends whatever lies behind, if somebody else knows that: in a backup there may be frames of one that was
    /// begun later and did not come to its end.
    pub cut: Option<CleanMark>,
    /// Whether the log will be written around the system's cache where it can be, in [`Mode::Repair`].
    pub direct: bool,
}

/// What recovery found.
#[derive(Debug)]
pub struct Recovered {
    /// Segments with frames, in order; the last one is the active one.
    pub segments: Vec<Arc<Segment>>,
    /// Where the frames of each of them end.
    pub frames_ends: Vec<u64>,
    /// How the active segment is written, and its capacity, in [`Mode::Repair`].
    pub(crate) active: Option<(Output, u64)>,
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

impl Recovered {
    /// Gives back the space that was laid out, for what needs it more: what is appended first lays out what there is room for by then.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_back(&mut self) -> Result<(), LogError> {
        for prepared in &mut self.prepared {
            let _ = prepared.give_back()?;
        }
        if let (Some((output, capacity)), Some(end)) = (&mut self.active, self.frames_ends.last()) {
            let shrunk = output.shrink(*end, *capacity);
            *capacity = shrunk.map_err(LogError::io("cut the last segment"))?;
        }
        Ok(())
    }
}

/// What gets the events of sound frames, in order, some at a time, before anything is changed. An error of its own ends
/// recovery.
pub type Visit<'v> = dyn FnMut(&Arc<Segment>, &[EventRef<'_>]) -> Result<(), LogError> + 'v;

/// Looks at the open segments and decides; `visit` gets the events of every sound frame, in order.
///
/// Doing it again gives the same result, also after a crash in the middle: nothing is changed but bytes that
/// were decided to be no part of the log, and the tail, which is written again with the bytes it has.
///
/// # Errors
/// Cases R3, R4, R7 and R8 as [`LogError::Corrupt`]; what `visit` refuses; what the system says otherwise.
pub fn recover(
    disk: &dyn Disk,
    mode: Mode,
    input: &RecoveryInput<'_>,
    visit: &mut Visit<'_>,
) -> Result<Recovered, LogError> {
    let mut files = Vec::new();
    for entry in input.open {
        files.push(OpenFile::open(disk, mode, *entry, input.store_id)?);
    }
    let ignored = planted(Bug::EvidenceInManifestIgnored);
    let told = if ignored { Position::ZERO } else { input.durable };
    let mut state = Recovered {
        segments: Vec::new(),
        frames_ends: Vec::new(),
        active: None,
        prepared: Vec::new(),
        next: input.next,
        durable: told.max(input.next.previous()),
        last_recorded: input.last_recorded,
        findings: Vec::new(),
    };
    let mut repairs = Repairs::default();
    for (index, file) in files.iter().enumerate() {
        // If the next one that was begun has lost its header, it is that one's damage and none of this file.
        let next = files[index + 1..].iter().find(|file| !file.blank);
        let next_start = next.and_then(|file| file.header.as_ref().ok()).map(|header| header.first_position);
        recover_one(input, file, next_start, &mut state, &mut repairs, visit)?;
    }
    if mode != Mode::Observe {
        repairs.carry_out(disk, mode, input, &mut state)?;
    }
    Ok(state)
}
