//! Tests of the memory disk: what a crash keeps and what it takes.

mod names;
mod unsynced;

use crate::disk::{Access, Disk, File, Taken};
use crate::io_ext::{read_exact_at, write_all_at};
use crate::memory::{Fate, MemoryDisk, Survival};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

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
