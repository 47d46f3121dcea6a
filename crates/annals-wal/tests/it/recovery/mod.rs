//! Every labelled case of recovery, by its name; R6 and R7 are in `torn_or_damaged`.

mod modes;

use crate::log::{
    Found, Log, SEGMENT_BYTES, copy, corruption, entry, frames, input, recover_on, recover_with,
    segment_bytes, with_segment,
};
use annals_format::{FORMAT_VERSION, SEGMENT_HEADER_BYTES, SegmentHeader, names};
use annals_types::Position;
use annals_vfs::{Disk, MemoryDisk};
use annals_wal::{Case, LogError, Mode, RecoveryInput};
use std::sync::Arc;

/// A log of one segment with batches of three events, the last of which nothing proves to be durable.
pub(crate) fn log_of(batches: u64) -> (MemoryDisk, Log) {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 3);
    for _ in 0..batches {
        log.append(3, 40, true).unwrap();
    }
    (disk, log)
}

/// Three segments: 1 to 6 in the first, 7 to 12 in the second, 13 to 18 in the third.
pub(crate) fn log_of_three() -> (MemoryDisk, Log) {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 3);
    for segment in 0..3 {
        if segment > 0 {
            log.roll().unwrap();
        }
        log.append(3, 40, true).unwrap();
        log.append(3, 40, true).unwrap();
    }
    (disk, log)
}

pub(crate) fn cases(found: &Found) -> Vec<Case> {
    found.recovered.findings.iter().map(|finding| finding.case).collect()
}

pub(crate) fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x10;
    bytes
}

#[test]
fn r1_segments_of_zeros_are_unused_and_kept_for_later() {
    let (disk, log) = log_of(0);
    for length in [0, 1, 63, 64, 5000, SEGMENT_BYTES, SEGMENT_BYTES + 4096] {
        let disk = with_segment(&disk, 1, &vec![0; usize::try_from(length).unwrap()]);
        let found = recover_on(&disk, Mode::Repair, &log.open).unwrap();
        assert_eq!(cases(&found), [Case::Unused; 3]);
        assert_eq!((found.last, found.recovered.segments.len()), (0, 0));
        let prepared: Vec<_> = found.recovered.prepared.iter().map(|prepared| prepared.entry).collect();
        assert_eq!(prepared, log.open);
        assert_eq!(segment_bytes(&disk, 1).len() as u64, length.max(SEGMENT_BYTES));
        // What comes back can be written.
        Log::open(Arc::new(disk), log.open.clone()).append(2, 10, true).unwrap();
    }
}

/// A batch did not fit into the segment that was laid out, which could not be made larger; the next batch went
/// to the segment after it.
#[test]
fn r1_a_segment_that_was_passed_over_is_no_damage_and_is_not_used_any_more() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 4);
    log.append(3, 40, true).unwrap();
    drop(log.prepared.pop_front());
    log.roll().unwrap();
    log.append(3, 40, true).unwrap();
    for mode in [Mode::Observe, Mode::Repair] {
        let found = recover_on(&disk, mode, &log.open).unwrap();
        assert_eq!(cases(&found), [Case::Whole, Case::Unused, Case::Whole, Case::Unused]);
        assert_eq!(found.last, 6);
    }
    let mut log = Log::open(Arc::new(disk.clone()), log.open);
    assert_eq!(log.prepared.iter().map(|prepared| prepared.entry).collect::<Vec<_>>(), [entry(4)]);
    log.roll().unwrap();
    log.append(1, 1, true).unwrap();
    assert_eq!(recover_on(&disk, Mode::Repair, &log.open).unwrap().last, 7);
}

#[test]
fn r2_a_first_write_that_was_torn_in_the_header_is_a_false_start() {
    let (disk, log) = log_of(1);
    let whole = segment_bytes(&disk, 1);
    for kept in 1..SEGMENT_HEADER_BYTES {
        for fill in [0x00, 0xFF] {
            let mut bytes = whole.clone();
            bytes[kept..SEGMENT_HEADER_BYTES].fill(fill);
            if bytes == whole {
                continue;
            }
            let torn = with_segment(&disk, 1, &bytes);
            let observed = recover_on(&torn, Mode::Observe, &log.open).unwrap();
            assert_eq!(cases(&observed), [Case::FalseStart, Case::Unused, Case::Unused], "{kept}");
            let found = recover_on(&torn, Mode::Repair, &log.open).unwrap();
            assert_eq!(cases(&found), [Case::FalseStart, Case::Unused, Case::Unused]);
            assert_eq!((found.last, found.recovered.prepared.len()), (0, 3));
            assert_eq!(segment_bytes(&torn, 1), vec![0; whole.len()], "it is wiped");
            Log::open(Arc::new(torn), log.open.clone()).append(2, 10, true).unwrap();
        }
    }
}

