//! What every disk promises, asked of all of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use annals_vfs::{
    Access, DirEntry, Disk, EntryKind, FaultyDisk, File, MemoryDisk, RealDisk, read_exact_at, read_up_to,
    replace_file, write_all_at,
};
use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;

/// Runs a test on a fresh disk of every kind.
fn on_every_disk(test: impl Fn(Arc<dyn Disk>)) {
    test(Arc::new(MemoryDisk::new()));
    test(Arc::new(FaultyDisk::new(Arc::new(MemoryDisk::new()))));
    let root = tempfile::tempdir().unwrap();
    test(Arc::new(RealDisk::create(root.path().join("store")).unwrap()));
}

fn write(file: &dyn File, offset: u64, bytes: &[u8]) {
    write_all_at(file, &mut [IoSlice::new(bytes)], offset).unwrap();
}

fn read(disk: &dyn Disk, path: &str) -> Vec<u8> {
    let file = disk.open(path, Access::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap() + 1];
    let length = read_up_to(&*file, &mut bytes, 0).unwrap();
    bytes.truncate(length);
    bytes
}

#[test]
fn a_name_is_created_once() {
    on_every_disk(|disk| {
        write(&*disk.create("file").unwrap(), 0, b"kept");
        disk.create_dir("log").unwrap();
        for taken in ["file", "log"] {
            assert_eq!(disk.create(taken).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(disk.create_dir(taken).unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
        assert_eq!(read(&*disk, "file"), b"kept");
    });
}

#[test]
fn what_is_not_there_is_not_found() {
    on_every_disk(|disk| {
        let kinds = [
            disk.open("none", Access::Read).unwrap_err().kind(),
            disk.open("none/file", Access::Read).unwrap_err().kind(),
            disk.create("none/file").unwrap_err().kind(),
            disk.create_dir("none/log").unwrap_err().kind(),
            disk.rename("none", "other").unwrap_err().kind(),
            disk.remove("none").unwrap_err().kind(),
            disk.list("none").unwrap_err().kind(),
            disk.sync_dir("none").unwrap_err().kind(),
            disk.try_lock("none/LOCK").unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::NotFound; 9]);
    });
}

#[test]
fn files_and_directories_are_not_taken_for_each_other() {
    on_every_disk(|disk| {
        disk.create("file").unwrap();
        disk.create_dir("log").unwrap();
        assert_eq!(disk.open("log", Access::Read).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(disk.remove("log").unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(disk.rename("file", "log").unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(disk.create("file/inner").unwrap_err().kind(), ErrorKind::NotADirectory);
        assert_eq!(disk.list("file").unwrap_err().kind(), ErrorKind::NotADirectory);
    });
}

#[test]
fn no_path_leads_out_of_the_root() {
    on_every_disk(|disk| {
        disk.create_dir("log").unwrap();
        for path in ["..", "../file", "log/../file", "/file", "log//file", "log/.", "log/", "."] {
            assert_eq!(disk.create(path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
            assert_eq!(disk.list(path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
        }
        assert_eq!(disk.create("").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(disk.create_dir("").unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn what_is_written_is_read_by_every_handle() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        let other = disk.open("file", Access::Read).unwrap();
        write_all_at(&*file, &mut [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")], 3).unwrap();
        assert_eq!(other.length().unwrap(), 7);
        let mut bytes = [0xFF; 9];
        assert_eq!(read_up_to(&*other, &mut bytes, 0).unwrap(), 7);
        assert_eq!(&bytes, b"\0\0\0abcd\xFF\xFF");
        assert_eq!(read_up_to(&*other, &mut bytes, 1_000).unwrap(), 0);
        let error = read_exact_at(&*other, &mut bytes, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        file.sync_data().unwrap();
        other.sync_data().unwrap();
    });
}

#[test]
fn more_parts_than_the_system_takes_at_once_are_all_written() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        let bytes: Vec<u8> = (0..5_000_u32).map(|n| (n % 251) as u8).collect();
        let mut parts: Vec<_> = bytes.chunks(2).map(IoSlice::new).collect();
        write_all_at(&*file, &mut parts, 1).unwrap();
        assert_eq!(read(&*disk, "file")[1..], bytes);
    });
}

#[test]
fn a_handle_for_reading_does_not_write() {
    on_every_disk(|disk| {
        disk.create("file").unwrap();
        let file = disk.open("file", Access::Read).unwrap();
        assert!(file.write_at(&[IoSlice::new(b"x")], 0).is_err());
        assert!(file.set_len(5).is_err());
        assert!(file.preallocate(5).is_err());
        assert_eq!(file.length().unwrap(), 0);
    });
}

#[test]
fn a_file_is_cut_extended_and_reserved() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        write(&*file, 0, b"abcdef");
        file.set_len(2).unwrap();
        file.set_len(4).unwrap();
        assert_eq!(read(&*disk, "file"), b"ab\0\0");
        file.preallocate(0).unwrap();
        file.preallocate(3).unwrap();
        assert_eq!(file.length().unwrap(), 4);
        file.preallocate(6).unwrap();
        assert_eq!(read(&*disk, "file"), b"ab\0\0\0\0");
    });
}

#[test]
fn a_rename_replaces_and_open_handles_keep_their_file() {
    on_every_disk(|disk| {
        replace_file(&*disk, "file", b"old").unwrap();
        let old = disk.open("file", Access::Read).unwrap();
        disk.create("file.tmp").unwrap();
        replace_file(&*disk, "file", b"new").unwrap();
        assert_eq!(read(&*disk, "file"), b"new");
        assert_eq!(disk.list("").unwrap().len(), 1);
        let mut bytes = [0; 3];
        read_exact_at(&*old, &mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"old");
        disk.rename("file", "file").unwrap();
        assert_eq!(read(&*disk, "file"), b"new");
    });
}

#[test]
fn a_directory_is_listed_in_the_order_of_names() {
    on_every_disk(|disk| {
        disk.create_dir("log").unwrap();
        for name in ["log/b", "log/c", "log/a", "log/B"] {
            write(&*disk.create(name).unwrap(), 0, name.as_bytes());
        }
        disk.create_dir("log/ab").unwrap();
        disk.remove("log/c").unwrap();
        disk.sync_dir("log").unwrap();
        let file = |name: &str| DirEntry { name: name.to_owned(), kind: EntryKind::File, length: 5 };
        let ab = DirEntry { name: "ab".to_owned(), kind: EntryKind::Directory, length: 0 };
        assert_eq!(disk.list("log").unwrap(), [file("B"), file("a"), ab, file("b")]);
        assert_eq!(disk.list("log/ab").unwrap(), []);
        assert_eq!(disk.list("").unwrap().len(), 1);
    });
}

#[test]
fn whether_a_lock_is_held_is_found_out_without_a_trace() {
    on_every_disk(|disk| {
        assert!(!disk.is_locked("LOCK").unwrap());
        assert_eq!(disk.list("").unwrap().len(), 0);
        let lock = disk.try_lock("LOCK").unwrap().unwrap();
        let content = read(&*disk, "LOCK");
        assert!(disk.is_locked("LOCK").unwrap() && disk.is_locked("LOCK").unwrap());
        assert!(!disk.is_locked("OTHER").unwrap());
        drop(lock);
        assert!(!disk.is_locked("LOCK").unwrap());
        assert_eq!(read(&*disk, "LOCK"), content);
        assert!(disk.try_lock("LOCK").unwrap().is_some(), "who asked holds nothing");
    });
}

#[test]
fn a_lock_is_held_once_until_it_is_dropped() {
    on_every_disk(|disk| {
        let lock = disk.try_lock("LOCK").unwrap().unwrap();
        assert!(disk.try_lock("LOCK").unwrap().is_none());
        assert!(disk.try_lock("OTHER").unwrap().is_some());
        assert!(read(&*disk, "LOCK").ends_with(b"\n"));
        drop(lock);
        assert!(disk.try_lock("LOCK").unwrap().is_some());
    });
}

#[test]
fn a_mapping_shows_later_writes() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        file.preallocate(8).unwrap();
        let mapping = file.map(8).unwrap();
        write(&*file, 2, b"abc");
        assert_eq!(mapping.bytes(0..8), Some(&b"\0\0abc\0\0\0"[..]));
        // Also after the file has grown, and by another handle.
        write(&*file, 100_000, b"far");
        write(&*disk.open("file", Access::ReadWrite).unwrap(), 5, b"def");
        assert_eq!(mapping.bytes(2..8), Some(&b"abcdef"[..]));
        assert_eq!(mapping.bytes(2..9), None);
    });
}

#[test]
fn a_file_too_short_for_the_mapping_is_refused() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        assert!(file.map(0).unwrap().is_empty());
        write(&*file, 0, b"abc");
        assert_eq!(file.map(4).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(file.map(u64::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(file.map(2).unwrap().bytes(0..2), Some(&b"ab"[..]));
        assert_eq!(disk.open("file", Access::Read).unwrap().map(3).unwrap().len(), 3);
    });
}

#[test]
fn a_removed_file_is_still_read_by_its_mappings_and_handles() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        write(&*file, 0, b"abc");
        let mapping = file.map(3).unwrap();
        disk.remove("file").unwrap();
        disk.sync_dir("").unwrap();
        write(&*file, 3, b"def");
        assert_eq!(file.length().unwrap(), 6);
        drop(file);
        write(&*disk.create("file").unwrap(), 0, b"new");
        assert_eq!(mapping.bytes(0..3), Some(&b"abc"[..]));
    });
}

#[test]
fn offsets_beyond_all_files_are_errors() {
    on_every_disk(|disk| {
        let file = disk.create("file").unwrap();
        assert!(file.write_at(&[IoSlice::new(b"x")], u64::MAX).is_err());
        assert!(file.set_len(u64::MAX).is_err());
        assert!(file.preallocate(u64::MAX).is_err());
        assert_eq!(file.length().unwrap(), 0);
    });
}
