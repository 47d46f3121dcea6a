//! What goes into a plan, and what comes out.

use annals_types::Position;
use std::ops::Range;

/// What is known of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFigures {
    /// Its number.
    pub segment_id: u64,
    /// The position of its first event.
    pub first_position: Position,
    /// The position of its last event; before the first if it has none.
    pub last_position: Position,
    /// Whether it is sealed. Others are never planned for.
    pub sealed: bool,
    /// Whether it was looked at what may go of it. Where it was not, it stays as it is.
    pub surveyed: bool,
    /// How many events it has.
    pub events: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// How many of the events may go.
    pub going_events: u64,
    /// How many bytes their records take.
    pub going_bytes: u64,
}

impl SegmentFigures {
    /// Bytes that are left when everything has gone that may go.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.bytes.saturating_sub(self.going_bytes)
    }
}

/// Why a segment is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// Nothing of it may go.
    NothingGoes,
    /// It is not sealed yet.
    NotSealed,
    /// Nobody has looked what may go of it.
    NotSurveyed,
    /// Less of it would go than is worth rewriting it.
    TooLittle,
    /// A guard holds it: somebody has not come past it.
    Guard(String),
}

/// What is to be done with a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It stays as it is.
    Keep(Kept),
    /// All of its events go, and so does the file.
    Drop,
    /// It is written anew without the events that go.
    Rewrite,
    /// It and its neighbours become one segment: those that the range names, by their place in the plan. What may go of
    /// them goes.
    Merge(Range<usize>),
}

/// A segment and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSegment {
    /// What is known of it.
    pub figures: SegmentFigures,
    /// What is to be done.
    pub action: Action,
}

impl PlannedSegment {
    /// How many events go, and how many bytes that is about.
    #[must_use]
    pub fn goes(&self) -> (u64, u64) {
        match self.action {
            Action::Keep(_) => (0, 0),
            Action::Drop => (self.figures.going_events, self.figures.bytes),
            Action::Rewrite | Action::Merge(_) => (self.figures.going_events, self.figures.going_bytes),
        }
    }
}

/// What is to be done with all segments, in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Each segment once.
    pub segments: Vec<PlannedSegment>,
}

impl Plan {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.iter().all(|segment| matches!(segment.action, Action::Keep(_)))
    }

    /// How many events go by it, and how many bytes that is about.
    #[must_use]
    pub fn goes(&self) -> (u64, u64) {
        self.segments.iter().map(PlannedSegment::goes).fold((0, 0), |(events, bytes), (more, length)| {
            (events.saturating_add(more), bytes.saturating_add(length))
        })
    }

    /// How many bytes are read to carry it out, which is what it costs: of the segments that are written anew.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        let read = |segment: &&PlannedSegment| matches!(segment.action, Action::Rewrite | Action::Merge(_));
        self.segments.iter().filter(read).map(|segment| segment.figures.bytes).fold(0, u64::saturating_add)
    }

    /// The guards that hold segments of which something may go, each once.
    #[must_use]
    pub fn guards(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.figures.going_events > 0) {
            if let Action::Keep(Kept::Guard(name)) = &segment.action
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }
}
