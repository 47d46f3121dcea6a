//! What was removed and erased, when and why: events of a system stream.

use super::erased::{EVENTS_MAX, WrittenEvent, WrittenPart};
use crate::batch::Batch;
use crate::erasure::{Numbered, erased_at};
use crate::error::{AppendError, ReadError};
use crate::query::Query;
use crate::store::Store;
use crate::view::View;
use annals_format::{CompactionEntry, REASONS};
use annals_types::{ContentType, EventRef, NewEvent, Position, Timestamp};
use serde::{Deserialize, Serialize};

/// The stream of what was removed.
pub(crate) const LEDGER_STREAM: &str = "$annals.ledger";
/// The type of its events.
const COMPACTED: &str = "$annals.Compacted";
/// And of those that tell single events whose payloads were erased.
pub(super) const ERASED: &str = "$annals.Erased";
/// The version of their shape.
pub(super) const SCHEMA_VERSION: u32 = 1;
/// More than an entry takes.
const JSON_BYTES_MAX: usize = 4096;
/// So many events of the ledger are appended at once.
const PARTS_TOGETHER: usize = 64;

/// What one compaction removed, or an erasure erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The number of the compaction, counted from 1.
    pub compaction: u64,
    /// When that was.
    pub at: Timestamp,
    /// The lowest position that went; [`Position::ZERO`] if none did.
    pub first_position: Position,
    /// The highest position that went. Not everything between the two did.
    pub last_position: Position,
    /// How many events went for which reason; reasons for which none did are left out.
    pub removed: Vec<RemovedEvents>,
    /// How many events lost their payloads; [`Store::erased_events`] tells them.
    pub erased: u64,
    /// Bytes of the segments that were taken away.
    pub bytes_before: u64,
    /// Bytes of the segments that came in their place.
    pub bytes_after: u64,
    /// Segments of which nothing is left.
    pub segments_dropped: u64,
    /// Segments that were written anew.
    pub segments_rewritten: u64,
    /// Segments that became part of another one.
    pub segments_merged: u64,
    /// The position of the entry in the log; `None` if it is in the manifest only, and will be appended.
    pub position: Option<Position>,
}

/// How many events went for a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovedEvents {
    /// The reason: `truncated`, `max_count`, `max_age`, `max_bytes`, `deleted`, `tombstoned` or `other`.
    pub reason: String,
    /// How many.
    pub events: u64,
}

