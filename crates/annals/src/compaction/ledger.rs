//! What was removed, when and why: events of a system stream.

use crate::batch::Batch;
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
/// The version of their shape.
const SCHEMA_VERSION: u32 = 1;
/// More than an entry takes.
const JSON_BYTES_MAX: usize = 4096;

/// What one compaction removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The number of the compaction, counted from 1.
    pub compaction: u64,
    /// When the events went.
    pub at: Timestamp,
    /// The lowest position that went.
    pub first_position: Position,
    /// The highest position that went. Not everything between the two did.
    pub last_position: Position,
    /// How many events went for which reason; reasons for which none did are left out.
    pub removed: Vec<RemovedEvents>,
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
    /// The reason: `truncated`, `max_count`, `max_age`, `max_bytes`, `deleted`, `tombstoned`, `erased` or `other`.
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
    bytes_before: u64,
    bytes_after: u64,
    segments_dropped: u64,
    segments_rewritten: u64,
    segments_merged: u64,
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
            bytes_before: self.bytes_before,
            bytes_after: self.bytes_after,
            segments_dropped: self.segments_dropped,
            segments_rewritten: self.segments_rewritten,
            segments_merged: self.segments_merged,
            position,
        }
    }
}

/// Whether a caller may append this to the ledger, which is to say that the store would have: so a copy can be made event by event.
pub(crate) fn is_entry(event: &NewEvent<'_>) -> bool {
    WrittenEntry::read(&event.event_type, event.schema_version, event.content_type, &event.data).is_some()
}

fn entry_of(event: &EventRef<'_>) -> Result<Option<WrittenEntry>, ReadError> {
    let data = event.data().map_err(ReadError::Payload)?;
    Ok(WrittenEntry::read(event.event_type, event.schema_version, event.content_type, &data))
}

impl Store {
    /// What compaction has removed, from the first time on. Entries of a newer program that this one does not know are left out.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn ledger(&self) -> Result<Vec<LedgerEntry>, ReadError> {
        let due = self.shared().catalog.lock().manifest().compactions.clone();
        let mut entries = Vec::new();
        let view = self.view();
        for event in view.read(Query::stream(LEDGER_STREAM))? {
            let event = event?;
            entries.extend(entry_of(&event)?.map(|entry| entry.entry(Some(event.position))));
        }
        let last = entries.last().map_or(0, |entry| entry.compaction);
        let due = due.iter().filter(|entry| entry.number > last);
        entries.extend(due.map(|entry| WrittenEntry::of(entry).entry(None)));
        Ok(entries)
    }

    /// Appends what the manifest has for the ledger, and takes it out of there once it is durable. Done again after a crash in
    /// between, it appends nothing twice: the numbers tell.
    pub(super) fn write_ledger(&self) -> Result<(), AppendError> {
        let core = self.shared();
        let due = core.catalog.lock().manifest().compactions.clone();
        let Some(newest) = due.last().map(|entry| entry.number) else { return Ok(()) };
        let last = last_number(&self.view())?;
        let mut batch = Batch::new();
        for entry in due.iter().filter(|entry| entry.number > last) {
            let data = serde_json::to_string(&WrittenEntry::of(entry)).unwrap_or_default();
            let event = NewEvent::json(COMPACTED, data).with_schema_version(SCHEMA_VERSION);
            batch.push(LEDGER_STREAM, &event)?;
        }
        if !batch.is_empty() {
            self.append_batch(batch)?;
        }
        self.sync()?;
        let durable = core.watermark.durable();
        let noted = core.catalog.lock().in_ledger(durable, newest);
        noted.map_err(|error| ReadError::from(error).into())
    }
}

/// The number of the last compaction in the ledger.
fn last_number(view: &View) -> Result<u64, ReadError> {
    let last = view.read(Query::stream(LEDGER_STREAM).backwards().limit(1))?.next().transpose()?;
    Ok(last.map(|event| entry_of(&event)).transpose()?.flatten().map_or(0, |entry| entry.compaction))
}
