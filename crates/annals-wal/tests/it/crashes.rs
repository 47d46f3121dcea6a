//! Crashes at every operation, and the loss of everything that no sync covers.

use crate::log::{
    Log, SEGMENT_BYTES, copy, entry, frames, input, recover_on, recover_with, segment_bytes, with_segment,
};
use annals_format::{SEGMENT_HEADER_BYTES, names};
use annals_types::Position;
use annals_vfs::{Call, Disk, Fate, Fault, FaultyDisk, MemoryDisk, Survival, Unsynced, When};
use annals_wal::{LogError, Mode, RecoveryInput, Room, prepare_segment};
use proptest::prelude::*;
use std::io::ErrorKind;
use std::sync::Arc;

/// A number that looks like chance and is the same every time.
fn scrambled(seed: u64) -> u64 {
    let word = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// What becomes of writes that replace bytes by the same bytes: parts of them are kept, but nothing else is
/// put in their place.
fn gentle(seed: u64) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let mut step = seed;
    move |_| {
        step = scrambled(step.wrapping_add(0x9E37_79B9_7F4A_7C15));
        match step % 4 {
            0 => Fate::Kept,
            1 => Fate::Lost,
            2 => Fate::Torn { kept: usize::try_from(step >> 32).unwrap() % 700 },
            _ => Fate::Sectors { size: 512, kept: scrambled(step) },
        }
    }
}

/// What becomes of writes to places where nothing durable is.
fn harsh(seed: u64) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let (mut gentle, mut step) = (gentle(seed), seed);
    move |operation| {
        step = scrambled(step.wrapping_add(77));
        match (operation, step % 6) {
            (Unsynced::Write { .. }, 0) => Fate::Zeros,
            (Unsynced::Write { .. }, 1) => Fate::Garbage,
            _ => gentle(operation),
        }
    }
}

#[test]
fn what_a_sync_covered_survives_and_what_none_covered_is_whole_or_gone() {
    for seed in 0..1000 {
        let disk = MemoryDisk::new();
        let mut log = Log::new(Arc::new(disk.clone()), 3);
        for step in 0..8 {
            let chance = scrambled(seed * 100 + step);
            log.append(chance % 5 + 1, usize::try_from(chance >> 8).unwrap() % 900, chance.is_multiple_of(3))
                .unwrap();
        }
        let crashed = disk.crash(Survival::Chosen(&mut harsh(seed)));
        let found = recover_on(&crashed, Mode::Repair, &log.open).unwrap();
        assert!((log.acknowledged..log.next()).contains(&found.last), "seed {seed}: {}", found.last);
        let strict = recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap();
        assert!(strict.last >= log.acknowledged, "seed {seed}");
    }
}

#[test]
fn a_first_write_torn_anywhere_leaves_nothing_behind() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 1);
    log.append(2, 100, false).unwrap();
    let length = usize::try_from(log.writer.active().unwrap().1).unwrap();
    for kept in 0..=length {
        let crashed = disk.crash(Survival::Chosen(&mut |_| Fate::Torn { kept }));
        let found = recover_on(&crashed, Mode::Repair, &log.open).unwrap();
        // Zeros at the end of a write are there, whether it arrived or not.
        let whole = segment_bytes(&crashed, 1) == segment_bytes(&disk, 1);
        assert_eq!(found.last, if whole { 2 } else { 0 }, "{kept} of {length}");
    }
}

/// A tail that is there for readers but not on the disk: kill, restart, then a loss of power.
#[test]
fn what_recovery_shows_survives_a_later_loss_of_power() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 2);
    log.append(3, 40, false).unwrap();
    log.append(3, 40, false).unwrap();
    let killed = disk.crash(Survival::All);
    assert_eq!(recover_on(&killed.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 0);
    for mode in [Mode::Mend, Mode::Repair] {
        let killed = killed.crash(Survival::All);
        assert_eq!(recover_on(&killed, mode, &log.open).unwrap().last, 6);
        assert_eq!(recover_on(&killed.crash(Survival::Synced), mode, &log.open).unwrap().last, 6);
    }
}

