//! Sealed segments: read through their footer, and without it.

use crate::footers::with_footer_of_version_1;
use crate::log::{Log, Whole, assert_own, copy, frames, segment_bytes};
use annals_format::{FOOTER_TRAILER_BYTES, Footer, SealedSegment, names};
use annals_types::{Position, Timestamp};
use annals_vfs::{Disk, Fate, FaultyDisk, MemoryDisk, Survival};
use annals_wal::{LogError, Mode, Segment, seal_segment};
use std::sync::Arc;

/// A log whose first segment is sealed, and what the manifest would say of it.
pub(crate) fn sealed_log(batches: u64, events: u64, bytes: usize) -> (MemoryDisk, Log, SealedSegment) {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 2);
    (0..batches).for_each(|_| log.append(events, bytes, true).unwrap());
    log.roll().unwrap();
    log.append(1, 10, true).unwrap();
    let (segment, end) = log.full[0].clone();
    let last = Position::new(batches * events);
    let entry = seal_segment(&disk, &segment, log.open[0].salt, last, end).unwrap();
    (disk, log, entry)
}

fn open(disk: &MemoryDisk, entry: &SealedSegment) -> Segment {
    Segment::sealed(Arc::new(disk.clone()), &crate::log::STORE_ID, entry.clone())
}

fn with_bytes(disk: &MemoryDisk, bytes: &[u8]) -> MemoryDisk {
    crate::log::with_segment(disk, 1, bytes)
}

fn positions(entry: &SealedSegment) -> impl Iterator<Item = Position> + use<> {
    (entry.first_position.get()..=entry.last_position().get()).map(Position::new)
}

fn assert_all_readable(segment: &Segment, entry: &SealedSegment) {
    for position in positions(entry) {
        let event = segment.there(position).unwrap();
        assert_eq!(event.position, position);
        assert_own(&event);
    }
}

fn corruption<T>(result: Result<T, LogError>) -> annals_format::Corruption {
    match result {
        Err(LogError::Corrupt(corruption)) => corruption,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn sealing_writes_a_footer_that_agrees_with_the_manifest_and_is_durable() {
    let (disk, log, entry) = sealed_log(5, 4, 30);
    assert_eq!((entry.id, entry.first_position, entry.count), (1, Position::FIRST, 20));
    assert_eq!((entry.recorded.min.as_nanos(), entry.recorded.max.as_nanos()), (10, 50));
    assert_eq!(entry.occurred, entry.recorded);
    let bytes = disk.crash(Survival::Synced).image()[&names::segment(1)].clone();
    assert_eq!(bytes.len() as u64, entry.length);
    let binding = entry.binding(&crate::log::STORE_ID);
    let footer = Footer::decode_trailer(bytes.last_chunk().unwrap(), binding, entry.length).unwrap();
    footer.check_tables(&bytes[usize::try_from(entry.frames_end).unwrap()..]).unwrap();
    assert_eq!((footer.count, footer.frames_end), (entry.count, entry.frames_end));
    let segment = open(&disk, &entry);
    assert_all_readable(&segment, &entry);
    assert_eq!((segment.id(), segment.path()), (1, "log/000000000001.seg"));
    assert_eq!(segment.sealed_entry(), Some(&entry));
    assert_eq!(segment.mapped().unwrap().len() as u64, entry.length);
    drop(log);
}

#[test]
fn a_record_is_given_with_exactly_its_bytes() {
    let (disk, _, entry) = sealed_log(3, 4, 30);
    let segment = open(&disk, &entry);
    let bytes = segment_bytes(&disk, 1);
    for position in positions(&entry) {
        let record = segment.record_there(position).unwrap();
        assert_eq!(annals_format::record_length(record), Some(record.len()));
        assert!(bytes.windows(record.len()).any(|window| window == record));
    }
}

/// A crash in the middle of sealing leaves an open segment, which is read and sealed again.
#[test]
fn a_crash_at_every_operation_of_sealing_loses_nothing() {
    let (sealed, log, entry) = sealed_log(4, 3, 30);
    let disk = MemoryDisk::new();
    let mut unsealed = Log::new(Arc::new(disk.clone()), 2);
    (0..4).for_each(|_| unsealed.append(3, 30, true).unwrap());
    unsealed.roll().unwrap();
    unsealed.append(1, 10, true).unwrap();
    let (segment, end) = unsealed.full[0].clone();
    for nth in 1.. {
        let disk = disk.crash(Survival::All);
        let faulty = FaultyDisk::new(Arc::new(disk.clone()));
        let when = annals_vfs::When::nth_of_all(nth).from_then_on();
        faulty.arm(when, annals_vfs::Fault::Error(std::io::ErrorKind::Other));
        let result = seal_segment(&faulty, &segment, entry.salt, Position::new(12), end);
        for kept in [0, 1, 40, 100, 4000] {
            let crashed = disk.crash(Survival::Chosen(&mut |_| Fate::Torn { kept }));
            let crashed_all = disk.crash(Survival::All);
            for state in [crashed, crashed_all] {
                let found = crate::log::recover_on(&state, Mode::Repair, &log.open).unwrap();
                assert_eq!(found.last, 13);
                let first = &found.recovered.segments[0];
                let again = seal_segment(&state, first, entry.salt, Position::new(12), end).unwrap();
                assert_eq!(again, entry);
                assert_eq!(segment_bytes(&state, 1), segment_bytes(&sealed, 1));
            }
        }
        if !faulty.fired() {
            assert_eq!(result.unwrap(), entry);
            break;
        }
        let error = result.unwrap_err();
        assert!(error.to_string().contains("log/000000000001.seg"), "{error}");
    }
}

#[test]
fn every_event_is_read_whatever_bit_of_the_footer_is_damaged() {
    let (disk, _, entry) = sealed_log(6, 4, 10);
    let newer = (segment_bytes(&disk, 1), entry);
    let older = with_footer_of_version_1(&newer.0, &newer.1);
    for (bytes, entry) in [newer, older] {
        for at in usize::try_from(entry.frames_end).unwrap()..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let segment = open(&with_bytes(&disk, &damaged), &entry);
                assert_all_readable(&segment, &entry);
                for position in positions(&entry) {
                    let time = segment.there(position).unwrap().recorded_at;
                    let found = segment.position_at(time, entry.first_position..entry.last_position().next());
                    assert_eq!(found.unwrap().get(), position.get().div_ceil(4) * 4);
                }
            }
        }
        for fill in [0x00, 0xFF, 0xA5] {
            let mut damaged = bytes.clone();
            damaged[usize::try_from(entry.frames_end).unwrap()..].fill(fill);
            assert_all_readable(&open(&with_bytes(&disk, &damaged), &entry), &entry);
        }
    }
}

