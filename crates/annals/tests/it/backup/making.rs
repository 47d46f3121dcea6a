//! What a backup has, and how it comes there.

use super::{append, back_up, env_of, goes_on, sound_events};
use crate::common::{World, events_of};
use annals::vfs::{Disk, MemoryDisk};
use annals::{
    BackupError, BackupOptions, Document, Durability, Expected, NewEvent, Options, Position, SnapshotPolicy,
    Store,
};

#[test]
fn a_backup_has_what_the_store_has_is_sound_and_goes_on_as_a_store() {
    for batches in [0, 1, 7, 60] {
        let (world, to) = (World::new(1), MemoryDisk::new());
        let store = world.open();
        append(&world, &store, batches);
        let report = back_up(&store, &to).unwrap();
        let events = events_of(&store);
        assert_eq!(report.position, store.last_position());
        assert_eq!(report.recorded_at, events.last().map(|event| event.recorded_at));
        assert!(sound_events(&to, "backup") == events);
        goes_on(&to, &events, "backup");
        assert!(sound_events(&world.disk(), "store") == events, "the store is as it was");
    }
}

#[test]
fn files_that_do_not_change_are_taken_once_and_the_open_segment_grows() {
    for linkable in [true, false] {
        let (world, to) = (World::new(2), MemoryDisk::new());
        to.set_linkable(linkable);
        let store = world.open();
        let mut sealed = 0;
        let mut former = None;
        for round in 0..12 {
            append(&world, &store, 1 + round * 2);
            let report = back_up(&store, &to).unwrap();
            let events = events_of(&store);
            assert!(sound_events(&to, &format!("round {round}")) == events);
            assert_eq!(report.former, former);
            former = Some(report.position);
            let taken = if linkable { report.files.linked } else { report.files.copied };
            let segments = world.files("log/").len();
            if round > 0 {
                assert!(report.files.kept.files >= sealed, "{report:?}");
            }
            // All but the open segment and the runs made of others since.
            sealed = segments.saturating_sub(4) as u64;
            assert!(taken.files < 12, "round {round}: {report:?}");
            goes_on(&to, &events, "later");
        }
        assert!(sealed > 8, "too few segments for this to mean anything");
    }
}

#[test]
fn a_backup_of_a_store_without_news_copies_nothing() {
    let (world, to) = (World::new(3), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 40);
    back_up(&store, &to).unwrap();
    let report = back_up(&store, &to).unwrap();
    let new = [report.files.linked, report.files.cloned, report.files.copied];
    assert!(new.iter().all(|count| count.bytes == 0), "{report:?}");
    assert_eq!(report.former, Some(report.position));
}

#[test]
fn what_is_not_synced_yet_is_made_durable_first() {
    let (world, to) = (World::new(4), MemoryDisk::new());
    let store = world.options().durability(Durability::Os).open("memory").unwrap();
    append(&world, &store, 5);
    let report = back_up(&store, &to).unwrap();
    assert_eq!(report.position, store.last_position());
    assert!(sound_events(&world.disk().crash(annals::vfs::Survival::Synced), "store") == events_of(&store));
}

#[test]
fn a_store_that_is_written_around_the_cache_is_backed_up_as_well() {
    let (world, to) = (World::new(12), MemoryDisk::new());
    let store = world.options().direct_io(true).open("memory").unwrap();
    assert!(store.stats().unwrap().direct_io);
    for _ in 0..4 {
        append(&world, &store, 9);
        back_up(&store, &to).unwrap();
        assert!(sound_events(&to, "direct") == events_of(&store));
    }
}

#[test]
fn a_backup_is_backed_up_and_restored_from_like_any_store() {
    let (world, to) = (World::new(13), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 25);
    back_up(&store, &to).unwrap();
    let reader = Options::new().env(env_of(&to)).read_only(true).open("backup").unwrap();
    let second = MemoryDisk::new();
    back_up(&reader, &second).unwrap();
    assert!(sound_events(&second, "of a backup") == events_of(&store));
    append(&world, &store, 25);
    back_up(&store, &second).unwrap();
    assert!(sound_events(&second, "of the store again") == events_of(&store));
}

#[test]
fn a_reader_and_a_store_that_was_closed_are_backed_up_as_well() {
    let (world, to) = (World::new(5), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 30);
    store.mark_durable().unwrap();
    let events = events_of(&store);
    let reader = Options::new().env(env_of(&world.disk())).read_only(true).open("memory").unwrap();
    assert_eq!(back_up(&reader, &to).unwrap().position, store.last_position());
    assert!(sound_events(&to, "of a reader") == events);
    append(&world, &store, 30);
    let other = store.clone();
    let events = events_of(&store);
    store.close().unwrap();
    assert_eq!(back_up(&other, &to).unwrap().position.get(), events.len() as u64);
    assert!(sound_events(&to, "of a closed store") == events);
}

