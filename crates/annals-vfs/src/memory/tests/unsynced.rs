//! What becomes of what no sync covered.

use super::{after, content, with_file, write};
use crate::disk::{Access, Disk};
use crate::io_ext::write_all_at;
use crate::memory::{Fate, MemoryDisk, Survival, Unsynced};
use std::io::IoSlice;

#[test]
fn a_write_can_be_torn_zeroed_or_garbled() {
    let (disk, file) = with_file(b"......");
    write_all_at(&*file, &mut [IoSlice::new(b"ab"), IoSlice::new(b"cdef")], 4).unwrap();
    assert_eq!(after(&disk, Fate::Kept), b"....abcdef");
    assert_eq!(after(&disk, Fate::Lost), b"......");
    assert_eq!(after(&disk, Fate::Torn { kept: 3 }), b"....abc");
    assert_eq!(after(&disk, Fate::Torn { kept: 99 }), b"....abcdef");
    assert_eq!(after(&disk, Fate::Zeros), b"....\0\0\0\0\0\0");
    assert_eq!(after(&disk, Fate::Garbage), b"....\xA5\xA5\xA5\xA5\xA5\xA5");
    assert_eq!(after(&disk, Fate::Sectors { size: 8, kept: 0b10 }), b"......\0\0ef");
}

#[test]
fn every_unsynced_operation_is_asked_for_in_order() {
    let disk = MemoryDisk::new();
    disk.set_content("old", b"x").unwrap();
    disk.create_dir("log").unwrap();
    let file = disk.create("log/1").unwrap();
    file.preallocate(100).unwrap();
    write(&*file, 2, b"bytes");
    disk.rename("old", "new").unwrap();
    disk.remove("new").unwrap();
    let mut asked = Vec::new();
    let _ = disk.crash(Survival::Chosen(&mut |question| {
        asked.push(format!("{question:?}"));
        Fate::Lost
    }));
    let expected = [
        Unsynced::DirectoryCreated { path: "log" },
        Unsynced::Created { path: "log/1" },
        Unsynced::SetLength { path: "log/1", length: 100 },
        Unsynced::Write { path: "log/1", offset: 2, bytes: b"bytes" },
        Unsynced::Renamed { from: "old", to: "new" },
        Unsynced::Removed { path: "new" },
    ];
    assert_eq!(asked, expected.map(|question| format!("{question:?}")));
}

#[test]
fn what_a_kill_left_unsynced_is_lost_when_power_goes_later() {
    let (disk, file) = with_file(b"");
    write(&*file, 0, b"one");
    disk.create("other").unwrap();
    let restarted = disk.crash(Survival::All);
    assert_eq!(restarted.image().len(), 2);
    write(&*restarted.open("file", Access::ReadWrite).unwrap(), 3, b"two");
    let mut asked = 0;
    let crashed = restarted.crash(Survival::Chosen(&mut |_| {
        asked += 1;
        Fate::Kept
    }));
    assert_eq!((asked, content(&crashed, "file").unwrap()), (3, b"onetwo".to_vec()));
    assert_eq!(content(&restarted.crash(Survival::Synced), "file").unwrap(), b"");
}

#[test]
fn a_crashed_disk_goes_its_own_way() {
    let (disk, file) = with_file(b"abc");
    let mapping = file.map(3).unwrap();
    let lock = disk.try_lock("LOCK").unwrap().unwrap();
    let crashed = disk.crash(Survival::All);
    assert!(crashed.try_lock("LOCK").unwrap().is_some());
    write(&*file, 0, b"old");
    write(&*crashed.open("file", Access::ReadWrite).unwrap(), 0, b"new");
    assert_eq!(mapping.bytes(0..3), Some(&b"old"[..]));
    assert_eq!(content(&disk, "file").unwrap(), b"old");
    assert_eq!(content(&crashed, "file").unwrap(), b"new");
    drop(lock);
}

#[test]
fn what_a_failed_sync_covered_never_becomes_durable() {
    let (disk, file) = with_file(b"____");
    write(&*file, 0, b"ab");
    disk.fail_sync(1);
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
    write(&*file, 2, b"cd");
    file.sync_data().unwrap();
    assert_eq!(content(&disk, "file").unwrap(), b"abcd");
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"__cd");
    assert_eq!(content(&disk.crash(Survival::All).crash(Survival::Synced), "file").unwrap(), b"__cd");
}

#[test]
fn a_crash_during_writes_cuts_through_all_files_at_one_moment() {
    let disk = MemoryDisk::new();
    for path in ["first", "second"] {
        disk.set_content(path, [0; 8]).unwrap();
    }
    let writer = disk.clone();
    let thread = std::thread::spawn(move || {
        let first = writer.open("first", Access::ReadWrite).unwrap();
        let second = writer.open("second", Access::ReadWrite).unwrap();
        for number in 1..20_000_u64 {
            write(&*first, 0, &number.to_le_bytes());
            first.sync_data().unwrap();
            write(&*second, 0, &number.to_le_bytes());
            second.sync_data().unwrap();
        }
    });
    while !thread.is_finished() {
        for survival in [Survival::All, Survival::Synced] {
            let crashed = disk.crash(survival);
            let number = |path| u64::from_le_bytes(content(&crashed, path).unwrap().try_into().unwrap());
            let (first, second) = (number("first"), number("second"));
            assert!(first == second || first == second + 1, "{first} {second}");
        }
    }
    thread.join().unwrap();
}

#[test]
fn in_an_ordered_journal_changes_survive_as_a_prefix_and_every_sync_commits_those_before_it() {
    let disk = MemoryDisk::new();
    let first = disk.create("first").unwrap();
    write(&*first, 0, b"abc");
    disk.create("second").unwrap();
    first.sync_data().unwrap();
    disk.create("third").unwrap();
    disk.create("fourth").unwrap();
    fn names(disk: &MemoryDisk, mut fate: impl FnMut(&Unsynced<'_>) -> Fate) -> Vec<String> {
        disk.crash(Survival::Ordered(&mut fate)).image().into_keys().collect()
    }
    assert_eq!(names(&disk, |_| Fate::Lost), ["first", "second"]);
    let mut asked = 0;
    let all_but_the_first = |_: &Unsynced<'_>| {
        asked += 1;
        if asked == 1 { Fate::Lost } else { Fate::Kept }
    };
    assert_eq!(names(&disk, all_but_the_first), ["first", "second"]);
    assert_eq!(names(&disk, |_| Fate::Kept).len(), 4);
    let killed = disk.crash(Survival::All);
    assert_eq!(names(&killed, |_| Fate::Lost).len(), 2, "what was committed is so after a kill, too");
}

#[test]
fn in_an_ordered_journal_a_file_grows_only_with_its_bytes() {
    let (disk, file) = with_file(b"......");
    write(&*file, 6, b"abc");
    write(&*file, 9, b"def");
    write(&*file, 0, b"XX");
    let left = |fate: &mut dyn FnMut(&Unsynced<'_>) -> Fate| {
        content(&disk.crash(Survival::Ordered(fate)), "file").unwrap()
    };
    assert_eq!(left(&mut |_| Fate::Garbage), b"......");
    assert_eq!(left(&mut |_| Fate::Torn { kept: 1 }), b"X.....a");
    let lose = |place| {
        move |unsynced: &Unsynced<'_>| match unsynced {
            Unsynced::Write { offset, .. } if *offset == place => Fate::Lost,
            _ => Fate::Kept,
        }
    };
    assert_eq!(left(&mut lose(6)), b"XX....", "the second write does not leave a hole");
    assert_eq!(left(&mut lose(9)), b"XX....abc");
}
