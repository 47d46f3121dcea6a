//! Every labelled case of recovery, by its name; R6 and R7 are in `torn_or_damaged`.

use crate::log::{
    Found, Log, SEGMENT_BYTES, copy, corruption, entry, frames, input, recover_on, recover_with,
    segment_bytes, with_segment,
};
use annals_format::{FORMAT_VERSION, SEGMENT_HEADER_BYTES, SegmentHeader, names};
use annals_types::Position;
use annals_vfs::{Call, Disk, FaultyDisk, MemoryDisk};
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

#[test]
fn a_log_that_is_known_to_end_somewhere_ends_there_whatever_lies_behind() {
    let (disk, log) = log_of(3);
    let whole = segment_bytes(&disk, 1);
    let frames = frames(&whole);
    for (number, (start, header)) in frames.iter().enumerate() {
        let frames_end = *start as u64 + header.length;
        let cut = Some(annals_format::CleanMark { segment_id: 1, frames_end });
        let durable = header.last_position();
        let input = RecoveryInput { cut, clean: cut, durable, ..input(&log.open) };
        for mode in [Mode::Observe, Mode::Mend, Mode::Repair] {
            let disk = with_segment(&disk, 1, &whole);
            let found = recover_with(&disk, mode, &input).unwrap();
            assert_eq!(found.last, durable.get(), "frame {number}, {mode:?}");
            let left = segment_bytes(&disk, 1);
            let end = usize::try_from(frames_end).unwrap();
            match mode {
                Mode::Observe => assert!(left == whole),
                _ => assert!(left[..end] == whole[..end] && left[end..].iter().all(|byte| *byte == 0)),
            }
        }
        let beyond = RecoveryInput { durable: durable.next(), ..input };
        assert!(recover_with(&disk, Mode::Observe, &beyond).is_err(), "what is missing is told");
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
        let _ = annals_wal::recover(&shrinking, Mode::Observe, &input(&log.open), &mut |_, _| Ok(()));
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

/// Events of frames are kept while the frame is verified, up to a number.
#[test]
fn frames_of_any_number_of_events_are_given_whole_and_in_order_or_not_at_all() {
    for events in [4095, 4096, 4097, 8192, 10_000] {
        let disk = MemoryDisk::new();
        let mut log = Log::new(Arc::new(disk.clone()), 3);
        log.append(3, 40, true).unwrap();
        // Too large for what is left of the first segment, and for any other that it does not have to itself.
        log.append(events, 0, true).unwrap();
        for mode in [Mode::Observe, Mode::Repair] {
            assert_eq!(recover_on(&disk, mode, &log.open).unwrap().last, events + 3);
        }
        let bytes = segment_bytes(&disk, 2);
        let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let torn = with_segment(&disk, 2, &flip(&bytes, last));
        assert_eq!(recover_on(&torn, Mode::Repair, &log.open).unwrap().last, 3);
    }
}
