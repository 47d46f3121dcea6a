//! Tests of the real disk: what only a file system shows.

use super::*;
use std::io::{ErrorKind, IoSlice};
use std::os::unix::fs::{PermissionsExt, symlink};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn temporary() -> (tempfile::TempDir, RealDisk) {
    let root = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(root.path()).unwrap();
    (root, disk)
}

#[test]
fn opening_needs_a_directory() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "").unwrap();
    assert_eq!(RealDisk::open(root.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(RealDisk::open(root.path().join("file")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(RealDisk::create(root.path().join("file")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(
        RealDisk::create(root.path().join("file/below")).unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
}

#[test]
fn creating_makes_the_missing_directories_for_the_owner_only() {
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let disk = RealDisk::create(root.path().join("a/b/./c/")).unwrap();
    disk.create("file").unwrap();
    assert!(root.path().join("a/b/c/file").exists());
    for made in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode(&root.path().join(made)), 0o700, "{made}");
    }
    assert_eq!(mode(root.path()), 0o755);
    assert_eq!(disk.describe(), root.path().join("a/b/./c/").display().to_string());
}

#[test]
fn creating_what_exists_opens_it() {
    let (root, disk) = temporary();
    disk.create("file").unwrap();
    let again = RealDisk::create(root.path()).unwrap();
    assert_eq!(again.list("").unwrap().len(), 1);
    assert_eq!(RealDisk::create("").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(RealDisk::create("none-here/..").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn files_and_directories_are_for_the_owner_only() {
    let (root, disk) = temporary();
    disk.create("file").unwrap();
    disk.create_dir("inner").unwrap();
    let _lock = disk.try_lock("LOCK").unwrap().unwrap();
    assert_eq!(mode(&root.path().join("file")), 0o600);
    assert_eq!(mode(&root.path().join("LOCK")), 0o600);
    assert_eq!(mode(&root.path().join("inner")), 0o700);
}

#[test]
fn symbolic_links_are_not_followed() {
    let (root, disk) = temporary();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "secret").unwrap();
    symlink(outside.path(), root.path().join("directory")).unwrap();
    symlink(outside.path().join("file"), root.path().join("link")).unwrap();
    symlink(outside.path().join("new"), root.path().join("dangling")).unwrap();

    assert!(disk.open("link", Access::Read).is_err());
    assert!(disk.open("directory/file", Access::Read).is_err());
    assert!(disk.create("directory/new").is_err());
    assert_eq!(disk.create("dangling").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(disk.try_lock("dangling").is_err());
    assert!(disk.list("directory").is_err());
    assert!(disk.sync_dir("directory").is_err());
    let kinds: Vec<_> = disk.list("").unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Other; 3]);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn what_is_not_a_plain_file_is_refused_at_once() {
    let (root, disk) = temporary();
    disk.create_dir("inner").unwrap();
    let fifo = root.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, FILE_MODE, 0).unwrap();
    assert_eq!(disk.open("fifo", Access::Read).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(disk.open("fifo", Access::ReadWrite).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(disk.open("inner", Access::Read).unwrap_err().kind(), ErrorKind::IsADirectory);
}

#[test]
fn names_that_are_not_text_are_listed_as_something_else() {
    use std::os::unix::ffi::OsStrExt;
    let (root, disk) = temporary();
    std::fs::write(root.path().join(OsStr::from_bytes(b"b\xFF")), "x").unwrap();
    disk.create("a").unwrap();
    let entries = disk.list("").unwrap();
    assert_eq!((&*entries[0].name, entries[0].kind), ("a", EntryKind::File));
    assert_eq!((&*entries[1].name, entries[1].kind), ("b\u{FFFD}", EntryKind::Other));
}

#[test]
fn renaming_the_directory_of_a_store_is_harmless() {
    let parent = tempfile::tempdir().unwrap();
    let disk = RealDisk::create(parent.path().join("old")).unwrap();
    std::fs::rename(parent.path().join("old"), parent.path().join("new")).unwrap();
    disk.create("file").unwrap();
    disk.sync_dir("").unwrap();
    assert!(parent.path().join("new/file").exists());
}

#[test]
fn a_lock_holds_the_process_id_of_its_holder_and_nothing_else() {
    let (root, disk) = temporary();
    std::fs::write(root.path().join("LOCK"), "4294967296 left by somebody").unwrap();
    let lock = disk.try_lock("LOCK").unwrap().unwrap();
    let text = std::fs::read_to_string(root.path().join("LOCK")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
    assert!(RealDisk::open(root.path()).unwrap().try_lock("LOCK").unwrap().is_none());
    drop(lock);
    assert!(RealDisk::open(root.path()).unwrap().try_lock("LOCK").unwrap().is_some());
}

#[test]
fn a_directory_contains_what_lies_below_it_by_whatever_way() {
    let (root, _) = temporary();
    let (inside, beside) = (root.path().join("inside"), root.path().join("beside"));
    std::fs::create_dir_all(inside.join("log")).unwrap();
    std::fs::create_dir(&beside).unwrap();
    symlink(&inside, beside.join("link")).unwrap();
    let disk = RealDisk::open(&inside).unwrap();
    for path in [
        "inside",
        "inside/log",
        "inside/new/newer",
        "beside/link",
        "beside/link/log/new",
        "beside/../inside/x",
    ] {
        assert!(disk.contains(root.path().join(path)).unwrap(), "{path}");
    }
    for path in ["", "beside", "beside/new", "inside/..", "inside/../new", "inside2"] {
        assert!(!disk.contains(root.path().join(path)).unwrap(), "{path}");
    }
}

#[test]
fn names_are_told_with_what_they_are_as_a_whole_listing_tells_them() {
    let place = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(place.path()).unwrap();
    for name in ["b", "a"] {
        disk.create(name).unwrap();
    }
    disk.create_dir("c").unwrap();
    symlink("a", place.path().join("d")).unwrap();
    let kinds = disk.kinds("").unwrap();
    let listed = disk.list("").unwrap().into_iter().map(|entry| (entry.name, entry.kind));
    assert!(kinds.iter().cloned().eq(listed), "{kinds:?}");
    assert_eq!(kinds[3], ("d".to_owned(), EntryKind::Other));
    assert_eq!(disk.kinds("none").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn space_that_was_never_written_is_passed_over_and_what_was_written_is_not() {
    let (_root, disk) = temporary();
    let file = disk.create("file").unwrap();
    assert_eq!(file.data_from(0).unwrap(), None);
    file.preallocate(1 << 20).unwrap();
    file.no_read_ahead();
    // A file system that cannot tell has data everywhere.
    let told = file.data_from(0).unwrap();
    assert!(told.is_none() || told == Some(0), "{told:?}");
    file.write_at(&[IoSlice::new(b"there")], 600_000).unwrap();
    for from in [0, 4096, 599_999, 600_000, 600_004] {
        let found = file.data_from(from).unwrap().unwrap();
        assert!((from..=600_000.max(from)).contains(&found), "{found} from {from}");
    }
    assert_eq!(file.data_from(2 << 20).unwrap_or(None).filter(|found| *found < 2 << 20), None);
}

#[test]
fn a_file_of_another_directory_is_linked_or_shares_no_writes_and_only_plain_files_are_taken() {
    let ((one, from), (two, to)) = (temporary(), temporary());
    std::fs::write(one.path().join("file"), "bytes").unwrap();
    assert_eq!(to.take_from(&from, "file", "linked", true).unwrap(), Some(Taken::Linked));
    std::fs::write(one.path().join("file"), "other").unwrap();
    assert_eq!(std::fs::read(two.path().join("linked")).unwrap(), b"other");
    // Whether it is cloned depends on the file system, and nothing stays if it is not.
    match to.take_from(&from, "file", "cloned", false).unwrap() {
        Some(Taken::Cloned) => {
            std::fs::write(one.path().join("file"), "third").unwrap();
            assert_eq!(std::fs::read(two.path().join("cloned")).unwrap(), b"other");
        }
        taken => assert!(taken.is_none() && !two.path().join("cloned").exists()),
    }
    let kind = |source: &str, name: &str| to.take_from(&from, source, name, true).unwrap_err().kind();
    assert_eq!(kind("none", "new"), ErrorKind::NotFound);
    assert_eq!(kind("file", "linked"), ErrorKind::AlreadyExists);
    symlink("file", one.path().join("symbolic")).unwrap();
    assert!(to.take_from(&from, "symbolic", "new", true).is_err() && !two.path().join("new").exists());
    let memory = crate::MemoryDisk::new();
    assert_eq!(to.take_from(&memory, "file", "new", true).unwrap(), None);
}

#[test]
fn a_directory_contains_another_one_by_whatever_way_that_was_opened() {
    let (root, disk) = temporary();
    std::fs::create_dir_all(root.path().join("a/b")).unwrap();
    symlink(root.path().join("a"), root.path().join("link")).unwrap();
    let [a, b, by_link] = ["a", "a/b", "link/b"].map(|name| RealDisk::open(root.path().join(name)).unwrap());
    for (outer, inner, contains) in [(&disk, &b, true), (&a, &by_link, true), (&a, &a, true), (&b, &a, false)]
    {
        assert_eq!(outer.contains_disk(inner).unwrap(), contains);
    }
}
