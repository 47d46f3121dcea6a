//! Compaction compresses what it writes: nothing that is read becomes another one, and less room is taken.

use super::{compact, fill, keep, seen};
use crate::common::{World, verified};
use annals::{Compression, Expected, NewEvent, PayloadError, Query, ReadError, Store, Uuid};

fn recompress(store: &Store, compression: Compression) -> annals::CompactionReport {
    store.compaction().compression(compression).recompress(true).bytes_per_second(None).run().unwrap()
}

#[test]
fn segments_are_compressed_when_they_are_written_anew_unless_the_store_or_the_caller_says_otherwise() {
    for (opened, asked, compressed) in [
        (Compression::Lz4, None, true),
        (Compression::None, None, false),
        (Compression::Lz4, Some(Compression::None), false),
        (Compression::None, Some(Compression::Lz4), true),
    ] {
        let world = World::new(61);
        let store = world.options().compression(opened).open("memory").unwrap();
        fill(&store, 7, 40);
        keep(&store, 2);
        let before = seen(&store);
        let mut compaction = store.compaction().all(true).bytes_per_second(None);
        if let Some(compression) = asked {
            compaction = compaction.compression(compression);
        }
        assert!(compaction.run().unwrap().segments_rewritten > 0);
        assert_eq!(store.stats().unwrap().segments_compressed > 0, compressed, "{opened:?} {asked:?}");
        assert_eq!(seen(&store), before);
        store.close().unwrap();
        assert_eq!(verified(&world.disk()), [] as [String; 0]);
    }
}

#[test]
fn segments_of_which_nothing_goes_are_written_anew_if_that_is_asked_for_in_either_direction() {
    let world = World::new(62);
    let store = world.open();
    fill(&store, 7, 60);
    let (before, stats) = (seen(&store), store.stats().unwrap());
    assert_eq!(compact(&store).segments_rewritten, 0, "nothing goes");
    let planned = store.compaction().recompress(true).plan().unwrap();
    assert!(planned.segments.iter().any(|segment| segment.action == annals::Action::Rewrite));

    let report = recompress(&store, Compression::Lz4);
    assert_eq!((report.events_removed, report.segments_rewritten), (0, stats.segments - 1));
    assert!(report.bytes_after * 3 < report.bytes_before * 2, "{report:?}");
    let packed = store.stats().unwrap();
    assert_eq!(packed.segments_compressed, report.segments_rewritten);
    assert_eq!(seen(&store), before);
    assert_eq!(recompress(&store, Compression::Lz4).segments_rewritten, 0, "they are stored so already");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);

    let store = world.open();
    assert_eq!(seen(&store), before);
    let report = recompress(&store, Compression::None);
    assert_eq!(store.stats().unwrap().segments_compressed, 0);
    assert!(report.bytes_after > report.bytes_before);
    assert_eq!(seen(&store), before);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

/// What a rule hides in a segment of which too little goes stays there, so that a stream never loses an event in its middle.
#[test]
fn recompressing_removes_nothing() {
    let world = World::new(63);
    let store = world.open();
    fill(&store, 7, 60);
    keep(&store, 57);
    let before = seen(&store);
    let events = store.stats().unwrap().events;
    let report = recompress(&store, Compression::Lz4);
    let removed = report.events_removed;
    assert_eq!(seen(&store), before);
    let ledger = store.ledger().unwrap();
    assert_eq!(ledger.iter().map(annals::LedgerEntry::events).sum::<u64>(), removed);
    assert_eq!(store.stats().unwrap().events + removed, events + ledger.len() as u64);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn an_append_of_what_is_stored_compressed_is_recognised_as_a_repetition() {
    let world = World::new(64);
    let store = world.open();
    let event = |number: u64| {
        let data = format!("{{\"number\":{number},\"pad\":{:?}}}", "x".repeat(90));
        NewEvent::json("said", data)
            .with_id(Uuid::from_u128(u128::from(number) + 1))
            .with_metadata(&b"{\"by\":7}"[..])
    };
    for number in 0..300 {
        store.append("talk-1", Expected::Any, &[event(number)]).unwrap();
    }
    store.maintain().unwrap();
    recompress(&store, Compression::Lz4);
    assert!(store.stats().unwrap().segments_compressed > 0);
    let last = store.last_position();
    for number in [0, 7, 100] {
        let again = store.append("talk-1", Expected::Any, &[event(number)]).unwrap();
        assert!(again.already_applied);
        assert_eq!(again.first_position.get(), number + 1);
    }
    let other = NewEvent::json("said", "{}").with_id(Uuid::from_u128(8));
    assert!(store.append("talk-1", Expected::Any, &[other]).is_err(), "the same id, and another payload");
    assert_eq!(store.last_position(), last);
}

#[test]
fn a_damaged_dictionary_is_found_by_verification_and_leaves_events_without_payloads() {
    let world = World::new(65);
    let store = world.open();
    fill(&store, 7, 60);
    recompress(&store, Compression::Lz4);
    let before = seen(&store);
    store.close().unwrap();
    let name = world.files("log/").into_iter().find(|name| name.matches('.').count() == 2).unwrap();
    world.flip(&name, 64 + 48 + 24 + 100, 3);
    let found = verified(&world.disk());
    assert!(
        found.iter().any(|finding| finding.contains(&name) && finding.contains("dictionary")),
        "{found:?}"
    );
    let store = world.open();
    let (mut damaged, view) = (0, store.view());
    let mut expected = before.iter();
    for event in view.read(Query::all()).unwrap() {
        let event = event.unwrap();
        let Some(was) = expected.find(|was| was.position == event.position) else { continue };
        assert_eq!((event.stream, event.version, event.id), (&*was.stream, was.version, was.id));
        match event.plain() {
            Ok(plain) => assert_eq!(&*plain.data, was.data().unwrap()),
            Err(PayloadError::Damaged { .. }) => damaged += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(damaged > 0);
}

/// They named a position, and neither the file nor the place in it.
#[test]
fn the_ledger_and_registrations_behind_a_damaged_dictionary_are_errors_with_file_and_offset() {
    let world = World::new(69);
    let store = world.options().compression(Compression::Lz4).open("memory").unwrap();
    let registration = annals::Registration::new("said", 1).schema(serde_json::json!({"type": "object"}));
    store.register_schema(&registration).unwrap();
    fill(&store, 7, 20);
    keep(&store, 2);
    compact(&store);
    store.erase(annals::EraseTarget::Stream("session-1".into())).bytes_per_second(None).run().unwrap();
    fill(&store, 7, 20);
    store.maintain().unwrap();
    recompress(&store, Compression::Lz4);
    fill(&store, 7, 20);
    assert!(store.ledger().unwrap().len() > 1 && store.erased_events().count() > 0);
    assert_eq!(store.schemas().unwrap()[0].problem, None);
    store.close().unwrap();
    for file in world.files("log/").into_iter().filter(|name| name.matches('.').count() == 2) {
        world.flip(&file, 64 + 48 + 24 + 7, 0);
    }
    let store = world.options().read_only(true).open("memory").unwrap();
    let located = |text: &str| text.contains("log/0") && text.contains("at offset 128");
    for told in [store.ledger().unwrap_err(), store.erased_events().find_map(Result::err).unwrap()] {
        let ReadError::Corrupt(damage) = told else { panic!("{told:?}") };
        assert!(located(&damage.to_string()), "{damage}");
    }
    let problem = store.schemas().unwrap()[0].problem.clone().unwrap();
    assert!(located(&problem), "{problem}");
}
