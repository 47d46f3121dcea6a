//! Disks that fail and crash while a segment is written anew: the old file is as it was, and the new one is whole or of no use.

use super::plain::Plain;
use super::{Given, bytes_of, disk, open, open_on, rewrite, source};
use annals_format::SealedSegment;
use annals_types::Position;
use annals_vfs::{Call, Disk, Fate, Fault, FaultyDisk, MemoryDisk, Survival, Unsynced, When};
use annals_wal::LogError;
use std::io::ErrorKind;
use std::sync::Arc;

/// Two durable sources: one that was rewritten before, and one larger than a step.
fn sources() -> (MemoryDisk, Vec<SealedSegment>, Plain) {
    let disk = disk();
    let (first, mut plain) = source(&disk, 1, Position::new(100), &super::alike(&[5, 5]));
    let first = rewrite(&disk, &[open(&disk, &first)], |position| position.get() % 4 != 0).unwrap().unwrap();
    plain.keep(|event| event.position.get() % 4 != 0);
    let (second, other) = source(&disk, 3, Position::new(110), &vec![vec![Given::Plain(30_000); 3]; 4]);
    plain.join(&other);
    plain.keep(stays_of);
    (MemoryDisk::from_image(disk.image()).unwrap(), vec![first, second], plain)
}

fn stays(position: Position) -> bool {
    ![101, 113, 114, 121].contains(&position.get())
}

fn stays_of(event: &annals_types::Event) -> bool {
    stays(event.position)
}

fn rewrite_on(disk: &Arc<FaultyDisk>, sources: &[SealedSegment]) -> Result<Option<SealedSegment>, LogError> {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
    let sources: Vec<_> = sources.iter().map(|entry| open_on(Arc::clone(&disk), entry)).collect();
    rewrite(&*disk, &sources, stays)
}

fn assert_sources_untouched(disk: &MemoryDisk, before: &MemoryDisk, sources: &[SealedSegment]) {
    for entry in sources {
        assert_eq!(bytes_of(disk, entry), bytes_of(before, entry));
    }
}

const NEW: &str = "log/000000000001.2.seg";

#[test]
fn a_call_that_fails_anywhere_leaves_the_sources_and_no_new_file() {
    let (start, entries, plain) = sources();
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for nth in 1.. {
            let inner = MemoryDisk::from_image(start.image()).unwrap();
            let faulty = Arc::new(FaultyDisk::new(Arc::new(inner.clone())));
            faulty.arm(When::nth_of_all(nth), Fault::Error(kind));
            let result = rewrite_on(&faulty, &entries);
            assert_sources_untouched(&inner, &start, &entries);
            if !faulty.fired() {
                plain.assert_same(&open(&inner, &result.unwrap().unwrap()));
                break;
            }
            let error = result.unwrap_err();
            assert!(error.to_string().contains("log/"), "{error}");
            assert!(!inner.image().contains_key(NEW), "call {nth}: {error}");
        }
    }
}

/// The disk stays as it is, but lets files be removed.
#[test]
fn a_new_file_that_cannot_be_finished_does_not_take_space() {
    let (start, entries, _) = sources();
    // The sources are mapped first.
    for (call, nth) in
        [(Call::Write, 1), (Call::SyncData, 1), (Call::SyncDir, 1), (Call::SetLength, 1), (Call::Map, 3)]
    {
        let inner = MemoryDisk::from_image(start.image()).unwrap();
        let faulty = Arc::new(FaultyDisk::new(Arc::new(inner.clone())));
        faulty.arm(When::nth(call, nth).from_then_on(), Fault::Error(ErrorKind::StorageFull));
        assert!(rewrite_on(&faulty, &entries).is_err(), "{call:?}");
        assert_eq!(inner.image(), start.image(), "{call:?}");
    }
}

fn fates(seed: u64) -> impl FnMut(&Unsynced<'_>) -> Fate {
    let mut step = seed;
    move |operation| {
        step = step.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        match (operation, (step >> 33) % 6) {
            (Unsynced::Write { .. }, 0) => Fate::Zeros,
            (Unsynced::Write { .. }, 1) => Fate::Garbage,
            (_, 2) => Fate::Torn { kept: usize::try_from(step >> 40).unwrap() % 90_000 },
            (_, 3) => Fate::Kept,
            _ => Fate::Lost,
        }
    }
}

/// The manifest names the new file once there is an entry for it. Before that nothing does.
#[test]
fn after_a_crash_at_any_call_the_file_is_whole_if_there_is_an_entry_that_names_it() {
    let (start, entries, plain) = sources();
    for nth in 1.. {
        let inner = MemoryDisk::from_image(start.image()).unwrap();
        let faulty = Arc::new(FaultyDisk::new(Arc::new(inner.clone())));
        faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
        let result = rewrite_on(&faulty, &entries);
        let mut states = vec![inner.crash(Survival::Synced), inner.crash(Survival::All)];
        states.extend((0..6).map(|seed| inner.crash(Survival::Chosen(&mut fates(seed * 100 + nth)))));
        for state in &states {
            assert_sources_untouched(state, &start, &entries);
            if let Ok(entry) = &result {
                plain.assert_same(&open(state, entry.as_ref().unwrap()));
            }
        }
        if !faulty.fired() {
            assert!(result.is_ok());
            break;
        }
        assert!(result.is_err(), "call {nth}");
        // Where the file is still there, it is begun anew under another edition, or removed first.
        let state = &states[1];
        if state.image().contains_key(NEW) {
            state.remove(NEW).unwrap();
        }
        let again = Arc::new(FaultyDisk::new(Arc::new(state.clone())));
        plain.assert_same(&open(state, &rewrite_on(&again, &entries).unwrap().unwrap()));
    }
}

/// Bytes that do not come back from the disk as they were written are noticed before the file is named.
#[test]
fn what_does_not_read_back_as_it_was_written_is_not_named() {
    use annals_wal::Rewrite;
    let (start, entries, _) = sources();
    let disk = MemoryDisk::from_image(start.image()).unwrap();
    let sources: Vec<_> = entries.iter().map(|entry| open(&disk, entry)).collect();
    for at in [64, 70, 100, 5000, 200_000] {
        let mut rewrite = Rewrite::begin(&disk, super::target(&entries[0]), sources.clone()).unwrap();
        while rewrite.step(&mut |event| Ok(super::choice(stays(event.position)))).unwrap().goes_on {}
        let file = disk.open(NEW, annals_vfs::Access::ReadWrite).unwrap();
        let mut byte = [0];
        file.read_at(&mut byte, at).unwrap();
        annals_vfs::write_all_at(&*file, &mut [std::io::IoSlice::new(&[byte[0] ^ 1])], at).unwrap();
        match rewrite.finish() {
            Err(LogError::Corrupt(corruption)) => assert_eq!(corruption.file, NEW),
            other => panic!("{at}: {other:?}"),
        }
        assert!(!disk.image().contains_key(NEW));
    }
}
