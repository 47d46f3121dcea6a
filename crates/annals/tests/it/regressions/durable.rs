//! What is durable, and what the manifest tells of it.

use super::{append, faulty, fill, wait_until};
use crate::common::{SEGMENT_BYTES, World, verified};
use annals::vfs::{Call, Fault, MemoryDisk, Survival, When};
use annals::{AppendError, Position};
use annals_format::{Manifest, names};
use std::io::ErrorKind;
use std::sync::Arc;

/// A process was killed between renaming the manifest and making its name durable. The next one saw the new
/// manifest, appended to the segment that only this one names, and acknowledged it.
#[test]
fn what_is_appended_after_a_kill_survives_although_the_killed_one_had_not_synced_the_manifests_name() {
    let renames = {
        let (world, disk) = faulty(2);
        fill(&world, &disk);
        disk.calls(Call::Rename)
    };
    assert!(renames > 3);
    for rename in 1..=renames {
        let (world, disk) = faulty(2);
        // The rename is done, and nothing behind it.
        disk.arm(When::nth(Call::Rename, rename), Fault::ErrorAfter(ErrorKind::Other));
        disk.arm(When::nth(Call::Rename, rename + 1).from_then_on(), Fault::Error(ErrorKind::Other));
        fill(&world, &disk);
        let killed = World::on(world.disk().crash(Survival::All), 3);
        let store = killed.open();
        let last = (0..5).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
        let unplugged = World::on(killed.disk().crash(Survival::Synced), 4);
        assert_eq!(unplugged.open().last_position(), last, "rename {rename}");
    }
}

/// The frame that only tells what is durable is not synced. It was taken for proven, so after a failed sync it was
/// not written again, and everything behind it hung in the air.
#[test]
fn the_mark_of_what_is_durable_is_written_again_after_a_failed_sync() {
    let (world, disk) = faulty(6);
    let options = world.options_over(Arc::new(disk.clone())).background(true);
    let store = options.clone().open("memory").unwrap();
    append(&store, 100).unwrap();
    let writes = disk.calls(Call::Write);
    wait_until(|| disk.calls(Call::Write) > writes);
    world.disk().fail_sync(1);
    assert!(matches!(append(&store, 100), Err(AppendError::DurabilityUnknown { .. })));
    drop(store);
    let store = world.open();
    assert_eq!(store.last_position(), Position::new(2), "it was written, if not synced");
    let unplugged = World::on(world.disk().crash(Survival::Synced), 7);
    assert_eq!(unplugged.open().last_position(), Position::new(2), "it was shown, and is gone");
}

/// A store of an empty disk's image has no directories for its files.
#[test]
fn a_store_that_lost_its_empty_directories_is_complete() {
    let world = World::new(14);
    world.open().close().unwrap();
    let bare = World::on(MemoryDisk::from_image(world.disk().image()).unwrap(), 15);
    let store = bare.open();
    append(&store, SEGMENT_BYTES as usize).unwrap();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    drop(store);
    assert_eq!(bare.open().last_position(), Position::new(2));
}

/// Each attempt to name a new segment or run in a manifest that could not be written left the file behind.
#[test]
fn a_manifest_that_cannot_be_written_does_not_fill_the_disk() {
    let (world, disk) = faulty(19);
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    for _ in 0..4 {
        append(&store, 9000).unwrap();
    }
    let bytes = || -> usize { world.disk().image().values().map(Vec::len).sum() };
    disk.arm(When::nth(Call::Rename, 1).from_then_on(), Fault::Error(ErrorKind::Other));
    let _ = store.maintain();
    let before = bytes();
    for _ in 0..10 {
        assert!(store.maintain().is_err());
        assert!(append(&store, 9000).is_err());
    }
    assert!(bytes() < before + SEGMENT_BYTES as usize, "{} and then {}", before, bytes());
    disk.disarm();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    drop(store);
    assert_eq!(world.open().last_position(), Position::new(5));
    assert_eq!(verified(&world.disk()), Vec::<String>::new());
}

/// Where the log has no room for it, the manifest tells what is durable. If that could not be written, `mark_durable` said
/// that all was well.
#[test]
fn what_is_durable_and_cannot_be_told_in_the_manifest_is_an_error_and_can_be_told_later() {
    let (world, disk) = faulty(48);
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    // It has a segment to itself, which it fills.
    append(&store, 30_000).unwrap();
    let told = |disk: &MemoryDisk| Manifest::decode(&disk.image()[names::MANIFEST]).unwrap().durable;
    disk.arm(When::nth(Call::Rename, 1), Fault::Error(ErrorKind::StorageFull));
    let refused = store.mark_durable();
    assert!(
        matches!(&refused, Err(AppendError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull)
    );
    assert_eq!(told(&world.disk()), Position::ZERO);
    store.mark_durable().unwrap();
    assert_eq!(told(&world.disk()), Position::FIRST);
    append(&store, 10).unwrap();
}
