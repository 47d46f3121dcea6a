//! Queries on types as they are now find events that are stored under others.

use super::{append, lines, store};
use annals::{
    Batch, Clause, Criteria, Expected, NewEvent, Outcome, Position, Query, Rule, Store, UpcastStep, Upcasters,
};

/// `old` was renamed twice, `both` became two of which one is `new`, `gone` is dropped from version 2 on.
fn upcasters() -> Upcasters {
    Upcasters::builder()
        .rules(UpcastStep::of("old", 1).into_type("older", 1, []))
        .rules(UpcastStep::of("older", 1).into_type("new", 2, [Rule::set_default("/by", "rename")]))
        .rules(UpcastStep::of("both", 1).into_type("new", 2, []).into_type("aside", 1, []))
        .rules(UpcastStep::of("new", 1).into_type("new", 2, []))
        .step_into("gone", 1, [("new", 2)], |payload| {
            let data = payload.into_json()?;
            Ok(if data["keep"] == true { Outcome::one(data) } else { Outcome::nothing() })
        })
        .build()
        .unwrap()
}

fn filled() -> Store {
    let store = store(&upcasters());
    let event = |event_type: &'static str, data: &'static str| NewEvent::json(event_type, data);
    for round in ["a", "b"] {
        let events = [
            event("old", "{}").with_tag("x").with_tag(round),
            event("noise", "{}").with_tag("x").with_tag(round),
            event("both", "{}").with_tag("x").with_tag(round),
            event("gone", "{}").with_tag("x").with_tag(round),
            event("gone", r#"{"keep":true}"#).with_tag(round),
            event("new", "{}").with_schema_version(2).with_tag("x").with_tag(round),
        ];
        store.append(round, Expected::Any, &events).unwrap();
    }
    store
}

/// Position and part.
fn found(store: &Store, query: Query) -> Vec<(u64, usize)> {
    let view = store.view();
    let events = view.read_upcast(query).unwrap().map(Result::unwrap);
    events.map(|event| (event.event().position.get(), event.part())).collect()
}

#[test]
fn a_query_on_a_type_finds_what_is_stored_under_the_types_that_become_it() {
    let store = filled();
    let new = Query::all().of_type("new");
    assert_eq!(
        found(&store, new.clone()),
        [(1, 0), (3, 0), (5, 0), (6, 0), (7, 0), (9, 0), (11, 0), (12, 0)]
    );
    let view = store.view();
    assert_eq!(view.stored_types("new").unwrap(), ["both", "gone", "new", "old", "older"]);
    assert_eq!(view.stored_types("aside").unwrap(), ["aside", "both"]);
    assert_eq!(view.stored_types("noise").unwrap(), ["noise"]);
    for event in view.read_upcast(new).unwrap() {
        let event = event.unwrap();
        assert_eq!((event.event().event_type, event.event().schema_version), ("new", 2));
    }
    // Nothing is of the types that were left.
    assert_eq!(found(&store, Query::all().of_type("old").of_type("both").of_type("gone")), []);
    assert_eq!(view.read(Query::all().of_type("old")).unwrap().count(), 2);
    assert_eq!(found(&store, Query::all().of_type("aside")), [(3, 1), (9, 1)]);
}

#[test]
fn types_tags_criteria_streams_limits_and_directions_go_together() {
    let store = filled();
    let new = || Query::all().of_type("new");
    assert_eq!(found(&store, new().tagged("x")), [(1, 0), (3, 0), (6, 0), (7, 0), (9, 0), (12, 0)]);
    assert_eq!(found(&store, new().tagged("x").tagged("b").limit(2)), [(7, 0), (9, 0)]);
    assert_eq!(found(&store, new().tagged("x").backwards().limit(3)), [(12, 0), (9, 0), (7, 0)]);
    assert_eq!(found(&store, new().limit(0)), []);
    let either = Criteria::any_of([
        Clause::new().of_type("new").tagged("a").tagged("x"),
        Clause::new().of_type("aside").of_type("noise"),
    ]);
    let either = Query::all().matching(either.unwrap());
    assert_eq!(found(&store, either.clone()), [(1, 0), (2, 0), (3, 0), (3, 1), (6, 0), (8, 0), (9, 1)]);
    assert_eq!(found(&store, either.clone().backwards().limit(3)), [(9, 1), (8, 0), (6, 0)]);
    assert_eq!(found(&store, either.of_type("aside")), [(3, 1), (9, 1)]);
    let stream = Query::stream("b");
    assert_eq!(found(&store, stream.clone()), [(7, 0), (8, 0), (9, 0), (9, 1), (11, 0), (12, 0)]);
    assert_eq!(found(&store, stream.clone().backwards()), [(12, 0), (11, 0), (9, 1), (9, 0), (8, 0), (7, 0)]);
    assert_eq!(
        found(&store, stream.clone().limit(3)),
        [(7, 0), (8, 0), (9, 0)],
        "the limit may cut parts off"
    );
    assert_eq!(found(&store, stream.of_type("new").backwards().limit(2)), [(12, 0), (11, 0)]);
    let from = Query::all().from_position(Position::new(3)).to_position(Position::new(6));
    assert_eq!(found(&store, from.clone()), [(3, 0), (3, 1), (5, 0), (6, 0)]);
    let view = store.view();
    assert_eq!(view.read_upcast(from.of_type("new")).unwrap().position(), Position::new(6));
}

#[test]
fn a_decision_reads_what_is_staged_through_the_same_chain() {
    let store = store(&upcasters());
    append(&store, "s", "old", 1, "{}");
    let decided = store.decide(&Query::all(), |situation| {
        let types = situation.read_upcast(Query::all().of_type("new"))?;
        let count = types.map(|event| event.map(|_| ())).collect::<Result<Vec<_>, _>>()?.len();
        let mut batch = Batch::new();
        batch.push("s", &NewEvent::json("old", "{}")).map_err(annals::AppendError::from).unwrap();
        Ok::<_, annals::ReadError>((batch, count))
    });
    assert_eq!(decided.unwrap().answer, 1);
    assert_eq!(found(&store, Query::all().of_type("new")).len(), 2);
}

#[test]
fn conditions_are_about_stored_types_and_stored_types_says_which() {
    let store = filled();
    let view = store.view();
    append(&store, "s", "old", 1, "{}");
    let guarded = |types: &[String]| {
        let clause = types.iter().fold(Clause::new(), Clause::of_type);
        let mut batch = Batch::new();
        batch.push("t", &NewEvent::json("new", "{}")).unwrap();
        batch.fail_if(Criteria::any_of([clause]).unwrap(), view.position()).unwrap();
        store.append_batch(batch)
    };
    let wide = guarded(&view.stored_types("new").unwrap());
    assert!(matches!(wide, Err(annals::AppendError::ConditionFailed { .. })));
    assert!(guarded(&["new".to_owned()]).is_ok());
}

#[test]
fn without_upcasters_everything_comes_as_it_is_stored() {
    let store = store(&Upcasters::default());
    append(&store, "s", "t", 9, r#"{"a" : 1}"#);
    assert_eq!(lines(&store.view(), Query::all().of_type("t")), [r#"1.0 t/9 {"a" : 1}"#]);
}
