//! Merges that do not fit into the memory of the index: what they need besides goes into files that nobody misses.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should end it")]

use annals::vfs::{Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{Batch, NewEvent, Query, Store};
use annals_sim::World;
use std::sync::Arc;

/// Segments whose indexes have some thousand names each.
const SEGMENT_BYTES: u64 = 160 << 10;
/// The least that an index can do with.
const INDEX_MEMORY: u64 = 4 << 20;
/// A batch, and the tags of each of its events, of which no two are alike.
const EVENTS: u64 = 50;
const TAGS: u64 = 16;
/// Crashes at so many moments of the work.
const CRASHES: u64 = 11;

fn world(disk: MemoryDisk) -> World {
    World::on(disk, 1, SEGMENT_BYTES).with_index_memory(INDEX_MEMORY)
}

fn tag(number: u64) -> String {
    format!("tag-{number:07}")
}

/// A store with four full segments that have no runs yet, and how many events it has.
fn full_segments() -> (MemoryDisk, u64) {
    let world = world(MemoryDisk::new());
    let (store, mut events) = (world.open().unwrap(), 0);
    while store.stats().unwrap().segments < 5 {
        let mut batch = Batch::new();
        for number in events..events + EVENTS {
            let event = NewEvent::new("t", vec![7; 10]);
            let event = (0..TAGS).fold(event, |event, index| event.with_tag(tag(number * TAGS + index)));
            batch.push(&format!("s-{}", number % 7), &event).unwrap();
        }
        store.append_batch(batch).unwrap();
        events += EVENTS;
    }
    (world.disk.crash(Survival::All), events)
}

fn scratch_files(disk: &MemoryDisk) -> usize {
    let names = disk.image().into_keys();
    names.filter(|path| path.starts_with("index/") && !path.ends_with(".run")).count()
}

/// Every event is found, by what few others have, and by what many have.
fn check(store: &Store, events: u64) {
    let view = store.view();
    assert_eq!(view.position().get(), events);
    for number in (0..events * TAGS).step_by(613) {
        let found: Vec<u64> = (view.read(Query::all().tagged(tag(number))).unwrap())
            .map(|event| event.unwrap().position.get())
            .collect();
        assert_eq!(found, [number / TAGS + 1], "{}", tag(number));
    }
    let stream = view.read(Query::stream("s-3")).unwrap().map(|event| event.unwrap().version.get());
    assert!(stream.eq(1..=(events - 3).div_ceil(7)));
    assert_eq!(view.read(Query::all().tagged("nobody")).unwrap().count(), 0);
}

#[test]
fn a_crash_in_a_merge_that_needs_scratch_files_leaves_none_and_changes_no_answer() {
    let (disk, events) = full_segments();
    let image = disk.image();
    let fresh = || world(MemoryDisk::from_image(image.clone()).unwrap());
    let mut calls = 1 << 20;
    let (mut crashes, mut with_scratch) = (0, 0);
    for moment in 0..=CRASHES {
        let world = fresh();
        let faulty = FaultyDisk::new(Arc::new(world.disk.clone()));
        let store = world.options_over(Arc::new(faulty.clone())).open("simulated").unwrap();
        let before = faulty.total_calls();
        // The first time nothing fails, so that it is known how many calls there are.
        if moment > 0 {
            let nth = 1 + calls * moment / (CRASHES + 1);
            faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Os(5));
        }
        let done = store.maintain();
        // That a source cannot be removed is no reason to complain.
        assert!(faulty.fired() == (moment > 0) && (moment > 0 || done.is_ok()), "{moment}: {done:?}");
        if moment == 0 {
            calls = faulty.total_calls() - before;
            check(&store, events);
            assert_eq!((store.stats().unwrap().runs, scratch_files(&world.disk)), (1, 0));
        }
        for survival in [Survival::All, Survival::Synced] {
            let left = world.disk.crash(survival);
            with_scratch += usize::from(scratch_files(&left) > 0);
            crashes += 1;
            let world = world.after(left);
            let store = world.open().unwrap();
            assert_eq!(scratch_files(&world.disk), 0, "moment {moment}");
            check(&store, events);
            store.maintain().unwrap();
            assert_eq!(store.stats().unwrap().runs, 1);
            check(&store, events);
        }
        std::mem::forget(store);
    }
    assert!(crashes > 20 && with_scratch > 3, "{crashes} crashes, {with_scratch} of them with scratch files");
}