impl LedgerEntry {
    /// How many events went.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.removed.iter().map(|removed| removed.events).fold(0, u64::saturating_add)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    compaction: u64,
    at_nanos: i64,
    first_position: u64,
    last_position: u64,
    removed: Vec<(String, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    erased: u64,
    bytes_before: u64,
    bytes_after: u64,
    segments_dropped: u64,
    segments_rewritten: u64,
    segments_merged: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl WrittenEntry {
    fn of(entry: &CompactionEntry) -> Self {
        let removed = REASONS.iter().zip(entry.events).filter(|(_, events)| *events > 0);
        WrittenEntry {
            compaction: entry.number,
            at_nanos: entry.at.as_nanos(),
            first_position: entry.first.get(),
            last_position: entry.last.get(),
            removed: removed.map(|(reason, events)| ((*reason).to_owned(), events)).collect(),
            erased: entry.erased.events,
            bytes_before: entry.bytes_before,
            bytes_after: entry.bytes_after,
            segments_dropped: entry.dropped,
            segments_rewritten: entry.rewritten,
            segments_merged: entry.merged,
        }
    }

    fn read(event_type: &str, version: u32, content_type: ContentType, data: &[u8]) -> Option<Self> {
        let known = event_type == COMPACTED
            && version == SCHEMA_VERSION
            && content_type == ContentType::JSON
            && data.len() <= JSON_BYTES_MAX;
        if known { serde_json::from_slice(data).ok() } else { None }
    }

    fn entry(self, position: Option<Position>) -> LedgerEntry {
        let removed = self.removed.into_iter();
        LedgerEntry {
            compaction: self.compaction,
            at: Timestamp::from_nanos(self.at_nanos),
            first_position: Position::new(self.first_position),
            last_position: Position::new(self.last_position),
            removed: removed.map(|(reason, events)| RemovedEvents { reason, events }).collect(),
            erased: self.erased,
            bytes_before: self.bytes_before,
            bytes_after: self.bytes_after,
            segments_dropped: self.segments_dropped,
            segments_rewritten: self.segments_rewritten,
            segments_merged: self.segments_merged,
            position,
        }
    }
}

fn entry_of(event: &EventRef<'_>) -> Result<Option<WrittenEntry>, ReadError> {
    let data = event.data().map_err(ReadError::Payload)?;
    Ok(WrittenEntry::read(event.event_type, event.schema_version, event.content_type, &data))
}

/// The number of the compaction that an event tells of; 0 if it is not one of the ledger, or cannot be read.
pub(crate) fn told_compaction(event: &EventRef<'_>) -> u64 {
    if event.stream != LEDGER_STREAM {
        return 0;
    }
    let part = WrittenPart::of(event).ok().flatten().map(|part| part.compaction);
    let entry = || entry_of(event).ok().flatten().map(|entry| entry.compaction);
    part.or_else(entry).unwrap_or(0)
}

impl Store {
    /// What compaction has removed and erasures have erased, from the first time on. Entries of a newer program that this one does not know are left out.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn ledger(&self) -> Result<Vec<LedgerEntry>, ReadError> {
        let due = self.shared().catalog.lock().manifest().compactions.clone();
        let mut entries = Vec::new();
        let view = self.view();
        for event in view.read(Query::stream(LEDGER_STREAM))? {
            let event = event?;
            let entry = entry_of(&event).map_err(|error| view.parts.own_error(error))?;
            entries.extend(entry.map(|entry| entry.entry(Some(event.position))));
        }
        let last = entries.last().map_or(0, |entry| entry.compaction);
        let due = due.iter().filter(|entry| entry.number > last);
        entries.extend(due.map(|entry| WrittenEntry::of(entry).entry(None)));
        Ok(entries)
    }

    /// Appends what the manifest has for the ledger, and takes it out of there once it is durable. Done again after a crash in
    /// between, it appends nothing twice: the numbers tell. What was erased is told by the requests that asked for it.
    pub(crate) fn write_ledger(&self, requests: &[Numbered]) -> Result<(), AppendError> {
        let core = self.shared();
        let due = core.catalog.lock().manifest().compactions.clone();
        let Some(newest) = due.last().map(|entry| entry.number) else { return Ok(()) };
        let end = End::of(&self.view())?;
        let mut batch = Batch::new();
        for entry in due.iter().filter(|entry| entry.number > end.whole) {
            if entry.erased.events > 0 {
                self.push_erased(entry, requests, end.parts_of(entry.number), &mut batch)?;
            }
            let data = serde_json::to_string(&WrittenEntry::of(entry)).unwrap_or_default();
            let event = NewEvent::json(COMPACTED, data).with_schema_version(SCHEMA_VERSION);
            batch.push_own(LEDGER_STREAM, &event)?;
        }
        if !batch.is_empty() {
            self.append_batch(batch)?;
        }
        self.sync()?;
        let durable = core.watermark.durable();
        let noted = core.catalog.lock().in_ledger(durable, newest);
        noted.map_err(|error| ReadError::from(error).into())
    }

    /// Adds the events that a compaction has erased, but for the parts that the ledger has. Where these are many, they are appended
    /// before the entry.
    fn push_erased(
        &self,
        entry: &CompactionEntry,
        requests: &[Numbered],
        written: u64,
        batch: &mut Batch,
    ) -> Result<(), AppendError> {
        let core = self.shared();
        let parts = core.parts.load_full();
        let mut telling = Telling { entry, requests, next: 0, part: None };
        let last = entry.erased.last.min(core.watermark.visible());
        let mut push = |part: WrittenPart| {
            if part.part >= written {
                batch.push_own(LEDGER_STREAM, &part.to_new())?;
            }
            if batch.len() >= PARTS_TOGETHER {
                self.append_batch(std::mem::take(batch))?;
            }
            Ok::<(), AppendError>(())
        };
        erased_at(&parts, requests, (entry.erased.first, last), entry.at, |request, event, erasure| {
            telling.take(request, WrittenEvent::of(event, erasure)).map_or(Ok(()), &mut push)
        })?;
        telling.part.take().map_or(Ok(()), push)
    }
}

/// Makes parts of erased events, which come with ascending positions.
struct Telling<'r> {
    entry: &'r CompactionEntry,
    requests: &'r [Numbered],
    next: u64,
    part: Option<WrittenPart>,
}

impl Telling<'_> {
    /// Takes the next event. Gives the part before, if it does not belong to that any more.
    fn take(&mut self, request: u64, event: WrittenEvent) -> Option<WrittenPart> {
        let fits = |part: &WrittenPart| part.request == request && part.events.len() < EVENTS_MAX;
        if let Some(part) = self.part.as_mut().filter(|part| fits(part)) {
            part.events.push(event);
            return None;
        }
        let said = self.requests.iter().find(|(number, _)| *number == request).map(|(_, request)| request);
        let part = WrittenPart {
            compaction: self.entry.number,
            part: self.next,
            request,
            at_nanos: self.entry.at.as_nanos(),
            asked_by: said.map_or_else(String::new, |said| said.asked_by.clone()),
            reason: said.map_or_else(String::new, |said| said.reason.clone()),
            events: vec![event],
        };
        self.next += 1;
        self.part.replace(part)
    }
}

/// How far the ledger is.
#[derive(Clone, Copy, Default)]
struct End {
    /// The number of the last compaction of which it has everything.
    whole: u64,
    /// How many parts it has of the erased events of the one behind that.
    parts: u64,
    of: u64,
}

impl End {
    fn of(view: &View) -> Result<Self, ReadError> {
        let query = Query::stream(LEDGER_STREAM).backwards().limit(1);
        let Some(last) = view.read(query)?.next().transpose()? else { return Ok(End::default()) };
        if let Some(part) = WrittenPart::of(&last).map_err(|error| view.parts.own_error(error))? {
            return Ok(End {
                whole: part.compaction.saturating_sub(1),
                parts: part.part + 1,
                of: part.compaction,
            });
        }
        let whole = entry_of(&last).map_err(|error| view.parts.own_error(error))?;
        let whole = whole.map_or(0, |entry| entry.compaction);
        Ok(End { whole, ..End::default() })
    }

    fn parts_of(self, compaction: u64) -> u64 {
        if self.of == compaction { self.parts } else { 0 }
    }
}
