//! The largest, the smallest and the strangest that may be stored.

use crate::common::{START, World, events_of};
use annals::limits::{BATCH_BYTES_MAX, DATA_BYTES_MAX, METADATA_BYTES_MAX, TAGS_MAX};
use annals::{
    AppendError, AsOf, Batch, Clock, Durability, Expected, Invalid, NewEvent, OpenError, Position, Query,
};
use annals::{Store, Timestamp, Version};
use std::str::FromStr;

#[test]
fn an_event_of_64_mebibytes_is_stored_between_small_ones_in_small_segments() {
    let world = World::new(1);
    let store = world.open();
    let small = || NewEvent::json("small", "{}");
    let data: Vec<u8> = (0..DATA_BYTES_MAX).map(|index| (index % 251) as u8).collect();
    store.append("a", Expected::Any, &[small()]).unwrap();
    let large = NewEvent::new("large", &data[..]).with_metadata(vec![1; METADATA_BYTES_MAX]);
    store.append("a", Expected::Exact(Version::new(1)), std::slice::from_ref(&large)).unwrap();
    store.append("a", Expected::Exact(Version::new(2)), &[small()]).unwrap();
    store.maintain().unwrap();
    let check = |store: &Store| {
        let view = store.view();
        let event = view.event_at(Position::new(2)).unwrap().unwrap();
        assert!(event.data().unwrap() == data && event.metadata().unwrap().len() == METADATA_BYTES_MAX);
        assert_eq!(view.read(Query::all().of_type("small")).unwrap().count(), 2);
    };
    check(&store);
    drop(store);
    let store = world.open();
    check(&store);
    let mut two = Batch::new();
    two.push("a", &large).unwrap();
    let before = two.bytes();
    let refused = two.push("a", &large);
    assert!(matches!(refused, Err(Invalid::BatchBytes { bytes }) if bytes > BATCH_BYTES_MAX));
    assert_eq!((two.len(), two.bytes()), (1, before));
    store.append_batch(two).unwrap();
    assert_eq!(store.last_position(), Position::new(4));
}

#[test]
fn what_is_too_large_is_refused_and_leaves_no_trace() {
    let store = World::new(2).open();
    let too_large = vec![0; DATA_BYTES_MAX + 1];
    let refused = |stream: &str, event: &NewEvent<'_>| match store.append(
        stream,
        Expected::Any,
        std::slice::from_ref(event),
    ) {
        Err(AppendError::Invalid(invalid)) => invalid,
        other => panic!("{other:?}"),
    };
    let event = NewEvent::json("t", "1");
    assert!(matches!(refused("a", &NewEvent::new("t", &too_large[..])), Invalid::Data { .. }));
    let metadata = event.clone().with_metadata(&too_large[..METADATA_BYTES_MAX + 1]);
    assert!(matches!(refused("a", &metadata), Invalid::Metadata { .. }));
    assert_eq!(refused("", &event), Invalid::StreamName { bytes: 0 });
    assert_eq!(refused(&"n".repeat(1025), &event), Invalid::StreamName { bytes: 1025 });
    assert_eq!(refused("a", &NewEvent::json("", "1")), Invalid::EventType { bytes: 0 });
    assert_eq!(refused("a", &NewEvent::json("t".repeat(513), "1")), Invalid::EventType { bytes: 513 });
    assert_eq!(refused("a", &event.clone().with_tag("")), Invalid::Tag { bytes: 0 });
    assert_eq!(refused("a", &event.clone().with_tag("t".repeat(513))), Invalid::Tag { bytes: 513 });
    let tags = (0..=TAGS_MAX).fold(event, |event, tag| event.with_tag(tag.to_string()));
    assert_eq!(refused("a", &tags), Invalid::TagCount { count: 257 });
    assert_eq!(store.last_position(), Position::ZERO);
}

#[test]
fn any_text_of_1_to_1024_bytes_names_a_stream_of_its_own() {
    let world = World::new(3);
    let store = world.open();
    let long = "\u{1f980}".repeat(256);
    let mut names: Vec<String> =
        ["x", "X", "../x", "/etc/passwd", ".", "..", "a\0b", "a", "\u{e9}", "e\u{301}", "-"]
            .iter()
            .map(|name| (*name).to_owned())
            .chain([
                long.clone(),
                "n".repeat(1024),
                "n".repeat(1023),
                "MANIFEST".to_owned(),
                "\u{feff}x".to_owned(),
            ])
            .chain(["\n".to_owned(), " ".to_owned(), "x ".to_owned(), "\u{10ffff}".to_owned()])
            .collect();
    let files = world.files("").len();
    for (number, name) in names.iter().enumerate() {
        let event =
            NewEvent::new(name.chars().take(100).collect::<String>(), number.to_string().into_bytes());
        store
            .append(name, Expected::NoStream, &[event.with_tag(name.chars().take(100).collect::<String>())])
            .unwrap();
    }
    store.maintain().unwrap();
    assert!(world.files("").len() <= files + 3, "{:?}", world.files(""));
    let check = |store: &Store| {
        let view = store.view();
        for (number, name) in names.iter().enumerate() {
            let events: Vec<_> = view.read(Query::stream(name)).unwrap().map(Result::unwrap).collect();
            assert_eq!(events.len(), 1, "{name:?}");
            assert_eq!(
                (events[0].stream, &*events[0].data().unwrap()),
                (name.as_str(), number.to_string().as_bytes())
            );
        }
    };
    check(&store);
    store.close().unwrap();
    let store = world.open();
    check(&store);
    names.sort();
    let listed: Vec<_> = store.view().streams("").map(|stream| stream.unwrap().stream).collect();
    assert_eq!(listed, names, "in the order of bytes");
}

