//! The exploration itself: every kind of state at every kind of call, the same every time, and faults are noticed.

use super::states::states;
use super::*;
use crate::fates::Left;
use annals::vfs::{Disk, write_all_at};
use std::collections::BTreeSet;
use std::io::IoSlice;

#[test]
fn every_workload_has_many_states_and_the_same_every_time() {
    for workload in Workload::ALL {
        let first = explore(workload, 3, 1).unwrap();
        assert!(first > 10, "{workload:?}: {first} states");
        assert_eq!(explore(workload, 3, 1).unwrap(), first, "{workload:?}");
    }
}

#[test]
fn cases_reach_every_workload_and_every_part() {
    let kinds = Workload::ALL.len() as u64;
    let mut reached = BTreeSet::new();
    for case in 0..kinds * PARTS {
        let number = case / kinds;
        reached.insert((case % kinds, (number / PARTS + number) % PARTS));
    }
    assert_eq!(reached.len() as u64, kinds * PARTS);
}

#[test]
fn a_write_is_torn_at_each_sector_and_each_name_is_lost_and_kept_alone() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    disk.create("b").unwrap();
    write_all_at(&*file, &mut [IoSlice::new(&[1; 2000])], 100).unwrap();
    let states = states(&disk, &mut Dice::new(1));
    let torn = |kept| {
        states
            .iter()
            .any(|left| matches!(left, Left::Torn { tear, .. } if tear.size == 512 && tear.kept == kept))
    };
    for sectors in 1..5 {
        assert!(torn((1 << sectors) - 1) && torn(!((1 << sectors) - 1)), "{sectors}");
    }
    for name in 0..2 {
        for bytes in [false, true] {
            assert!(states.contains(&Left::NameLost { nth: name, bytes }));
            assert!(states.contains(&Left::NameKept { nth: name, bytes }));
        }
    }
    let journals = states.iter().filter(|left| matches!(left, Left::Journal { .. })).count();
    assert_eq!(journals, 3, "none, one and both of the names");
}

#[test]
fn a_state_in_which_something_acknowledged_is_missing_is_noticed() {
    let explorer = Arc::new(Explorer::new(Workload::First, 1, PARTS));
    Workload::First.run(1, &explorer).unwrap();
    let account = explorer.account.lock().clone();
    let well = explorer.disk.clone();
    judge::judge(well, Left::Killed, account.clone(), &mut Dice::new(1)).unwrap();
    assert!(judge::judge(MemoryDisk::new(), Left::Synced, account.clone(), &mut Dice::new(1)).is_err());
    let mut more = account;
    more.durable += 1;
    let disk = explorer.disk.crash(annals::vfs::Survival::Synced);
    assert!(judge::judge(disk, Left::Synced, more, &mut Dice::new(1)).is_err());
}
