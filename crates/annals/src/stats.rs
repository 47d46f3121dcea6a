//! Counts and sizes of a store.

use crate::core::Core;
use crate::error::ReadError;
use crate::lists::count_names;
use crate::options::Durability;
use crate::query::Query;
use crate::view::View;
use annals_format::{FORMAT_VERSION, names};
use annals_index::TermKind;
use annals_types::{Position, Timestamp, Uuid};
use annals_vfs::{Disk, EntryKind};
use annals_wal::Segment;
use std::collections::BTreeSet;
use std::io;

/// Counts and sizes of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How many events there are.
    pub events: u64,
    /// How many positions are those of events that were lost to damage before the store was repaired.
    pub lost: u64,
    /// How many streams have events.
    pub streams: u64,
    /// How many event types occur.
    pub types: u64,
    /// How many segments hold events.
    pub segments: u64,
    /// How many of them are compressed.
    pub segments_compressed: u64,
    /// Bytes of all files, as long as they are; what is laid out ahead counts.
    pub bytes: u64,
    /// Bytes of the log's files.
    pub log_bytes: u64,
    /// Bytes of the index's files.
    pub index_bytes: u64,
    /// Bytes of the snapshots' files.
    pub snapshot_bytes: u64,
    /// How many snapshots there are.
    pub snapshots: u64,
    /// How many run files the index has.
    pub runs: u64,
    /// How many files of the index are missing or damaged: the events are found all the same, more slowly, and the files
    /// are written again by a store that is open for writing.
    pub runs_missing: u64,
    /// How many requests to erase are not finished: see [`Store::erasures_under_way`](crate::Store::erasures_under_way).
    pub erasures_under_way: u64,
    /// Whether events can be looked up by the ids that their producers gave.
    pub ids_indexed: bool,
    /// The position of the last visible event.
    pub last_position: Position,
    /// The position of the last event that is known to be durable.
    pub durable_position: Position,
    /// The recorded_at of the first event.
    pub first_recorded: Option<Timestamp>,
    /// The recorded_at of the last event.
    pub last_recorded: Option<Timestamp>,
    /// The earliest occurred_at.
    pub first_occurred: Option<Timestamp>,
    /// The latest occurred_at.
    pub last_occurred: Option<Timestamp>,
    /// At which size a segment is full.
    pub segment_bytes: u64,
    /// What appends survive.
    pub durability: Durability,
    /// Whether the log is written around the system's cache: what
    /// [`Options::direct_io`](crate::Options::direct_io) asked for, and the disk can do.
    pub direct_io: bool,
    /// When the store was created.
    pub created_at: Timestamp,
    /// Names the store for its whole life.
    pub store_id: Uuid,
    /// Version of the format on disk.
    pub format_version: u32,
}

impl Stats {
    pub(crate) fn collect(core: &Core, view: &View) -> Result<Stats, ReadError> {
        let disk = &*core.env.disk;
        let (log_bytes, index_bytes) = (bytes_in(disk, names::LOG_DIR)?, bytes_in(disk, names::INDEX_DIR)?);
        let snapshot_bytes = bytes_in(disk, names::SNAPSHOT_DIR)?;
        let bytes = log_bytes + index_bytes + snapshot_bytes + bytes_in(disk, "")?;
        // Without files, nothing has to be opened.
        let snapshots = if snapshot_bytes > 0 { core.snapshot_count()? } else { 0 };
        let occurred = occurred_range(view)?;
        let first = view.read(Query::all().limit(1))?.next().transpose()?;
        let last = view.read(Query::all().backwards().limit(1))?.next().transpose()?;
        let lost = view.lost()?;
        Ok(Stats {
            events: view.parts.events_between(Position::FIRST, view.position())? - lost,
            lost,
            streams: count_names(view, TermKind::Stream)?,
            types: count_names(view, TermKind::Type)?,
            segments: view.parts.segments_up_to(view.position()).count() as u64,
            segments_compressed: compressed(view),
            bytes,
            log_bytes,
            index_bytes,
            snapshot_bytes,
            snapshots,
            runs: runs(view),
            runs_missing: runs_missing(view),
            erasures_under_way: view.parts.erasing.as_ref().map_or(0, |erasing| erasing.count()),
            ids_indexed: core.plan.ids,
            last_position: view.position(),
            durable_position: core.watermark.durable(),
            first_recorded: first.map(|event| event.recorded_at),
            last_recorded: last.map(|event| event.recorded_at),
            first_occurred: occurred.map(|(first, _)| first),
            last_occurred: occurred.map(|(_, last)| last),
            segment_bytes: core.segment_bytes,
            durability: core.durability,
            direct_io: core.direct_io,
            created_at: core.created_at,
            store_id: Uuid::from_bytes(core.store_id),
            format_version: FORMAT_VERSION,
        })
    }
}

