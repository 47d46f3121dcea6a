//! Faults that were found once, each under its own name.

use crate::common::{SEGMENT_BYTES, START, World, events_of, verified};
use annals::vfs::{Call, Clock, Env, Fault, FaultyDisk, MemoryDisk, Survival, When};
use annals::{AppendError, AsOf, Batch, Expected, Invalid, NewEvent, Options, Position, Query, Store};
use annals::{Timestamp, Uuid, inspect};
use annals_format::{Manifest, OpenSegment, names};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

pub(crate) fn append(store: &Store, bytes: usize) -> Result<Position, AppendError> {
    let appended = store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; bytes])])?;
    Ok(appended.last_position)
}

/// The search for a recorded time skipped sealed segments without forgetting what the one behind them had said.
#[test]
fn before_the_first_event_was_recorded_there_are_none_however_many_segments_there_are() {
    let world = World::new(1);
    let store = world.open();
    for _ in 0..9 {
        append(&store, 5000).unwrap();
        store.maintain().unwrap();
    }
    assert!(store.stats().unwrap().segments > 2);
    for before in [START - 1, i64::MIN] {
        let view = store.view().as_of(AsOf::Recorded(Timestamp::from_nanos(before))).unwrap();
        assert_eq!((view.position(), view.read(Query::all()).unwrap().count()), (Position::ZERO, 0));
    }
}

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

fn faulty(seed: u64) -> (World, FaultyDisk) {
    let world = World::new(seed);
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    (world, disk)
}

fn fill(world: &World, disk: &FaultyDisk) {
    let Ok(store) = world.options_over(Arc::new(disk.clone())).open("memory") else { return };
    for _ in 0..9 {
        let _ = append(&store, 5000);
        let _ = store.maintain();
    }
}

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

