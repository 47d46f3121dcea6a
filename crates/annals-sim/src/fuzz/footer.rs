//! A sealed segment: its footer, and the events that are found through it.

use super::input::{Mode, split};
use super::segment::check_format_error;
use super::structures::{STORE_ID, sealed};
use annals_format::{
    FOOTER_TRAILER_BYTES, Footer, Rewritten, SEGMENT_HEADER_BYTES, SealedSegment, TimeRange, reseal,
};
use annals_types::{Position, Timestamp};
use annals_vfs::{Disk, MemoryDisk};
use annals_wal::{LogError, Segment};
use std::sync::Arc;

/// More events than the seed has.
const EVENTS_MAX: u64 = 100;

/// The file of a sealed segment. Its frames are never resealed: whatever the footer says, what is found is an event
/// that is there.
///
/// # Panics
/// If the decoder or the lookup does what it must not do.
pub fn footer(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    let (_, entry) = sealed();
    let binding = entry.binding(&STORE_ID);
    if mode == Mode::Resealed {
        reseal::footer(&mut bytes, binding);
    }
    let length = bytes.len() as u64;
    let Some(trailer) = bytes.last_chunk::<FOOTER_TRAILER_BYTES>() else { return };
    let entry = match Footer::decode_trailer(trailer, binding, length) {
        Ok(footer) => {
            check_tables(&footer, &bytes);
            // The manifest agrees with the footer, as far as a manifest can.
            SealedSegment {
                first_position: footer.first_position,
                count: footer.count,
                frames_end: footer.frames_end,
                length,
                rewritten: (footer.stretch_count() > 0).then(|| rewritten(&footer)),
                ..entry.clone()
            }
        }
        Err(error) => {
            check_format_error(&error, bytes.len());
            let recorded = TimeRange { min: Timestamp::MIN, max: Timestamp::MAX };
            SealedSegment { length, recorded, frames_end: entry.frames_end.min(length), ..entry.clone() }
        }
    };
    check_reads(&bytes, &entry);
}

/// Some positions behind the records are missing, as the last ones of a segment may be.
fn rewritten(footer: &Footer) -> Rewritten {
    Rewritten { edition: 1, positions: footer.count + 2 * EVENTS_MAX, compaction: 1 }
}

fn check_tables(footer: &Footer, bytes: &[u8]) {
    let length = bytes.len() as u64;
    let (offsets, occurred, times) = (footer.offsets(), footer.occurred_blocks(), footer.times());
    let (distances, spans, table) = (footer.distances(), footer.spans(), footer.page_table());
    assert!(footer.frames_end <= offsets.end && offsets.end <= occurred.start && occurred.end <= times.start);
    assert!(times.end <= distances.start && distances.end <= spans.start && spans.end <= table.start);
    assert!(table.end + FOOTER_TRAILER_BYTES as u64 <= length);
    let start = usize::try_from(footer.frames_end).expect("within the file");
    if let Err(damage) = footer.check_tables(&bytes[start..]) {
        assert!((footer.frames_end..=length).contains(&damage.offset), "{damage}");
    }
}

/// Reads an event in steps, as look-aheads do: the answer is that of a plain read.
fn check_steps(segment: &Segment, position: Position, length: u64) {
    segment.ask_for_block(position);
    segment.ask_for_offset(position);
    let Some(place) = segment.place_of(position) else { return };
    place.ask_for_front();
    place.ask_for_more();
    match (segment.event_at(position, place), segment.event(position)) {
        (Ok(one), Ok(other)) => assert_eq!(Some(one), other),
        (Err(error), Err(_)) => check_log_error(&error, length),
        (one, other) => panic!("position {position}: in steps {one:?}, otherwise {other:?}"),
    }
}

/// Walks the first events: none is another than what a read of it alone gives, as the sums of spans are never resealed.
fn check_walk(segment: &Segment, (first, count): (Position, u64), length: u64) {
    let Ok(mut walk) = segment.walk(first..first.plus(count)) else { return };
    let mut next = first;
    loop {
        let event = match walk.next_event() {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => return check_log_error(&error, length),
        };
        assert!(
            event.position >= next && event.position < first.plus(count),
            "walked from {next}: {event:?}"
        );
        // A footer that was made up leads to no event, and a walk does not need it.
        if let Ok(Some(other)) = segment.event(event.position) {
            assert_eq!(event, other);
        }
        next = event.position.next();
    }
}

/// Reads every event that the entry speaks of, as far as there can be so many.
fn check_reads(bytes: &[u8], entry: &SealedSegment) {
    let disk = MemoryDisk::new();
    disk.set_content(&entry.path(), bytes).expect("memory for a small file");
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let segment = Segment::sealed(disk, &STORE_ID, entry.clone());
    let (first, count) = (entry.first_position, entry.positions().min(EVENTS_MAX));
    check_walk(&segment, (first, count), entry.length);
    for index in 0..count {
        let position = first.plus(index);
        check_steps(&segment, position, entry.length);
        segment.read_ahead(position..position.plus(EVENTS_MAX));
        match segment.occurred_block(position) {
            Ok(Some((block, _))) => assert!(block.contains(&position)),
            Ok(None) => {}
            Err(error) => check_log_error(&error, entry.length),
        }
        match segment.event(position) {
            Ok(None) => assert!(entry.rewritten.is_some(), "position {position} is taken for removed"),
            Ok(Some(event)) => {
                assert_eq!(event.position, position);
                let record = segment.record(position).expect("it was just read").expect("it is there");
                assert!(record.len() as u64 <= entry.frames_end - SEGMENT_HEADER_BYTES as u64);
            }
            Err(error) => check_log_error(&error, entry.length),
        }
    }
    let range = first..first.plus(count);
    for time in [Timestamp::MIN, entry.recorded.min, entry.recorded.max, Timestamp::MAX] {
        match segment.position_at(time, range.clone()) {
            Ok(position) => {
                assert!(position.next() >= first.min(Position::new(u64::MAX)) && position <= range.end);
            }
            Err(error) => check_log_error(&error, entry.length),
        }
    }
}

fn check_log_error(error: &LogError, length: u64) {
    match error {
        LogError::Corrupt(corruption) => assert!(corruption.offset <= length, "{corruption}"),
        LogError::Newer { found, supported, .. } => assert!(found > supported),
        other => panic!("a disk in memory does not fail: {other}"),
    }
}
