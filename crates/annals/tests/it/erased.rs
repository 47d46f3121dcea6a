//! Events whose payload was erased: everything that does not need it goes on, and what does says so.

use crate::common::{World, events_of};
use annals::serde_json::json;
use annals::{
    Aggregate, Document, DocumentError, Erasure, EventError, EventRef, Expected, LoadError, NewEvent,
    Outcome, PayloadError, Position, Query, Registration, Store, Timestamp, Upcasters, Uuid, Version,
};
use serde::{Deserialize, Serialize};

const ERASED: Erasure = Erasure {
    erased_at: Timestamp::EPOCH,
    data_bytes: 14,
    metadata_bytes: 0,
    // Of `{"cents": 500}` without metadata: `printf '\0\0\0\0{"cents": 500}' | sha256sum`.
    sha256: Some(SHA256),
};
const SHA256: [u8; 32] = [
    0x24, 0x7f, 0xd5, 0x59, 0xce, 0x2f, 0x46, 0x41, 0xbf, 0x95, 0xc7, 0x34, 0x48, 0xaf, 0x83, 0x44, 0x05,
    0x7c, 0xcd, 0x06, 0x9e, 0xa2, 0xca, 0x3e, 0xc8, 0x62, 0x05, 0xd1, 0x80, 0x11, 0x9b, 0x9b,
];

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Payment {
    Paid { cents: i64 },
}

#[derive(Debug, Default)]
struct Strict(i64);

impl Aggregate for Strict {
    type Event = Payment;

    fn apply(&mut self, Payment::Paid { cents }: Payment) {
        self.0 += cents;
    }
}

/// Counts the payments that nobody knows any more.
#[derive(Default)]
struct Lenient {
    cents: i64,
    erased: Vec<String>,
}

impl Aggregate for Lenient {
    type Event = Payment;

    fn apply(&mut self, Payment::Paid { cents }: Payment) {
        self.cents += cents;
    }

    fn apply_erased(&mut self, event: &EventRef<'_>, reason: PayloadError) -> Result<(), EventError> {
        assert!(reason.is_erased() && reason.position() == event.position);
        self.erased.push(format!("{} {}", event.event_type, event.version));
        Ok(())
    }
}

fn paid(cents: i64) -> NewEvent<'static> {
    NewEvent::json("paid", format!(r#"{{"cents": {cents}}}"#))
}

fn erased() -> NewEvent<'static> {
    NewEvent { erased: Some(ERASED), ..NewEvent::json("paid", "") }
}

/// Three payments, the second of which is erased.
fn store(world: &World) -> Store {
    let store = world.open();
    let id = Uuid::from_u128(7);
    let events = [paid(100), erased().with_tag("branch:7").with_id(id), paid(20)];
    store.append("account-1", Expected::NoStream, &events).unwrap();
    store
}

#[test]
fn an_erased_event_is_found_by_everything_but_its_payload_also_after_the_store_is_opened_again() {
    let world = World::new(1);
    let store = store(&world);
    for store in [store.close().map(|()| world.open()).unwrap()] {
        let view = store.view();
        let error = PayloadError::Erased { position: Position::new(2), erasure: ERASED };
        for query in [Query::all(), Query::stream("account-1"), Query::all().of_type("paid")] {
            let found: Vec<_> = view.read(query).unwrap().map(Result::unwrap).collect();
            assert_eq!(found.len(), 3);
            assert_eq!(found[1].data(), Err(error));
            assert_eq!(found[1].metadata(), Err(error));
            assert!(found[0].data().is_ok() && found[2].data().is_ok());
        }
        let event = view.event(Uuid::from_u128(7)).unwrap().unwrap();
        assert!(event.payload.is_erased() && event.tags.contains("branch:7"));
        assert_eq!((event.version, event.plain()), (Version::new(2), Err(error)));
        assert_eq!(events_of(&store)[1].data(), Err(error));
    }
}

#[test]
fn a_state_that_lacks_an_erased_event_is_an_error_unless_the_aggregate_says_otherwise() {
    let store = store(&World::new(2));
    match store.aggregates::<Strict>().load("account-1").unwrap_err() {
        LoadError::NoPayload { version, payload, .. } => {
            assert_eq!((version, payload.position()), (Version::new(2), Position::new(2)));
            assert!(payload.is_erased());
        }
        error => panic!("{error}"),
    }
    let before = store.aggregates::<Strict>().load_at_version("account-1", Version::new(1)).unwrap();
    assert_eq!(before.state().0, 100, "before it all is well");
    let loaded = store.aggregates::<Lenient>().load("account-1").unwrap();
    assert_eq!((loaded.state().cents, loaded.version()), (120, Version::new(3)));
    assert_eq!(loaded.state().erased, ["paid 2"]);
}

#[test]
fn a_document_that_lacks_an_erased_event_is_an_error_that_names_it() {
    let store = store(&World::new(3));
    match store.view().document("account-1").unwrap_err() {
        DocumentError::Payload(error) => assert_eq!(error.position(), Position::new(2)),
        error => panic!("{error}"),
    }
    assert!(matches!(
        store.aggregates::<Document>().load("account-1"),
        Err(LoadError::NoPayload { payload, .. }) if payload.is_erased()
    ));
}

#[test]
fn upcasting_gives_out_an_erased_event_as_it_is_stored() {
    let upcasters = Upcasters::builder()
        .step("paid", 1, |payload| Ok(Outcome::one(json!({ "amount": payload.into_json()?["cents"] }))))
        .build()
        .unwrap();
    let world = World::new(4);
    store(&world).close().unwrap();
    let store = world.options().upcasters(upcasters).open("memory").unwrap();
    let view = store.view();
    let events: Vec<_> = view.read_upcast(Query::all()).unwrap().map(Result::unwrap).collect();
    assert_eq!(&*events[0].event().data().unwrap(), br#"{"amount":100}"#);
    assert!(!events[1].is_changed() && events[1].event().data().unwrap_err().is_erased());
    assert_eq!(events[1].event().schema_version, 1);
    assert_eq!(events[2].event().schema_version, 2);
}

#[test]
fn an_erased_event_is_not_held_against_a_schema() {
    let store = store(&World::new(5));
    let schema = json!({ "type": "object", "required": ["cents"] });
    store.register_schema(&Registration::new("paid", 1).schema(schema)).unwrap();
    store.append("account-2", Expected::Any, &[erased()]).unwrap();
    assert!(store.append("account-2", Expected::Any, &[NewEvent::json("paid", "{}")]).is_err());
}

#[test]
fn appending_an_event_again_that_was_erased_since_brings_nothing_back() {
    let store = store(&World::new(6));
    let again = paid(500).with_tag("branch:7").with_id(Uuid::from_u128(7));
    let appended = store.append("account-1", Expected::Any, std::slice::from_ref(&again)).unwrap();
    assert!(appended.already_applied && appended.first_position == Position::new(2));
    let other = NewEvent { data: br#"{"cents": 501}"#[..].into(), ..again };
    store.append("account-1", Expected::Any, &[other]).unwrap_err();
    assert_eq!(store.last_position(), Position::new(3));
}
