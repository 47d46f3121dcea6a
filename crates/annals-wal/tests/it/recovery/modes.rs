//! What recovery changes and leaves as it is, and what it takes over from the manifest.

use super::{cases, flip, log_of, log_of_three};
use crate::log::{
    Log, copy, corruption, frames, input, recover_on, recover_with, segment_bytes, with_segment,
};
use annals_format::names;
use annals_types::Position;
use annals_vfs::{Call, Disk, FaultyDisk, MemoryDisk};
use annals_wal::{Case, Mode, RecoveryInput};
use std::sync::Arc;

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