/// The sync says `EIO`, later ones say `Ok`, and what the first one was for is in the page cache only.
#[test]
fn what_recovery_shows_survives_also_when_an_earlier_sync_had_failed() {
    for nth in 1..=3 {
        let disk = MemoryDisk::new();
        let mut log = Log::new(Arc::new(disk.clone()), 2);
        disk.fail_sync(nth);
        let mut failed = 0;
        for batch in 1..=nth {
            match log.append(3, 700, true) {
                Ok(()) => {}
                Err(_) => failed = batch,
            }
        }
        assert_eq!((failed, log.acknowledged), (nth, 3 * (nth - 1)));
        assert!(log.writer.has_failed());

        let lost = disk.crash(Survival::Synced);
        assert_eq!(recover_on(&lost, Mode::Repair, &log.open).unwrap().last, log.acknowledged);
        let killed = disk.crash(Survival::All);
        assert_eq!(recover_on(&killed, Mode::Repair, &log.open).unwrap().last, 3 * nth);
        let lost = killed.crash(Survival::Synced);
        assert_eq!(recover_on(&lost, Mode::Repair, &log.open).unwrap().last, 3 * nth);
    }
}

/// Logs that recovery has something to do with, and the last position that was acknowledged in them.
fn unfinished() -> Vec<(&'static str, MemoryDisk, u64, u64)> {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 3);
    (0..3).for_each(|_| log.append(3, 400, true).unwrap());
    let acknowledged = copy(&disk);
    log.append(3, 400, false).unwrap();
    let bytes = segment_bytes(&disk, 1);
    let (last, _) = *frames(&bytes).last().unwrap();
    let mut torn = bytes.clone();
    torn[last + 600..].fill(0xA5);
    let mut header_only = vec![0; usize::try_from(SEGMENT_BYTES).unwrap()];
    header_only[..20].fill(0x5A);

    let rolled = MemoryDisk::new();
    let mut log = Log::new(Arc::new(rolled.clone()), 3);
    log.append(3, 400, true).unwrap();
    log.roll().unwrap();
    log.append(3, 400, true).unwrap();
    log.append(3, 400, false).unwrap();

    vec![
        ("an acknowledged tail", acknowledged, 9, 9),
        ("a torn tail", with_segment(&disk, 1, &torn), 9, 9),
        ("a short file", with_segment(&disk, 1, &torn[..last + 1]), 9, 9),
        ("a false start behind it", with_segment(&with_segment(&disk, 1, &torn), 2, &header_only), 9, 9),
        ("a tail that is only in memory", disk.crash(Survival::All), 9, 12),
        ("two segments", rolled.crash(Survival::All), 6, 9),
    ]
}

#[test]
fn a_crash_at_every_operation_of_recovery_loses_nothing() {
    let open: Vec<_> = (1..=3).map(entry).collect();
    for (what, start, acknowledged, shown) in unfinished() {
        for mode in [Mode::Mend, Mode::Repair] {
            for nth in 1.. {
                let inner = start.crash(Survival::All);
                let faulty = FaultyDisk::new(Arc::new(inner.clone()));
                // From the n-th call on the process is no more.
                faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
                let result = recover_on(&faulty, mode, &open);
                if !faulty.fired() {
                    assert_eq!(result.unwrap().last, shown, "{what}");
                    break;
                }
                let mut states = vec![inner.crash(Survival::All), inner.crash(Survival::Synced)];
                let seeds = (0..8).map(|seed| seed * 1000 + nth);
                states.extend(seeds.map(|seed| inner.crash(Survival::Chosen(&mut gentle(seed)))));
                for state in states {
                    let found = recover_on(&state, Mode::Repair, &open).unwrap();
                    assert!(
                        (acknowledged..=shown).contains(&found.last),
                        "{what}, call {nth}: {}",
                        found.last
                    );
                }
            }
        }
    }
}

