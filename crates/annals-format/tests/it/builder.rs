//! Building frames: what is refused leaves no trace, and a frame can be given another place.

use crate::common::{assert_same, binding, events_of, full, minimal, stamp};
use annals_format::{
    Binding, FRAME_HEADER_BYTES, FrameBuilder, FrameStamp, RECORD_HEADER_BYTES, same_content,
};
use annals_types::limits::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, DATA_BYTES_MAX, EVENT_TYPE_BYTES_MAX, METADATA_BYTES_MAX,
    STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX,
};
use annals_types::{Invalid, NewEvent, Position, Uuid, Version};

#[test]
fn an_event_that_is_refused_leaves_the_frame_as_it_was() {
    let mut frame = FrameBuilder::new();
    frame.push("account-1", &full()).unwrap();
    let before = (frame.bytes().to_vec(), frame.record_count());
    let long = |bytes: usize| "x".repeat(bytes);
    let many_tags = (0..=TAGS_MAX).fold(minimal(), |event, tag| event.with_tag(tag.to_string()));
    let refused = [
        ("", minimal(), Invalid::StreamName { bytes: 0 }),
        (
            &*long(STREAM_NAME_BYTES_MAX + 1),
            minimal(),
            Invalid::StreamName { bytes: STREAM_NAME_BYTES_MAX + 1 },
        ),
        ("s", NewEvent::new("", &b""[..]), Invalid::EventType { bytes: 0 }),
        (
            "s",
            NewEvent::new(long(EVENT_TYPE_BYTES_MAX + 1), &b""[..]),
            Invalid::EventType { bytes: EVENT_TYPE_BYTES_MAX + 1 },
        ),
        ("s", minimal().with_tag(""), Invalid::Tag { bytes: 0 }),
        ("s", minimal().with_tag(long(TAG_BYTES_MAX + 1)), Invalid::Tag { bytes: TAG_BYTES_MAX + 1 }),
        ("s", many_tags, Invalid::TagCount { count: TAGS_MAX + 1 }),
        ("s", NewEvent::new("t", vec![0; DATA_BYTES_MAX + 1]), Invalid::Data { bytes: DATA_BYTES_MAX + 1 }),
        (
            "s",
            minimal().with_metadata(vec![0; METADATA_BYTES_MAX + 1]),
            Invalid::Metadata { bytes: METADATA_BYTES_MAX + 1 },
        ),
    ];
    for (stream, event, invalid) in refused {
        assert_eq!(frame.push(stream, &event), Err(invalid));
        assert_eq!((frame.bytes(), frame.record_count()), (&*before.0, before.1), "{invalid}");
    }
    frame.push("account-1", &minimal()).unwrap();
    frame.stamp(&stamp(1, 0), |_| Version::FIRST);
    assert_eq!(events_of(frame.bytes(), binding(), 64).unwrap().1.len(), 2);
}

#[test]
fn a_batch_takes_at_most_its_bytes_and_goes_on_with_smaller_events_after_a_refusal() {
    let mut frame = FrameBuilder::new();
    let half = NewEvent::new("type", vec![7; DATA_BYTES_MAX]);
    frame.push("s", &half).unwrap();
    let before = frame.bytes().len();
    let end = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + 5 + DATA_BYTES_MAX;
    assert_eq!((before, end % 8), (end + 7, 1), "zeros that a refused event could leave its bytes in");
    let would_take = (end + RECORD_HEADER_BYTES + 5 + DATA_BYTES_MAX).next_multiple_of(8);
    assert_eq!(frame.push("s", &half), Err(Invalid::BatchBytes { bytes: would_take }));
    assert_eq!((frame.bytes().len(), frame.record_count()), (before, 1));
    assert_eq!(frame.bytes()[end..], [0; 7]);

    // The largest that still fits, to the byte.
    let room = BATCH_BYTES_MAX - end - RECORD_HEADER_BYTES - 2;
    let fitting = NewEvent::new("t", vec![7; room + 1]);
    assert_eq!(frame.push("s", &fitting), Err(Invalid::BatchBytes { bytes: BATCH_BYTES_MAX + 8 }));
    frame.push("s", &NewEvent::new("t", vec![7; room])).unwrap();
    assert_eq!(frame.bytes().len(), BATCH_BYTES_MAX);
    assert!(matches!(frame.push("s", &minimal()), Err(Invalid::BatchBytes { .. })));
    frame.stamp(&stamp(1, 0), |_| Version::FIRST);
    let header = annals_format::check_frame(frame.bytes(), binding(), 64, |_, _| {}).unwrap();
    assert_eq!((header.length, header.record_count), (BATCH_BYTES_MAX as u64, 2));
}

#[test]
fn a_batch_has_at_most_so_many_events() {
    let mut frame = FrameBuilder::new();
    for _ in 0..BATCH_EVENTS_MAX {
        frame.push("s", &minimal()).unwrap();
    }
    let length = frame.bytes().len();
    assert_eq!(frame.push("s", &minimal()), Err(Invalid::BatchEvents));
    assert_eq!((frame.bytes().len(), frame.record_count()), (length, BATCH_EVENTS_MAX));
    frame.stamp(&stamp(1, 0), |_| Version::FIRST);
    let mut last = Position::ZERO;
    let header = annals_format::check_frame(frame.bytes(), binding(), 64, |_, event| last = event.position);
    assert_eq!(header.unwrap().record_count as usize, BATCH_EVENTS_MAX);
    assert_eq!(last, Position::new(BATCH_EVENTS_MAX as u64));
}

