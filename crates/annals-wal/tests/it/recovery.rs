//! Every labelled case of recovery, by its name.

use crate::log::{
    Found, Log, SEGMENT_BYTES, STORE_ID, copy, corruption, entry, frames, input, recover_on, recover_with,
    segment_bytes, with_segment,
};
use annals_format::{SEGMENT_HEADER_BYTES, SegmentHeader, names};
use annals_types::Position;
use annals_vfs::{Call, Disk, FaultyDisk, MemoryDisk};
use annals_wal::{Case, LogError, Mode, RecoveryInput};
use std::sync::Arc;

/// A log of one segment with batches of three events, the last of which nothing proves to be durable.
fn log_of(batches: u64) -> (MemoryDisk, Log) {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 3);
    for _ in 0..batches {
        log.append(3, 40, true).unwrap();
    }
    (disk, log)
}

/// Three segments: 1 to 6 in the first, 7 to 12 in the second, 13 to 18 in the third.
fn log_of_three() -> (MemoryDisk, Log) {
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

fn cases(found: &Found) -> Vec<Case> {
    found.recovered.findings.iter().map(|finding| finding.case).collect()
}

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
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

/// What a torn write may leave in the place of bytes that did not arrive.
const FILLS: [fn(usize) -> u8; 3] =
    [|_| 0x00, |_| 0xFF, |at| u8::try_from(at.wrapping_mul(0x9E37_79B9) >> 16 & 0xFF).unwrap()];

/// Asserts that a segment is read up to position 6, and that what follows is cut.
fn assert_cut(disk: &MemoryDisk, bytes: &[u8], end: usize, log: &Log) {
    let torn = with_segment(disk, 1, bytes);
    let blank = bytes[end..].iter().all(|byte| *byte == 0);
    let case = if blank { Case::Whole } else { Case::TornTail };
    let found = recover_on(&torn, Mode::Repair, &log.open).unwrap();
    assert_eq!((found.last, cases(&found)[0]), (6, case));
    let finding = &found.recovered.findings[0];
    assert_eq!((finding.frames_end, finding.torn.is_some()), (end as u64, !blank));
    let after = segment_bytes(&torn, 1);
    assert_eq!(after[..end], bytes[..end]);
    assert!(after[end..].iter().all(|byte| *byte == 0));
    assert_eq!(after.len() as u64, SEGMENT_BYTES);
}

#[test]
fn r6_a_last_frame_torn_at_any_eight_bytes_or_sector_is_cut() {
    let (disk, mut log) = log_of(2);
    log.append(4, 300, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let (start, header) = *frames(&whole).last().unwrap();
    let end = start + usize::try_from(header.length).unwrap();
    let sectors = (start / 512..=end / 512).map(|sector| sector * 512);
    for at in (start..end).step_by(8).chain(sectors).filter(|at| (start..end).contains(at)) {
        for fill in FILLS {
            // The front arrived; only the front did not; one sector or eight bytes did not.
            for missing in [at..end, start..at, at..(at + 8).min(end), at..(at + 512).min(end)] {
                let mut bytes = whole.clone();
                missing.clone().for_each(|at| bytes[at] = fill(at));
                if bytes == whole {
                    continue;
                }
                assert_cut(&disk, &bytes, start, &log);
            }
        }
    }
}

#[test]
fn r6_a_header_without_its_records_and_records_without_their_header_are_cut() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let (start, _) = *frames(&whole).last().unwrap();
    let mut only_header = whole.clone();
    only_header[start + 48..].fill(0);
    assert_cut(&disk, &only_header, start, &log);
    let mut only_records = whole;
    only_records[start..start + 48].fill(0);
    assert_cut(&disk, &only_records, start, &log);
}

#[test]
fn r6_a_frame_that_reaches_beyond_a_file_that_was_not_lengthened_is_cut() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let (start, header) = *frames(&whole).last().unwrap();
    for length in start..start + usize::try_from(header.length).unwrap() {
        assert_cut(&disk, &whole[..length], start, &log);
    }
}

#[test]
fn r6_of_two_groups_without_a_sync_a_torn_first_takes_a_whole_second_with_it() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let [.., (first, header), (second, _)] = frames(&whole)[..] else { panic!() };
    assert_eq!(first + usize::try_from(header.length).unwrap(), second);
    for fill in FILLS {
        let mut bytes = whole.clone();
        (first..second).for_each(|at| bytes[at] = fill(at));
        assert_cut(&disk, &bytes, first, &log);
        for at in first..second {
            let mut bytes = whole.clone();
            bytes[at] = !fill(at);
            if bytes != whole {
                assert_cut(&disk, &bytes, first, &log);
            }
        }
    }
}

