//! Tests of the memory disk: what a crash keeps and what it takes.

use super::*;
use crate::io_ext::{read_exact_at, replace_file, write_all_at};
use std::io::ErrorKind;

fn write(file: &dyn File, offset: u64, bytes: &[u8]) {
    write_all_at(file, &mut [IoSlice::new(bytes)], offset).unwrap();
}

/// A disk with one durable file of these bytes, and the file.
fn with_file(bytes: &[u8]) -> (MemoryDisk, Arc<dyn File>) {
    let disk = MemoryDisk::new();
    disk.set_content("file", bytes).unwrap();
    let file = disk.open("file", Access::ReadWrite).unwrap();
    (disk, file)
}

fn content(disk: &MemoryDisk, path: &str) -> Option<Vec<u8>> {
    disk.image().remove(path)
}

/// What a crash leaves of the file if every write meets this fate.
fn after(disk: &MemoryDisk, fate: Fate) -> Vec<u8> {
    content(&disk.crash(Survival::Chosen(&mut |_| fate)), "file").unwrap()
}

#[test]
fn synced_bytes_survive_a_loss_of_power_and_others_do_not() {
    let (disk, file) = with_file(b"");
    write(&*file, 0, b"synced");
    file.sync_data().unwrap();
    write(&*file, 3, b"lost for ever");
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"synced");
    assert_eq!(content(&disk.crash(Survival::All), "file").unwrap(), b"synlost for ever");
}

#[test]
fn names_do_not_survive_without_sync_dir() {
    let disk = MemoryDisk::new();
    let file = disk.create("file").unwrap();
    write(&*file, 0, b"bytes");
    file.sync_data().unwrap();
    assert_eq!(content(&disk.crash(Survival::Synced), "file"), None);
    disk.sync_dir("").unwrap();
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"bytes");
}

#[test]
fn a_synced_name_does_not_bring_unsynced_bytes() {
    let disk = MemoryDisk::new();
    write(&*disk.create("file").unwrap(), 0, b"bytes");
    disk.sync_dir("").unwrap();
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"");
}

#[test]
fn a_removed_file_comes_back_unless_its_directory_was_synced() {
    let (disk, _) = with_file(b"bytes");
    disk.remove("file").unwrap();
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"bytes");
    disk.sync_dir("").unwrap();
    assert_eq!(content(&disk.crash(Survival::Synced), "file"), None);
}

#[test]
fn a_rename_survives_whole_or_not_at_all() {
    let disk = MemoryDisk::new();
    replace_file(&disk, "file", b"old").unwrap();
    let temporary = disk.create("file.tmp").unwrap();
    write(&*temporary, 0, b"new");
    temporary.sync_data().unwrap();
    disk.rename("file.tmp", "file").unwrap();
    for choice in 0..4 {
        let mut asked = 0;
        let crashed = disk.crash(Survival::Chosen(&mut |question| {
            asked += 1;
            let kept = match question {
                Unsynced::Created { path: "file.tmp" } => choice & 1 != 0,
                Unsynced::Renamed { from: "file.tmp", to: "file" } => choice & 2 != 0,
                other => panic!("{other:?} is synced"),
            };
            if kept { Fate::Kept } else { Fate::Lost }
        }));
        assert_eq!(asked, 2);
        let expected: &[u8] = if choice & 2 != 0 { b"new" } else { b"old" };
        assert_eq!(content(&crashed, "file").unwrap(), expected);
        assert_eq!(content(&crashed, "file.tmp").is_some(), choice == 1);
    }
}

#[test]
fn a_replaced_file_is_durable_when_the_call_returns() {
    let disk = MemoryDisk::new();
    replace_file(&disk, "file", b"old").unwrap();
    replace_file(&disk, "file", b"new").unwrap();
    let crashed = disk.crash(Survival::Synced);
    assert_eq!(crashed.image(), BTreeMap::from([("file".to_owned(), b"new".to_vec())]));
}

#[test]
fn a_directory_that_is_lost_takes_its_files_with_it() {
    let disk = MemoryDisk::new();
    disk.create_dir("log").unwrap();
    disk.create("log/file").unwrap();
    disk.sync_dir("log").unwrap();
    assert_eq!(disk.crash(Survival::Synced).list("log").unwrap_err().kind(), ErrorKind::NotFound);
    disk.sync_dir("").unwrap();
    assert_eq!(disk.crash(Survival::Synced).list("log").unwrap().len(), 1);
}

#[test]
fn a_rename_into_a_directory_that_is_lost_leaves_the_file_where_it_was() {
    let (disk, _) = with_file(b"bytes");
    disk.create_dir("log").unwrap();
    disk.rename("file", "log/file").unwrap();
    let crashed = disk.crash(Survival::Chosen(&mut |question| match question {
        Unsynced::Renamed { .. } => Fate::Kept,
        _ => Fate::Lost,
    }));
    assert_eq!(content(&crashed, "file").unwrap(), b"bytes");
}

