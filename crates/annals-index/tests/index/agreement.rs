//! Memory and run say what the model says.

use crate::model::{GivenEvent, build, build_in_batches, plain};
use crate::part::{RUN_ID, STORE_ID, mapping, open, run_bytes};
use annals_format::FormatError;
use annals_index::{MemoryIndex, Run, RunIdentity, TermKind};
use annals_types::{Position, Uuid, Version};
use proptest::prelude::*;

fn check(first_position: u64, events: &[GivenEvent]) {
    let first_version = |stream: &str| Version::new(1 + stream.len() as u64 % 3 * 1000);
    let (model, memory) = build(Position::new(first_position), events, first_version);
    model.check(&memory).unwrap();
    let (bytes, identity) = run_bytes(&memory);
    for batch in [1, 7, 100, usize::MAX] {
        let batched = build_in_batches(Position::new(first_position), events, first_version, batch);
        model.check(&batched).unwrap();
        assert!(run_bytes(&batched).0 == bytes, "taken in {batch} at a time it is the same");
        assert_eq!(batched.memory_bytes(), memory.memory_bytes());
    }
    assert_eq!(identity.length, bytes.len() as u64);
    let run = open(&bytes, &identity).unwrap();
    model.check(&run).unwrap();
    run.check_all().unwrap();
}

fn name() -> impl Strategy<Value = String> {
    let long = "n".repeat(1024);
    let unusual = [
        "a",
        "a-",
        "a-1",
        "a-10",
        "a-100",
        "-",
        "-a",
        "b",
        "\0",
        "\u{7F}",
        "é",
        "e\u{301}",
        "🦀-1",
        "🦀",
        "\u{10FFFF}",
        "A",
    ];
    prop_oneof![
        4 => (0..unusual.len()).prop_map(move |index| unusual[index].to_owned()),
        3 => (0..60u32).prop_map(|number| format!("account-{number:04}")),
        1 => (1..1024usize).prop_map(move |length| long[..length].to_owned()),
        1 => Just("n".repeat(1024)),
        1 => "\\PC{1,8}",
    ]
}