#[test]
fn r6_whole_frames_behind_the_tail_are_not_read_now_and_not_later() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let [.., (first, _), (second, _)] = frames(&whole)[..] else { panic!() };
    let torn = with_segment(&disk, 1, &flip(&whole, first + 20));
    assert_eq!(recover_on(&torn, Mode::Observe, &log.open).unwrap().last, 6);
    // The new batch has the length of the torn one: were the old bytes still there, the frame behind would
    // fit exactly, positions and all.
    let mut again = Log::open(Arc::new(torn.clone()), log.open.clone());
    again.append(3, 40, true).unwrap();
    assert_eq!(again.writer.active().unwrap().1, second as u64);
    assert_eq!(recover_on(&torn, Mode::Repair, &log.open).unwrap().last, 9);
}

#[test]
fn r6_frames_of_an_earlier_life_of_the_blocks_are_not_read() {
    let (disk, log) = log_of(2);
    let mut bytes = segment_bytes(&disk, 1);
    let (last, header) = *frames(&bytes).last().unwrap();
    let end = last + usize::try_from(header.length).unwrap();
    // The next batch as another segment, another store, another salt would have it.
    for (store, id, salt) in [(STORE_ID, 2, entry(2).salt), ([1; 16], 1, entry(1).salt), (STORE_ID, 1, 0)] {
        let mut frame = crate::log::batch(7, 3, 40);
        let stamp = annals_format::FrameStamp {
            binding: annals_format::Binding::new(&store, id, salt),
            first_position: Position::new(7),
            durable: Position::new(6),
            recorded_at: annals_types::Timestamp::EPOCH,
        };
        frame.stamp(&stamp, |_| annals_types::Version::FIRST);
        bytes[end..end + frame.bytes().len()].copy_from_slice(frame.bytes());
        assert_cut(&disk, &bytes, end, &log);
    }
}

#[test]
fn r6_a_frame_of_this_segment_at_another_position_is_cut() {
    let (disk, log) = log_of(2);
    let mut bytes = segment_bytes(&disk, 1);
    let [(first, one), (second, two)] = frames(&bytes)[..] else { panic!() };
    let end = second + usize::try_from(two.length).unwrap();
    bytes.copy_within(first..first + usize::try_from(one.length).unwrap(), end);
    assert_cut(&disk, &bytes, end, &log);
}

#[test]
fn r7_damage_in_any_frame_below_the_durable_mark_names_file_and_offset() {
    let (disk, log) = log_of(4);
    let whole = segment_bytes(&disk, 1);
    let frames = frames(&whole);
    // The last batch is not below the mark: nothing tells it from one that was never acknowledged.
    for (start, header) in &frames[..3] {
        let end = start + usize::try_from(header.length).unwrap();
        for at in *start..end {
            for mode in [Mode::Observe, Mode::Repair] {
                let damaged = with_segment(&disk, 1, &flip(&whole, at));
                let before = damaged.image();
                let found = corruption(recover_on(&damaged, mode, &log.open));
                assert_eq!(found.file, names::segment(1));
                assert!((*start as u64..end as u64).contains(&found.offset), "byte {at}: {found}");
                let positions = format!("positions {} to 9 were acknowledged", header.first_position);
                assert!(found.what.contains(&positions), "{found}");
                assert_eq!(damaged.image(), before, "what is refused is not changed");
            }
        }
    }
}

#[test]
fn r7_damage_in_the_last_frame_is_an_error_once_its_durability_is_noted() {
    let (disk, mut log) = log_of(3);
    let before_mark = segment_bytes(&disk, 1);
    let (last, header) = *frames(&before_mark).last().unwrap();
    let every_byte = last..last + usize::try_from(header.length).unwrap();
    log.writer.mark_durable().unwrap();
    let marked = segment_bytes(&disk, 1);
    let known = RecoveryInput { durable: Position::new(9), ..input(&log.open) };
    for at in every_byte {
        // By nothing: a torn tail.
        let torn = with_segment(&disk, 1, &flip(&before_mark, at));
        assert_eq!(recover_on(&torn, Mode::Repair, &log.open).unwrap().last, 6);
        // By the frame that says so.
        let damaged = with_segment(&disk, 1, &flip(&marked, at));
        assert!(corruption(recover_on(&damaged, Mode::Repair, &log.open)).offset >= last as u64);
        // By the manifest.
        let damaged = with_segment(&disk, 1, &flip(&before_mark, at));
        assert!(corruption(recover_with(&damaged, Mode::Repair, &known)).offset >= last as u64);
    }
}

