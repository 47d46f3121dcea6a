//! Copies of a store in which something is erased: backups, restored stores, repaired ones.

use super::states::save;
use super::{SECRET, check_erased, erase, files_with, fill, listed, own, tag};
use crate::common::{World, write_out};
use annals::vfs::{Fault, FaultyDisk, Survival, When};
use annals::{BackupOptions, EraseTarget, Event, Position, RestoreTo, Store};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store in a directory, with ten visits of each of two patients, and a state of each.
fn stored(at: &Path, seed: u64) -> (Store, Vec<Event>) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 2, 10);
    store.close().unwrap();
    write_out(&world.disk(), at);
    let store = Store::options().background(false).open(at).unwrap();
    save(&store, "visit-1");
    save(&store, "visit-2");
    let before = own(&store);
    (store, before)
}

fn back_up(store: &Store, to: &Path) {
    store.backup(to, &BackupOptions::new(), &mut |_| {}).unwrap();
}

fn reading(at: &Path) -> Store {
    Store::options().read_only(true).open(at).unwrap()
}

/// The files below a directory in which some text is found.
fn found_below(directory: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(found_below(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_backup_that_is_made_again_has_it_erased_as_well_and_so_has_what_is_restored_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (store, before) = stored(&at("store"), 54);
    let text = format!("{SECRET}-2-");
    back_up(&store, &at("backup"));
    assert!(!found_below(&at("backup"), &text).is_empty(), "it was there");
    erase(&store, tag(2));
    back_up(&store, &at("backup"));
    annals::restore(at("backup"), at("restored"), RestoreTo::End, &BackupOptions::new(), &mut |_| {})
        .unwrap();
    for name in ["store", "backup", "restored"] {
        assert_eq!(found_below(&at(name), &text), [] as [PathBuf; 0], "{name}");
        let copy = reading(&at(name));
        check_erased(&before, &own(&copy), 2, name);
        assert_eq!((listed(&copy).len(), copy.erasures_under_way()), (10, 0), "{name}");
        assert!(annals::verify(at(name), &mut |_| {}).unwrap().findings.is_empty(), "{name}");
    }
    // Up to the request, without what the ledger says, it is erased as well, and others can be erased there.
    let cut = RestoreTo::Position(Position::new(31));
    annals::restore(at("backup"), at("cut"), cut, &BackupOptions::new(), &mut |_| {}).unwrap();
    let cut = Store::options().background(false).open(at("cut")).unwrap();
    check_erased(&before, &own(&cut), 2, "cut");
    assert_eq!(erase(&cut, tag(1)).events, 10);
    assert_eq!((listed(&cut).len(), cut.erasures_under_way()), (10, 0));
}

#[test]
fn a_backup_during_which_something_is_erased_keeps_no_snapshot_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (store, before) = stored(&at("store"), 55);
    let mut erased = false;
    let mut meanwhile = |_| {
        let taken = || !found_below(&at("backup").join("snapshots"), &format!("{SECRET}-2-")).is_empty();
        if !erased && taken() {
            erased = true;
            erase(&store, tag(2));
        }
    };
    store.backup(at("backup"), &BackupOptions::new(), &mut meanwhile).unwrap();
    assert!(erased, "no snapshot was taken");
    assert_eq!(found_below(&at("backup"), &format!("{SECRET}-2-")), [] as [PathBuf; 0]);
    check_erased(&before, &own(&reading(&at("backup"))), 2, "backup");
}

#[test]
fn what_is_under_way_is_not_shown_by_readers_and_copies_and_can_be_finished_there() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let world = World::new(56);
    let store = world.open();
    fill(&store, 2, 10);
    let before = own(&store);
    store.close().unwrap();
    // Somewhere behind the request, and before the segments are written.
    let (disk, left) = (1..)
        .map(|nth| {
            let memory = world.disk().crash(Survival::All);
            let faulty = FaultyDisk::new(Arc::new(memory.clone()));
            let own_world = World::on(memory.clone(), 57);
            let store = own_world.options_over(Arc::new(faulty.clone())).open("memory").unwrap();
            faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
            let _ = store.erase(tag(2)).run();
            let under_way = store.erasures_under_way();
            std::mem::forget(store);
            (memory.crash(Survival::Synced), under_way)
        })
        .find(|(_, under_way)| *under_way > 0)
        .unwrap();
    assert_eq!(left, 1);
    write_out(&disk, &at("store"));
    assert!(!found_below(&at("store"), &format!("{SECRET}-2-")).is_empty(), "it is finished already");
    let store = Store::options().background(false).open(at("store")).unwrap();
    back_up(&store, &at("backup"));
    store.close().unwrap();
    annals::repair(at("store"), at("repaired"), &mut |_| {}).unwrap();
    write_out(&disk, &at("bare"));
    std::fs::remove_file(at("bare").join("MANIFEST")).unwrap();
    annals::repair(at("bare"), at("found"), &mut |_| {}).unwrap();
    for name in ["store", "backup", "repaired", "found"] {
        let copy = reading(&at(name));
        assert_eq!(copy.erasures_under_way(), 1, "{name}");
        for (before, after) in before.iter().zip(own(&copy)) {
            assert_eq!(after.payload.is_ok(), before.stream != "visit-2", "{name}: {after:?}");
        }
    }
    let repaired = Store::options().background(false).open(at("repaired")).unwrap();
    let report = erase(&repaired, EraseTarget::Position(Position::new(1)));
    assert_eq!((report.events, report.events_erased), (1, 11));
    repaired.close().unwrap();
    assert_eq!(found_below(&at("repaired"), &format!("{SECRET}-2-")), [] as [PathBuf; 0]);
    assert!(!files_with(&world, &format!("{SECRET}-2-")).is_empty(), "the original was touched");
}