#[test]
fn r2_rubbish_in_a_segment_that_was_never_begun_is_a_false_start() {
    let (disk, log) = log_of(2);
    let torn = with_segment(&disk, 2, &vec![0xA5; 3000]);
    let found = recover_on(&torn, Mode::Repair, &log.open).unwrap();
    assert_eq!(cases(&found), [Case::Whole, Case::FalseStart, Case::Unused]);
    assert_eq!(segment_bytes(&torn, 2), vec![0; usize::try_from(SEGMENT_BYTES).unwrap()]);
}

#[test]
fn r3_a_lost_header_in_front_of_what_was_durable_is_corruption() {
    let (disk, log) = log_of(2);
    let whole = segment_bytes(&disk, 1);
    for at in 0..SEGMENT_HEADER_BYTES {
        // Reserved bytes and all: the second batch says that the first was durable.
        let damaged = with_segment(&disk, 1, &flip(&whole, at));
        for mode in [Mode::Observe, Mode::Repair] {
            let found = corruption(recover_on(&damaged, mode, &log.open));
            assert_eq!(found.file, names::segment(1), "byte {at}");
            assert!(found.offset < SEGMENT_HEADER_BYTES as u64);
        }
    }
    let mut zeroed = whole;
    zeroed[..SEGMENT_HEADER_BYTES].fill(0);
    assert_eq!(corruption(recover_on(&with_segment(&disk, 1, &zeroed), Mode::Repair, &log.open)).offset, 0);
}

#[test]
fn r3_a_segment_without_header_before_one_with_a_header_is_corruption() {
    let (disk, log) = log_of_three();
    let whole = segment_bytes(&disk, 2);
    for at in 0..SEGMENT_HEADER_BYTES {
        let damaged = with_segment(&disk, 2, &flip(&whole, at));
        let before = damaged.image();
        assert_eq!(corruption(recover_on(&damaged, Mode::Repair, &log.open)).file, names::segment(2));
        assert_eq!(damaged.image(), before);
    }
    // Where all of it is gone the events may have been in either: the error says which they are.
    let zeros = with_segment(&disk, 2, &vec![0; whole.len()]);
    let found = corruption(recover_on(&zeros, Mode::Repair, &log.open));
    assert!(found.what.contains("positions 7 to 12 were acknowledged"), "{found}");
}

#[test]
fn r3_zeros_where_the_manifest_knows_of_durable_events_are_corruption() {
    let (disk, log) = log_of(2);
    let zeros = vec![0; segment_bytes(&disk, 1).len()];
    let damaged = with_segment(&disk, 1, &zeros);
    let known = RecoveryInput { durable: Position::new(3), ..input(&log.open) };
    assert_eq!(corruption(recover_with(&damaged, Mode::Repair, &known)).file, names::segment(1));
    // Without that knowledge the same bytes are a segment that nobody wrote to.
    assert_eq!(recover_on(&damaged, Mode::Repair, &log.open).unwrap().last, 0);
}

#[test]
fn r4_a_sound_header_of_another_place_is_corruption() {
    let (disk, log) = log_of_three();
    let whole = segment_bytes(&disk, 2);
    let own = SegmentHeader::decode(whole.first_chunk().unwrap()).unwrap();
    let others = [
        SegmentHeader { store_id: [7; 16], ..own.clone() },
        SegmentHeader { segment_id: 3, ..own.clone() },
        SegmentHeader { salt: own.salt + 1, ..own.clone() },
        SegmentHeader { first_position: Position::new(6), ..own.clone() },
        SegmentHeader { first_position: Position::new(1), ..own },
    ];
    for other in others {
        let bytes = [&other.encode()[..], &whole[SEGMENT_HEADER_BYTES..]].concat();
        let damaged = with_segment(&disk, 2, &bytes);
        let before = damaged.image();
        let found = corruption(recover_on(&damaged, Mode::Repair, &log.open));
        assert_eq!((found.file, found.offset), (names::segment(2), 0), "{other:?}");
        assert_eq!(damaged.image(), before);
    }
    // Two segments that changed places.
    let swapped = with_segment(&with_segment(&disk, 1, &whole), 2, &segment_bytes(&disk, 1));
    assert_eq!(corruption(recover_on(&swapped, Mode::Repair, &log.open)).file, names::segment(1));
}