#[test]
fn times_at_both_ends_are_kept_and_found() {
    let world = World::new(4);
    let store = world.open();
    let times = [i64::MAX, i64::MIN, 0, -1, i64::MIN + 1, i64::MAX - 1, 0];
    for time in times {
        let event = NewEvent::json("t", "1").at(Timestamp::from_nanos(time));
        store.append("a", Expected::Any, &[event]).unwrap();
    }
    let count = |query: Query| store.view().read(query).unwrap().count();
    let all = |time: i64| Query::all().since(Clock::Occurred, Timestamp::from_nanos(time));
    assert_eq!(count(all(i64::MIN)), 7);
    assert_eq!(count(all(i64::MAX)), 1);
    assert_eq!(count(Query::all().until(Clock::Occurred, Timestamp::MIN)), 0);
    assert_eq!(count(Query::all().until(Clock::Occurred, Timestamp::MAX)), 6);
    assert_eq!(count(Query::all().until(Clock::Recorded, Timestamp::MIN)), 0);
    for (time, wanted) in [(i64::MIN, 1), (-1, 3), (0, 5), (i64::MAX, 7)] {
        let view = store.view().as_of(AsOf::Occurred(Timestamp::from_nanos(time))).unwrap();
        assert_eq!(view.read(Query::all()).unwrap().count(), wanted, "{time}");
    }
    let stats = store.stats().unwrap();
    assert_eq!((stats.first_occurred, stats.last_occurred), (Some(Timestamp::MIN), Some(Timestamp::MAX)));
}

#[test]
fn the_clock_may_stand_jump_and_run_backwards() {
    let world = World::new(5);
    let mut store = world.open();
    let mut last = i64::MIN;
    for (number, now) in
        [START, START, 5, i64::MIN, START + 1, -7, START + 1, i64::MAX, 0].into_iter().enumerate()
    {
        world.clock.set(Timestamp::from_nanos(now));
        last = last.max(now);
        let appended = store.append("a", Expected::Any, &[NewEvent::new("t", vec![0; 5000])]).unwrap();
        assert_eq!(appended.recorded_at, Timestamp::from_nanos(last));
        if number % 2 == 1 {
            store.close().unwrap();
            store = world.open();
            store.maintain().unwrap();
        }
    }
    assert!(events_of(&store).is_sorted_by_key(|event| event.recorded_at));
}

#[test]
fn before_the_first_event_there_is_nothing_but_the_store() {
    let store = World::new(6).open();
    let look = |store: &Store, moment| {
        let view = store.view().as_of(moment).unwrap();
        assert_eq!(view.position(), Position::ZERO);
        assert!(view.read(Query::all().backwards()).unwrap().next().is_none());
        assert!(view.streams("").next().is_none() && view.types().unwrap().is_empty());
        assert_eq!(view.stream("a").unwrap(), None);
    };
    let before = AsOf::Recorded(Timestamp::from_nanos(START - 1));
    look(&store, before);
    store.append("a", Expected::Any, &[NewEvent::json("t", "1")]).unwrap();
    look(&store, before);
    look(&store, AsOf::Position(Position::ZERO));
    let view = store.view().as_of(AsOf::Occurred(Timestamp::from_nanos(START - 1))).unwrap();
    assert!(view.read(Query::all()).unwrap().next().is_none() && view.stream("a").unwrap().is_none());
    assert!(view.event(events_of(&store)[0].id).unwrap().is_none());
}

#[test]
fn options_out_of_their_range_are_refused_before_anything_is_touched() {
    let world = World::new(7);
    for bytes in [0, 1, (16 << 10) - 1, (4 << 30) + 1, u64::MAX] {
        let refused = world.options().segment_bytes(bytes).open("memory");
        assert!(matches!(refused, Err(OpenError::InvalidOption(_))), "{refused:?}");
    }
    assert!(world.files("").is_empty());
    assert!(Durability::from_str("fast").is_err());
    for durability in [Durability::Sync, Durability::Os] {
        assert_eq!(Durability::from_str(&durability.to_string()).unwrap(), durability);
    }
}

#[test]
fn a_store_keeps_its_segment_size_and_its_durability() {
    let world = World::new(8);
    world.options().durability(Durability::Os).open("memory").unwrap().close().unwrap();
    let store = world.options().segment_bytes(1 << 20).durability(Durability::Sync).open("memory").unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.segment_bytes, stats.durability), (16 << 10, Durability::Sync));
    store.close().unwrap();
    assert_eq!(world.open().stats().unwrap().durability, Durability::Os);
}
