//! Where a backup does not go.

use super::{append, back_up, env_of, sound_events};
use crate::common::{World, events_of};
use annals::vfs::{Disk, MemoryDisk};
use annals::{BackupError, BackupOptions, Expected, NewEvent, OpenError, Options, RestoreTo, Store, restore};
use std::path::Path;

fn no_news() -> BackupOptions {
    BackupOptions::new()
}

fn small(path: &Path) -> Store {
    let store = Options::new().segment_bytes(16 << 10).open(path).unwrap();
    for n in 0..20 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![n; 3000])]).unwrap();
    }
    store
}

#[test]
fn the_store_itself_what_lies_in_it_and_what_is_around_it_are_refused_whatever_links_lead_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = small(&path("a/store"));
    std::os::unix::fs::symlink(path("a/store"), path("link")).unwrap();
    std::os::unix::fs::symlink(path("a/store/log"), path("inner")).unwrap();
    let names = [
        "a/store",
        "a/store/backup",
        "a/store/../store/x",
        "link",
        "link/new",
        "inner",
        "inner/new",
        "a",
        "",
    ];
    for name in names {
        let error = store.backup(path(name), &no_news(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, BackupError::Overlapping { .. }), "{name}: {error:?}");
    }
    store.backup(path("a/backup"), &no_news(), &mut |_| {}).unwrap();
    for name in ["a/backup", "a/backup/new", "a"] {
        let error =
            restore(path("a/backup"), path(name), RestoreTo::End, &no_news(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, BackupError::Overlapping { .. }), "{name}: {error:?}");
    }
}

#[test]
fn on_one_file_system_files_are_linked_and_the_store_stays_as_it_is_when_the_backup_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = small(&path("store"));
    let first = store.backup(path("backup"), &no_news(), &mut |_| {}).unwrap();
    assert!(first.files.linked.files > 0, "{first:?}");
    for n in 0..20 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![n; 3000])]).unwrap();
    }
    store.backup(path("backup"), &no_news(), &mut |_| {}).unwrap();
    let events = events_of(&store);
    let copy = Store::open(path("backup")).unwrap();
    assert!(events_of(&copy) == events);
    copy.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 30_000])]).unwrap();
    copy.close().unwrap();
    store.close().unwrap();
    let found = annals::verify(path("store"), &mut |_| {}).unwrap();
    assert_eq!((found.findings, found.events), (vec![], events.len() as u64));
    let error =
        Store::open(path("store")).unwrap().backup(path("backup"), &no_news(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Written { .. }), "{error:?}");
}

#[test]
fn directories_with_something_else_in_them_are_refused_and_stay_as_they_are() {
    let world = World::new(1);
    let store = world.open();
    append(&world, &store, 5);
    let other = World::new(2);
    append(&other, &other.open(), 5);
    let backup_of_other = MemoryDisk::new();
    back_up(&other.open(), &backup_of_other).unwrap();
    let foreign = MemoryDisk::new();
    foreign.set_content("letters/a.txt", "x").unwrap();
    let mut damaged = backup_of_other.image();
    damaged.get_mut("BACKUP").unwrap()[20] ^= 1;
    let damaged = MemoryDisk::from_image(damaged).unwrap();
    for (name, disk) in [
        ("foreign", foreign),
        ("a store", other.disk()),
        ("damaged mark", damaged),
        ("of another", backup_of_other),
    ] {
        let before = disk.image();
        let error = back_up(&store, &disk).unwrap_err();
        match name {
            "of another" => assert!(matches!(error, BackupError::OtherStore { .. }), "{error:?}"),
            _ => assert!(matches!(error, BackupError::NotABackup { .. }), "{name}: {error:?}"),
        }
        assert!(disk.image() == before, "{name}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn a_backup_that_is_in_use_or_was_written_is_refused() {
    let (world, to) = (World::new(3), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 5);
    back_up(&store, &to).unwrap();
    let held = to.try_lock("LOCK").unwrap().unwrap();
    assert!(matches!(back_up(&store, &to), Err(BackupError::InUse { .. })));
    drop(held);
    back_up(&store, &to).unwrap();
    let opened = World::on(to.clone(), 4).open();
    assert!(matches!(back_up(&store, &to), Err(BackupError::Written { .. } | BackupError::InUse { .. })));
    opened.close().unwrap();
    assert!(matches!(back_up(&store, &to), Err(BackupError::Written { .. })));
}

#[test]
fn a_backup_that_is_newer_than_the_store_or_of_another_history_is_refused() {
    let (world, to) = (World::new(5), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 10);
    store.close().unwrap();
    let early = world.disk().image();
    let store = world.open();
    append(&world, &store, 10);
    back_up(&store, &to).unwrap();
    let events = events_of(&store);
    // The store as it was before, which goes on otherwise.
    let again = World::on(MemoryDisk::from_image(early).unwrap(), 6);
    again.clock.set(annals::Timestamp::from_nanos(1_800_000_000_000_000_000));
    let store = again.open();
    let error = back_up(&store, &to).unwrap_err();
    assert!(matches!(error, BackupError::Ahead { .. }), "{error:?}");
    append(&again, &store, 40);
    let error = back_up(&store, &to).unwrap_err();
    assert!(matches!(error, BackupError::Diverged { .. }), "{error:?}");
    assert!(sound_events(&to, "refused") == events);
}

#[test]
fn what_an_interrupted_first_backup_has_left_is_no_store_and_the_next_one_goes_on_there() {
    let (world, to) = (World::new(7), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 30);
    back_up(&store, &to).unwrap();
    let mut image = to.image();
    image.remove("MANIFEST");
    image.retain(|path, _| path != "LOCK");
    let to = MemoryDisk::from_image(image).unwrap();
    for read_only in [true, false] {
        let opened = Options::new().env(env_of(&to)).read_only(read_only).open("left");
        assert!(matches!(opened, Err(OpenError::NotAStore { .. })), "{opened:?}");
    }
    back_up(&store, &to).unwrap();
    assert!(sound_events(&to, "again") == events_of(&store));
}