#[test]
fn r4_a_hole_before_a_segment_is_damage_of_the_one_before() {
    let (disk, log) = log_of_three();
    let whole = segment_bytes(&disk, 1);
    let (last, _) = *frames(&whole).last().unwrap();
    for bytes in [flip(&whole, last + 60), whole[..last].to_vec(), flip(&whole, last)] {
        let found = corruption(recover_on(&with_segment(&disk, 1, &bytes), Mode::Repair, &log.open));
        assert_eq!(found.file, names::segment(1));
        assert!(
            found.what.contains("(positions 4 to 6 were acknowledged and cannot be read here)"),
            "{found}"
        );
        assert!(found.offset >= last as u64);
    }
}

#[test]
fn r5_sound_frames_and_zeros_behind_are_taken() {
    for batches in 1..5 {
        let (disk, log) = log_of(batches);
        for mode in [Mode::Observe, Mode::Mend, Mode::Repair] {
            let found = recover_on(&disk, mode, &log.open).unwrap();
            assert_eq!(cases(&found), [Case::Whole, Case::Unused, Case::Unused]);
            assert_eq!(found.last, batches * 3);
            assert_eq!(found.recovered.findings[0].torn, None);
        }
    }
}

#[test]
fn r5_all_segments_but_the_last_are_taken_with_whatever_lies_behind_their_frames() {
    let (disk, log) = log_of_three();
    let mut bytes = segment_bytes(&disk, 1);
    let (last, header) = *frames(&bytes).last().unwrap();
    let end = last + usize::try_from(header.length).unwrap();
    for (fill, length) in [(0x00, bytes.len()), (0xA5, bytes.len()), (0xA5, end + 100), (0x00, end)] {
        bytes.resize(length, 0);
        bytes[end..].fill(fill);
        let unfinished = with_segment(&disk, 1, &bytes);
        let before = unfinished.image();
        let found = recover_on(&unfinished, Mode::Repair, &log.open).unwrap();
        assert_eq!(cases(&found), [Case::Whole; 3]);
        assert_eq!((found.last, found.recovered.frames_ends[0]), (18, end as u64));
        assert_eq!(unfinished.image(), before, "a segment that has a successor is left as it is");
    }
}

#[test]
fn r5_a_file_that_ends_with_its_last_frame_is_whole() {
    let (disk, log) = log_of(2);
    let bytes = segment_bytes(&disk, 1);
    let (last, header) = *frames(&bytes).last().unwrap();
    let cut = with_segment(&disk, 1, &bytes[..last + usize::try_from(header.length).unwrap()]);
    let found = recover_on(&cut, Mode::Repair, &log.open).unwrap();
    assert_eq!((found.last, cases(&found)[0]), (6, Case::Whole));
    assert_eq!(segment_bytes(&cut, 1), bytes, "and it is laid out again");
}

#[test]
fn r8_a_segment_of_the_manifest_that_is_not_there_is_corruption() {
    let (disk, log) = log_of_three();
    for id in 1..=3 {
        let missing = copy(&disk);
        missing.remove(&names::segment(id)).unwrap();
        for mode in [Mode::Observe, Mode::Repair] {
            assert_eq!(corruption(recover_on(&missing, mode, &log.open)).file, names::segment(id));
        }
    }
}

#[test]
fn a_segment_of_a_newer_version_is_told_apart_from_damage() {
    let (disk, log) = log_of(1);
    let mut bytes = segment_bytes(&disk, 1);
    let next = FORMAT_VERSION + 1;
    bytes[8..12].copy_from_slice(&next.to_le_bytes());
    // CRC-32, bit by bit, over all but the checksum itself.
    let covered = bytes[..12].iter().chain(&bytes[16..SEGMENT_HEADER_BYTES]);
    let crc = covered.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    bytes[12..16].copy_from_slice(&(!crc).to_le_bytes());
    let newer = with_segment(&disk, 1, &bytes);
    match recover_on(&newer, Mode::Repair, &log.open) {
        Err(LogError::Newer { file, found, supported }) => {
            assert_eq!((file, found, supported), (names::segment(1), next, FORMAT_VERSION));
        }
        other => panic!("{other:?}"),
    }
}
