//! The writer: where frames go, what a sync covers, and what happens after a failure.

use crate::log::{Log, SEGMENT_BYTES, batch, frames, input, recover_on, segment_bytes};
use annals_types::{Position, Timestamp, Version};
use annals_vfs::{Call, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals_wal::{LogWriter, Mode, Room, recover};
use std::io::ErrorKind;
use std::sync::Arc;

fn new_log(segments: u64) -> (MemoryDisk, Log) {
    let disk = MemoryDisk::new();
    let log = Log::new(Arc::new(disk.clone()), segments);
    (disk, log)
}

fn faulty_log() -> (MemoryDisk, FaultyDisk, Log) {
    let disk = MemoryDisk::new();
    let faulty = FaultyDisk::new(Arc::new(disk.clone()));
    let log = Log::new(Arc::new(faulty.clone()), 3);
    (disk, faulty, log)
}

#[test]
fn without_a_segment_there_is_no_room() {
    let (_, mut log) = new_log(1);
    assert!(!log.writer.has_room_for(&batch(1, 1, 10)) && log.writer.active().is_none());
    assert!(log.writer.mark_durable().is_ok() && log.writer.sync().is_ok());
    assert_eq!(log.next(), 1);
}

#[test]
fn only_a_sync_makes_positions_durable_and_only_publishing_shows_them() {
    let (_, mut log) = new_log(1);
    log.append(3, 10, false).unwrap();
    assert_eq!((log.watermark.durable(), log.watermark.visible()), (Position::ZERO, Position::ZERO));
    log.append(2, 10, true).unwrap();
    assert_eq!((log.watermark.durable(), log.watermark.visible()), (Position::new(5), Position::ZERO));
    log.append(1, 10, false).unwrap();
    log.writer.sync().unwrap();
    assert_eq!(log.watermark.durable(), Position::new(6));
}

#[test]
fn a_group_of_frames_is_one_write_and_one_sync() {
    let (disk, faulty, mut log) = faulty_log();
    log.append(1, 10, true).unwrap();
    let before = (faulty.calls(Call::Write), faulty.calls(Call::SyncData));
    let mut staged = Vec::new();
    for events in 1..=5 {
        let mut frame = batch(log.next(), events, 10);
        let stamp = log.writer.stage(&mut frame, Timestamp::from_nanos(50), |_| Version::FIRST).unwrap();
        assert_eq!((stamp.durable, stamp.first_position.get()), (Position::new(1), log.next() - events));
        staged.push(frame);
    }
    log.writer.commit(staged.iter().map(annals_format::FrameBuilder::bytes), true).unwrap();
    assert_eq!((faulty.calls(Call::Write), faulty.calls(Call::SyncData)), (before.0 + 1, before.1 + 1));
    assert_eq!(recover_on(&disk, Mode::Repair, &log.open).unwrap().last, 16);
}

#[test]
fn each_frame_tells_what_was_durable_when_it_was_written() {
    let (disk, mut log) = new_log(1);
    for sync in [false, true, false, false, true, true] {
        log.append(2, 10, sync).unwrap();
    }
    let told: Vec<u64> =
        frames(&segment_bytes(&disk, 1)).iter().map(|(_, header)| header.durable.get()).collect();
    assert_eq!(told, [0, 0, 4, 4, 4, 10]);
}

#[test]
fn a_batch_larger_than_a_segment_gets_a_segment_of_its_own() {
    let (disk, mut log) = new_log(4);
    log.append(3, 40, true).unwrap();
    log.append(2, 30_000, true).unwrap();
    let (segment, end) = log.writer.active().unwrap();
    assert_eq!((segment.id(), segment.first_position()), (2, Position::new(4)));
    assert!(end > SEGMENT_BYTES);
    assert!(!log.writer.has_room_for(&batch(6, 1, 0)) && !log.writer.has_room_for(&batch(6, 0, 0)));
    log.append(1, 40, true).unwrap();
    assert_eq!(log.writer.active().unwrap().0.id(), 3);
    let found = recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap();
    assert_eq!((found.last, found.recovered.segments.len()), (6, 3));
    // As the last segment too: what it needs counts, not the size of a segment.
    let (disk, mut log) = new_log(2);
    log.append(1, 100_000, true).unwrap();
    assert_eq!(recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 1);
}

#[test]
fn a_batch_that_the_disk_has_no_room_for_changes_nothing() {
    let (disk, mut log) = new_log(2);
    log.append(3, 40, true).unwrap();
    disk.set_capacity(Some(3 * SEGMENT_BYTES));
    let frame = batch(log.next(), 1, 100_000);
    let error = LogWriter::fit(&mut log.prepared[0], &frame, Room::whole(SEGMENT_BYTES)).unwrap_err();
    assert!(error.to_string().contains("log/000000000002.seg"), "{error}");
    assert!(!log.writer.has_failed());
    log.append(3, 40, true).unwrap();
    log.roll().unwrap();
    log.append(3, 40, true).unwrap();
    assert_eq!(log.writer.active().unwrap().0.id(), 2, "the segment can be used as it was laid out");
    disk.set_capacity(None);
    assert_eq!(recover_on(&disk, Mode::Repair, &log.open).unwrap().last, 9);
}

#[test]
fn the_last_batch_that_fits_fills_a_segment_to_the_byte() {
    let (disk, mut log) = new_log(2);
    let room = usize::try_from(SEGMENT_BYTES).unwrap() - 64;
    let fixed = batch(1, 1, 0).record(0).len() + 48;
    let bytes = room - fixed;
    assert!(!Log::new(Arc::new(MemoryDisk::new()), 1).writer.has_room_for(&batch(1, 1, bytes)));
    log.append(1, bytes, true).unwrap();
    assert_eq!(log.writer.active().unwrap().1, SEGMENT_BYTES);
    assert!(!log.writer.has_room_for(&batch(2, 0, 0)));
    log.writer.mark_durable().unwrap();
    assert_eq!(segment_bytes(&disk, 1).len() as u64, SEGMENT_BYTES, "there is no room for a mark");
    log.append(1, bytes + 1, true).unwrap();
    assert_eq!(log.writer.active().unwrap().0.id(), 2);
    assert_eq!(recover_on(&disk, Mode::Repair, &log.open).unwrap().last, 2);
}

#[test]
fn rolling_over_makes_the_old_segment_durable_first() {
    let (disk, faulty, mut log) = faulty_log();
    log.append(3, 40, false).unwrap();
    let syncs = faulty.calls(Call::SyncData);
    log.roll().unwrap();
    assert_eq!(faulty.calls(Call::SyncData), syncs + 1);
    assert_eq!(log.watermark.durable(), Position::new(3));
    assert_eq!(recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 3);
    // With nothing left to sync it costs none.
    log.append(1, 40, true).unwrap();
    let syncs = faulty.calls(Call::SyncData);
    log.roll().unwrap();
    assert_eq!(faulty.calls(Call::SyncData), syncs);
    assert_eq!(log.full.iter().map(|(segment, _)| segment.id()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn rolling_over_a_segment_that_cannot_be_synced_begins_no_other() {
    let (disk, faulty, mut log) = faulty_log();
    log.append(3, 40, false).unwrap();
    faulty.arm(When::nth(Call::SyncData, 1), Fault::Os(5));
    assert!(log.roll().is_err());
    assert!(log.writer.has_failed());
    assert_eq!(log.writer.active().unwrap().0.id(), 1);
    assert!(log.roll().is_err(), "and none later");
    assert_eq!(log.watermark.durable(), Position::ZERO);
    assert!(segment_bytes(&disk, 2).iter().all(|byte| *byte == 0));
}

/// Everything that may be asked of a writer is refused and changes nothing.
fn assert_poisoned(disk: &MemoryDisk, log: &mut Log) {
    assert!(log.writer.has_failed());
    let (before, durable) = (disk.image(), log.watermark.durable());
    let mut frame = batch(log.next(), 1, 10);
    assert!(log.writer.stage(&mut frame, Timestamp::from_nanos(1 << 40), |_| Version::FIRST).is_none());
    assert!(log.writer.commit(std::iter::once(frame.bytes()), true).is_err());
    assert!(log.writer.commit(std::iter::empty(), true).is_err());
    assert!(log.writer.commit(std::iter::empty(), false).is_err());
    assert!(log.writer.sync().is_err());
    let _ = log.writer.mark_durable();
    if let Some(prepared) = log.prepared.pop_front() {
        assert!(log.writer.roll(prepared).is_err());
    }
    assert!(log.writer.has_failed());
    assert_eq!(log.watermark.durable(), durable);
    assert_eq!(disk.image(), before);
}

#[test]
fn after_a_write_that_failed_nothing_more_is_accepted() {
    for fault in [Fault::Os(5), Fault::Error(ErrorKind::StorageFull), Fault::ErrorAfter(ErrorKind::Other)] {
        let (disk, faulty, mut log) = faulty_log();
        log.append(3, 40, true).unwrap();
        faulty.arm(When::nth(Call::Write, 1), fault);
        assert!(log.append(3, 40, true).is_err());
        assert_poisoned(&disk, &mut log);
        let last = recover_on(&disk, Mode::Repair, &log.open).unwrap().last;
        assert!(last == 3 || last == 6, "unknown means: there or not");
    }
}

#[test]
fn after_a_sync_that_failed_nothing_more_is_accepted() {
    let (disk, faulty, mut log) = faulty_log();
    log.append(3, 40, true).unwrap();
    faulty.arm(When::nth(Call::SyncData, 1), Fault::Os(5));
    assert!(log.append(3, 40, true).is_err());
    assert_poisoned(&disk, &mut log);
}

/// A disk forgets what it could not write and says `Ok` the next time. Taken at its word, the writer would
/// have noted lost events as durable, and the store would have been refused as damaged when opened again.
#[test]
fn a_sync_that_is_tried_again_after_one_that_failed_proves_nothing() {
    let (disk, mut log) = new_log(2);
    log.append(3, 40, true).unwrap();
    log.append(3, 40, false).unwrap();
    disk.fail_sync(1);
    assert!(log.writer.sync().is_err());
    assert!(log.writer.sync().is_err());
    assert_eq!(log.watermark.durable(), Position::new(3));
    assert_eq!(recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 3);
}

#[test]
fn writes_that_are_short_or_interrupted_are_continued() {
    for fault in [Fault::Short(1), Fault::Short(7), Fault::Short(100), Fault::Error(ErrorKind::Interrupted)] {
        for nth in 1..6 {
            let (disk, faulty, mut log) = faulty_log();
            let when = When::nth(Call::Write, nth);
            let often = matches!(fault, Fault::Short(_));
            faulty.arm(if often { when.from_then_on() } else { when }, fault);
            (0..4).for_each(|_| log.append(2, 40, true).unwrap());
            let found = recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap();
            assert_eq!(found.last, 8);
        }
    }
}

#[test]
fn a_mark_is_one_empty_frame_and_only_written_where_it_says_something_new() {
    let (disk, faulty, mut log) = faulty_log();
    let count = |disk: &MemoryDisk| frames(&segment_bytes(disk, 1)).len();
    log.append(3, 40, true).unwrap();
    let (writes, syncs) = (faulty.calls(Call::Write), faulty.calls(Call::SyncData));
    for _ in 0..3 {
        log.writer.mark_durable().unwrap();
        assert_eq!(count(&disk), 2);
    }
    assert_eq!((faulty.calls(Call::Write), faulty.calls(Call::SyncData)), (writes + 1, syncs));
    let (_, mark) = *frames(&segment_bytes(&disk, 1)).last().unwrap();
    assert_eq!((mark.record_count, mark.length, mark.durable.get()), (0, 48, 3));
    assert_eq!((mark.first_position.get(), log.next()), (4, 4), "a mark takes no position");

    log.append(3, 40, false).unwrap();
    log.writer.mark_durable().unwrap();
    assert_eq!(count(&disk), 3, "the batch itself told the same");
    log.writer.sync().unwrap();
    log.writer.mark_durable().unwrap();
    assert_eq!(count(&disk), 4);
    assert_eq!(recover_on(&disk, Mode::Repair, &log.open).unwrap().last, 6);
}

#[test]
fn a_mark_is_not_written_to_a_segment_that_has_no_frame_yet() {
    let (disk, mut log) = new_log(2);
    log.append(3, 40, true).unwrap();
    log.roll().unwrap();
    log.writer.mark_durable().unwrap();
    assert!(segment_bytes(&disk, 2).iter().all(|byte| *byte == 0));
    log.append(1, 40, true).unwrap();
    assert_eq!(recover_on(&disk, Mode::Repair, &log.open).unwrap().last, 4);
}

#[test]
fn a_mark_that_is_lost_or_torn_loses_no_event() {
    let (disk, mut log) = new_log(1);
    log.append(3, 40, true).unwrap();
    log.writer.mark_durable().unwrap();
    for kept in 0..=48 {
        let torn = disk.crash(Survival::Chosen(&mut |_| annals_vfs::Fate::Torn { kept }));
        let mut again = Log::open(Arc::new(torn.clone()), log.open.clone());
        assert_eq!(again.next(), 4);
        again.append(1, 40, true).unwrap();
        assert_eq!(recover_on(&torn, Mode::Repair, &log.open).unwrap().last, 4);
    }
}

#[test]
fn recorded_at_never_goes_backwards_also_over_a_restart() {
    let (disk, mut log) = new_log(1);
    log.append(1, 10, true).unwrap();
    let at = log.writer.recorded_at(Timestamp::MIN);
    assert_eq!(at, Timestamp::from_nanos(10));
    assert_eq!(log.writer.recorded_at(Timestamp::from_nanos(11)), Timestamp::from_nanos(11));
    let again = Log::open(Arc::new(disk), log.open);
    assert_eq!(again.writer.recorded_at(Timestamp::EPOCH), at);
}

#[test]
fn a_log_that_was_only_looked_at_cannot_be_written() {
    let (disk, mut log) = new_log(1);
    log.append(1, 10, true).unwrap();
    for mode in [Mode::Observe, Mode::Mend] {
        let mut recovered = recover(&disk, mode, &input(&log.open), &mut |_, _| Ok(())).unwrap();
        let writer = LogWriter::new(crate::log::STORE_ID, &mut recovered, Arc::clone(&log.watermark));
        assert!(writer.active().is_none() && !writer.has_room_for(&batch(2, 1, 1)));
        assert_eq!(writer.next_position(), Position::new(2));
    }
}

#[test]
fn a_segment_whose_space_was_given_back_ends_earlier_and_the_next_one_is_laid_out_when_it_is_taken() {
    let (disk, mut log) = new_log(2);
    log.append(3, 40, true).unwrap();
    let (_, end) = log.writer.active().unwrap();
    assert!(log.prepared[0].give_back().unwrap() && !log.prepared[0].give_back().unwrap());
    assert!(log.writer.give_back(1000).unwrap() && !log.writer.give_back(1000).unwrap());
    assert_eq!((segment_bytes(&disk, 1).len() as u64, segment_bytes(&disk, 2).len()), (end + 1000, 0));
    disk.set_capacity(Some(end + 1000 + SEGMENT_BYTES));
    let mut appended = 3;
    while log.writer.active().unwrap().0.id() == 1 {
        log.append(1, 40, true).unwrap();
        appended += 1;
    }
    assert_eq!(segment_bytes(&disk, 1).len() as u64, end + 1000, "nothing was written behind it");
    assert_eq!(segment_bytes(&disk, 2).len() as u64, SEGMENT_BYTES);
    let left = disk.crash(Survival::Synced);
    left.set_capacity(None);
    assert_eq!(recover_on(&left, Mode::Repair, &log.open).unwrap().last, appended);
}

#[test]
fn space_that_is_given_back_on_close_is_laid_out_again() {
    let (disk, mut log) = new_log(2);
    log.append(3, 40, true).unwrap();
    log.writer.cut_unused().unwrap();
    log.prepared.drain(..).for_each(|prepared| prepared.cut_unused().unwrap());
    let (_, end) = log.writer.active().unwrap();
    let closed = disk.crash(Survival::Synced);
    assert_eq!((segment_bytes(&closed, 1).len() as u64, segment_bytes(&closed, 2).len()), (end, 0));
    assert!(!log.writer.has_room_for(&batch(4, 0, 0)), "what was closed is not written any more");
    let mut again = Log::open(Arc::new(closed.clone()), log.open.clone());
    assert_eq!(segment_bytes(&closed, 1).len() as u64, SEGMENT_BYTES);
    again.append(3, 40, true).unwrap();
    again.roll().unwrap();
    again.append(3, 40, true).unwrap();
    assert_eq!(recover_on(&closed.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 9);
}