#[test]
fn an_event_at_every_limit_is_taken_and_comes_back() {
    let stream = "é".repeat(STREAM_NAME_BYTES_MAX / 2);
    let mut event = NewEvent::new("t".repeat(EVENT_TYPE_BYTES_MAX), vec![1; 100_000])
        .with_metadata(vec![2; METADATA_BYTES_MAX])
        .with_schema_version(u32::MAX)
        .with_id(Uuid::max());
    for tag in 0..TAGS_MAX {
        event = event.with_tag(format!("{tag:0>TAG_BYTES_MAX$}"));
    }
    let mut frame = FrameBuilder::new();
    frame.push(&stream, &event).unwrap();
    frame.stamp(&stamp(1, 0), |_| Version::FIRST);
    let mut seen = 0;
    annals_format::check_frame(frame.bytes(), binding(), 64, |_, stored| {
        assert_same(stored, &stream, &event, crate::common::RECORDED_AT);
        seen += 1;
    })
    .unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn a_frame_can_be_stamped_again_for_another_place() {
    let mut frame = FrameBuilder::new();
    frame.push("account-1", &minimal()).unwrap();
    frame.push("account-1", &full()).unwrap();
    frame.stamp(&stamp(1, 0), |index| Version::new(index as u64 + 1));
    let first = frame.bytes().to_vec();

    let elsewhere = Binding::new(b"another store...", 9, 1);
    let again = FrameStamp { binding: elsewhere, ..stamp(100, 99) };
    frame.stamp(&again, |index| Version::new(index as u64 + 50));
    assert!(events_of(frame.bytes(), binding(), 64).is_err());
    let (header, events) = events_of(frame.bytes(), elsewhere, 64).unwrap();
    assert_eq!((header.first_position, header.durable), (Position::new(100), Position::new(99)));
    assert_eq!(events.iter().map(|event| event.version.get()).collect::<Vec<_>>(), [50, 51]);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(frame.event(index, &again).unwrap().to_event(), *event);
    }

    frame.stamp(&stamp(1, 0), |index| Version::new(index as u64 + 1));
    assert_eq!(frame.bytes(), first);
}

#[test]
fn a_stamped_frame_takes_more_events_and_is_stamped_again() {
    let mut frame = FrameBuilder::new();
    frame.push("a", &minimal()).unwrap();
    frame.stamp(&stamp(1, 0), |_| Version::FIRST);
    frame.push("b", &minimal()).unwrap();
    frame.stamp(&stamp(1, 0), |_| Version::FIRST);
    let (_, events) = events_of(frame.bytes(), binding(), 64).unwrap();
    assert_eq!(events.iter().map(|event| event.stream.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn the_offsets_of_the_records_and_the_ids_given_are_known_before_stamping() {
    let mut frame = FrameBuilder::new();
    frame.push("a", &minimal()).unwrap();
    frame.push("b", &full()).unwrap();
    let offsets: Vec<u32> = frame.record_offsets().collect();
    assert_eq!(offsets[0] as usize, FRAME_HEADER_BYTES);
    assert_eq!(offsets[1] as usize, FRAME_HEADER_BYTES + frame.record(0).len());
    assert_eq!((frame.given_id(0), frame.given_id(1)), (None, full().id));
}

#[test]
fn records_say_the_same_whatever_their_place_and_differ_in_anything_given() {
    let record = |stream: &str, event: &NewEvent<'_>, at: u64| {
        let mut frame = FrameBuilder::new();
        frame.push(stream, event).unwrap();
        frame.stamp(&stamp(at, 0), |_| Version::new(at));
        frame.record(0).to_vec()
    };
    let own = record("account-1", &full(), 1);
    assert!(same_content(&own, &record("account-1", &full(), 900)));
    let mut other_kind = full();
    other_kind.content_type = annals_types::ContentType::TEXT;
    let others = [
        record("account-2", &full(), 1),
        record("account-", &full(), 1),
        record("account-1", &full().with_schema_version(4), 1),
        record("account-1", &full().with_tag("x"), 1),
        record("account-1", &full().with_metadata(&b"other"[..]), 1),
        record("account-1", &other_kind, 1),
        // The border between name and type lies elsewhere, the bytes are the same.
        record("account-1g", &NewEvent { event_type: "rößer".into(), ..full() }, 1),
    ];
    for other in others {
        assert!(!same_content(&own, &other));
    }
}

#[test]
fn terms_are_those_of_the_events_whatever_else_they_have() {
    let mut frame = FrameBuilder::new();
    let id = Uuid::from_u128(7);
    let given = [
        minimal(),
        full(),
        NewEvent::new("other", &b"1"[..]).with_tag("a").with_tag("b"),
        NewEvent::new("other", &b""[..]).with_metadata(vec![1; 9]),
        NewEvent::new("é", &b"2"[..]).with_id(id),
    ];
    for event in &given {
        frame.push("account-1", event).unwrap();
    }
    frame.push_lost("account-2").unwrap();
    frame.push_lost("").unwrap();
    let stamp = stamp(1, 0);
    frame.stamp(&stamp, |_| Version::FIRST);
    let terms: Vec<_> = frame.terms().collect();
    assert_eq!(terms.len(), frame.record_count());
    for (index, terms) in terms.iter().enumerate() {
        let event = frame.event(index, &stamp).unwrap();
        assert_eq!((terms.event_type, terms.tags), (event.event_type, event.tags), "{index}");
        assert_eq!(terms.given_id, frame.given_id(index));
        assert_eq!(terms.given_id, given.get(index).and_then(|event| event.id));
    }
}
