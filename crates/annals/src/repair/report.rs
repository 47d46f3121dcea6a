//! What a repair did, for people and for scripts.

use annals_types::Position;

/// What [`repair`](crate::repair) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Events that the new store has, all of them at their old positions.
    pub events: u64,
    /// Stretches of positions whose events could not be kept, in order. The new store keeps these positions free.
    pub lost: Vec<LostRange>,
    /// How many positions that is.
    pub lost_positions: u64,
    /// Positions that had been lost before: an earlier repair has kept them free, and so does this one.
    pub lost_before: u64,
    /// How many positions have no event because compaction had removed it, as the files prove.
    pub removed_positions: u64,
    /// Stretches of positions of which nothing tells whether compaction had removed their events or they were lost. The new store
    /// says of them that they were removed.
    pub uncertain: Vec<LostRange>,
    /// How many positions that is.
    pub uncertain_positions: u64,
    /// Streams whose lost events are known to be theirs have kept their versions. Of this many lost positions it is not
    /// known which streams they belonged to: versions of streams may have ended higher than they do now, and are then
    /// given out again.
    pub unassigned: u64,
    /// Snapshots that the new store has: all that are sound and were taken behind an event that was kept, or of which nothing but the
    /// snapshot is left.
    pub snapshots: u64,
    /// Snapshots that are sound and were left out: they are of events that the new store does not have, because these were lost at
    /// the end of their stream or belong to another history.
    pub snapshots_left_out: u64,
    /// The last position of the new store.
    pub last_position: Position,
    /// Unfinished bytes at the end of the log, normal after a crash: they were never acknowledged, and are left out.
    pub torn_tail: Option<TornBytes>,
    /// What else is worth knowing: files that were not used, a manifest that had to be made from the segments.
    pub notes: Vec<String>,
}

/// A stretch of positions whose events could not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// The first position.
    pub first: Position,
    /// The last position.
    pub last: Position,
    /// The file in which the events were or should have been, relative to the original's directory.
    pub file: String,
    /// Where the damage begins there.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
    /// Streams to which events of the stretch belonged, in the order of their names; the first hundred of them.
    pub streams: Vec<String>,
    /// Of how many of the positions the stream is not known.
    pub unassigned: u64,
}

/// Bytes behind the last whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornBytes {
    /// The segment's file, relative to the original's directory.
    pub file: String,
    /// Where they begin.
    pub offset: u64,
    /// What is wrong with the first of them.
    pub what: String,
}

/// How far a repair has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairProgress {
    /// What is done, in bytes.
    pub bytes_done: u64,
    /// What is to be done in all: the log is read to find what is lost, read again to be copied, snapshots are copied, and the copy
    /// is verified.
    pub bytes_total: u64,
}

/// Most names of streams that are listed for a stretch.
pub(super) const STREAMS_MAX: usize = 100;

impl RepairReport {
    /// Adds a position that is lost to the last stretch, or begins another one.
    pub(super) fn lose(&mut self, position: Position, cause: &Cause, stream: Option<&str>) {
        self.lost_positions += 1;
        let goes_on = self.lost.last().is_some_and(|range| {
            range.last.next() == position
                && (range.offset, &range.file, &range.what) == (cause.offset, &cause.file, &cause.what)
        });
        if !goes_on {
            self.lost.push(LostRange {
                first: position,
                last: position,
                file: cause.file.clone(),
                offset: cause.offset,
                what: cause.what.clone(),
                streams: Vec::new(),
                unassigned: 0,
            });
        }
        let Some(range) = self.lost.last_mut() else { return };
        range.last = position;
        match stream {
            None => {
                range.unassigned += 1;
                self.unassigned += 1;
            }
            Some(stream) => {
                if let Err(at) = range.streams.binary_search_by(|known| known.as_str().cmp(stream)) {
                    range.streams.insert(at, stream.into());
                    range.streams.truncate(STREAMS_MAX);
                }
            }
        }
    }
}

impl RepairReport {
    /// Adds positions that were removed or lost.
    pub(super) fn leave(&mut self, first: Position, last: Position, cause: &Cause) {
        let positions = last.next().events_since(first);
        self.uncertain_positions += positions;
        if let Some(range) = self.uncertain.last_mut()
            && (range.last.next(), &range.file, range.offset, &range.what)
                == (first, &cause.file, cause.offset, &cause.what)
        {
            range.last = last;
            range.unassigned += positions;
            return;
        }
        self.uncertain.push(LostRange {
            first,
            last,
            file: cause.file.clone(),
            offset: cause.offset,
            what: cause.what.clone(),
            streams: Vec::new(),
            unassigned: positions,
        });
    }
}

impl RepairReport {
    /// Counts a position as lost that ends a stretch of those that were removed or lost.
    pub(super) fn take_for_lost(&mut self, position: Position) {
        let Some(range) = self.uncertain.iter_mut().find(|range| range.last == position) else {
            // It was removed. The record that holds its place says something else, as nothing else can be written there.
            self.notes.push(format!("position {position} was removed, and counts as lost in the new store"));
            return;
        };
        let cause = Cause { file: range.file.clone(), offset: range.offset, what: range.what.clone() };
        range.last = position.previous();
        range.unassigned -= 1;
        self.uncertain_positions -= 1;
        self.uncertain.retain(|range| range.first <= range.last);
        self.lose(position, &cause, None);
    }
}

/// Where something is wrong in the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) what: String,
}
