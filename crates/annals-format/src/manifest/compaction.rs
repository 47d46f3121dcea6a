//! What the manifest says of what compaction removed and erased.
//!
//! It is in the manifest because it has to become true at the same moment as the files that are without it. The ledger, which
//! is in the log, gets it afterwards, and the manifest keeps it until then.

use crate::damage::Damage;
use crate::wire::Reader;
use annals_types::{Position, Timestamp};

/// The reasons for which events are removed, in the order in which they are counted.
pub const REASONS: [&str; 7] =
    ["truncated", "max_count", "max_age", "max_bytes", "deleted", "tombstoned", "other"];

/// Words of an entry.
pub(super) const WORDS: usize = 9 + REASONS.len() + 3;

/// What was removed by all compactions together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// How many events.
    pub events: u64,
    /// The highest position of them. Behind it the log is whole.
    pub through: Position,
    /// The number of the last compaction, counted from 1.
    pub compaction: u64,
}

/// One compaction: what one manifest put in the place of what the one before it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionEntry {
    /// Its number, counted from 1.
    pub number: u64,
    /// When its manifest was made.
    pub at: Timestamp,
    /// The lowest position that was removed.
    pub first: Position,
    /// The highest position that was removed.
    pub last: Position,
    /// Bytes of the segments that it took away.
    pub bytes_before: u64,
    /// Bytes of the segments that it put in their place.
    pub bytes_after: u64,
    /// Segments of which nothing is left.
    pub dropped: u64,
    /// Segments that were written anew.
    pub rewritten: u64,
    /// Segments that became part of another one.
    pub merged: u64,
    /// How many events went, for each of [`REASONS`].
    pub events: [u64; REASONS.len()],
    /// Of what payloads were erased.
    pub erased: ErasedRange,
}

/// How many payloads one compaction erased, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedRange {
    /// How many.
    pub events: u64,
    /// The lowest position of their events; 0 if there are none.
    pub first: Position,
    /// The highest one; 0 if there are none.
    pub last: Position,
}

/// Requests to erase payloads. They are events of a system stream, numbered by their versions; those behind the last one that is
/// finished are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasures {
    /// The number of the last request that may be in the log. It is noted before the request is written.
    pub requested: u64,
    /// All up to this one are finished.
    pub finished: u64,
}

impl ErasedRange {
    /// Of nothing.
    pub const NONE: ErasedRange = ErasedRange { events: 0, first: Position::ZERO, last: Position::ZERO };

    /// Whether there can be such a range.
    pub(super) fn is_plausible(&self) -> bool {
        if self.events == 0 {
            return *self == Self::NONE;
        }
        Position::FIRST <= self.first && self.first <= self.last && self.last <= Position::MAX
    }
}

/// So many requests to erase can be under way.
pub const ERASURES_UNDER_WAY_MAX: u64 = 256;

impl Erasures {
    /// How many are under way.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.requested.saturating_sub(self.finished)
    }

    pub(super) fn is_plausible(&self) -> bool {
        self.finished <= self.requested && self.under_way() <= ERASURES_UNDER_WAY_MAX
    }

    pub(super) fn encode(&self, out: &mut Vec<u64>) {
        out.extend([self.requested, self.finished]);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        Ok(Erasures {
            requested: reader.u64("requested erasures")?,
            finished: reader.u64("finished erasures")?,
        })
    }
}

impl Removed {
    pub(super) fn encode(&self, out: &mut Vec<u64>) {
        out.extend([self.events, self.through.get(), self.compaction]);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        Ok(Removed {
            events: reader.u64("removed events")?,
            through: Position::new(reader.u64("highest removed position")?),
            compaction: reader.u64("number of compactions")?,
        })
    }
}

impl CompactionEntry {
    /// How many events went, for whatever reason.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events.iter().fold(0, |sum, events| sum.saturating_add(*events))
    }

    pub(super) fn encode(&self, out: &mut Vec<u64>) {
        out.extend([self.number, self.at.as_nanos().cast_unsigned(), self.first.get(), self.last.get()]);
        out.extend([self.bytes_before, self.bytes_after, self.dropped, self.rewritten, self.merged]);
        out.extend(self.events);
        out.extend([self.erased.events, self.erased.first.get(), self.erased.last.get()]);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        let mut entry = CompactionEntry {
            number: reader.u64("compaction")?,
            at: Timestamp::from_nanos(reader.i64("time")?),
            first: Position::new(reader.u64("first removed position")?),
            last: Position::new(reader.u64("last removed position")?),
            bytes_before: reader.u64("bytes before")?,
            bytes_after: reader.u64("bytes after")?,
            dropped: reader.u64("dropped segments")?,
            rewritten: reader.u64("rewritten segments")?,
            merged: reader.u64("merged segments")?,
            events: [0; REASONS.len()],
            erased: ErasedRange::NONE,
        };
        for events in &mut entry.events {
            *events = reader.u64("removed events")?;
        }
        entry.erased = ErasedRange {
            events: reader.u64("erased events")?,
            first: Position::new(reader.u64("first erased position")?),
            last: Position::new(reader.u64("last erased position")?),
        };
        Ok(entry)
    }
}