#[test]
fn any_single_call_that_fails_in_recovery_can_be_repeated() {
    let open: Vec<_> = (1..=3).map(entry).collect();
    for (what, start, _, shown) in unfinished() {
        for nth in 1.. {
            let disk = start.crash(Survival::All);
            let faulty = FaultyDisk::new(Arc::new(disk.clone()));
            faulty.arm(When::nth_of_all(nth), Fault::Os(5));
            match recover_on(&faulty, Mode::Repair, &open) {
                Ok(found) => assert_eq!(found.last, shown, "{what}"),
                Err(LogError::Io { what: doing, source }) => {
                    assert!(doing.contains("log/"), "{what}: the error names no file: {doing}");
                    assert_eq!(source.raw_os_error(), Some(5));
                }
                Err(other) => panic!("{what}, call {nth}: {other:?}"),
            }
            assert_eq!(recover_on(&disk, Mode::Repair, &open).unwrap().last, shown, "{what}, call {nth}");
            if !faulty.fired() {
                break;
            }
        }
    }
}

#[test]
fn crash_after_crash_and_recovery_after_recovery_the_log_only_grows() {
    for seed in 0..400 {
        let mut disk = MemoryDisk::new();
        let mut log = Log::new(Arc::new(disk.clone()), 8);
        for life in 0..6 {
            let chance = scrambled(seed * 31 + life);
            for step in 0..chance % 4 {
                let sync = scrambled(chance + step).is_multiple_of(2);
                log.append(step + 1, usize::try_from(chance >> 20).unwrap() % 2000, sync).unwrap();
            }
            if chance & 16 != 0 && !log.prepared.is_empty() {
                log.roll().unwrap();
            }
            if chance & 32 != 0 {
                log.writer.mark_durable().unwrap();
            }
            let (acknowledged, next) = (log.acknowledged, log.next());
            disk = match chance % 3 {
                0 => disk.crash(Survival::All),
                1 => disk.crash(Survival::Synced),
                _ => disk.crash(Survival::Chosen(&mut harsh(chance))),
            };
            log = Log::open(Arc::new(disk.clone()), log.open);
            assert!((acknowledged..next).contains(&(log.next() - 1)), "seed {seed}, life {life}");
        }
    }
}

/// A segment whose frames reached the disk before those of the one before it.
#[test]
fn nothing_of_a_new_segment_is_written_before_the_old_one_is_durable() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 2);
    log.append(3, 40, false).unwrap();
    log.roll().unwrap();
    log.append(3, 40, false).unwrap();
    // All that is in doubt now belongs to the second segment.
    let mut paths = Vec::new();
    let _ = disk.crash(Survival::Chosen(&mut |operation| {
        if let Unsynced::Write { path, .. } = operation {
            paths.push((*path).to_owned());
        }
        Fate::Lost
    }));
    assert_eq!(paths, [names::segment(2)]);
    assert_eq!(recover_on(&disk.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 3);
}