/// Offsets in a damaged footer that lie behind the frames, or behind the file.
#[test]
fn offsets_that_lead_nowhere_make_the_frames_be_walked() {
    let (disk, _, entry) = sealed_log(6, 4, 10);
    let (bytes, old) = with_footer_of_version_1(&segment_bytes(&disk, 1), &entry);
    let table = usize::try_from(entry.frames_end).unwrap();
    let end = u32::try_from(bytes.len()).unwrap();
    for offset in [0, 1, 63, 64, end - 1, end, end + 1, 1 << 31, u32::MAX] {
        let mut damaged = bytes.clone();
        for index in 0..24 {
            damaged[table + index * 4..][..4].copy_from_slice(&offset.to_le_bytes());
        }
        assert_all_readable(&open(&with_bytes(&disk, &damaged), &old), &old);
        // The beginning, the slope, and where the distances are.
        for place in [0, 4, 8] {
            let mut damaged = segment_bytes(&disk, 1);
            damaged[table + place..][..4].copy_from_slice(&offset.to_le_bytes());
            assert_all_readable(&open(&with_bytes(&disk, &damaged), &entry), &entry);
        }
    }
}

#[test]
fn damage_in_a_record_is_an_error_for_this_event_only() {
    let (disk, _, entry) = sealed_log(3, 3, 20);
    let bytes = segment_bytes(&disk, 1);
    let sound = open(&disk, &entry);
    let places: Vec<(Position, usize, usize)> = positions(&entry)
        .map(|position| {
            let record = sound.record_there(position).unwrap();
            let start = bytes.windows(record.len()).position(|window| window == record).unwrap();
            (position, start, start + record.len())
        })
        .collect();
    for (position, start, end) in places {
        for at in start..end {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x04;
            let segment = open(&with_bytes(&disk, &damaged), &entry);
            let error = corruption(segment.there(position));
            assert_eq!(error.file, "log/000000000001.seg");
            assert!((start as u64..end as u64).contains(&error.offset), "byte {at}: {error}");
            assert!(error.what.contains(&format!("(position {position})")), "{error}");
            assert!(segment.record_there(position).is_err());
            for other in positions(&entry).filter(|other| *other != position) {
                assert_own(&segment.there(other).unwrap());
            }
        }
    }
}