prop_compose! {
    fn event()(
        stream in name(),
        event_type in prop_oneof![Just("opened".to_owned()), Just("closed".to_owned()), "[a-c]{1,2}"],
        tags in proptest::collection::vec("[a-d]{1,2}", 0..4),
        id in proptest::option::of(0..300u128),
    ) -> GivenEvent {
        GivenEvent { stream, event_type, tags, id: id.map(|id| Uuid::from_u128(id * 0x1234_5678_9ABC_DEF1)) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_run_answer_as_the_model_does(
        first_position in prop_oneof![Just(1u64), 1..Position::MAX.get() - 1000],
        events in proptest::collection::vec(event(), 0..400),
    ) {
        check(first_position, &events);
    }

    #[test]
    fn any_letters_may_be_in_names(
        streams in proptest::collection::vec(any::<String>().prop_filter("empty", |name| !name.is_empty()), 1..40)
    ) {
        let events: Vec<GivenEvent> = streams.iter().map(|stream| plain(stream)).collect();
        check(1, &events);
    }
}

#[test]
fn lists_of_every_kind_of_length_are_whole() {
    let mut events = Vec::new();
    for round in 0..1000 {
        for length in [1, 2, 3, 4, 5, 124, 125, 127, 128, 129, 256, 257, 1000] {
            if round < length {
                events.push(plain(&format!("length-{length}")));
            }
        }
        events.push(GivenEvent { event_type: format!("type {}", round % 7), ..plain("filler") });
    }
    check(1_000_000, &events);
}

#[test]
fn an_index_of_nothing_is_a_run_of_nothing() {
    check(1, &[]);
}

#[test]
fn a_run_at_the_end_of_all_positions_is_whole() {
    check(Position::MAX.get() - 2, &[plain("a"), plain("a"), plain("b")]);
}

#[test]
fn one_id_on_very_many_events_is_found_on_all_of_them() {
    let id = Some(Uuid::from_u128(5));
    let events: Vec<GivenEvent> = (0..3000).map(|_| GivenEvent { id, ..plain("a-1") }).collect();
    check(1, &events);
}

#[test]
fn a_tag_given_twice_counts_once() {
    let tags = vec!["x".to_owned(), "y".to_owned(), "x".to_owned()];
    let events = vec![GivenEvent { tags, ..plain("a") }; 3];
    let (_, memory) = build(Position::FIRST, &events, |_| Version::FIRST);
    assert_eq!(memory.find(TermKind::Tag, "x").unwrap().count(), 3);
    check(1, &events);
}

#[test]
fn postings_of_memory_stand_for_what_there_was_when_they_were_found() {
    let (_, mut memory) = build(Position::FIRST, &[plain("a"), plain("a")], |_| Version::FIRST);
    let early = memory.find(TermKind::Stream, "a").unwrap();
    for position in 3..=300 {
        memory.insert(&annals_index::IndexedEvent {
            position: Position::new(position),
            stream: "a",
            version: Version::new(position),
            event_type: "t",
            tags: annals_types::Tags::default(),
            id: None,
        });
    }
    let mut positions = Vec::new();
    memory.positions(&early, 0, usize::MAX, &mut positions);
    assert_eq!(positions, [Position::new(1), Position::new(2)]);
    assert_eq!(memory.rank(&early, Position::new(200)), 2);
    assert_eq!(memory.rank(&early, Position::new(1)), 1);
    assert_eq!(early.last_version(), Version::new(2));
}

#[test]
fn the_same_events_give_the_same_bytes() {
    let events: Vec<GivenEvent> = (0..500).map(|number| plain(&format!("s-{}", number % 77))).collect();
    let bytes = || run_bytes(&build(Position::FIRST, &events, |_| Version::FIRST).1).0;
    assert_eq!(bytes(), bytes());
}

#[test]
fn an_error_of_the_sink_ends_the_writing() {
    let (_, memory) = build(Position::FIRST, &[plain("a")], |_| Version::FIRST);
    let full = std::io::ErrorKind::StorageFull;
    let result = annals_index::write_run(&memory, &STORE_ID, RUN_ID, 1, &mut |_| Err(full.into()));
    assert_eq!(result.unwrap_err().kind(), full);
}

#[test]
fn ids_take_less_than_eleven_bytes_each() {
    let events = |with_ids: bool| -> Vec<GivenEvent> {
        let id = |number: u128| with_ids.then(|| Uuid::from_u128(number * 0x0123_4567_89AB_CDEF_1357));
        (0..10_000u128).map(|number| GivenEvent { id: id(number), ..plain("a") }).collect()
    };
    let length =
        |with_ids| run_bytes(&build(Position::FIRST, &events(with_ids), |_| Version::FIRST).1).0.len();
    assert!(length(true) - length(false) <= 11 * 10_000);
}

#[test]
fn a_run_of_another_store_number_place_or_writing_is_refused() {
    let (_, memory) = build(Position::FIRST, &[plain("a")], |_| Version::FIRST);
    let (bytes, identity) = run_bytes(&memory);
    let others = [
        RunIdentity { run_id: RUN_ID + 1, ..identity },
        RunIdentity { first_position: Position::new(2), ..identity },
        RunIdentity { count: 2, ..identity },
        RunIdentity { length: identity.length + 1, ..identity },
        RunIdentity { trailer_checksum: !identity.trailer_checksum, ..identity },
    ];
    for other in others {
        assert!(matches!(open(&bytes, &other), Err(FormatError::Damaged(_))), "{other:?}");
    }
    let other_store = Run::open(mapping(&bytes), b"another store id", &identity);
    assert!(matches!(other_store, Err(FormatError::Damaged(_))));
}

#[test]
fn memory_grows_with_what_is_inserted() {
    let mut last = MemoryIndex::new(Position::FIRST, 1).memory_bytes();
    for count in [100, 1000, 10_000] {
        let events: Vec<GivenEvent> = (0..count).map(|number| plain(&format!("s-{number}"))).collect();
        let (_, memory) = build(Position::FIRST, &events, |_| Version::FIRST);
        assert!(memory.memory_bytes() > last && memory.memory_bytes() > count * 40);
        last = memory.memory_bytes();
    }
}

#[test]
fn a_run_is_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Run>();
    check::<MemoryIndex>();
}
