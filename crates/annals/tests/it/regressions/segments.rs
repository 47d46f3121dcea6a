//! Segments and runs: begun, sealed, merged and opened again.

use super::{append, faulty};
use crate::common::{World, events_of, verified};
use annals::vfs::{Call, Fault, MemoryDisk, Survival, When};
use annals::{AppendError, Expected, NewEvent, Position};
use annals_format::{Manifest, OpenSegment, names};
use std::io::ErrorKind;
use std::sync::Arc;

/// A prepared segment that could not be made large enough for a batch was dropped, and the segment behind it was
/// begun: a segment without a header before one with a header looked like a lost one.
#[test]
fn a_batch_for_which_the_disk_has_no_room_leaves_no_gap_between_the_segments() {
    let world = World::new(5);
    let store = world.open();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    world.disk().set_capacity(Some(40_000));
    let refused = append(&store, 60_000);
    assert!(
        matches!(&refused, Err(AppendError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull)
    );
    world.disk().set_capacity(None);
    let last = (0..9).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
    store.maintain().unwrap();
    drop(store);
    let store = world.open();
    assert_eq!(store.last_position(), last);
    append(&store, 60_000).unwrap();
    drop(store);
    assert_eq!(verified(&world.disk()), Vec::<String>::new());
}

/// Cutting a sealed segment behind its footer was not durable when the sync failed, and the second attempt had
/// nothing to cut: after the loss of power the file was as long as before, and taken for damaged.
#[test]
fn a_segment_that_was_sealed_at_the_second_attempt_is_read_after_the_loss_of_power() {
    for nth in 1..=6 {
        let world = World::new(12);
        let store = world.open();
        let last = (0..6).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
        world.disk().fail_sync(nth);
        let _ = store.maintain();
        store.maintain().unwrap();
        let unplugged = World::on(world.disk().crash(Survival::Synced), 13);
        let store = unplugged.open();
        assert_eq!(events_of(&store).len() as u64, last.get());
        store.close().unwrap();
        assert_eq!(verified(&unplugged.disk()), Vec::<String>::new(), "sync {nth}");
    }
}

/// The segment behind one that was passed over was sealed, and the manifest then had the two in an order in which it is
/// refused: the store could not be opened any more.
#[test]
fn a_segment_that_was_passed_over_does_not_keep_the_store_from_being_opened() {
    let world = World::new(20);
    let store = world.open();
    for _ in 0..4 {
        append(&store, 9000).unwrap();
        store.maintain().unwrap();
    }
    store.close().unwrap();
    let image = world.disk().image();
    let mut manifest = Manifest::decode(&image[names::MANIFEST]).unwrap();
    let (sealed, begun) = (manifest.sealed.last().unwrap().id, manifest.open[0].id);
    assert!(sealed + 1 < begun, "there is no number free between {sealed} and {begun}");
    manifest.open.insert(0, OpenSegment { id: sealed + 1, salt: 1 });
    let mut image = image;
    image.insert(names::segment(sealed + 1), Vec::new());
    image.insert(names::MANIFEST.to_owned(), manifest.encode());
    let world = World::on(MemoryDisk::from_image(image).unwrap(), 21);
    for _ in 0..3 {
        let store = world.open();
        for _ in 0..2 {
            append(&store, 9000).unwrap();
        }
        store.maintain().unwrap();
    }
    assert_eq!(world.open().last_position(), Position::new(10));
    assert_eq!(verified(&world.disk()), Vec::<String>::new());
}

/// Laying out the next segment failed, and sealing the full ones, which gives room back, was not tried.
#[test]
fn a_disk_without_room_for_the_next_segment_does_not_keep_full_ones_from_being_sealed() {
    let (world, disk) = faulty(20);
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    for _ in 0..4 {
        append(&store, 9000).unwrap();
    }
    disk.arm(When::nth(Call::Preallocate, 1).from_then_on(), Fault::Error(ErrorKind::StorageFull));
    assert!(store.maintain().is_err());
    assert_eq!(store.stats().unwrap().runs, 3);
}

/// The frame that tells what is durable was not synced before the next segment was begun. When the sync of the footer
/// then failed, and was tried again, the frame was taken for written, and the sealed segment had a hole in its place.
#[test]
fn a_segment_is_sealed_without_a_hole_though_the_first_sync_of_its_footer_failed() {
    for nth in 1..8 {
        let world = World::new(31);
        let store = world.open();
        append(&store, 10).unwrap();
        store.mark_durable().unwrap();
        append(&store, 20_000).unwrap();
        world.disk().fail_sync(nth);
        let _ = store.maintain();
        store.maintain().unwrap();
        assert_eq!(verified(&world.disk().crash(Survival::Synced)), Vec::<String>::new(), "sync {nth}");
    }
}

/// A merge that found a source damaged while it began failed each time anew, and so did all work behind it. It may fail
/// once: the source is made again before the next attempt.
#[test]
fn a_run_that_is_damaged_where_a_merge_begins_is_made_again_and_not_merged_in_vain() {
    let large = |world: &World| world.options().segment_bytes(256 << 10).open("memory").unwrap();
    let world = World::new(31);
    let store = large(&world);
    // Three runs with tables of several pages each, and then a fourth full segment that has none yet.
    for number in 0.. {
        let events: Vec<NewEvent<'_>> = (0..100_u64)
            .map(|event| NewEvent::new("t", vec![7; 20]).with_tag(format!("tag-{number}-{event}")))
            .collect();
        store.append("s", Expected::Any, &events).unwrap();
        let stats = store.stats().unwrap();
        if (stats.runs, stats.segments) == (3, 5) {
            break;
        }
        if stats.runs < 3 {
            store.maintain().unwrap();
        }
    }
    let events = events_of(&store);
    let image = world.disk().image();
    let mut failed = 0;
    for run in world.files("index/").into_iter().step_by(2) {
        assert!(image[&run].len() > 20_000, "{run} has several pages");
        for offset in (0..image[&run].len()).step_by(4093) {
            let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 32);
            world.flip(&run, offset, 3);
            let store = large(&world);
            failed += usize::from(store.maintain().is_err());
            store.maintain().unwrap_or_else(|error| panic!("{run}, byte {offset}: {error:?}"));
            let stats = store.stats().unwrap();
            assert_eq!((stats.runs, stats.runs_missing), (1, 0), "{run}, byte {offset}");
            assert_eq!(events_of(&store), events, "{run}, byte {offset}");
            store.close().unwrap();
            assert_eq!(verified(&world.disk()), [] as [String; 0], "{run}, byte {offset}");
        }
    }
    assert!(failed > 2, "{failed}");
}

/// The sync with which a segment is begun failed, behind a mark that was not synced. The append was told that nobody knows
/// whether it is there, and then, since its group wrote nothing, that it was refused.
#[test]
fn an_append_that_cannot_begin_a_segment_is_told_why_once() {
    let (world, disk) = faulty(41);
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    append(&store, 9000).unwrap();
    // The next segment is laid out, and what is durable is told behind the event, without a sync.
    store.maintain().unwrap();
    store.mark_durable().unwrap();
    disk.arm(When::nth(Call::SyncData, 1).from_then_on(), Fault::Error(ErrorKind::Other));
    let refused = store.append("s", Expected::NoStream, &[NewEvent::new("t", vec![7; 10])]);
    assert!(matches!(refused, Err(AppendError::Conflict(_))), "a refusal waits for no sync: {refused:?}");
    let begun = append(&store, 8000);
    assert!(matches!(begun, Err(AppendError::DurabilityUnknown { source: Some(_) })), "{begun:?}");
    assert!(matches!(append(&store, 10), Err(AppendError::Poisoned)));
}
