//! Chains of steps: what events become.

use super::{append, line, lines, store};
use annals::serde_json::{Value, json, to_value};
use annals::{
    ChainError, ContentType, Expected, FieldType, NewEvent, Outcome, Query, Rule, UpcastData, UpcastStep,
    Upcasters,
};

fn rules(from: (&str, u32), to: (&str, u32), rules: impl IntoIterator<Item = Rule>) -> UpcastStep {
    UpcastStep::of(from.0, from.1).into_type(to.0, to.1, rules)
}

#[test]
fn a_chain_of_three_versions_in_code_and_by_rules_is_walked_to_its_end_from_wherever_an_event_begins() {
    let upcasters = Upcasters::builder()
        .step("t", 1, |payload| {
            let euros = payload.into_json()?["euros"].as_u64().ok_or("no euros")?;
            Ok(Outcome::one(json!({ "cents": euros * 100 })))
        })
        .rules(rules(("t", 2), ("t", 3), [Rule::move_field("/cents", "/amount/cents")]))
        .build()
        .unwrap();
    assert_eq!((upcasters.current_version("t"), upcasters.current_version("other")), (3, 1));
    let store = store(&upcasters);
    append(&store, "s", "t", 1, r#"{"euros": 5}"#);
    append(&store, "s", "t", 2, r#"{"cents": 700}"#);
    append(&store, "s", "t", 3, r#"{"amount": {"cents": 9}}"#);
    append(&store, "s", "other", 7, r#"{"a":  1}"#);
    let view = store.view();
    assert_eq!(view.current_version("t").unwrap(), 3);
    assert_eq!(
        lines(&view, Query::stream("s")),
        [
            r#"1.0 t/3 {"amount":{"cents":500}}"#,
            r#"2.0 t/3 {"amount":{"cents":700}}"#,
            // As they are stored, down to the spaces.
            r#"3.0 t/3 {"amount": {"cents": 9}}"#,
            r#"4.0 other/7 {"a":  1}"#,
        ]
    );
    let changed: Vec<bool> =
        view.read_upcast(Query::all()).unwrap().map(|event| event.unwrap().is_changed()).collect();
    assert_eq!(changed, [true, true, false, false]);
    let stored: Vec<_> =
        view.read(Query::all()).unwrap().map(|event| event.unwrap().data().unwrap().into_owned()).collect();
    assert_eq!(stored[0], br#"{"euros": 5}"#, "reads give what is stored");
    let first = view.read_upcast(Query::all()).unwrap().next().unwrap().unwrap();
    assert_eq!(
        (&*first.stored().data().unwrap(), first.stored().schema_version),
        (&br#"{"euros": 5}"#[..], 1)
    );
}

#[test]
fn events_become_several_and_those_go_on_through_their_own_chains_in_order() {
    let upcasters = Upcasters::builder()
        .rules(UpcastStep::of("moved", 1).into_type("left", 1, [Rule::remove("/to")]).into_type(
            "arrived",
            1,
            [Rule::remove("/from")],
        ))
        .step_into("arrived", 1, [("came", 1), ("seen", 1)], |payload| {
            let data = payload.into_json()?;
            Ok(Outcome::many([("seen", json!(1)), ("came", data), ("seen", json!(2))]))
        })
        .rules(UpcastStep::dropping("seen", 1))
        .rules(rules(("left", 1), ("left", 2), []))
        .build()
        .unwrap();
    let store = store(&upcasters);
    append(&store, "s", "moved", 1, r#"{"from":"A","to":"B"}"#);
    append(&store, "s", "seen", 1, "0");
    append(&store, "s", "arrived", 1, r#"{"to":"C"}"#);
    let view = store.view();
    assert_eq!(
        lines(&view, Query::all()),
        [r#"1.0 left/2 {"from":"A"}"#, r#"1.1 came/1 {"to":"B"}"#, r#"3.0 came/1 {"to":"C"}"#]
    );
    assert_eq!(
        lines(&view, Query::all().backwards()),
        [r#"3.0 came/1 {"to":"C"}"#, r#"1.1 came/1 {"to":"B"}"#, r#"1.0 left/2 {"from":"A"}"#]
    );
    let stored = view.event_at(annals::Position::new(1)).unwrap().unwrap();
    let parts = view.upcast(stored).unwrap();
    assert_eq!(parts.iter().map(line).collect::<Vec<_>>(), lines(&view, Query::all())[..2]);
    let same = |one: &annals::UpcastEvent<'_>| (one.event().id, one.event().version, one.event().position);
    assert_eq!(same(&parts[0]), same(&parts[1]));
    assert_eq!(parts[0].stored(), parts[1].stored());
    // What is dropped is still there for who asks for what is stored.
    assert_eq!(view.read(Query::all()).unwrap().count(), 3);
    assert!(view.upcast(view.event_at(annals::Position::new(2)).unwrap().unwrap()).unwrap().is_empty());
}

#[test]
fn numbers_of_any_length_survive_rules_and_code() {
    let upcasters = Upcasters::builder()
        .rules(rules(
            ("t", 1),
            ("t", 2),
            [Rule::move_field("/n", "/m"), Rule::convert("/text", FieldType::Number)],
        ))
        .step("t", 2, |payload| Ok(Outcome::one(payload.into_json()?)))
        .rules(rules(("t", 3), ("t", 4), [Rule::convert("/id", FieldType::String)]))
        .build()
        .unwrap();
    let store = store(&upcasters);
    let (long, precise) = ("123456789012345678901234567890", "0.100000000000000000000000000001");
    append(&store, "s", "t", 1, &format!(r#"{{"id":{long},"n":{precise},"text":"{long}"}}"#));
    assert_eq!(
        lines(&store.view(), Query::all()),
        [format!(r#"1.0 t/4 {{"id":"{long}","m":{precise},"text":{long}}}"#)]
    );
}

#[test]
fn data_that_are_not_json_pass_where_only_the_name_changes_and_through_code() {
    let upcasters = Upcasters::builder()
        .rules(rules(("old", 1), ("new", 1), []))
        .step("new", 1, |payload| {
            assert_eq!(payload.content_type(), ContentType::CBOR);
            assert_eq!((payload.event_type(), payload.schema_version()), ("new", 1));
            assert_eq!((payload.stored().event_type, payload.stored().stream), ("old", "s"));
            let mut bytes = payload.into_bytes().into_owned();
            bytes.reverse();
            Ok(Outcome::one(UpcastData::bytes(ContentType::CBOR, bytes)))
        })
        .rules(rules(("empty", 1), ("empty", 2), [Rule::set_default("/a", 1)]))
        .rules(rules(("empty", 2), ("empty", 3), []))
        .build()
        .unwrap();
    let store = store(&upcasters);
    let mut event = NewEvent::new("old", &b"\x01\x02"[..]).with_tag("x");
    event.content_type = ContentType::CBOR;
    store
        .append(
            "s",
            Expected::Any,
            &[event, NewEvent::json("empty", ""), NewEvent::new("empty", &b""[..]).with_schema_version(2)],
        )
        .unwrap();
    let view = store.view();
    let events: Vec<_> = view.read_upcast(Query::all()).unwrap().map(Result::unwrap).collect();
    let first = events[0].event();
    assert_eq!(
        (first.event_type, first.schema_version, &*first.data().unwrap()),
        ("new", 2, &b"\x02\x01"[..])
    );
    assert!(first.content_type == ContentType::CBOR && first.tags.contains("x"));
    assert_eq!(
        (&*events[1].event().data().unwrap(), events[1].event().content_type),
        (&br#"{"a":1}"#[..], ContentType::JSON)
    );
    assert_eq!((&*events[2].event().data().unwrap(), events[2].event().schema_version), (&b""[..], 3));
}

#[test]
fn what_makes_no_chain_is_refused_when_it_is_built() {
    let one = |payload: annals::Payload<'_>| Ok(Outcome::one(payload.into_json()?));
    let none: [(&str, u32); 0] = [];
    let builder = Upcasters::builder;
    let built = [
        (builder().step("t", 1, one).step("t", 1, one), "two steps from version 1 of \"t\""),
        (builder().step("t", 1, one).step("t", 3, one), "nothing leads from version 2 of \"t\" on"),
        (
            builder().rules(rules(("a", 1), ("b", 1), [])).rules(rules(("b", 1), ("c", 1), [])).rules(rules(
                ("c", 1),
                ("a", 1),
                [],
            )),
            "leads back to itself",
        ),
        (builder().rules(rules(("t", 1), ("t", 3), [])), "within a type it leads to the next version"),
        (builder().rules(rules(("t", 2), ("t", 2), [])), "within a type it leads to the next version"),
        (builder().step_into("t", 1, [("a", 1), ("a", 2)], one), "leads to \"a\" twice"),
        (builder().rules(UpcastStep::of("t", 1)), "leads nowhere"),
        (builder().rules(rules(("t", 1), ("t", 2), [Rule::remove("a")])), "rule 0"),
        (builder().step_into("$annals.t", 1, none, one), "store's own"),
        (builder().step("", 1, one), "an event type has 1 to 512 bytes"),
    ];
    for (builder, reason) in built {
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let order = builder().step("t", 2, one).step("t", 1, one).build();
    assert!(order.is_ok(), "the order in which steps are stated does not matter");
    assert!(matches!(builder().step("t", u32::MAX, one).build(), Err(ChainError::NotNext { .. })));
    let through = builder().rules(rules(("a", 1), ("b", 1), [])).rules(rules(("b", 1), ("a", 2), [])).build();
    assert_eq!(through.unwrap().current_version("a"), 2, "away and back to a later version is no cycle");
}

#[test]
fn an_event_that_would_become_too_many_is_an_error_and_does_not_fill_the_memory() {
    let mut builder = Upcasters::builder();
    for level in 0..40 {
        let (to, other) = (format!("a{}", level + 1), format!("b{}", level + 1));
        for from in [format!("a{level}"), format!("b{level}")] {
            builder = builder.rules(UpcastStep::of(from, 1).into_type(&to, 1, []).into_type(&other, 1, []));
        }
    }
    let store = store(&builder.build().unwrap());
    append(&store, "s", "a0", 1, "1");
    append(&store, "s", "a30", 1, "1");
    let view = store.view();
    let error = view.read_upcast(Query::all()).unwrap().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("becomes more than 65536"), "{error}");
    assert_eq!(lines(&view, Query::all().from_position(annals::Position::new(2))).len(), 1 << 10);
}

#[test]
fn steps_are_read_from_json_in_every_form() {
    let read = |json: Value| UpcastStep::from_json(json, "t", 2);
    let this = |rules| UpcastStep::of("t", 1).into_type("t", 2, rules);
    assert_eq!(read(json!([])), Ok(this(vec![])));
    assert_eq!(read(json!([{"remove": {"at": "/a"}}])), Ok(this(vec![Rule::remove("/a")])));
    assert_eq!(read(json!({"rules": [{"remove": {"at": "/a"}}]})), Ok(this(vec![Rule::remove("/a")])));
    assert_eq!(
        read(json!({"from": {"type": "old", "schema_version": 4}, "rules": []})),
        Ok(UpcastStep::of("old", 4).into_type("t", 2, []))
    );
    assert_eq!(
        read(
            json!({"into": [{"type": "t", "schema_version": 2}, {"type": "u", "schema_version": 1, "rules": []}]})
        ),
        Ok(this(vec![]).into_type("u", 1, []))
    );
    assert_eq!(read(json!({"drop": true})), Ok(UpcastStep::dropping("t", 1)));
    for bad in [
        json!({}),
        json!({"rules": [], "drop": true}),
        json!({"rules": [{"rename": {"at": "/a"}}]}),
        json!({"form": {"type": "t", "schema_version": 1}, "rules": []}),
        json!({"from": "t", "rules": []}),
        json!("remove"),
    ] {
        assert!(read(bad.clone()).is_err(), "{bad}");
    }
    assert!(UpcastStep::from_json(json!([]), "t", 1).unwrap_err().contains("no version before 1"));
    let written = to_value(this(vec![Rule::remove("/a")])).unwrap();
    assert_eq!(read(written), Ok(this(vec![Rule::remove("/a")])), "what is written is read");
}
