//! What is meant, and what is left of it.

use super::{SECRET, check_erased, erase, files_with, fill, listed, own, tag};
use crate::common::{World, verified};
use annals::{
    AsOf, EraseTarget, Expected, NewEvent, PayloadError, Position, Query, RetentionRule, RetentionScope,
    Store, Uuid,
};

fn filled(seed: u64) -> (World, Store) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 3, 20);
    (world, store)
}

fn erased(store: &Store) -> Vec<u64> {
    own(store)
        .iter()
        .filter(|event| event.payload.as_ref().is_err_and(PayloadError::is_erased))
        .map(|event| event.position.get())
        .collect()
}

#[test]
fn the_events_with_a_tag_are_erased_in_all_segments_also_in_the_one_that_is_written() {
    let (world, store) = filled(1);
    let before = own(&store);
    let plan = store.erase(tag(2)).plan().unwrap();
    assert_eq!((plan.found, plan.events), (20, 20));
    assert!(plan.segments.len() > 1 && plan.segments.iter().any(|segment| !segment.sealed), "{plan:?}");
    assert_eq!(plan.segments.iter().map(|segment| segment.events).sum::<u64>(), 20);
    assert_eq!(own(&store), before, "a plan has done something");
    let report = store.erase(tag(2)).reason("a letter").asked_by("clerk 7").run().unwrap();
    assert_eq!((report.found, report.events, report.events_erased), (20, 20, 20));
    assert_eq!(report.segments_rewritten as usize, plan.segments.len());
    check_erased(&before, &own(&store), 2, "erased");
    assert_eq!(files_with(&world, &format!("{SECRET}-2-")), [] as [String; 0]);
    let told = listed(&store);
    assert_eq!(told.len(), 20);
    for (told, event) in told.iter().zip(before.iter().filter(|event| event.stream == "visit-2")) {
        let kept = (&*told.stream, told.position, told.version, &*told.event_type, told.recorded_at);
        assert_eq!(
            kept,
            (&*event.stream, event.position, event.version, &*event.event_type, event.recorded_at)
        );
        assert_eq!((told.asked_by.as_str(), told.reason.as_str(), told.request), ("clerk 7", "a letter", 1));
        assert!(told.erasure.sha256.is_some());
    }
    // Again it does nothing, and asks for nothing.
    let last = store.last_position();
    let again = erase(&store, tag(2));
    assert_eq!(
        (again.found, again.events, again.request, store.last_position()),
        (20, 0, Position::ZERO, last)
    );
    // They are still found by everything but what they said.
    assert_eq!(store.view().count(Query::all().tagged("patient:2")).unwrap(), 20);
    store.close().unwrap();
    let store = world.open();
    check_erased(&before, &own(&store), 2, "opened again");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn one_event_a_stream_or_what_there_was_up_to_a_moment() {
    let (_, store) = filled(2);
    let id = own(&store)[5].id;
    erase(&store, EraseTarget::Id(id));
    assert_eq!(erased(&store), [6]);
    erase(&store, EraseTarget::Position(Position::new(3)));
    assert_eq!(erased(&store), [3, 6]);
    let until = store.erase(tag(1)).until(AsOf::Position(Position::new(9))).run().unwrap();
    assert_eq!((until.found, erased(&store)), (3, vec![1, 3, 5, 6, 9]));
    let report = erase(&store, EraseTarget::Stream("visit-2".into()));
    assert_eq!((report.found, report.events), (20, 19));
    let of = own(&store).into_iter().filter(|event| event.stream == "visit-2");
    assert!(of.into_iter().all(|event| event.payload.is_err_and(|error| error.is_erased())));
    assert_eq!(listed(&store).len(), 1 + 1 + 3 + 19);
    // What comes later is not meant.
    store.append("visit-2", Expected::Any, &[NewEvent::json("visited", "{}").with_tag("patient:2")]).unwrap();
    let last = own(&store).pop().unwrap();
    assert!(last.payload.is_ok());
}

#[test]
fn tags_and_hash_go_if_that_is_asked_for_and_tags_also_later() {
    let (world, store) = filled(3);
    store.erase(tag(1)).keep_tags(false).keep_hash(false).run().unwrap();
    let view = store.view();
    assert_eq!(view.count(Query::all().tagged("patient:1")).unwrap(), 0);
    assert_eq!(view.count(Query::all().tagged("ward:3")).unwrap(), 40);
    assert_eq!(view.count(Query::stream("visit-1")).unwrap(), 20);
    drop(view);
    assert!(
        listed(&store).iter().all(|event| event.erasure.sha256.is_none() && event.erasure.data_bytes > 0)
    );
    // The request does not say the tag again.
    assert_eq!(files_with(&world, "patient:1"), [] as [String; 0]);
    erase(&store, tag(2));
    assert_eq!(store.view().count(Query::all().tagged("patient:2")).unwrap(), 20);
    let report = store.erase(tag(2)).keep_tags(false).run().unwrap();
    assert_eq!((report.found, report.events, report.events_erased), (20, 20, 20));
    assert_eq!(files_with(&world, "patient:2"), [] as [String; 0]);
    let of = own(&store).into_iter().filter(|event| event.stream == "visit-2");
    assert!(of.into_iter().all(|event| matches!(
        event.payload,
        Err(PayloadError::Erased { erasure, .. }) if erasure.sha256.is_some()
    )));
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn an_append_that_is_repeated_brings_nothing_back() {
    let world = World::new(4);
    let store = world.open();
    let id = Uuid::from_u128(77);
    let given =
        NewEvent::json("visited", format!("{{\"note\":{SECRET:?}}}")).with_id(id).with_tag("patient:1");
    for keep_hash in [true, false] {
        let stream = format!("visit-{keep_hash}");
        let given = NewEvent { id: Some(Uuid::from_u128(u128::from(keep_hash))), ..given.clone() };
        let first = store.append(&stream, Expected::Any, std::slice::from_ref(&given)).unwrap();
        store.erase(EraseTarget::Stream(stream.clone())).keep_hash(keep_hash).run().unwrap();
        let again = store.append(&stream, Expected::Any, std::slice::from_ref(&given)).unwrap();
        assert!(again.already_applied && again.first_position == first.first_position);
        assert!(store.view().event(given.id.unwrap()).unwrap().unwrap().data().is_err());
    }
    store.close().unwrap();
    assert_eq!(files_with(&world, SECRET), [] as [String; 0]);
}

#[test]
fn what_rules_of_retention_hide_is_erased_as_well_and_both_go_on_together() {
    let (world, store) = filled(5);
    store.retention().set(&RetentionScope::category("visit"), &RetentionRule::new().max_count(5)).unwrap();
    let report = erase(&store, tag(3));
    assert_eq!((report.found, report.events), (20, 20));
    assert_eq!(files_with(&world, &format!("{SECRET}-3-")), [] as [String; 0]);
    let seen = own(&store);
    let compacted = store.compaction().all(true).bytes_per_second(None).run().unwrap();
    assert!(compacted.events_removed > 10, "{compacted:?}");
    assert_eq!(own(&store), seen);
    // Of what is gone there is nothing to erase.
    let report = erase(&store, tag(1));
    assert!(report.found < 20 && report.events == report.found, "{report:?}");
    assert_eq!(files_with(&world, &format!("{SECRET}-1-")), [] as [String; 0]);
    let ledger = store.ledger().unwrap();
    assert!(ledger.iter().zip(1..).all(|(entry, number)| entry.compaction == number), "{ledger:?}");
    assert_eq!(ledger.iter().map(|entry| entry.erased).sum::<u64>(), 20 + report.events);
    assert_eq!(ledger.iter().map(annals::LedgerEntry::events).sum::<u64>(), compacted.events_removed);
    assert_eq!(listed(&store).len() as u64, 20 + report.events);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn many_streams_and_events_make_several_requests_and_parts_of_the_ledger() {
    let world = World::new(6);
    let store = world.options().segment_bytes(1 << 20).open("memory").unwrap();
    let mut batch = annals::Batch::new();
    for number in 0..3000 {
        let event = NewEvent::json("visited", format!("\"{SECRET}\"")).with_tag("ward:9");
        batch.push(&format!("visit-{number}"), &event).unwrap();
        batch.push("other", &NewEvent::json("t", "1")).unwrap();
    }
    store.append_batch(batch).unwrap();
    let report = erase(&store, EraseTarget::Tag("ward:9".into()));
    assert_eq!((report.events, report.events_erased), (3000, 3000));
    assert!(store.view().count(Query::stream("$annals.erasure")).unwrap() >= 3);
    let told = listed(&store);
    let positions: Vec<u64> = told.iter().map(|event| event.position.get()).collect();
    assert_eq!(positions, (0..3000).map(|number| 2 * number + 1).collect::<Vec<u64>>());
    assert!(store.view().count(Query::stream("$annals.ledger")).unwrap() > 11);
    assert_eq!(files_with(&world, SECRET), [] as [String; 0]);
}
