//! The state at a moment and the one just before it, folded from the nearest checkpoint, a bounded number of events at a time.

use super::super::model::EventRow;
use super::checkpoints::{Checkpoint, Checkpoints};
use super::outline::{CHUNK, Outline};
use super::versions;
use annals::{Clock, Document, EventRef, Timestamp, View};
use anyhow::Result;

/// How many chunks are folded at once.
const PIECE: usize = 16;

/// Which events make up the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All up to a version, of which the last one is the news.
    Version(u64),
    /// All that occurred by a time, of which those at that time are the news.
    Occurred(Timestamp),
}

impl Target {
    pub(super) fn of(clock: Clock, at: Option<&EventRow>) -> Self {
        match (clock, at) {
            (_, None) => Target::Version(0),
            (Clock::Recorded, Some(row)) => Target::Version(row.version),
            (Clock::Occurred, Some(row)) => Target::Occurred(row.occurred_at),
        }
    }

    /// Whether the event counts, and whether it did before the news.
    fn takes(self, event: &EventRef<'_>) -> (bool, bool) {
        match self {
            Target::Version(last) => (event.version.get() <= last, event.version.get() < last),
            Target::Occurred(time) => (event.occurred_at <= time, event.occurred_at < time),
        }
    }
}

/// A fold under way.
pub(super) struct Fold {
    target: Target,
    next: u64,
    before: Document,
    /// With the news; `None` as long as there are none, so that both are the same.
    at: Option<Document>,
    /// Whether all events so far are in `before`.
    is_prefix: bool,
    /// When the latest of all events so far occurred.
    latest: Timestamp,
}

impl Fold {
    pub(super) fn new(target: Target, checkpoints: &Checkpoints) -> Self {
        let start = checkpoints.nearest(|kept| match target {
            Target::Version(last) => kept.version < last,
            Target::Occurred(time) => kept.latest < time,
        });
        let (version, document) =
            start.map_or((0, Document::default()), |kept| (kept.version, kept.document.clone()));
        Fold {
            target,
            next: version + 1,
            before: document,
            at: None,
            is_prefix: true,
            latest: start.map_or(Timestamp::MIN, |kept| kept.latest),
        }
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    /// Folds some more events. Says whether that is all.
    pub(super) fn advance(
        &mut self,
        view: &View,
        stream: &str,
        outline: &Outline,
        checkpoints: &mut Checkpoints,
    ) -> Result<bool> {
        let end = self.end(outline);
        for _ in 0..PIECE {
            if self.next > end {
                return Ok(true);
            }
            let chunk_ends = self.next.div_ceil(CHUNK) * CHUNK;
            if self.may_have_any(outline) {
                for event in view.read_upcast(versions(view, stream, self.next, chunk_ends.min(end))?)? {
                    self.take(&event?.event())?;
                }
            } else {
                self.is_prefix = false;
            }
            self.next = chunk_ends + 1;
            if self.is_prefix && chunk_ends <= end {
                let (latest, document) = (self.latest, self.before.clone());
                checkpoints.keep(&Checkpoint { version: chunk_ends, latest, document });
            }
        }
        Ok(self.next > end)
    }

    fn take(&mut self, event: &EventRef<'_>) -> Result<()> {
        let (counts, counted_before) = self.target.takes(event);
        self.is_prefix &= counted_before;
        self.latest = self.latest.max(event.occurred_at);
        if counts && !counted_before && self.at.is_none() {
            self.at = Some(self.before.clone());
        }
        if counted_before {
            self.before.apply(event)?;
        }
        match &mut self.at {
            Some(at) if counts => Ok(at.apply(event)?),
            _ => Ok(()),
        }
    }

    /// Whether the next chunk has events that count.
    fn may_have_any(&self, outline: &Outline) -> bool {
        match self.target {
            Target::Version(_) => true,
            Target::Occurred(time) => outline.chunk_of(self.next).is_some_and(|chunk| chunk.earliest <= time),
        }
    }

    fn end(&self, outline: &Outline) -> u64 {
        match self.target {
            Target::Version(last) => last,
            Target::Occurred(_) => outline.done(),
        }
    }

    /// How many versions are done, and of how many.
    pub(super) fn progress(&self, outline: &Outline) -> (u64, u64) {
        (self.next - 1, self.end(outline))
    }

    /// The state without the news.
    pub(super) fn before(&self) -> &Document {
        &self.before
    }

    /// The state with them.
    pub(super) fn at(&self) -> &Document {
        self.at.as_ref().unwrap_or(&self.before)
    }
}
