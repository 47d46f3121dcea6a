//! Stores whose numbers are near their last ones, made byte by byte: nobody can append so much.

use annals::vfs::{Clock, Env, ManualClock, MemoryDisk, SeededRandom, Survival};
use annals::{AppendError, Batch, Expected, NewEvent, Options, Position, Query, Store, Timestamp, Version};
use annals_format::{
    Binding, FooterBuilder, FrameBuilder, FrameStamp, Manifest, SEGMENT_HEADER_BYTES, SealedSegment,
    SegmentHeader, names,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const STORE_ID: [u8; 16] = *b"a store at an en";
const SALT: u64 = 99;
/// The last position that an event can have: the one behind it has to be a position, too.
const LAST: u64 = Position::MAX.get() - 1;

/// A store whose log begins at `first`, with three events of stream `s`, the first of them with this version.
fn store_from(first: u64, version: u64, recorded: i64) -> MemoryDisk {
    let first = Position::new(first);
    let binding = Binding::new(&STORE_ID, 1, SALT);
    let recorded_at = Timestamp::from_nanos(recorded);
    let mut frame = FrameBuilder::new();
    for number in 0..3 {
        frame.push("s", &NewEvent::new("t", format!("old {number}").into_bytes())).unwrap();
    }
    let stamp = FrameStamp { binding, first_position: first, durable: first.previous(), recorded_at };
    frame.stamp(&stamp, |index| Version::new(version.saturating_add(index as u64)));
    let header = SegmentHeader { store_id: STORE_ID, segment_id: 1, first_position: first, salt: SALT };
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(frame.bytes());
    let frames_end = bytes.len() as u64;
    let mut footer = FooterBuilder::new();
    footer.push_bytes(&bytes);
    for offset in frame.record_offsets() {
        footer.push(SEGMENT_HEADER_BYTES as u32 + offset, recorded_at, recorded_at);
    }
    let (footer, told) = footer.finish(binding, 1, first);
    bytes.extend_from_slice(&footer);
    let sealed = SealedSegment {
        id: 1,
        salt: SALT,
        first_position: first,
        count: 3,
        frames_end,
        length: bytes.len() as u64,
        recorded: told.recorded,
        occurred: told.occurred,
        rewritten: None,
    };
    let manifest = Manifest {
        store_id: STORE_ID,
        generation: 1,
        created_at: Timestamp::EPOCH,
        segment_bytes: 16 << 10,
        durability: 0,
        ids_indexed: true,
        has_rules: false,
        durable: first.plus(2),
        next_file_id: 2,
        hash_seed: 5,
        sealed: vec![sealed],
        open: Vec::new(),
        runs: Vec::new(),
        clean: None,
        removed: None,
        compactions: Vec::new(),
        erasures: None,
    };
    let files = [(names::segment(1), bytes), (names::MANIFEST.to_owned(), manifest.encode())];
    MemoryDisk::from_image(BTreeMap::from(files)).unwrap()
}

fn open(disk: &MemoryDisk, now: i64) -> Store {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_nanos(now)));
    let env = Env { disk: Arc::new(disk.clone()), clock, random: Arc::new(SeededRandom::new(3)) };
    Options::new().env(env).background(false).open("memory").unwrap()
}

fn batch(stream: &str, events: usize) -> Batch {
    let mut batch = Batch::new();
    (0..events).for_each(|_| batch.push(stream, &NewEvent::json("t", "1")).unwrap());
    batch
}

fn positions(store: &Store) -> Vec<u64> {
    let view = store.view();
    let events = view.read(Query::all()).unwrap();
    events.map(|event| event.unwrap().position.get()).collect()
}

#[test]
fn a_store_takes_events_up_to_the_last_position_and_then_refuses() {
    let first = LAST - 7;
    let disk = store_from(first, 1, 0);
    let store = open(&disk, 1);
    assert_eq!(positions(&store), [first, first + 1, first + 2]);
    let refused = |store: &Store, events| {
        let before = store.last_position();
        let result = store.append_batch(batch("new", events));
        let Err(AppendError::Io { source, .. }) = &result else { panic!("{result:?}") };
        assert!(source.to_string().contains("last position"), "{source}");
        assert_eq!(store.last_position(), before);
    };
    refused(&store, 6);
    assert_eq!(store.append_batch(batch("new", 4)).unwrap().last_position.get(), LAST - 1);
    refused(&store, 2);
    store.append_batch(batch("s", 1)).unwrap();
    refused(&store, 1);
    store.maintain().unwrap();
    store.sync().unwrap();
    let all: Vec<_> = (first..=LAST).collect();
    assert_eq!(positions(&store), all);
    assert_eq!(store.view().stream("s").unwrap().unwrap().last_version, Version::new(4));
    let crashed = disk.crash(Survival::Synced);
    store.close().unwrap();
    for disk in [disk, crashed] {
        let store = open(&disk, 2);
        assert_eq!(positions(&store), all);
        refused(&store, 1);
        let view = store.view();
        let id = view.event_at(Position::new(LAST)).unwrap().unwrap().id;
        assert_eq!(view.event(id).unwrap().unwrap().position.get(), LAST);
        let backwards = view.read(Query::stream("new").backwards()).unwrap();
        assert_eq!(
            backwards.map(|event| event.unwrap().position.get()).collect::<Vec<_>>(),
            [LAST - 1, LAST - 2, LAST - 3, LAST - 4]
        );
        store.close().unwrap();
        let env = Env::system(Arc::new(disk));
        assert_eq!(annals::verify_in(&env, &mut |_| {}).unwrap().findings, []);
    }
}

/// Versions are counted in 64 bits, and there are fewer positions than that: only a store that was made so gets here.
#[test]
fn a_stream_at_the_last_version_is_read_and_nothing_breaks() {
    let disk = store_from(100, u64::MAX - 2, 0);
    let store = open(&disk, 1);
    let info = store.view().stream("s").unwrap().unwrap();
    assert_eq!(info.last_version.get(), u64::MAX);
    let again = store.append("s", Expected::Exact(Version::new(u64::MAX)), &[NewEvent::json("t", "1")]);
    if let Ok(appended) = &again {
        assert_eq!(appended.streams[0].last_version.get(), u64::MAX);
    }
    store.append("other", Expected::NoStream, &[NewEvent::json("t", "1")]).unwrap();
    store.maintain().unwrap();
    store.close().unwrap();
    let store = open(&disk, 1);
    assert_eq!(positions(&store).len(), 4 + usize::from(again.is_ok()));
}

/// The clock stands at one end and what was recorded before at the other.
#[test]
fn times_at_the_ends_of_the_clock_are_kept_in_order() {
    for (before, now) in
        [(i64::MAX, i64::MIN), (i64::MIN, i64::MAX), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]
    {
        let disk = store_from(1, 1, before);
        let store = open(&disk, now);
        for _ in 0..20 {
            let appended = store.append_batch(batch("new", 20)).unwrap();
            assert_eq!(appended.recorded_at.as_nanos(), before.max(now));
        }
        store.maintain().unwrap();
        store.close().unwrap();
        let store = open(&disk, now);
        let stats = store.stats().unwrap();
        assert_eq!(stats.first_recorded, Some(Timestamp::from_nanos(before)));
        assert_eq!(stats.last_recorded, Some(Timestamp::from_nanos(before.max(now))));
        assert_eq!(positions(&store).len(), 403);
        let ids: std::collections::BTreeSet<_> =
            store.view().read(Query::all()).unwrap().map(|event| event.unwrap().id).collect();
        assert_eq!(ids.len(), 403);
    }
}