#[test]
fn snapshots_come_along_and_are_found() {
    let (world, to) = (World::new(6), MemoryDisk::new());
    let store = world.open();
    for n in 0..30 {
        let event = NewEvent::json("set", format!("{{\"n\":{n}}}"));
        store.append(&format!("d-{}", n % 3), Expected::Any, &[event]).unwrap();
    }
    let states = store.aggregates::<Document>().with_snapshots("doc/1", SnapshotPolicy::every(1));
    for stream in ["d-0", "d-1", "d-2"] {
        states.load(stream).unwrap();
    }
    for _ in 0..2 {
        back_up(&store, &to).unwrap();
        let copy = MemoryDisk::from_image(to.image()).unwrap();
        let reader = Options::new().env(env_of(&copy)).read_only(true).open("copy").unwrap();
        assert_eq!(reader.snapshots("").unwrap().filter(Result::is_ok).count(), 3);
    }
}

#[test]
fn damage_in_the_store_stops_the_backup_and_the_former_one_stays() {
    let (world, to) = (World::new(7), MemoryDisk::new());
    to.set_linkable(false);
    let store = world.open();
    append(&world, &store, 30);
    back_up(&store, &to).unwrap();
    let (before, events) = (to.image(), events_of(&store));
    append(&world, &store, 40);
    store.close().unwrap();
    let whole = world.disk().image();
    let old = |path: &String| before.contains_key(path);
    let mut met = 0;
    for path in whole.keys().filter(|path| path.starts_with("log/") && !old(path)) {
        let damaged = World::on(MemoryDisk::from_image(whole.clone()).unwrap(), 7);
        damaged.flip(path, 200, 3);
        let Ok(reader) = Options::new().env(env_of(&damaged.disk())).read_only(true).open("damaged") else {
            continue;
        };
        let error = back_up(&reader, &to).unwrap_err();
        let BackupError::Corrupt(corruption) = &error else { panic!("{error:?}") };
        assert_eq!(&corruption.file, path);
        assert!(corruption.offset < 20_000 && error.is_corruption());
        assert!(sound_events(&to, path) == events, "{path}");
        met += 1;
    }
    assert!(met > 3);
}

#[test]
fn a_damaged_run_is_left_out_and_noted() {
    let (world, to) = (World::new(8), MemoryDisk::new());
    to.set_linkable(false);
    let store = world.open();
    append(&world, &store, 40);
    let run = world.files("index/").remove(0);
    world.flip(&run, 300, 1);
    let report = back_up(&store, &to).unwrap();
    assert!(report.notes.iter().any(|note| note.contains(&run)), "{:?}", report.notes);
    assert!(!to.image().contains_key(&run));
    assert!(sound_events(&to, "without a run") == events_of(&store));
}

#[test]
fn without_verification_nothing_is_read_but_the_open_segment() {
    let (world, to) = (World::new(9), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 40);
    let quick = BackupOptions::new().verify(false);
    let report = store.backup_in(&env_of(&to), &quick, &mut |_| {}).unwrap();
    assert_eq!(report.verified_bytes, 0);
    assert!(sound_events(&to, "not verified") == events_of(&store));
}

#[test]
fn a_store_whose_writer_is_poisoned_is_backed_up_to_where_it_is_durable() {
    let (world, to) = (World::new(10), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 5);
    let events = events_of(&store);
    world.disk().fail_sync(1);
    assert!(store.append("s-0", Expected::Any, &[NewEvent::json("t", "\"lost\"")]).is_err());
    let report = back_up(&store, &to).unwrap();
    assert_eq!(report.position, Position::new(events.len() as u64));
    assert!(sound_events(&to, "poisoned") == events);
}

#[test]
fn within_a_decision_no_backup_is_made() {
    let (world, to) = (World::new(11), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 2);
    let inner: Store = store.clone();
    let refused = store.decide(&annals::Query::all(), |_| {
        assert!(back_up(&inner, &to).is_err());
        Err::<(annals::Batch, ()), _>(annals::AppendError::ReadOnly)
    });
    assert!(refused.is_err() && to.image().is_empty());
}

/// The first backup left out a mark behind the last event of a segment that was full already, and the second one missed it when
/// the segment had been sealed.
#[test]
fn a_mark_at_the_end_of_a_full_segment_comes_along() {
    let (world, to) = (World::new(8), MemoryDisk::new());
    let store = world.open();
    let event = |bytes| [NewEvent::new("t", vec![1; bytes])];
    store.append("a", Expected::Any, &event(9_000)).unwrap();
    store.mark_durable().unwrap();
    store.append("a", Expected::Any, &event(9_000)).unwrap();
    back_up(&store, &to).unwrap();
    store.maintain().unwrap();
    back_up(&store, &to).unwrap();
    assert!(sound_events(&to, "the second backup") == events_of(&store));
    assert_eq!(world.files("index/").len(), 1, "the first segment was sealed");
}

/// The backup looked again and again for a file that a merge might have put in its place.
#[test]
fn a_run_whose_file_is_not_there_is_left_out_and_noted() {
    let (world, to) = (World::new(10), MemoryDisk::new());
    let store = world.open();
    append(&world, &store, 40);
    let runs = world.files("index/");
    world.disk().remove(&runs[0]).unwrap();
    let report = back_up(&store, &to).unwrap();
    assert!(report.notes.len() == 1 && report.notes[0].contains(&runs[0]), "{:?}", report.notes);
    assert!(sound_events(&to, "backup") == events_of(&store));
    goes_on(&to, &events_of(&store), "backup");
}
