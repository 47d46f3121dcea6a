//! Limits of bytes: measured in rounds, and written down as what is truncated.
//!
//! To know which events are within so many bytes means to measure all of them, so this does not happen with each append. A round
//! measures and appends floors; whoever looks after the store runs one now and then.

use super::error::RetentionError;
use super::event::{RETENTION_STREAM, RetentionEvent};
use super::handle::Retention;
use super::listed::RetentionEntry;
use super::of_stream::own;
use crate::batch::Batch;
use crate::error::ReadError;
use crate::query::Query;
use crate::view::View;
use annals_compaction::{RetentionScope, Setting};
use annals_types::{Position, Version, category_of};
use annals_vfs::sync::Deadline;
use std::time::Duration;

/// So many streams are truncated by one batch.
const STREAMS_TOGETHER: usize = 1000;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionRound {
    /// Events up to this position are hidden by the limit of the store, but for streams that say otherwise; `None` if it was not
    /// moved.
    pub log_truncated: Option<Position>,
    /// How many streams with a limit of bytes were measured.
    pub streams_measured: u64,
    /// How many of them were truncated.
    pub streams_truncated: u64,
}

impl Retention {
    /// Enforces the limits of bytes: measures what they are about and truncates what is beyond. Other limits need no round.
    ///
    /// The limit of the store is about the files of all segments; one that is not sealed counts as a full one. What goes are whole
    /// segments, the oldest first, never one that is not sealed. A stream keeps its newest event, however large it is. It takes time in
    /// proportion to the bytes that streams with such limits keep; memory is bounded.
    ///
    /// # Errors
    /// As [`RetentionError`] says; what was truncated before is.
    pub fn apply(&self) -> Result<RetentionRound, RetentionError> {
        let mut round = RetentionRound::default();
        self.truncate_log(&mut round)?;
        self.truncate_streams(&mut round, &|_, _| true)?;
        Ok(round)
    }

    /// Enforces the limit of the store, which takes looking at the lengths of segments.
    pub(crate) fn truncate_log(&self, round: &mut RetentionRound) -> Result<(), RetentionError> {
        if let Some(through) = log_excess(&self.store.view(), self.store.shared().segment_bytes)? {
            self.append(&RetentionEvent::LogTruncated(through), None)?;
            round.log_truncated = Some(through);
        }
        Ok(())
    }

    /// Enforces the limits of streams. Whenever some were looked at, `passed` is told since when, and how many bytes were read; `false`
    /// ends it.
    pub(crate) fn truncate_streams(
        &self,
        round: &mut RetentionRound,
        passed: &dyn Fn(&Deadline, u64) -> bool,
    ) -> Result<(), RetentionError> {
        let mut measuring =
            Measuring { retention: self, view: self.store.view(), floors: Vec::new(), round, passed };
        for entry in self.list()? {
            if !measuring.scope(entry?)? {
                break;
            }
        }
        measuring.write()
    }
}

/// A round through all streams with a limit of bytes.
struct Measuring<'m> {
    retention: &'m Retention,
    view: View,
    /// What is to be truncated, and not written down yet.
    floors: Vec<(String, Version)>,
    round: &'m mut RetentionRound,
    passed: &'m dyn Fn(&Deadline, u64) -> bool,
}

/// Longer than looking at one stream takes.
const LONG: Duration = Duration::from_secs(60);

impl Measuring<'_> {
    /// Measures the streams of a scope; `false` if it is to end.
    fn scope(&mut self, entry: RetentionEntry) -> Result<bool, RetentionError> {
        let begun = Deadline::after(LONG);
        let Setting::Limit(bytes) = entry.rule.bytes() else { return Ok((self.passed)(&begun, 0)) };
        match entry.scope {
            RetentionScope::Store => {}
            RetentionScope::Stream(stream) => return self.stream(stream, bytes),
            RetentionScope::Category(category) => {
                let view = self.view.clone();
                for stream in view.streams(&category) {
                    let stream = stream?.stream;
                    let says_itself = own(&view, &stream)?
                        .and_then(|own| own.rule)
                        .is_some_and(|rule| rule.bytes() != Setting::Inherit);
                    if category_of(&stream) == category && !says_itself && !self.stream(stream, bytes)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    fn stream(&mut self, stream: String, bytes: u64) -> Result<bool, RetentionError> {
        let begun = Deadline::after(LONG);
        self.round.streams_measured += 1;
        if let Some(floor) = stream_excess(&self.view, &stream, bytes)? {
            self.floors.push((stream, floor));
        }
        if self.floors.len() >= STREAMS_TOGETHER {
            self.write()?;
        }
        Ok((self.passed)(&begun, bytes))
    }

    fn write(&mut self) -> Result<(), RetentionError> {
        if self.floors.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for (stream, floor) in self.floors.drain(..) {
            batch.push(RETENTION_STREAM, &RetentionEvent::Truncated(stream, floor).to_new())?;
        }
        self.round.streams_truncated += batch.len() as u64;
        self.retention.store.append_batch(batch)?;
        Ok(())
    }
}

/// The last position that is beyond the limit of the store, if that is further than before.
fn log_excess(view: &View, segment_bytes: u64) -> Result<Option<Position>, ReadError> {
    let Some((_, rules)) = view.hidden_by()? else { return Ok(None) };
    let Some(limit) = rules.of_store().and_then(|rule| rule.bytes().limit()) else { return Ok(None) };
    let entry = |segment: &annals_wal::Segment| {
        segment
            .sealed_entry()
            .map_or((segment_bytes, None), |entry| (entry.length, Some(entry.last_position())))
    };
    let segments = || view.parts.segments.iter().map(|segment| entry(segment));
    let mut total = segments().fold(0_u64, |total, (bytes, _)| total.saturating_add(bytes));
    let mut through = None;
    for (bytes, last) in segments() {
        // What a view does not show yet is not measured either.
        let Some(last) = last.filter(|last| total > limit && *last <= view.taken) else { break };
        total = total.saturating_sub(bytes);
        through = Some(last);
    }
    Ok(through.filter(|through| *through > rules.truncated()))
}

/// The first version of a stream that is within so many bytes, if versions before it are shown.
fn stream_excess(view: &View, stream: &str, limit: u64) -> Result<Option<Version>, ReadError> {
    let mut bytes = 0_u64;
    let mut floor = None::<Version>;
    for event in view.read(Query::stream(stream).backwards())? {
        let event = event?;
        let length = match view.parts.segment_of(event.position) {
            Some(segment) => segment.record(event.position)?.map_or(0, <[u8]>::len) as u64,
            None => 0,
        };
        bytes = bytes.saturating_add(length);
        if bytes > limit && floor.is_some() {
            return Ok(floor);
        }
        floor = Some(event.version);
    }
    Ok(None)
}
