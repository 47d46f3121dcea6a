//! What the manifest says of segments.

use crate::binding::{Binding, StoreId};
use crate::damage::Damage;
use crate::footer::TimeRange;
use crate::names;
use crate::wire::Reader;
use annals_types::{Position, Timestamp};

/// More positions than a segment covers, so that sums of them do not overflow.
const SPAN_MAX: u64 = u32::MAX as u64;

/// More often than that no segment was rewritten; so counting on cannot overflow.
const EDITION_MAX: u64 = 1 << 62;

/// A segment that will not change any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its number.
    pub id: u64,
    /// Its salt.
    pub salt: u64,
    /// The first position that it covers; unless it was rewritten, that of its first event.
    pub first_position: Position,
    /// How many events it has.
    pub count: u64,
    /// Where its frames end.
    pub frames_end: u64,
    /// Length of the file.
    pub length: u64,
    /// Range of recorded_at.
    pub recorded: TimeRange,
    /// Range of occurred_at.
    pub occurred: TimeRange,
    /// Whether compaction has rewritten it, and then what that left of it.
    pub rewritten: Option<Rewritten>,
}

/// What sets a segment apart that compaction has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// How often a file with this number was written anew: 1 for the first time.
    pub edition: u64,
    /// How many positions the segment covers, whether or not their events are still there.
    pub positions: u64,
    /// The number of the compaction that wrote it.
    pub compaction: u64,
}

impl SealedSegment {
    /// The seed of the segment's checksums.
    #[must_use]
    pub fn binding(&self, store_id: &StoreId) -> Binding {
        Binding::new(store_id, self.id, self.salt)
    }

    /// Its file, relative to the store's directory.
    #[must_use]
    pub fn path(&self) -> String {
        names::edition(self.id, self.edition())
    }

    /// How often it was rewritten.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.rewritten.map_or(0, |rewritten| rewritten.edition)
    }

    /// How many positions it covers; as many as it has events, unless some were removed.
    #[must_use]
    pub fn positions(&self) -> u64 {
        self.rewritten.map_or(self.count, |rewritten| rewritten.positions)
    }

    /// The last position that it covers; unless it was rewritten, that of its last event.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position.plus(self.positions()).previous()
    }

    /// Whether its numbers are ones that a segment can have.
    pub(super) fn is_plausible(&self) -> bool {
        let edition = self.rewritten.is_none_or(|rewritten| (1..=EDITION_MAX).contains(&rewritten.edition));
        self.count > 0 && self.count <= self.positions() && self.positions() <= SPAN_MAX && edition
    }

    pub(super) fn encode(&self, out: &mut Vec<u64>) {
        out.extend([self.id, self.salt, self.first_position.get(), self.count]);
        out.extend([self.frames_end, self.length]);
        for range in [self.recorded, self.occurred] {
            out.extend([range.min, range.max].map(|time| time.as_nanos().cast_unsigned()));
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        Ok(SealedSegment {
            id: reader.u64("segment")?,
            salt: reader.u64("salt")?,
            first_position: Position::new(reader.u64("first position")?),
            count: reader.u64("event count")?,
            frames_end: reader.u64("end of frames")?,
            length: reader.u64("segment length")?,
            recorded: time_range(reader)?,
            occurred: time_range(reader)?,
            rewritten: None,
        })
    }
}

impl Rewritten {
    pub(super) fn encode(&self, out: &mut Vec<u64>) {
        out.extend([self.edition, self.positions, self.compaction]);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        Ok(Rewritten {
            edition: reader.u64("edition")?,
            positions: reader.u64("positions")?,
            compaction: reader.u64("compaction")?,
        })
    }
}

fn time_range(reader: &mut Reader<'_>) -> Result<TimeRange, Damage> {
    let min = Timestamp::from_nanos(reader.i64("time")?);
    Ok(TimeRange { min, max: Timestamp::from_nanos(reader.i64("time")?) })
}

/// A segment that is being written, waits for its footer, or waits to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSegment {
    /// Its number.
    pub id: u64,
    /// Its salt.
    pub salt: u64,
}

impl OpenSegment {
    /// The seed of the segment's checksums.
    #[must_use]
    pub fn binding(&self, store_id: &StoreId) -> Binding {
        Binding::new(store_id, self.id, self.salt)
    }
}
