//! Positions as of a time, in live and sealed segments.

use crate::log::{Log, SEGMENT_BYTES, Whole, copy, segment_bytes, with_segment};
use annals_format::{Footer, SealedSegment, TIME_STRIDE, names};
use annals_types::{Position, Timestamp};
use annals_vfs::MemoryDisk;
use annals_wal::{LogWriter, Room, Segment, seal_segment};
use std::ops::Range;
use std::sync::Arc;

/// Enough events for the table of times to have several entries: batches of 1 to 37, so that some moments
/// have many events and stretches of the table.
fn long_log() -> (MemoryDisk, Log, Arc<Segment>, SealedSegment) {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 3);
    let big = 80 << 10;
    let mut prepared = log.prepared.pop_front().unwrap();
    LogWriter::fit(&mut prepared, &crate::log::batch(1, 1, big), Room::whole(SEGMENT_BYTES)).unwrap();
    log.writer.roll(prepared).unwrap();
    let mut events = 1;
    while log.next() < 4 * TIME_STRIDE as u64 {
        log.append(events, 0, true).unwrap();
        events = events * 7 % 37 + 1;
    }
    let last = Position::new(log.next() - 1);
    log.roll().unwrap();
    let (segment, end) = log.full[0].clone();
    let live = Arc::clone(&segment);
    let entry = seal_segment(&disk, &segment, log.open[0].salt, last, end).unwrap();
    (disk, log, live, entry)
}

fn recorded(segment: &Segment, entry: &SealedSegment) -> Vec<i64> {
    let positions = entry.first_position.get()..=entry.last_position().get();
    positions.map(|position| segment.there(Position::new(position)).unwrap().recorded_at.as_nanos()).collect()
}

/// The last position in the range that was recorded at or before the time, by looking at all of them.
fn naive(times: &[i64], time: i64, range: &Range<u64>) -> u64 {
    range
        .clone()
        .rev()
        .find(|position| times[usize::try_from(position - 1).unwrap()] <= time)
        .unwrap_or(range.start - 1)
}

fn ranges(count: u64) -> Vec<Range<u64>> {
    let stride = TIME_STRIDE as u64;
    let mut ranges = vec![1..count + 1, 1..2, count..count + 1, 5..5, 3..stride, stride + 1..2 * stride + 1];
    ranges.extend([stride..stride + 2, 2..count, 2 * stride - 1..3 * stride + 1]);
    ranges
}

#[test]
fn a_time_is_found_as_by_looking_at_every_event() {
    let (disk, _, live, entry) = long_log();
    let sealed = Segment::sealed(Arc::new(disk), &crate::log::STORE_ID, entry.clone());
    let times = recorded(&sealed, &entry);
    assert!(times.is_sorted() && times.len() > 3 * TIME_STRIDE);
    for range in ranges(entry.count) {
        for time in (0..=times[times.len() - 1] + 20).step_by(5).chain([i64::MIN, i64::MAX]) {
            let expected = naive(&times, time, &range);
            let positions = Position::new(range.start)..Position::new(range.end);
            for segment in [&*live, &sealed] {
                let found = segment.position_at(Timestamp::from_nanos(time), positions.clone()).unwrap();
                assert_eq!(found.get(), expected, "time {time} in {range:?}");
            }
        }
    }
}

#[test]
fn a_time_is_found_also_with_a_damaged_table_of_times() {
    let (disk, _, live, entry) = long_log();
    let times = recorded(&live, &entry);
    let bytes = segment_bytes(&disk, 1);
    let binding = entry.binding(&crate::log::STORE_ID);
    let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding, entry.length).unwrap();
    let table = usize::try_from(footer.times().start).unwrap();
    assert!(footer.times().end - footer.times().start >= 32);
    let all = Position::FIRST..entry.last_position().next();
    let damages = (table..table + 32).flat_map(|at| [0x01, 0x80, 0xFF].map(|mask| (at, mask)));
    for (at, mask) in damages {
        let mut damaged = bytes.clone();
        damaged[at] ^= mask;
        let disk = Arc::new(with_segment(&disk, 1, &damaged));
        let sealed = Segment::sealed(disk, &crate::log::STORE_ID, entry.clone());
        // The file is mapped by the first look at it.
        sealed.there(Position::FIRST).unwrap();
        for time in (0..=times[times.len() - 1] + 20).step_by(35) {
            let found = sealed.position_at(Timestamp::from_nanos(time), all.clone()).unwrap();
            assert_eq!(found.get(), naive(&times, time, &(1..entry.count + 1)), "byte {at}, time {time}");
        }
    }
}

#[test]
fn every_event_of_a_long_segment_is_read_with_damage_all_over_its_footer() {
    let (disk, _, _, entry) = long_log();
    let bytes = segment_bytes(&disk, 1);
    let start = usize::try_from(entry.frames_end).unwrap();
    for at in (start..bytes.len()).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xFF;
        let disk = Arc::new(with_segment(&disk, 1, &damaged));
        let sealed = Segment::sealed(disk, &crate::log::STORE_ID, entry.clone());
        for position in 1..=entry.count {
            crate::log::assert_own(&sealed.there(Position::new(position)).unwrap());
        }
    }
}

#[test]
fn a_sealed_segment_is_not_touched_before_it_is_read() {
    let (disk, _, _, entry) = long_log();
    let empty = copy(&disk);
    annals_vfs::Disk::remove(&empty, &names::segment(1)).unwrap();
    let segment = Segment::sealed(Arc::new(empty.clone()), &crate::log::STORE_ID, entry);
    empty.set_content(&names::segment(1), segment_bytes(&disk, 1)).unwrap();
    crate::log::assert_own(&segment.there(Position::new(7)).unwrap());
}

#[test]
fn events_of_the_active_segment_are_read_while_it_grows() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk), 1);
    log.append(1, 10, true).unwrap();
    let segment = Arc::clone(log.writer.active().unwrap().0);
    for _ in 0..40 {
        log.append(2, 10, false).unwrap();
        crate::log::assert_own(&segment.there(Position::new(log.next() - 1)).unwrap());
        crate::log::assert_own(&segment.there(Position::FIRST).unwrap());
        assert!(segment.there(Position::new(log.next())).is_err());
    }
    assert!(segment.sealed_entry().is_none());
}
