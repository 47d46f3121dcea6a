//! What is refused, and says so.

use super::{erase, fill, own, tag};
use crate::common::World;
use annals::{AppendError, Batch, EraseError, EraseTarget, Expected, Invalid, NewEvent, Position, Uuid};

#[test]
fn what_is_not_there_or_cannot_be_meant_is_refused_and_nothing_is_asked_for() {
    let world = World::new(61);
    let store = world.open();
    fill(&store, 1, 2);
    store.retention().truncate("visit-1", annals::Version::new(2)).unwrap();
    let before = own(&store);
    let last = store.last_position();
    let run = |target: EraseTarget| store.erase(target).run().unwrap_err();
    let id = Uuid::from_u128(9);
    assert!(matches!(run(EraseTarget::Id(id)), EraseError::NoId { id: told } if told == id));
    for position in [0, 99] {
        let target = EraseTarget::Position(Position::new(position));
        assert!(matches!(run(target), EraseError::NoPosition { .. }), "{position}");
    }
    assert!(matches!(run(EraseTarget::Stream("nobody".into())), EraseError::NoStream { .. }));
    assert!(matches!(run(EraseTarget::Stream("$annals.retention".into())), EraseError::SystemStream { .. }));
    assert!(matches!(run(EraseTarget::Position(last)), EraseError::SystemStream { .. }));
    assert!(matches!(run(EraseTarget::Tag(String::new())), EraseError::Length { .. }));
    assert!(matches!(run(EraseTarget::Tag("x".repeat(513))), EraseError::Length { .. }));
    assert!(matches!(run(EraseTarget::Stream("x".repeat(1025))), EraseError::Length { .. }));
    let long = store.erase(tag(1)).reason("x".repeat(1025)).run();
    assert!(matches!(long, Err(EraseError::Length { bytes: 1025, most: 1024, .. })));
    assert!(matches!(store.erase(tag(1)).asked_by("x".repeat(257)).run(), Err(EraseError::Length { .. })));
    // Of a tag that no event has there is nothing to erase, and that is no error.
    let none = erase(&store, tag(7));
    assert_eq!((none.found, none.events, none.request), (0, 0, Position::ZERO));
    assert_eq!((store.last_position(), own(&store)), (last, before));
    assert_eq!(store.ledger().unwrap(), []);
}

#[test]
fn nobody_but_the_store_asks_for_an_erasure_in_its_stream() {
    let world = World::new(62);
    let store = world.open();
    fill(&store, 1, 2);
    erase(&store, tag(1));
    let request = store
        .view()
        .read(annals::Query::stream("$annals.erasure"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .to_event();
    let data = request.data().unwrap().to_vec();
    let copy =
        NewEvent::json("$annals.ErasureRequested", String::from_utf8(data).unwrap()).with_schema_version(1);
    let refused = store.append("$annals.erasure", Expected::Any, &[copy]);
    assert!(matches!(refused, Err(AppendError::Invalid(Invalid::SystemStream))));
}

#[test]
fn a_store_that_is_read_only_or_closed_or_being_decided_on_erases_nothing() {
    let world = World::new(63);
    let store = world.open();
    fill(&store, 1, 2);
    let within = store.decide(&annals::Query::stream("visit-1"), |_| {
        assert!(matches!(store.erase(tag(1)).run(), Err(EraseError::Append(AppendError::WithinDecide))));
        Ok::<_, std::convert::Infallible>((Batch::new(), ()))
    });
    within.unwrap();
    let other = store.clone();
    store.close().unwrap();
    assert!(matches!(other.erase(tag(1)).run(), Err(EraseError::Append(AppendError::Closed))));
    drop(other);
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert!(matches!(reader.erase(tag(1)).run(), Err(EraseError::ReadOnly)));
}
