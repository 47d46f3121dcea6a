//! Where the new store goes, and what becomes of a repair that does not get to its end.

use super::{env_of, original};
use annals::vfs::{Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{OpenError, Options, Store, repair, repair_in};
use std::sync::Arc;

#[test]
fn a_destination_with_anything_in_it_is_refused_and_left_alone() {
    let (image, _) = original(20);
    let from = MemoryDisk::from_image(image.clone()).unwrap();
    let to = MemoryDisk::new();
    to.set_content("letter.txt", b"dear").unwrap();
    let before = to.image();
    let refused = repair_in(&env_of(&from, 1), &env_of(&to, 2), &mut |_| {});
    assert!(matches!(&refused, Err(OpenError::DestinationTaken { .. })), "{refused:?}");
    assert_eq!(to.image(), before);
    let itself = repair_in(&env_of(&from, 1), &env_of(&from, 2), &mut |_| {});
    assert!(matches!(itself, Err(OpenError::DestinationTaken { .. })));
    assert_eq!(from.image(), image);
}

#[test]
fn a_directory_within_the_original_is_no_place_for_the_new_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    Store::open(&path).unwrap().close().unwrap();
    for to in [path.clone(), path.join("log/new"), path.join("new")] {
        assert!(
            matches!(repair(&path, &to, &mut |_| {}), Err(OpenError::DestinationWithin { .. })),
            "{to:?}"
        );
    }
    assert!(!path.join("new").exists());
    repair(&path, directory.path().join("new"), &mut |_| {}).unwrap();
}

#[cfg(unix)]
#[test]
fn a_way_into_the_original_through_links_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("store"), directory.path().join("link"));
    Store::open(&path).unwrap().close().unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let empty = directory.path().join("empty");
    std::os::unix::fs::symlink(path.join("snapshots"), &empty).unwrap();
    let files =
        || std::fs::read_dir(&path).unwrap().count() + std::fs::read_dir(path.join("log")).unwrap().count();
    let before = files();
    for (from, to) in [
        (&path, link.join("new")),
        (&link, path.join("new")),
        (&path, link.join("snapshots")),
        (&path, empty),
        (&path, path.join("log/../new")),
        (&path, directory.path().join("link/../store/new")),
    ] {
        let repaired = repair(from, &to, &mut |_| {});
        assert!(matches!(repaired, Err(OpenError::DestinationWithin { .. })), "{to:?}: {repaired:?}");
    }
    assert_eq!(files(), before);
    repair(&link, directory.path().join("outside"), &mut |_| {}).unwrap();
}

#[test]
fn a_store_that_is_open_for_writing_is_not_repaired_and_its_lock_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path).unwrap();
    let to = directory.path().join("new");
    assert!(matches!(repair(&path, &to, &mut |_| {}), Err(OpenError::Locked { .. })));
    assert!(!to.exists());
    store.close().unwrap();
    std::fs::remove_file(path.join("LOCK")).unwrap();
    repair(&path, &to, &mut |_| {}).unwrap();
    assert!(!path.join("LOCK").exists());
}

#[test]
fn a_store_that_is_written_while_it_is_read_is_noticed() {
    let (image, _) = original(60);
    let from = MemoryDisk::from_image(image).unwrap();
    let to = MemoryDisk::new();
    let world = crate::common::World::on(from.clone(), 9);
    let mut written = false;
    let repaired = repair_in(&env_of(&from, 1), &env_of(&to, 2), &mut |_| {
        if !std::mem::replace(&mut written, true) {
            world.open().close().unwrap();
        }
    });
    assert!(written);
    assert!(matches!(repaired, Err(OpenError::Locked { .. })), "{repaired:?}");
    assert!(!to.image().contains_key("MANIFEST"));
}

#[test]
fn what_a_repair_that_was_interrupted_leaves_is_no_store() {
    let (image, wanted) = original(60);
    let mut stores = 0;
    for power in [false, true] {
        for nth in 1.. {
            let from = MemoryDisk::from_image(image.clone()).unwrap();
            let to = MemoryDisk::new();
            let faulty = FaultyDisk::new(Arc::new(to.clone()));
            faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(std::io::ErrorKind::Other));
            let env = annals::vfs::Env { disk: Arc::new(faulty), ..env_of(&to, 2) };
            let repaired = repair_in(&env_of(&from, 1), &env, &mut |_| {});
            assert!(from.image() == image);
            if repaired.is_ok() {
                break;
            }
            let left = to.crash(if power { Survival::Synced } else { Survival::All });
            let opened = options(&left).create(false).open("memory");
            match opened {
                Ok(store) => {
                    // The manifest was there: then it is all there.
                    assert_eq!(crate::common::events_of(&store), wanted);
                    stores += 1;
                }
                Err(OpenError::NotAStore { reason, .. }) => assert!(reason.contains("REPAIR")),
                Err(OpenError::NotFound { .. }) => {}
                Err(other) => panic!("{nth}: {other}"),
            }
            let empty = left.image().is_empty();
            let again = repair_in(&env_of(&from, 1), &env_of(&left, 3), &mut |_| {});
            assert!(empty || matches!(again, Err(OpenError::DestinationTaken { .. })));
        }
    }
    assert!(stores > 0);
}

#[test]
fn a_full_disk_is_an_error_and_the_original_stays() {
    let (image, _) = original(60);
    for capacity in [0, 100, 20_000, 40_000] {
        let from = MemoryDisk::from_image(image.clone()).unwrap();
        let to = MemoryDisk::new();
        to.set_capacity(Some(capacity));
        let repaired = repair_in(&env_of(&from, 1), &env_of(&to, 2), &mut |_| {});
        let Err(OpenError::Io { source, .. }) = repaired else { panic!("{repaired:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        assert!(from.image() == image && !to.image().contains_key("MANIFEST"));
    }
}

#[test]
fn pages_that_the_disk_cannot_read_are_lost_and_the_others_are_not() {
    let (image, wanted) = original(60);
    let from = MemoryDisk::from_image(image.clone()).unwrap();
    let to = MemoryDisk::new();
    let bad =
        Arc::new(super::bad_pages::BadPages { disk: from, file: "log/000000000001.seg".into(), pages: 1..2 });
    let env = annals::vfs::Env { disk: bad, ..env_of(&to, 2) };
    let report = repair_in(&env, &env_of(&to, 3), &mut |_| {}).unwrap();
    let lost = super::check(&report, &to, &wanted);
    let hit = |event: &&annals::Event| {
        let (file, from, end) = super::place_of(&image, event);
        file.ends_with("000000000001.seg") && from < 8192 && end > 4096
    };
    let expected: Vec<u64> = wanted.iter().filter(hit).map(|event| event.position.get()).collect();
    assert!(!expected.is_empty());
    assert_eq!(lost, expected);
}

fn options(disk: &MemoryDisk) -> Options {
    Options::new().env(env_of(disk, 5)).background(false)
}
