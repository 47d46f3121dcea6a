//! Every call to the disk failing once, and full disks.

use crate::common::{find, open, put, settle, small, try_open};
use crate::crashes::Account;
use annals_snapshot::{SnapshotError, SnapshotOptions};
use annals_types::Version;
use annals_vfs::{Call, Fault, FaultyDisk, MemoryDisk, Survival, When};
use std::io::ErrorKind;
use std::sync::Arc;

#[test]
fn any_call_may_fail_once_and_is_told_and_nothing_is_lost() {
    let faults = [
        Fault::Os(5),
        Fault::ErrorAfter(ErrorKind::StorageFull),
        Fault::Short(7),
        Fault::Error(ErrorKind::Interrupted),
    ];
    for (kind, fault) in faults.into_iter().enumerate() {
        for nth in 1.. {
            let disk = MemoryDisk::new();
            let faulty = FaultyDisk::new(Arc::new(disk.clone()));
            let calls: &[Call] = if kind < 2 { Call::ALL } else { &[Call::Read, Call::Write] };
            faulty.arm(When { calls, nth, from_then_on: false }, fault);
            let mut account = Account::new(None);
            let what = format!("{fault:?} at call {nth}");
            let mut errors = 0;
            let snapshots = try_open(&faulty, small()).unwrap_or_else(|_| {
                errors += 1;
                try_open(&faulty, small()).unwrap()
            });
            for number in 0..60 {
                let result = account.act(&snapshots, 3, number);
                errors += usize::from(result.is_err());
                if let Err(error) = result {
                    assert!(matches!(error, SnapshotError::Io { .. }), "{what}: {error}");
                    assert!(error.to_string().starts_with("cannot "), "{what}: {error}");
                    account.observe(&snapshots);
                }
            }
            assert!(errors <= 1, "{what}: one failure is told {errors} times");
            assert!(kind < 2 || errors == 0, "{what}: what is to be continued is told");
            let fired = faulty.fired();
            faulty.disarm();
            snapshots.sync().unwrap();
            account.everything_is_durable();
            account.judge(&snapshots, &what);
            settle(&snapshots);
            account.judge(&snapshots, &what);
            account.judge(&open(&disk.crash(Survival::Synced), SnapshotOptions::reading()), &what);
            snapshots.close().unwrap();
            account.judge(&open(&disk.crash(Survival::Synced), SnapshotOptions::reading()), &what);
            crate::files::check(&disk);
            if !fired {
                break;
            }
        }
    }
}

#[test]
fn on_a_full_disk_puts_and_merges_fail_cleanly_and_go_on_when_there_is_space() {
    let disk = MemoryDisk::new();
    let snapshots = open(&disk, small());
    let mut last = 0;
    let used = || disk.image().values().map(|bytes| bytes.len() as u64).sum::<u64>();
    for round in 0..20 {
        disk.set_capacity(Some(used() + 700));
        let mut failed = 0;
        for version in last + 1..last + 30 {
            match put(&snapshots, "s", version, 0) {
                Ok(()) => last = version,
                Err(error) => {
                    failed += 1;
                    assert!(matches!(error, SnapshotError::Io { .. }), "{error}");
                }
            }
            let before = disk.image().len();
            if snapshots.step(1 << 20).is_err() {
                assert!(disk.image().len() <= before, "a merge leaves something behind");
            }
            assert_eq!(find(&snapshots, "s", 999_999), Some((last, 0)), "round {round}");
        }
        assert!(failed > 0);
        disk.set_capacity(None);
        settle(&snapshots);
        let names = disk.image().into_keys();
        assert!(names.into_iter().all(|name| name.ends_with(".snap")));
        last += 1;
        put(&snapshots, "s", last, 0).unwrap();
    }
    crate::files::check(&disk);
}

#[test]
fn without_descriptors_a_lookup_is_an_error_and_not_damage() {
    let disk = MemoryDisk::new();
    put(&open(&disk, small()), "s", 1, 0).unwrap();
    let faulty = FaultyDisk::new(Arc::new(disk));
    faulty.arm(When::nth(Call::Open, 1), Fault::Os(24));
    assert!(matches!(try_open(&faulty, small()), Err(SnapshotError::Io { .. })));
    let snapshots = open(&faulty, small());
    faulty.arm(When::nth(Call::Read, 1), Fault::Os(5));
    let failed = snapshots.find("s", "t/1", Version::new(1), None);
    assert!(matches!(failed, Err(SnapshotError::Io { .. })), "{failed:?}");
    assert_eq!(find(&snapshots, "s", 1), Some((1, 0)));
}

/// The file has its name, nobody was told so, it cannot be removed, and the next one is made of the same sources.
#[test]
fn a_rename_that_was_done_and_said_to_have_failed_lets_nothing_count_twice() {
    let disk = MemoryDisk::new();
    let faulty = FaultyDisk::new(Arc::new(disk.clone()));
    faulty.arm(When::nth(Call::Rename, 1), Fault::ErrorAfter(ErrorKind::Other));
    faulty.arm(When::nth(Call::Remove, 1).from_then_on(), Fault::Error(ErrorKind::Other));
    let snapshots = open(&faulty, small());
    for version in 1..=60 {
        // Those that sort fail, since what they were sorted from stays.
        let _ = put(&snapshots, "s", version, 0);
    }
    let count = snapshots.stats().unwrap().snapshots;
    assert!(faulty.calls(Call::Rename) > 3 && count > 30);
    for survival in [Survival::All, Survival::Synced] {
        let after = open(&disk.crash(survival), SnapshotOptions::reading());
        let listed = after.list("").map(Result::unwrap).count() as u64;
        let found = after.stats().unwrap().snapshots;
        assert!(found == listed && found <= count, "{found} for {listed} of {count}");
    }
}