#[test]
fn a_segment_is_laid_out_durably_name_and_all_or_not_at_all() {
    let disk = MemoryDisk::new();
    disk.create_dir(names::LOG_DIR).unwrap();
    disk.sync_dir("").unwrap();
    prepare_segment(&disk, entry(1), Room::whole(SEGMENT_BYTES), false).unwrap();
    let image = disk.crash(Survival::Synced).image();
    assert_eq!(image[&names::segment(1)], vec![0; usize::try_from(SEGMENT_BYTES).unwrap()]);

    for call in [Call::Create, Call::Preallocate, Call::SyncData, Call::SyncDir] {
        let faulty = FaultyDisk::new(Arc::new(copy(&disk)));
        faulty.arm(When::nth(call, 1), Fault::Error(ErrorKind::StorageFull));
        match prepare_segment(&faulty, entry(2), Room::whole(SEGMENT_BYTES), false) {
            Err(LogError::Io { what, source }) => {
                assert!(what.contains(&names::segment(2)), "{what}");
                assert_eq!(source.kind(), ErrorKind::StorageFull);
            }
            other => panic!("{call:?}: {other:?}"),
        }
        let left = faulty.list(names::LOG_DIR).unwrap();
        assert_eq!(left.len(), 1, "{call:?} leaves nothing on a disk that may be full");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Damage to any bytes at all: never other events, never a panic, and never a log that is shorter than what is
    /// known to be durable.
    #[test]
    fn any_damage_to_any_segment_is_an_error_if_more_is_known_to_be_durable(
        places in proptest::collection::vec((1..=3_u64, 0..SEGMENT_BYTES, 1..600_usize, any::<u8>()), 1..4),
        cut in proptest::option::of((1..=3_u64, 0..SEGMENT_BYTES)),
    ) {
        let disk = MemoryDisk::new();
        let mut log = Log::new(Arc::new(disk.clone()), 3);
        let mut ends = vec![0];
        for segment in 0..3 {
            if segment > 0 {
                log.roll().unwrap();
            }
            for batch in 0..6 {
                log.append(batch + 1, 300, true).unwrap();
                ends.push(log.next() - 1);
            }
        }
        let last = log.next() - 1;
        let mut damaged = copy(&disk);
        for (id, at, length, fill) in places {
            let mut bytes = segment_bytes(&damaged, id);
            let at = usize::try_from(at).unwrap();
            let end = (at + length).min(bytes.len());
            bytes[at.min(end)..end].fill(fill);
            damaged = with_segment(&damaged, id, &bytes);
        }
        if let Some((id, length)) = cut {
            let bytes = segment_bytes(&damaged, id);
            let length = bytes.len().min(usize::try_from(length).unwrap());
            damaged = with_segment(&damaged, id, &bytes[..length]);
        }
        let before = damaged.image();
        let durable = Position::new(log.acknowledged);
        let known = RecoveryInput { durable, ..input(&log.open) };
        match recover_with(&damaged, Mode::Observe, &known) {
            // What was hit was no part of the log.
            Ok(found) => prop_assert_eq!(found.last, last),
            Err(error) => prop_assert!(matches!(error, LogError::Corrupt(_)), "{}", error),
        }
        match recover_on(&damaged, Mode::Repair, &log.open) {
            // Nothing but the log itself says what was durable: batches at its end may be taken for torn.
            Ok(found) => prop_assert!(ends.contains(&found.last), "{} is no end of a batch", found.last),
            Err(error) => {
                prop_assert!(matches!(error, LogError::Corrupt(_)), "{}", error);
                prop_assert_eq!(damaged.image(), before);
            }
        }
    }
}

#[test]
fn a_header_without_a_frame_is_taken_up_again() {
    let disk = MemoryDisk::new();
    let mut log = Log::new(Arc::new(disk.clone()), 3);
    log.append(3, 40, true).unwrap();
    log.roll().unwrap();
    log.append(3, 40, false).unwrap();
    let mut bytes = segment_bytes(&disk, 2);
    bytes[SEGMENT_HEADER_BYTES..].fill(0);
    let killed = with_segment(&disk, 2, &bytes);
    let mut again = Log::open(Arc::new(killed.clone()), log.open.clone());
    assert_eq!(again.next(), 4);
    again.append(2, 40, true).unwrap();
    assert_eq!(recover_on(&killed.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 5);
    // Also when the next batch does not fit into it and begins the segment behind it.
    let killed = with_segment(&disk, 2, &bytes);
    let mut again = Log::open(Arc::new(killed.clone()), log.open.clone());
    again.append(1, 20_000, true).unwrap();
    assert_eq!(again.writer.active().unwrap().0.id(), 3);
    assert_eq!(recover_on(&killed.crash(Survival::Synced), Mode::Repair, &log.open).unwrap().last, 4);
}