#[test]
fn r7_zeros_from_anywhere_on_are_an_error_if_more_is_known_to_be_durable() {
    let (disk, log) = log_of_three();
    let known = RecoveryInput { durable: Position::new(18), ..input(&log.open) };
    for id in 1..=3 {
        let whole = segment_bytes(&disk, id);
        let (last, header) = *frames(&whole).last().unwrap();
        let end = last + usize::try_from(header.length).unwrap();
        for at in (SEGMENT_HEADER_BYTES..end).step_by(8) {
            let mut zeroed = whole.clone();
            zeroed[at..].fill(0);
            // Segments with a successor need no other evidence; the last one does.
            for input in [&known, &input(&log.open)] {
                for bytes in [&zeroed[..], &zeroed[..at]] {
                    let damaged = with_segment(&disk, id, bytes);
                    let result = recover_with(&damaged, Mode::Observe, input);
                    if id == 3 && input.durable == Position::ZERO {
                        assert!(result.is_ok(), "{at}");
                    } else {
                        let found = corruption(result);
                        assert_eq!(found.file, names::segment(id), "{at}");
                        assert!(found.offset <= at as u64, "{at}: {found}");
                    }
                }
            }
        }
    }
}

#[test]
fn r7_damage_between_two_sound_frames_is_an_error_whatever_it_looks_like() {
    let (disk, log) = log_of(4);
    let whole = segment_bytes(&disk, 1);
    let frames = frames(&whole);
    for fill in FILLS {
        for pair in frames.windows(2).take(2) {
            let mut bytes = whole.clone();
            (pair[0].0..pair[1].0).for_each(|at| bytes[at] = fill(at));
            let found = corruption(recover_on(&with_segment(&disk, 1, &bytes), Mode::Repair, &log.open));
            assert_eq!(found.offset, pair[0].0 as u64);
        }
    }
}