fn wait_until(mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A clone of a closed store went on laying out and sealing segments, over the manifest of whoever had it by then.
#[test]
fn a_closed_store_leaves_the_files_alone() {
    let world = World::new(8);
    let closed = world.open();
    for _ in 0..6 {
        append(&closed, 5000).unwrap();
    }
    closed.clone().close().unwrap();
    let before = world.disk().image();
    closed.maintain().unwrap();
    closed.sync().unwrap();
    assert!(matches!(append(&closed, 1), Err(AppendError::Closed)));
    assert!(world.disk().image() == before, "files have changed");
    let store = world.open();
    let last = (0..6).fold(Position::ZERO, |_, _| append(&store, 5000).unwrap());
    closed.maintain().unwrap();
    drop(closed);
    store.maintain().unwrap();
    drop(store);
    assert_eq!(world.open().last_position(), last);
}

/// The index in memory has the events of a batch before they are written. Counts looked at all of them.
#[test]
fn names_of_a_batch_that_was_not_written_are_not_counted() {
    let (world, disk) = faulty(9);
    let store = world.options_over(Arc::new(disk.clone())).open("memory").unwrap();
    append(&store, 1).unwrap();
    disk.arm(When::nth(Call::Write, 1), Fault::Os(5));
    let result = store.append("other", Expected::Any, &[NewEvent::new("another", &b""[..])]);
    assert!(matches!(result, Err(AppendError::DurabilityUnknown { .. })));
    let stats = store.stats().unwrap();
    assert_eq!((stats.events, stats.streams, stats.types), (1, 1, 1));
    assert_eq!(store.view().streams("").count(), 1);
}

/// A reader looked only at the place where the log had ended; the writer had gone on in the next segment.
#[test]
fn a_reader_follows_into_the_next_segment() {
    let world = World::new(10);
    let store = world.open();
    append(&store, 9000).unwrap();
    // The next segment is laid out, so that going on in it changes no other file.
    store.maintain().unwrap();
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert!(!reader.wait_beyond(Position::new(1), Duration::ZERO).unwrap());
    append(&store, 9000).unwrap();
    append(&store, 10).unwrap();
    assert!(reader.wait_beyond(Position::new(1), Duration::from_millis(500)).unwrap());
    assert_eq!(events_of(&reader).len(), 2, "the last one is not known to be durable");
}

/// With an exact expectation the ids of a batch were not looked at, so it was stored with one id for two events,
/// and could not be repeated.
#[test]
fn an_id_may_not_stand_twice_in_a_batch_whatever_is_expected() {
    let store = World::new(11).open();
    let event = NewEvent::new("t", &b""[..]).with_id(Uuid::from_u128(1));
    for expected in [Expected::NoStream, Expected::Any, Expected::Exact(annals::Version::ZERO)] {
        let mut batch = Batch::new();
        batch.push("a", &event).unwrap();
        batch.push("b", &event).unwrap();
        batch.expect("a", expected).unwrap();
        batch.expect("b", expected).unwrap();
        let result = store.append_batch(batch);
        assert!(
            matches!(result, Err(AppendError::Invalid(Invalid::IdTwice { id })) if id == Uuid::from_u128(1))
        );
    }
    assert_eq!(store.last_position(), Position::ZERO);
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

/// A clock that can hold up the one who asks, or fail it: the leader of a group is then in the middle of it.
#[derive(Debug)]
struct StageClock {
    asked: AtomicU64,
    holds: AtomicU64,
    fails: AtomicU64,
}

impl StageClock {
    fn new() -> Arc<Self> {
        let never = || AtomicU64::new(u64::MAX);
        Arc::new(StageClock { asked: AtomicU64::new(0), holds: never(), fails: never() })
    }

    /// Holds up the next one who asks, and lets everybody else go.
    fn hold_next(&self) {
        self.holds.store(self.asked.load(SeqCst) + 1, SeqCst);
    }

    fn wait_until_held(&self) {
        wait_until(|| self.asked.load(SeqCst) == self.holds.load(SeqCst));
    }

    fn let_go(&self) {
        self.holds.store(u64::MAX, SeqCst);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        let number = self.asked.fetch_add(1, SeqCst) + 1;
        while self.holds.load(SeqCst) == number {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_ne!(number, self.fails.load(SeqCst), "the clock has stopped");
        Timestamp::from_nanos(START)
    }
}

fn staged(world: &World, clock: &Arc<StageClock>) -> Options {
    let env = Env { disk: Arc::new(world.disk()), clock: clock.clone(), random: world.random.clone() };
    world.options().env(env).background(true)
}

/// The worker waited for the writer, to note what is durable, while the writer waited for the worker to seal: for ten
/// seconds, then the append was refused.
#[test]
fn a_group_that_fills_many_segments_does_not_wait_for_a_worker_that_waits_for_it() {
    let (world, clock) = (World::new(16), StageClock::new());
    let store = staged(&world, &clock).open("memory").unwrap();
    append(&store, 10).unwrap();
    let (large, pause) = (8, Duration::from_millis(300));
    // The worker has noted it and sleeps.
    std::thread::sleep(pause);
    std::thread::scope(|scope| {
        clock.hold_next();
        let first = scope.spawn(|| append(&store, 10));
        clock.wait_until_held();
        let others: Vec<_> = (0..large).map(|_| scope.spawn(|| append(&store, 60_000))).collect();
        std::thread::sleep(pause);
        // The first group ends, and the second one is held up with all the others in it.
        clock.hold_next();
        clock.wait_until_held();
        std::thread::sleep(pause);
        clock.let_go();
        first.join().unwrap().unwrap();
        for other in others {
            other.join().unwrap().unwrap();
        }
    });
    assert_eq!(store.last_position().get(), 2 + large);
}

/// After a panic in the middle of a group a sync took the batches that were never written for durable, and said so in
/// the log: the store could not be opened any more.
#[test]
fn a_sync_after_a_panic_in_the_middle_of_a_group_says_nothing_of_what_was_not_written() {
    let (world, clock) = (World::new(17), StageClock::new());
    let store = staged(&world, &clock).open("memory").unwrap();
    std::thread::scope(|scope| {
        clock.hold_next();
        let first = scope.spawn(|| append(&store, 10));
        clock.wait_until_held();
        let others: Vec<_> = (0..2).map(|_| scope.spawn(|| append(&store, 10))).collect();
        std::thread::sleep(Duration::from_millis(300));
        clock.fails.store(clock.asked.load(SeqCst) + 2, SeqCst);
        clock.let_go();
        first.join().unwrap().unwrap();
        let failed = others.into_iter().map(|other| other.join().is_err()).collect::<Vec<_>>();
        assert!(failed.contains(&true), "nobody has panicked");
    });
    assert!(matches!(store.sync(), Err(AppendError::Poisoned)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(store.stats().unwrap().durable_position, Position::new(1));
    assert!(matches!(append(&store, 10), Err(AppendError::Poisoned)));
    drop(store);
    assert_eq!(world.open().last_position(), Position::new(1));
}

/// A file that the writer cut between looking at its length and mapping it was taken for one that cannot be read.
#[test]
fn a_reader_looks_again_if_a_file_is_cut_while_it_is_opened() {
    let (world, disk) = faulty(18);
    let store = world.open();
    append(&store, 10).unwrap();
    append(&store, 10).unwrap();
    let reader = world.options_over(Arc::new(disk.clone())).read_only(true);
    disk.arm(When::nth(Call::Map, 1), Fault::Error(ErrorKind::InvalidInput));
    assert_eq!(reader.open("memory").unwrap().last_position(), Position::new(1));
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

/// A segment was looked into through a mapping, to its end, which is cut when its store is closed: that ended the
/// process.
#[test]
fn a_segment_can_be_inspected_while_its_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let done = AtomicBool::new(false);
    Store::open(&path).unwrap().append("s", Expected::Any, &[NewEvent::new("t", &b""[..])]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..30 {
                let store = Store::open(&path).unwrap();
                append(&store, 10).unwrap();
                store.close().unwrap();
            }
            done.store(true, SeqCst);
        });
        while !done.load(SeqCst) {
            inspect(path.join("log/000000000001.seg"), &mut |_| {}).unwrap();
        }
    });
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

/// An id of somebody else's making looked as if the store had made it for a position, and the record there was
/// damaged: the event that has the id, elsewhere, was not found.
#[test]
fn damage_where_an_id_seems_to_point_to_does_not_hide_the_event_that_has_it() {
    let world = World::new(21);
    let store = world.open();
    append(&store, 9000).unwrap();
    let made = store.view().event_at(Position::FIRST).unwrap().unwrap().id;
    let alike = Uuid::from_u128(made.as_u128() ^ 1);
    store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 9000]).with_id(alike)]).unwrap();
    append(&store, 9000).unwrap();
    store.maintain().unwrap();
    store.close().unwrap();
    world.flip("log/000000000001.seg", 5000, 0);
    let view = world.open().view();
    assert_eq!(view.event(alike).unwrap().map(|event| event.position), Some(Position::new(2)));
    assert!(view.event(made).unwrap_err().is_corruption());
    assert_eq!(view.event(Uuid::from_u128(1)).unwrap(), None);
}

/// A reader could not make the tail durable, because the sync failed, and showed it all the same.
#[test]
fn a_reader_whose_sync_fails_shows_only_what_is_proven_to_be_durable() {
    let world = World::new(22);
    let store = world.open();
    append(&store, 10).unwrap();
    append(&store, 10).unwrap();
    let killed = World::on(world.disk().crash(Survival::All), 23);
    drop(store);
    for (kind, shown) in [(ErrorKind::Other, 1), (ErrorKind::ReadOnlyFilesystem, 2)] {
        let disk = FaultyDisk::new(Arc::new(killed.disk()));
        disk.arm(When::nth(Call::SyncData, 1).from_then_on(), Fault::Error(kind));
        let reader = killed.options_over(Arc::new(disk.clone())).read_only(true).open("memory").unwrap();
        assert_eq!((disk.fired(), reader.last_position()), (true, Position::new(shown)), "{kind:?}");
        assert_eq!(events_of(&reader).len() as u64, shown);
    }
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
