//! The cases R6 and R7 of recovery: a torn tail is cut, damage to what was durable is refused.

use crate::log::{
    Log, SEGMENT_BYTES, STORE_ID, corruption, entry, frames, input, recover_on, recover_with, segment_bytes,
    with_segment,
};
use crate::recovery::{cases, flip, log_of, log_of_three};
use annals_format::{KeptFrame, SEGMENT_HEADER_BYTES, check_frame, names, record_length};
use annals_types::Position;
use annals_vfs::MemoryDisk;
use annals_wal::{Case, Mode, RecoveryInput};
use std::sync::Arc;

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

/// Only compaction makes frames within which positions are missing, and only where the frames of a segment are all known.
#[test]
fn r6_a_frame_with_missing_positions_is_no_frame_of_an_open_segment() {
    let (disk, log) = log_of(2);
    let mut bytes = segment_bytes(&disk, 1);
    let (second, two) = frames(&bytes)[1];
    let end = second + usize::try_from(two.length).unwrap();
    let mut records = Vec::new();
    let binding = log.open[0].binding(&STORE_ID);
    check_frame(&bytes[second..], binding, 0, |within, event| records.push((within, event.version))).unwrap();
    let mut kept = KeptFrame::new();
    for ((within, version), missing) in records.iter().zip(0..) {
        let record = &bytes[second + within..];
        let record = &record[..record_length(record).unwrap()];
        let position = two.last_position().next().plus(2 * missing);
        kept.push(position, *version, record).unwrap();
    }
    let mut frame = Vec::new();
    kept.finish(binding, two.durable, two.recorded_at, &mut frame);
    assert!(check_frame(&frame, binding, 0, |_, _| {}).is_ok_and(|header| header.missing > 0));
    bytes[end..end + frame.len()].copy_from_slice(&frame);
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