#[test]
fn damage_in_frame_and_footer_at_once_is_an_error_and_never_another_event() {
    let (disk, _, entry) = sealed_log(4, 3, 20);
    let bytes = segment_bytes(&disk, 1);
    let (second, _) = frames(&bytes[..usize::try_from(entry.frames_end).unwrap()])[1];
    let mut damaged = bytes.clone();
    damaged[second + 60] ^= 1;
    *damaged.last_mut().unwrap() ^= 1;
    let segment = open(&with_bytes(&disk, &damaged), &entry);
    for position in positions(&entry) {
        match segment.there(position) {
            Ok(event) => assert_own(&event),
            Err(error) => {
                assert!((4..=6).contains(&position.get()), "{error}");
                assert_eq!(corruption(Err::<(), _>(error)).file, "log/000000000001.seg");
            }
        }
    }
}

#[test]
fn a_sealed_file_that_is_too_short_is_an_error_that_names_it() {
    let (disk, _, entry) = sealed_log(3, 3, 20);
    let bytes = segment_bytes(&disk, 1);
    let frames_end = usize::try_from(entry.frames_end).unwrap();
    let lengths = [0, 1, 63, 64, frames_end, frames_end + FOOTER_TRAILER_BYTES, bytes.len() - 1];
    for state in lengths.map(|length| &bytes[..length]) {
        let segment = open(&with_bytes(&disk, state), &entry);
        for position in positions(&entry) {
            let error = corruption(segment.there(position));
            assert_eq!((error.file.as_str(), error.found), ("log/000000000001.seg", state.len() as u64));
            assert_eq!(error.expected, entry.length);
        }
        assert!(segment.mapped().is_err());
        assert!(segment.position_at(Timestamp::MAX, Position::new(1)..Position::new(4)).is_err());
    }
}

/// Where the cut behind the footer did not become durable.
#[test]
fn a_sealed_file_that_is_longer_is_read_up_to_its_length() {
    let (disk, _, entry) = sealed_log(3, 3, 20);
    for behind in [vec![0], vec![0; 5000], vec![0xA5; 88]] {
        let longer = [segment_bytes(&disk, 1), behind].concat();
        let segment = open(&with_bytes(&disk, &longer), &entry);
        assert_all_readable(&segment, &entry);
        assert_eq!(segment.mapped().unwrap().len() as u64, entry.length);
    }
}

#[test]
fn a_sealed_file_that_is_not_there_is_an_error_that_names_it() {
    let (disk, _, entry) = sealed_log(3, 3, 20);
    let missing = copy(&disk);
    missing.remove(&names::segment(1)).unwrap();
    match open(&missing, &entry).there(Position::FIRST) {
        Err(LogError::Io { what, source }) => {
            assert!(what.contains("log/000000000001.seg"));
            assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
    // A reader that has it mapped reads on after it was removed.
    let segment = open(&disk, &entry);
    assert_own(&segment.there(Position::FIRST).unwrap());
    disk.remove(&names::segment(1)).unwrap();
    assert_all_readable(&segment, &entry);
}

#[test]
fn a_footer_of_another_segment_is_not_used() {
    let (disk, _, entry) = sealed_log(3, 3, 20);
    // The same bytes, but the manifest means something else.
    let fewer = SealedSegment { count: entry.count - 1, ..entry.clone() };
    let segment = open(&disk, &fewer);
    assert_all_readable(&segment, &fewer);
    let other = SealedSegment { salt: entry.salt + 1, ..entry.clone() };
    assert!(open(&disk, &other).there(Position::FIRST).is_err());
}

#[test]
fn positions_behind_a_sealed_segment_have_no_event_and_those_behind_a_live_one_are_errors() {
    let (disk, log, entry) = sealed_log(3, 3, 20);
    let (live, _) = log.writer.active().unwrap();
    for position in [10, 11, 5000, u64::MAX].map(Position::new) {
        // What follows a sealed segment may be gone, and the segment behind that says so.
        assert_eq!(open(&disk, &entry).event(position).unwrap(), None, "{position}");
        if position.get() > 10 {
            assert!(live.there(position).is_err(), "{position}");
        }
    }
}