/// How many segments are compressed, as far as that can be told.
fn compressed(view: &View) -> u64 {
    let segments = view.parts.segments_up_to(view.position());
    segments.filter(|(segment, ..)| matches!(segment.is_compressed(), Ok(true))).count() as u64
}

impl View {
    /// How many bytes of the log lie between a position and that of the view: about, since what was written with them, and space that
    /// compaction has left, is counted by where it lies.
    ///
    /// # Errors
    /// As [`ReadError`] says.
    pub fn log_bytes_after(&self, position: Position) -> Result<u64, ReadError> {
        let mut bytes = 0;
        for (segment, first, last) in self.parts.segments_up_to(self.position()).rev() {
            if last <= position {
                break;
            }
            let end = match segment.sealed_entry().filter(|entry| entry.last_position() <= last) {
                Some(entry) => entry.length,
                None => match segment.last_position_up_to(last)? {
                    Some(at) => offset_of(segment, at)? + segment.record(at)?.map_or(0, <[u8]>::len) as u64,
                    None => 0,
                },
            };
            let begin = if first <= position { offset_of(segment, position.next())? } else { 0 };
            bytes += end.saturating_sub(begin);
        }
        Ok(bytes)
    }
}

/// Where the event at a position begins in its segment, or the next one that is there; beyond its end if there is none.
fn offset_of(segment: &Segment, position: Position) -> Result<u64, ReadError> {
    let at = segment.next_position(position)?.map_or(Ok(None), |at| segment.offset_of(at))?;
    Ok(at.map_or(u64::MAX, u64::from))
}

/// How many run files there are. One that is looked at through several windows is one.
fn runs(view: &View) -> u64 {
    let runs = view.parts.index.iter().filter_map(|part| part.as_run());
    let sound = runs.filter(|run| !run.is_missing()).filter_map(|run| run.entry());
    sound.map(|entry| entry.id).collect::<BTreeSet<_>>().len() as u64
}

/// How many runs are missing.
fn runs_missing(view: &View) -> u64 {
    let runs = view.parts.index.iter().filter_map(|part| part.as_run());
    runs.filter(|run| run.is_missing()).count() as u64
}

/// Sealed segments say their range; the events of the others are read.
fn occurred_range(view: &View) -> Result<Option<(Timestamp, Timestamp)>, ReadError> {
    let mut range: Option<(Timestamp, Timestamp)> = None;
    let mut include = |min: Timestamp, max: Timestamp| {
        range = Some(range.map_or((min, max), |(first, last)| (first.min(min), last.max(max))));
    };
    for (segment, first, last) in view.parts.segments_up_to(view.position()) {
        if let Some(entry) = segment.sealed_entry().filter(|entry| entry.last_position() == last) {
            include(entry.occurred.min, entry.occurred.max);
            continue;
        }
        let mut walk = segment.walk(first..last.next())?;
        while let Some(event) = walk.next_event()? {
            if !event.is_lost() {
                include(event.occurred_at, event.occurred_at);
            }
        }
    }
    // The range of a segment of lost events only is that of no moments at all.
    Ok(range.filter(|(first, last)| first <= last))
}

pub(crate) fn bytes_in(disk: &dyn Disk, directory: &str) -> Result<u64, ReadError> {
    match disk.list(directory) {
        Ok(entries) => {
            let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
            Ok(files.map(|entry| entry.length).sum())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(ReadError::Io { what: format!("list {directory:?}"), source }),
    }
}
