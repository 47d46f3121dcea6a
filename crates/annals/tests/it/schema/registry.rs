//! Registrations are events, and what they come to is known wherever the store is open.

use super::{append, by_rules, upcast, with_integer};
use crate::common::{World, events_of};
use annals::serde_json::json;
use annals::{
    AppendError, AsOf, Batch, Compatibility, Expected, Invalid, NewEvent, Outcome, Position, Query,
    ReadError, Registration, Rule, SchemaError, UpcastStep, Upcasters,
};
use std::time::Duration;

#[test]
fn what_is_registered_is_an_event_and_survives_reopening() {
    let world = World::new(1);
    let store = world.open();
    append(&store, "t", 1, r#"{"amount":5}"#).unwrap();
    let registration = by_rules("t", 2, [Rule::move_field("/amount", "/cents")])
        .schema(with_integer("cents"))
        .compatibility(Compatibility::Backward)
        .description("cents");
    let registered = store.register_schema(&registration).unwrap();
    assert_eq!((registered.position, registered.already, registered.looked_at), (Position::new(2), false, 1));
    assert_eq!(upcast(&store), [r#"t/2 {"cents":5}"#]);
    let again = store.register_schema(&registration).unwrap();
    assert!(again.already && again.position == Position::new(2));

    let event = &events_of(&store)[1];
    assert_eq!((&*event.stream, &*event.event_type), ("$annals.schemas", "$annals.SchemaRegistered"));
    assert_eq!(Registration::from_json(event.data().unwrap()).unwrap(), registration);
    store.close().unwrap();

    for options in [world.options(), world.options().read_only(true)] {
        let store = options.open("memory").unwrap();
        assert_eq!(upcast(&store), [r#"t/2 {"cents":5}"#]);
        let schemas = store.schemas().unwrap();
        assert_eq!(schemas.len(), 1);
        assert_eq!((schemas[0].registration.as_ref(), &schemas[0].problem), (Some(&registration), &None));
    }
}

#[test]
fn rules_join_the_chain_of_the_program() {
    let world = World::new(2);
    let code = Upcasters::builder()
        .step("t", 1, |payload| {
            let mut data = payload.into_json()?;
            data["by"] = json!("code");
            Ok(Outcome::one(data))
        })
        .build()
        .unwrap();
    let store = world.options().upcasters(code.clone()).open("memory").unwrap();
    append(&store, "t", 1, "{}").unwrap();
    store.register_schema(&by_rules("t", 3, [Rule::move_field("/by", "/via")])).unwrap();
    store
        .register_schema(&Registration::new("u", 1).upcast(UpcastStep::of("t", 3).into_type(
            "u",
            1,
            [Rule::set_default("/n", 1)],
        )))
        .unwrap();
    assert_eq!(upcast(&store), [r#"u/1 {"n":1,"via":"code"}"#]);
    let view = store.view();
    assert_eq!((view.current_version("t").unwrap(), view.current_version("u").unwrap()), (3, 1));
    assert_eq!(view.stored_types("u").unwrap(), ["t", "u"]);
    assert_eq!(view.read_upcast(Query::all().of_type("u")).unwrap().count(), 1);

    // The same rules without the program's step: the events that need it say so, and others do not.
    store.close().unwrap();
    let store = world.open();
    append(&store, "t", 2, r#"{"by":"hand"}"#).unwrap();
    let view = store.view();
    let mut events = view.read_upcast(Query::stream("s")).unwrap();
    assert!(
        matches!(events.next(), Some(Err(ReadError::Upcast(error))) if error.reason.contains("no upcaster"))
    );
    let last = view.read_upcast(Query::stream("s").backwards()).unwrap().next().unwrap().unwrap();
    assert_eq!(&*last.event().data().unwrap(), br#"{"n":1,"via":"hand"}"#);
}

#[test]
fn what_contradicts_is_refused_and_nothing_is_registered() {
    let code =
        Upcasters::builder().step("t", 1, |payload| Ok(Outcome::one(payload.into_json()?))).build().unwrap();
    let store = World::new(3).options().upcasters(code).open("memory").unwrap();
    store.register_schema(&Registration::new("a", 1).schema(json!({"type": "object"}))).unwrap();
    store.register_schema(&by_rules("a", 2, [])).unwrap();
    let position = store.last_position();
    let refused = [
        (by_rules("t", 2, []), "two steps from version 1 of \"t\""),
        (Registration::new("a", 1), "was registered at position 1, and otherwise"),
        (Registration::new("a", 4), "does not follow what is known, which is 1 to 2"),
        (by_rules("a", 4, []), "does not follow what is known, which is 1 to 2"),
        (
            Registration::new("b", 1).upcast(UpcastStep::of("a", 1).into_type("b", 1, [])),
            "two steps from version 1 of \"a\"",
        ),
        (by_rules("a", 3, [Rule::remove("a")]), "rule 0 (from 0)"),
        (
            Registration::new("b", 2).upcast(UpcastStep::of("b", 1).into_type("c", 1, [])),
            "leads somewhere else",
        ),
        (Registration::new("b", 0), "begin with 1"),
        (Registration::new("$annals.b", 1), "store's own"),
        (Registration::new("", 1), "1 to 512 bytes"),
        (Registration::new("b", 1).schema(json!(7)), "a JSON Schema is an object"),
        (Registration::new("b", 1).schema(json!({"type": "text"})), "the JSON Schema cannot be used"),
        (
            Registration::new("b", 1).schema(json!({"$ref": "https://example.com/a"})),
            "nothing outside of it is ever read",
        ),
        (
            Registration::new("b", 1).schema(json!({"items": {"$ref": "other.json"}})),
            "nothing outside of it is ever read",
        ),
        (Registration::new("b", 1).schema(json!({"$ref": "#/$defs/none"})), "cannot be used"),
        (Registration::new("b", 1).schema(json!({"pattern": "(?=a)"})), "cannot be used"),
        (Registration::new("b", 1).description("x".repeat(2 << 20)), "at most 1048576 bytes"),
    ];
    for (registration, reason) in refused {
        let error = store.register_schema(&registration).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(store.view().check_schema(&registration).is_err());
    }
    assert_eq!(store.last_position(), position);
    store.register_schema(&Registration::new("a", 3)).unwrap();
    store
        .register_schema(
            &Registration::new("b", 1).schema(json!({"properties": {"$ref": {"type": "string"}}})),
        )
        .unwrap();
}

#[test]
fn streams_of_the_store_take_from_others_only_what_it_would_write_itself() {
    let store = World::new(4).open();
    let registered = "$annals.SchemaRegistered";
    let good = || NewEvent::json(registered, Registration::new("t", 1).schema(with_integer("n")).to_json());
    for (stream, event) in [
        ("$annals.schemas", NewEvent::json("t", "{}")),
        ("$annals.schemas", NewEvent::json(registered, "{}")),
        ("$annals.schemas", NewEvent::json(registered, r#"{"type":"t","schema_version":1,"new":1}"#)),
        ("$annals.schemas", good().with_schema_version(2)),
        ("$annals.", good()),
        ("$annals.other", good()),
    ] {
        let mut batch = Batch::new();
        assert_eq!(batch.push(stream, &event), Err(Invalid::SystemStream), "{stream}");
        assert!(batch.is_empty());
    }
    for stream in ["$", "$annals", "$annalsx", "annals.schemas", "$ANNALS.schemas"] {
        store.append(stream, Expected::Any, &[NewEvent::json("t", "{}")]).unwrap();
    }
    // What is copied counts like what was registered, from its place on, also within its batch.
    let mut batch = Batch::new();
    batch.push("s", &NewEvent::json("t", r#"{"n":"before"}"#)).unwrap();
    batch.push("$annals.schemas", &good()).unwrap();
    batch.push("s", &NewEvent::json("t", r#"{"n":1}"#)).unwrap();
    store.append_batch(batch).unwrap();
    let mut batch = Batch::new();
    let other = NewEvent::json(registered, Registration::new("u", 1).schema(with_integer("n")).to_json());
    batch.push("$annals.schemas", &other).unwrap();
    batch.push("s", &NewEvent::json("u", "{}")).unwrap();
    assert!(
        matches!(store.append_batch(batch), Err(AppendError::SchemaViolation(found)) if found.index == 1)
    );
    assert!(append(&store, "u", 1, "{}").is_ok(), "its registration was not appended either");
    assert!(append(&store, "t", 1, r#"{"n":"after"}"#).is_err());
}

#[test]
fn what_slipped_in_and_contradicts_is_told_for_its_type_and_for_no_other() {
    let world = World::new(5);
    let store = world.open();
    append(&store, "t", 1, "{}").unwrap();
    append(&store, "fine", 1, "{}").unwrap();
    let slip = |registration: &Registration| {
        let event = NewEvent::json("$annals.SchemaRegistered", registration.to_json());
        store.append("$annals.schemas", Expected::Any, &[event]).unwrap();
    };
    slip(&by_rules("t", 2, []));
    assert_eq!(upcast(&store), ["t/2 {}", "fine/1 {}"]);
    slip(&Registration::new("other", 1).upcast(UpcastStep::of("t", 1).into_type("other", 1, [])));
    let view = store.view();
    let error = view.read_upcast(Query::all()).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(
        error.contains("position 1") && error.contains("the registration at position 4 cannot be used"),
        "{error}"
    );
    let fine = view.read_upcast(Query::all().from_position(Position::new(2))).unwrap();
    assert_eq!(fine.filter(Result::is_ok).count(), 3);
    let problems: Vec<_> = store.schemas().unwrap().into_iter().filter_map(|schema| schema.problem).collect();
    assert!(problems.len() == 1 && problems[0].contains("two steps from version 1"), "{problems:?}");
}

#[test]
fn a_view_keeps_to_what_was_registered_when_it_was_taken() {
    let store = World::new(6).open();
    append(&store, "t", 1, r#"{"a":1}"#).unwrap();
    let before = store.view();
    store.register_schema(&by_rules("t", 2, [Rule::move_field("/a", "/b")])).unwrap();
    let between = store.view();
    store.register_schema(&by_rules("t", 3, [Rule::move_field("/b", "/c")])).unwrap();
    let data = |view: &annals::View| {
        let events = view.read_upcast(Query::stream("s")).unwrap();
        events
            .map(|event| String::from_utf8(event.unwrap().event().data().unwrap().into_owned()).unwrap())
            .collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(data(&store.view()), [r#"{"c":1}"#]);
        assert_eq!(data(&between), [r#"{"b":1}"#]);
        assert_eq!(data(&before), [r#"{"a":1}"#]);
    }
    assert_eq!(before.schemas().unwrap().len() + between.schemas().unwrap().len(), 1);
    let then = store.view().as_of(AsOf::Position(Position::new(1))).unwrap();
    assert_eq!(data(&then), [r#"{"c":1}"#], "what was, in the words of today");
}

#[test]
fn a_store_that_follows_another_process_takes_in_what_that_registers() {
    let world = World::new(7);
    let writer = world.open();
    append(&writer, "t", 1, r#"{"a":1}"#).unwrap();
    writer.mark_durable().unwrap();
    let reader = world.options().read_only(true).open("memory").unwrap();
    assert_eq!(upcast(&reader), [r#"t/1 {"a":1}"#]);
    for (version, from, to) in [(2, "/a", "/b"), (3, "/b", "/c")] {
        writer.register_schema(&by_rules("t", version, [Rule::move_field(from, to)])).unwrap();
        writer.mark_durable().unwrap();
        assert!(reader.wait_beyond(reader.last_position(), Duration::from_secs(20)).unwrap());
        assert_eq!(upcast(&reader), [format!("t/{version} {{\"{}\":1}}", &to[1..])]);
    }
    assert!(matches!(
        reader.register_schema(&Registration::new("t", 4)),
        Err(SchemaError::Append(AppendError::ReadOnly))
    ));
}

#[test]
fn two_who_register_at_once_do_not_undo_each_other() {
    let store = World::new(8).open();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for version in 1..6 {
                    store.register_schema(&Registration::new(format!("t{number}"), version)).unwrap();
                }
            });
        }
    });
    assert_eq!(store.schemas().unwrap().len(), 20);
    assert!((0..4).all(|number| store.view().current_version(&format!("t{number}")).unwrap() == 5));
}

#[test]
fn a_type_may_be_dropped_or_become_several_by_registrations() {
    let store = World::new(9).open();
    append(&store, "heartbeat", 1, "{}").unwrap();
    append(&store, "moved", 1, r#"{"from":"A","to":"B"}"#).unwrap();
    store
        .register_schema(&Registration::new("heartbeat", 2).upcast(UpcastStep::dropping("heartbeat", 1)))
        .unwrap();
    let split = UpcastStep::of("moved", 1).into_type("left", 1, [Rule::remove("/to")]).into_type(
        "arrived",
        1,
        [Rule::remove("/from")],
    );
    store.register_schema(&Registration::new("left", 1).upcast(split)).unwrap();
    store.register_schema(&Registration::new("arrived", 1)).unwrap();
    assert_eq!(upcast(&store), [r#"left/1 {"from":"A"}"#, r#"arrived/1 {"to":"B"}"#]);
    append(&store, "heartbeat", 2, "1").unwrap();
    append(&store, "heartbeat", 1, "1").unwrap();
    assert_eq!(upcast(&store).len(), 3);
}