#[test]
fn a_rename_between_directories_becomes_durable_in_both_at_once() {
    let (disk, _) = with_file(b"bytes");
    disk.create_dir("log").unwrap();
    disk.sync_dir("").unwrap();
    disk.rename("file", "log/file").unwrap();
    disk.sync_dir("log").unwrap();
    let names: Vec<_> = disk.crash(Survival::Synced).image().into_keys().collect();
    assert_eq!(names, ["log/file"]);
}

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
fn a_length_survives_with_the_sync_and_not_without() {
    let (disk, file) = with_file(b"abc");
    file.set_len(1).unwrap();
    file.preallocate(6).unwrap();
    assert_eq!(content(&disk, "file").unwrap(), b"a\0\0\0\0\0");
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"abc");
    file.sync_data().unwrap();
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"a\0\0\0\0\0");
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
fn a_full_disk_refuses_to_grow_and_takes_what_was_freed() {
    let (disk, file) = with_file(b"1234");
    disk.set_capacity(Some(6));
    let full = |result: io::Result<()>| result.unwrap_err().kind() == ErrorKind::StorageFull;
    assert!(full(file.write_at(&[IoSlice::new(b"abc")], 4).map(drop)));
    assert!(full(file.preallocate(7)));
    assert!(full(file.set_len(7)));
    assert_eq!(content(&disk, "file").unwrap(), b"1234");
    write(&*file, 2, b"abcd");
    let other = disk.create("other").unwrap();
    assert!(full(other.preallocate(1)));
    file.set_len(5).unwrap();
    other.preallocate(1).unwrap();
    disk.remove("file").unwrap();
    other.preallocate(6).unwrap();
    disk.rename("other", "again").unwrap();
    assert!(full(other.preallocate(7)));
    let crashed = disk.crash(Survival::All);
    assert!(full(crashed.open("again", Access::ReadWrite).unwrap().preallocate(7)));
    disk.set_capacity(None);
    other.preallocate(7).unwrap();
}

#[test]
fn an_image_makes_the_same_disk_again() {
    let image = BTreeMap::from([("a".to_owned(), vec![1]), ("log/b/c".to_owned(), vec![2, 3])]);
    let disk = MemoryDisk::from_image(image.clone()).unwrap();
    assert_eq!(disk.image(), image);
    assert_eq!(disk.crash(Survival::Synced).image(), image);
    assert!(MemoryDisk::from_image(BTreeMap::from([("../a".to_owned(), vec![])])).is_err());
    assert!(disk.set_content("a/below", b"").is_err());
    assert_eq!(disk.set_content("log", b"").unwrap_err().kind(), ErrorKind::IsADirectory);
}

#[test]
fn a_replaced_content_is_durable_and_seen_by_handles() {
    let (disk, file) = with_file(b"old");
    let mapping = file.map(3).unwrap();
    write(&*file, 0, b"OLD");
    disk.set_content("file", b"brand new").unwrap();
    let mut bytes = [0; 9];
    read_exact_at(&*file, &mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"brand new");
    assert_eq!(mapping.bytes(0..3), Some(&b"OLD"[..]));
    assert_eq!(content(&disk.crash(Survival::Synced), "file").unwrap(), b"brand new");
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

#[test]
fn a_file_that_another_disk_takes_is_as_durable_there_and_neither_can_be_written_any_more() {
    let (disk, file) = with_file(b"durable");
    write(&*file, 7, b", not yet");
    let other = MemoryDisk::new();
    assert_eq!(other.take_from(&disk, "file", "taken", true).unwrap(), Some(Taken::Linked));
    assert_eq!(content(&other, "taken").unwrap(), b"durable, not yet");
    assert_eq!(content(&other.crash(Survival::Synced), "taken"), None);
    other.sync_dir("").unwrap();
    let crashed = other.crash(Survival::Synced);
    assert_eq!(content(&crashed, "taken").unwrap(), b"durable");
    for (disk, name) in [(&disk, "file"), (&other, "taken"), (&crashed, "taken")] {
        let file = disk.open(name, Access::ReadWrite).unwrap();
        let refused = [file.write_at(&[IoSlice::new(b"x")], 0).map(|_| ()), file.set_len(0)];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
    }
    let kind = |source: &str, to: &str| other.take_from(&disk, source, to, true).unwrap_err().kind();
    assert_eq!((kind("none", "x"), kind("file", "taken")), (ErrorKind::NotFound, ErrorKind::AlreadyExists));
    assert_eq!(other.take_from(&disk, "file", "x", false).unwrap(), None);
    other.set_linkable(false);
    assert_eq!(other.take_from(&disk, "file", "x", true).unwrap(), None);
}
