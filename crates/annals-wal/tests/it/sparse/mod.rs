//! Segments of which events were removed: what stays is what it was, where it was, and nothing else seems to be removed.

mod compressed;
mod damage;
mod erased;
mod failures;
mod gaps;
mod model;
mod plain;
mod sources;

use crate::log::STORE_ID;
use annals_format::{Binding, FooterBuilder, FrameBuilder, FrameStamp, SealedSegment, SegmentHeader, names};
use annals_types::{Compression, Event, NewEvent, Position, Timestamp, Uuid, Version};
use annals_vfs::{Disk, MemoryDisk};
use annals_wal::{Choice, LogError, Rewrite, RewriteTarget, Segment, Step, scan_mapped};
use plain::Plain;
use std::sync::Arc;

/// An event of a source: how long its data are and whether it has all optional fields, or a lost one with or without a stream.
#[derive(Clone, Copy, Debug)]
enum Given {
    Plain(usize),
    Full(usize, i64),
    Lost(bool),
}

/// A segment that was appended to, as a file: its batches lie side by side from a position on.
fn source(disk: &MemoryDisk, id: u64, first: Position, batches: &[Vec<Given>]) -> (SealedSegment, Plain) {
    let salt = id * 77;
    let binding = Binding::new(&STORE_ID, id, salt);
    let header = SegmentHeader { store_id: STORE_ID, segment_id: id, first_position: first, salt };
    let mut bytes = header.encode().to_vec();
    let mut next = first;
    for events in batches {
        let mut frame = FrameBuilder::new();
        events.iter().for_each(|given| push(&mut frame, *given, u128::from(next.get())));
        // Some batches are recorded in the same moment.
        let recorded_at = Timestamp::from_nanos(next.get() as i64 / 3 * 100);
        let stamp = FrameStamp { binding, first_position: next, durable: next.previous(), recorded_at };
        let versions = next;
        frame.stamp(&stamp, |index| match events[index] {
            Given::Lost(false) => Version::ZERO,
            _ => Version::new(versions.get() + index as u64),
        });
        bytes.extend_from_slice(frame.bytes());
        next = next.plus(events.len() as u64);
    }
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&bytes);
    let mut events = Vec::new();
    scan_mapped(&bytes, binding, |step| {
        if let Step::Record { offset, event } = step {
            let offset = u32::try_from(offset).unwrap();
            match event.is_lost() {
                true => footer.push_lost(offset, event.recorded_at),
                false => footer.push(offset, event.recorded_at, event.occurred_at),
            }
            events.push(event.to_event());
        }
    });
    assert_eq!(events.len() as u64, next.events_since(first));
    let (footer, told) = footer.finish(binding, id, first);
    bytes.extend_from_slice(&footer);
    disk.set_content(&names::segment(id), &bytes).unwrap();
    let entry = SealedSegment {
        id,
        salt,
        first_position: first,
        count: told.count,
        frames_end: told.frames_end,
        length: bytes.len() as u64,
        recorded: told.recorded,
        occurred: told.occurred,
        rewritten: None,
    };
    let plain = Plain { events, first, last: entry.last_position() };
    (entry, plain)
}

fn push(frame: &mut FrameBuilder, given: Given, number: u128) {
    let stream = format!("stream-{}", number % 7);
    match given {
        Given::Plain(length) => frame.push(&stream, &NewEvent::new("plain", vec![b'p'; length])).unwrap(),
        Given::Full(length, occurred) => {
            let event = NewEvent::new("größer", vec![b'f'; length])
                .with_id(Uuid::from_u128(number))
                .at(Timestamp::from_nanos(occurred))
                .with_metadata(&b"m"[..])
                .with_schema_version(3)
                .with_tag("é");
            frame.push(&stream, &event).unwrap();
        }
        Given::Lost(known) => frame.push_lost(if known { &stream } else { "" }).unwrap(),
    }
}

/// A disk with nothing on it but the directory of segments.
fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir(names::LOG_DIR).unwrap();
    disk.sync_dir("").unwrap();
    disk
}

fn open(disk: &MemoryDisk, entry: &SealedSegment) -> Arc<Segment> {
    open_on(Arc::new(disk.clone()), entry)
}

fn open_on(disk: Arc<dyn Disk>, entry: &SealedSegment) -> Arc<Segment> {
    Arc::new(Segment::sealed(disk, &STORE_ID, entry.clone()))
}

fn target(first: &SealedSegment) -> RewriteTarget {
    let edition = first.edition() + 1;
    let salt = first.salt + 1000 * edition;
    let compression = Compression::None;
    RewriteTarget { store_id: STORE_ID, id: first.id, salt, edition, compaction: 40 + edition, compression }
}

fn choice(stays: bool) -> Choice {
    if stays { Choice::Keep } else { Choice::Drop }
}

/// Writes segments anew to the end.
fn rewrite(
    disk: &dyn Disk,
    sources: &[Arc<Segment>],
    stays: impl Fn(Position) -> bool,
) -> Result<Option<SealedSegment>, LogError> {
    rewrite_as(disk, Compression::None, sources, stays)
}

fn rewrite_as(
    disk: &dyn Disk,
    compression: Compression,
    sources: &[Arc<Segment>],
    stays: impl Fn(Position) -> bool,
) -> Result<Option<SealedSegment>, LogError> {
    let target = RewriteTarget { compression, ..target(sources[0].sealed_entry().unwrap()) };
    let mut rewrite = Rewrite::begin(disk, target, sources.to_vec())?;
    loop {
        match rewrite.step(&mut |event| Ok(choice(stays(event.position)))) {
            Ok(step) if step.goes_on => {}
            Ok(_) => return rewrite.finish(),
            Err(error) => {
                rewrite.abandon();
                return Err(error);
            }
        }
    }
}

fn bytes_of(disk: &MemoryDisk, entry: &SealedSegment) -> Vec<u8> {
    disk.image()[&entry.path()].clone()
}

/// A segment on a disk of its own, with these bytes.
fn with_bytes(entry: &SealedSegment, bytes: &[u8]) -> Arc<Segment> {
    let disk = disk();
    disk.set_content(&entry.path(), bytes).unwrap();
    open(&disk, entry)
}

/// Batches of these numbers of events, all alike.
fn alike(batches: &[usize]) -> Vec<Vec<Given>> {
    batches.iter().map(|events| vec![Given::Plain(40); *events]).collect()
}

/// A source of such batches that was rewritten.
fn rewritten(batches: &[usize], stays: impl Fn(u64) -> bool) -> (MemoryDisk, SealedSegment, Plain) {
    let disk = disk();
    let (entry, mut plain) = source(&disk, 1, Position::new(100), &alike(batches));
    plain.keep(|event: &Event| stays(event.position.get()));
    let sparse = rewrite(&disk, &[open(&disk, &entry)], |position| stays(position.get())).unwrap();
    (disk, sparse.unwrap(), plain)
}
