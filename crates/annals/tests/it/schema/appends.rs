//! What is appended keeps to what is registered.

use super::{append, by_rules, violation, with_integer};
use crate::common::World;
use annals::serde_json::json;
use annals::{
    AppendError, Batch, ContentType, DecideError, Expected, NewEvent, Position, Query, ReadError,
    Registration, Rule, Store, Uuid,
};

fn guarded(world: &World) -> Store {
    let store = world.open();
    store.register_schema(&Registration::new("t", 1).schema(with_integer("n"))).unwrap();
    store
}

#[test]
fn a_violation_names_the_event_and_the_place_and_nothing_is_appended() {
    let store = guarded(&World::new(1));
    append(&store, "t", 1, r#"{"n":1}"#).unwrap();
    append(&store, "unregistered", 9, "[").unwrap();
    let last = store.last_position();

    let events = [NewEvent::json("t", r#"{"n":2}"#), NewEvent::json("t", r#"{"n":"two"}"#)];
    let found = violation(store.append("a", Expected::NoStream, &events).map(|_| ()));
    assert_eq!((&*found.stream, &*found.event_type, found.schema_version), ("a", "t", 1));
    assert_eq!((found.index, &*found.pointer), (1, "/n"));
    assert!(found.to_string().contains("event 1 (from 0)") && found.reason.contains("integer"), "{found}");

    assert_eq!(violation(append(&store, "t", 1, "{}")).pointer, "");
    assert!(violation(append(&store, "t", 1, "{")).reason.contains("not JSON"));
    assert!(violation(append(&store, "t", 1, "")).reason.contains("null"));
    assert!(violation(append(&store, "t", 2, r#"{"n":1}"#)).reason.contains("the newest is 1"));
    let mut binary = NewEvent::new("t", &b"\x01"[..]);
    binary.content_type = ContentType::CBOR;
    let found = violation(store.append("a", Expected::Any, &[binary]).map(|_| ()));
    assert!(found.reason.contains("application/cbor"), "{found}");
    assert_eq!(store.last_position(), last);
    assert!(store.view().stream("a").unwrap().is_none());
}

#[test]
fn every_way_to_append_is_compared() {
    let store = guarded(&World::new(2));
    let batch = |data: &'static str| {
        let mut batch = Batch::new();
        batch.push("s", &NewEvent::json("t", data)).unwrap();
        batch
    };
    let is_violation = |error: &AppendError| matches!(error, AppendError::SchemaViolation(_));
    assert!(is_violation(&store.append_batch(batch("{}")).unwrap_err()));
    let outcomes = store.append_batches(vec![batch(r#"{"n":1}"#), batch("{}"), batch(r#"{"n":2}"#)]);
    let told: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(told, [true, false, true]);
    assert!(is_violation(outcomes[1].as_ref().unwrap_err()));
    let tickets = ["{}", r#"{"n":3}"#].map(|data| store.submit(batch(data)).unwrap());
    let told = tickets.map(annals::Ticket::wait);
    assert!(is_violation(told[0].as_ref().unwrap_err()) && told[1].is_ok());
    let decide = |data| store.decide(&Query::all(), |_| Ok::<_, ReadError>((batch(data), ())));
    assert!(matches!(decide("{}"), Err(DecideError::Append(error)) if is_violation(&error)));
    assert!(decide(r#"{"n":4}"#).is_ok());
    assert_eq!(store.last_position(), Position::new(5));
}

#[test]
fn versions_that_rules_lead_from_may_still_be_appended_and_unknown_ones_not() {
    let store = World::new(3).open();
    store
        .register_schema(&by_rules("t", 2, [Rule::move_field("/a", "/n")]).schema(with_integer("n")))
        .unwrap();
    append(&store, "t", 1, r#"{"a":"anything"}"#).unwrap();
    append(&store, "t", 2, r#"{"n":1}"#).unwrap();
    assert!(append(&store, "t", 2, r#"{"a":1}"#).is_err());
    assert!(append(&store, "t", 3, r#"{"n":1}"#).is_err());
    assert!(append(&store, "t", 0, "{}").is_err());
    store.register_schema(&Registration::new("t", 3)).unwrap();
    append(&store, "t", 3, r#"{"anything":1}"#).unwrap();
}

#[test]
fn a_repetition_gives_its_first_result_whatever_was_registered_since() {
    let world = World::new(4);
    let store = world.open();
    let batch = || {
        let mut batch = Batch::new();
        batch.push("s", &NewEvent::json("t", "{}").with_id(Uuid::from_u128(7))).unwrap();
        batch
    };
    let first = store.append_batch(batch()).unwrap();
    store.register_schema_unchecked(&Registration::new("t", 1).schema(with_integer("n"))).unwrap();
    let again = store.append_batch(batch()).unwrap();
    assert!(again.already_applied && again.first_position == first.first_position);
    assert!(append(&store, "t", 1, "{}").is_err());
    // What is known only after opening.
    store.close().unwrap();
    let store = world.open();
    assert!(append(&store, "t", 1, "{}").is_err());
    assert!(store.append_batch(batch()).unwrap().already_applied);
}

#[test]
fn whoever_races_with_a_registration_no_event_behind_it_breaks_it() {
    let world = World::new(5);
    let store = world.open();
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..60 {
                    let mut batch = Batch::new();
                    batch.push(&format!("w-{writer}"), &NewEvent::json("t", "{}")).unwrap();
                    match number % 3 {
                        0 => drop(store.append_batch(batch)),
                        1 => drop(store.submit(batch).unwrap().wait()),
                        _ => drop(store.decide(&Query::all(), |_| Ok::<_, ReadError>((batch, ())))),
                    }
                }
            });
        }
        scope.spawn(|| {
            while store.last_position() < Position::new(20) {
                std::thread::yield_now();
            }
            store.register_schema_unchecked(&Registration::new("t", 1).schema(with_integer("n"))).unwrap();
        });
    });
    let view = store.view();
    let types: Vec<_> = view.read(Query::all()).unwrap().map(|event| event.unwrap().event_type).collect();
    let registered = types.iter().position(|name| *name == "$annals.SchemaRegistered").unwrap();
    assert!(registered >= 20);
    assert_eq!(types.len(), registered + 1, "nothing that breaks it lies behind it");
    append(&store, "t", 1, r#"{"n":1}"#).unwrap();
}

#[test]
fn numbers_are_compared_with_schemas_at_any_size() {
    let store = World::new(6).open();
    let schema = json!({"properties": {"n": {"type": "integer", "maximum": 9_007_199_254_740_993u64}}});
    store.register_schema(&Registration::new("t", 1).schema(schema)).unwrap();
    append(&store, "t", 1, r#"{"n":9007199254740993}"#).unwrap();
    assert!(append(&store, "t", 1, r#"{"n":9007199254740994}"#).is_err());
    assert!(append(&store, "t", 1, r#"{"n":123456789012345678901234567890}"#).is_err());
    append(&store, "t", 1, r#"{"n":-123456789012345678901234567890}"#).unwrap();
}

#[test]
fn a_schema_that_refers_to_itself_without_end_does_not_end_the_process() {
    let store = World::new(7).open();
    let endless = [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"n": {"$ref": "#/$defs/a"}}}),
    ];
    for (number, schema) in endless.into_iter().enumerate() {
        let event_type = format!("t{number}");
        let refused = store.register_schema(&Registration::new(&event_type, 1).schema(schema.clone()));
        if refused.is_ok() {
            let _ = append(&store, &event_type, 1, r#"{"n":{"n":1}}"#);
        }
    }
    let tree = json!({"type": "object", "properties": {"left": {"$ref": "#"}, "n": {"type": "integer"}}});
    store.register_schema(&Registration::new("tree", 1).schema(tree)).unwrap();
    append(&store, "tree", 1, r#"{"left":{"left":{"n":1}}}"#).unwrap();
    assert!(append(&store, "tree", 1, r#"{"left":{"left":{"n":"x"}}}"#).is_err());
}