/// Zeros are searched a page at a time, and what follows them must not be stepped over.
#[test]
fn r7_evidence_is_found_behind_any_stretch_of_zeros() {
    for bytes in (3_900..4_300).chain(8_050..8_250).step_by(8) {
        let (disk, mut log) = log_of(1);
        log.append(1, bytes, true).unwrap();
        log.writer.mark_durable().unwrap();
        let mut segment = segment_bytes(&disk, 1);
        let [_, (zeroed, _), (mark, _)] = frames(&segment)[..] else { panic!() };
        segment[zeroed..mark].fill(0);
        let found = corruption(recover_on(&with_segment(&disk, 1, &segment), Mode::Repair, &log.open));
        assert_eq!(found.offset, zeroed as u64, "{bytes} bytes");
    }
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
    bytes[8] = 2;
    // CRC-32, bit by bit, over all but the checksum itself.
    let covered = bytes[..12].iter().chain(&bytes[16..SEGMENT_HEADER_BYTES]);
    let crc = covered.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    bytes[12..16].copy_from_slice(&(!crc).to_le_bytes());
    let newer = with_segment(&disk, 1, &bytes);
    match recover_on(&newer, Mode::Repair, &log.open) {
        Err(LogError::Newer { file, found: 2, supported: 1 }) => assert_eq!(file, names::segment(1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn recovering_again_finds_the_same_and_changes_nothing_more() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let (last, _) = *frames(&whole).last().unwrap();
    let torn = flip(&whole, last + 70);
    let mut false_start = vec![0; 500];
    false_start[5] = 1;
    let states = [
        copy(&disk),
        with_segment(&disk, 1, &torn),
        with_segment(&with_segment(&disk, 1, &torn), 2, &false_start),
        with_segment(&disk, 1, &whole[..last + 3]),
        log_of_three().0,
        log_of(0).0,
    ];
    for state in states {
        let observed = recover_on(&state, Mode::Observe, &log.open).unwrap();
        let once = recover_on(&state, Mode::Repair, &log.open).unwrap();
        let image = state.image();
        let twice = recover_on(&state, Mode::Repair, &log.open).unwrap();
        assert_eq!((observed.last, once.last), (once.last, twice.last));
        assert_eq!(observed.recovered.frames_ends, twice.recovered.frames_ends);
        assert_eq!(once.recovered.last_recorded, twice.recovered.last_recorded);
        assert_eq!(state.image(), image);
        assert!(twice.recovered.findings.iter().all(|finding| finding.torn.is_none()));
    }
}

#[test]
fn observing_changes_nothing_and_asks_for_nothing_to_be_changed() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let (last, _) = *frames(&whole).last().unwrap();
    let disk = with_segment(&with_segment(&disk, 1, &flip(&whole, last + 9)), 2, &[1; 100]);
    let before = disk.image();
    let counting = FaultyDisk::new(Arc::new(disk.clone()));
    let found = recover_on(&counting, Mode::Observe, &log.open).unwrap();
    assert_eq!(cases(&found), [Case::TornTail, Case::FalseStart, Case::Unused]);
    assert_eq!(disk.image(), before);
    assert!(Call::CHANGING.iter().all(|call| counting.calls(*call) == 0));
    assert_eq!((found.last, found.recovered.durable.get()), (6, 3), "only what is proven counts as durable");
    assert!(found.recovered.prepared.is_empty());
}

#[test]
fn mending_makes_the_tail_durable_and_takes_no_room() {
    let (disk, mut log) = log_of(2);
    log.append(3, 40, false).unwrap();
    let whole = segment_bytes(&disk, 1);
    let (last, _) = *frames(&whole).last().unwrap();
    let disk = with_segment(&with_segment(&disk, 1, &flip(&whole, last + 9)), 2, &[1; 100]);
    let found = recover_on(&disk, Mode::Mend, &log.open).unwrap();
    assert_eq!(cases(&found), [Case::TornTail, Case::FalseStart, Case::Unused]);
    assert_eq!((found.last, found.recovered.durable.get()), (6, 6));
    assert_eq!(segment_bytes(&disk, 1), whole[..last]);
    assert_eq!(segment_bytes(&disk, 2), [1; 100]);
    assert!(found.recovered.prepared.is_empty());
    assert_eq!(Log::open(Arc::new(disk), log.open).next(), 7);
}

/// The last batch of the first segment and the header of the second are damaged. Taken by itself the first
/// segment has a torn tail; the second one shows that it has not.
#[test]
fn a_log_that_is_refused_stays_as_it_was() {
    let (disk, log) = log_of_three();
    let one = segment_bytes(&disk, 1);
    let (last, _) = *frames(&one).last().unwrap();
    let damaged = with_segment(&disk, 1, &flip(&one, last + 9));
    let damaged = with_segment(&damaged, 2, &flip(&segment_bytes(&disk, 2), 9));
    damaged.remove(&names::segment(3)).unwrap();
    let before = damaged.image();
    for mode in [Mode::Observe, Mode::Mend, Mode::Repair] {
        let found = corruption(recover_on(&damaged, mode, &log.open[..2]));
        assert_eq!(found.file, names::segment(2));
        assert_eq!(damaged.image(), before);
    }
}

#[test]
fn a_close_in_good_order_needs_no_search_and_changes_nothing_else() {
    let (disk, log) = log_of(3);
    let (segment, frames_end) = log.writer.active().unwrap();
    let clean = Some(annals_format::CleanMark { segment_id: segment.id(), frames_end });
    let input = RecoveryInput { clean, durable: Position::new(9), ..input(&log.open) };
    let found = recover_with(&disk, Mode::Repair, &input).unwrap();
    assert_eq!((found.last, cases(&found)[0]), (9, Case::Whole));
    let whole = segment_bytes(&disk, 1);
    for (start, header) in frames(&whole) {
        for at in start..start + usize::try_from(header.length).unwrap() {
            let damaged = with_segment(&disk, 1, &flip(&whole, at));
            assert!(recover_with(&damaged, Mode::Repair, &input).is_err(), "byte {at}");
        }
    }
}

/// Another process may cut a file while it is looked at (a footer is shorter than the space laid out).
#[test]
fn a_file_that_becomes_shorter_while_it_is_read_does_not_keep_recovery_busy() {
    let (disk, mut log) = log_of(2);
    log.append(1, 9000, true).unwrap();
    for nth in 1..20 {
        let shrinking = FaultyDisk::new(Arc::new(disk.clone()));
        let when = annals_vfs::When::nth(Call::Read, nth).from_then_on();
        shrinking.arm(when, annals_vfs::Fault::Short(0));
        let _ = annals_wal::recover(&shrinking, Mode::Observe, &input(&log.open), &mut |_, _| {});
    }
}

#[test]
fn what_the_manifest_knows_of_time_and_positions_is_taken_over() {
    let (disk, log) = log_of(1);
    let last_recorded = annals_types::Timestamp::from_nanos(1_000_000);
    let input = RecoveryInput { last_recorded, ..input(&log.open) };
    assert_eq!(recover_with(&disk, Mode::Observe, &input).unwrap().recovered.last_recorded, last_recorded);
    let unused = RecoveryInput { next: Position::new(4), open: &log.open[1..], ..input };
    let found = recover_with(&disk, Mode::Repair, &unused).unwrap();
    assert_eq!((found.recovered.next, found.recovered.durable), (Position::new(4), Position::new(3)));
}
