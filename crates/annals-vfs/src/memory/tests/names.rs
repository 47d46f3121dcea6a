//! Which names survive, and with what.

use super::{content, with_file, write};
use crate::disk::Disk;
use crate::io_ext::replace_file;
use crate::memory::{Fate, MemoryDisk, Survival, Unsynced};
use std::collections::BTreeMap;
use std::io::ErrorKind;

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
