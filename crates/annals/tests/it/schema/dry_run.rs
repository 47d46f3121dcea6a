//! What would fail is told before it does.

use super::{append, by_rules, with_integer};
use crate::common::World;
use annals::serde_json::json;
use annals::{
    Compatibility, DryRunFailure, FieldType, Outcome, Registration, Rule, SchemaError, Store, UpcastStep,
    Upcasters,
};

fn failures(store: &Store, registration: &Registration) -> (Vec<DryRunFailure>, u64) {
    let view = store.view();
    let mut run = view.check_schema(registration).unwrap();
    let found = run.by_ref().map(Result::unwrap).collect();
    (found, run.looked_at())
}

#[test]
fn a_dry_run_lists_every_event_that_fails_by_position_and_registering_refuses_with_the_first() {
    let store = World::new(1).open();
    append(&store, "noise", 1, "{}").unwrap();
    for number in 0..30 {
        let data = if number % 2 == 0 { r#"{"n":"7"}"# } else { r#"{"n":"x"}"# };
        append(&store, "t", 1, data).unwrap();
    }
    append(&store, "t", 1, r#"{"m":1}"#).unwrap();
    let registration = by_rules("t", 2, [Rule::convert("/n", FieldType::Number)]).schema(with_integer("n"));
    let (found, looked_at) = failures(&store, &registration);
    assert_eq!((found.len(), looked_at), (16, 31));
    let positions: Vec<_> = found.iter().map(|failure| failure.position.get()).collect();
    assert_eq!(positions, (3..=31).step_by(2).chain([32]).collect::<Vec<_>>());
    assert!(found[0].part.is_none() && found[0].reason.contains("cannot be made a number"), "{}", found[0]);
    assert!(found[15].part == Some(0) && found[15].reason.contains("\"n\" is a required"), "{}", found[15]);

    let last = store.last_position();
    match store.register_schema(&registration) {
        Err(SchemaError::History { failures }) => {
            assert_eq!((failures.len(), failures[0].position.get()), (10, 3));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.last_position(), last);
    store.register_schema_unchecked(&registration).unwrap();
    assert_eq!(failures(&store, &registration).0.len(), 16, "also once it is registered");
}

#[test]
fn renames_parts_and_earlier_steps_are_tried_too() {
    let store = World::new(2).open();
    store.register_schema(&by_rules("a", 2, [Rule::set_default("/n", 1)])).unwrap();
    append(&store, "a", 1, "{}").unwrap();
    append(&store, "a", 2, r#"{"n":"x"}"#).unwrap();
    append(&store, "b", 1, r#"{"n":2}"#).unwrap();
    append(&store, "b", 1, r#"{"n":[]}"#).unwrap();
    let step = UpcastStep::of("a", 2).into_type("b", 1, []).into_type("c", 1, [Rule::remove("/n")]);
    let registration = Registration::new("b", 1).upcast(step).schema(with_integer("n"));
    let (found, looked_at) = failures(&store, &registration);
    let places: Vec<_> =
        found.iter().map(|failure| (failure.position.get(), failure.part, &*failure.pointer)).collect();
    assert_eq!((places, looked_at), (vec![(3, Some(0), "/n"), (5, Some(0), "/n")], 4));
}

#[test]
fn without_rules_earlier_versions_are_tried_where_they_are_said_to_fit() {
    let store = World::new(3).open();
    let old = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}, "m": {"type": "string"}}});
    store.register_schema_unchecked(&Registration::new("t", 1).schema(old)).unwrap();
    append(&store, "t", 1, r#"{"n":1}"#).unwrap();
    let new = Registration::new("t", 2).schema(with_integer("n"));
    assert_eq!(failures(&store, &new.clone()), (vec![], 1));
    assert_eq!(failures(&store, &new.compatibility(Compatibility::Backward)), (vec![], 1));
    let other = Registration::new("t", 2).schema(with_integer("other"));
    assert_eq!(failures(&store, &other), (vec![], 1), "mode none says nothing of earlier versions");
}

#[test]
fn upcasters_of_a_program_are_tried_together_with_what_is_registered() {
    let store = World::new(4).open();
    append(&store, "t", 1, r#"{"n":1}"#).unwrap();
    append(&store, "t", 1, r#"{"n":"x"}"#).unwrap();
    append(&store, "t", 2, r#"{"n":3}"#).unwrap();
    append(&store, "t", 9, "{}").unwrap();
    append(&store, "noise", 9, "{}").unwrap();
    store.register_schema_unchecked(&by_rules("t", 3, [Rule::convert("/n", FieldType::Number)])).unwrap();
    let upcasters = Upcasters::builder()
        .step("t", 1, |payload| {
            let data = payload.into_json()?;
            if data["n"] == 1 { panic!("one") } else { Ok(Outcome::one(data)) }
        })
        .build()
        .unwrap();
    let view = store.view();
    let mut run = view.check_upcasters(&upcasters).unwrap();
    let found: Vec<_> =
        run.by_ref().map(Result::unwrap).map(|failure| (failure.position.get(), failure.reason)).collect();
    let reasons = ["panicked: one", "cannot be made a number", "newer program"];
    assert_eq!(found.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(found.iter().zip(reasons).all(|((_, said), reason)| said.contains(reason)), "{found:?}");
    assert_eq!(run.looked_at(), 4);
    let none = view.check_upcasters(&Upcasters::default()).unwrap();
    assert_eq!(none.count(), 3, "without a step from version 1 its events fail");
}
