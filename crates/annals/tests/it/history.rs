//! Documents and histories on views of both clocks, against a fold that is as plain as can be.

use crate::common::{START, World};
use annals::{
    AsOf, ContentType, Document, DocumentError, Expected, HistoryEntry, NewEvent, Position, Store, Timestamp,
    View, changes,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(START + seconds * 1_000_000_000)
}

/// One event as it is made up: data, when it occurred, and how long after the one before it was recorded.
type Made = (Option<Value>, i64, i64);

fn patches() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        Just(json!([null, 1])),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        proptest::collection::btree_map("[abc]", inner, 0..3)
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
    })
}

fn made() -> impl Strategy<Value = Vec<Made>> {
    proptest::collection::vec((proptest::option::weighted(0.9, patches()), 0..20_i64, 0..3_i64), 0..24)
}

/// RFC 7396 as it stands there, without changing anything in place.
fn patched(target: Option<&Value>, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut members = target.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in patch {
        match value {
            Value::Null => drop(members.remove(key)),
            _ => {
                let changed = patched(members.get(key), value);
                members.insert(key.clone(), changed);
            }
        }
    }
    Value::Object(members)
}

/// What a view has to show of the events: state, version, and the history of a pointer.
fn expected(
    events: &[(Option<Value>, Timestamp, Timestamp)],
    shown: impl Fn(usize) -> bool,
    pointer: &str,
) -> (Option<Value>, u64, Vec<HistoryEntry>) {
    let (mut state, mut version, mut entries) = (None::<Value>, 0, Vec::new());
    for (index, (data, occurred_at, recorded_at)) in events.iter().enumerate().filter(|(i, _)| shown(*i)) {
        let number = index as u64 + 1;
        version = number;
        let Some(patch) = data else { continue };
        let next = patched(state.as_ref(), patch);
        let from = state.as_ref().and_then(|state| state.pointer(pointer)).cloned();
        let to = next.pointer(pointer).cloned();
        if from != to {
            entries.push(HistoryEntry {
                version: annals::Version::new(number),
                position: Position::new(number),
                recorded_at: *recorded_at,
                occurred_at: *occurred_at,
                event_type: format!("t{}", number % 3),
                from,
                to,
            });
        }
        state = Some(next);
    }
    (state, version, entries)
}

fn check(view: &View, expected: &(Option<Value>, u64, Vec<HistoryEntry>), pointer: &str) {
    let document = view.document("s").unwrap();
    assert_eq!(document.value(), expected.0.as_ref());
    assert_eq!(document.version().get(), expected.1);
    let history: Vec<_> = view.history("s", pointer).unwrap().map(Result::unwrap).collect();
    assert_eq!(history, expected.2, "{pointer:?}");
}

fn fill(store: &Store, world: &World, made: &[Made]) -> Vec<(Option<Value>, Timestamp, Timestamp)> {
    let mut now = 0;
    let mut events = Vec::new();
    for (number, (data, occurred, step)) in (1..).zip(made) {
        now += step;
        world.clock.set(at(now));
        let event_type = format!("t{}", number % 3);
        let event = match data {
            Some(data) => NewEvent::json(event_type, data.to_string()),
            None => NewEvent::new(event_type, &b""[..]),
        };
        store.append("s", Expected::Any, &[event.at(at(*occurred))]).unwrap();
        events.push((data.clone(), at(*occurred), at(now)));
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn documents_and_histories_are_what_a_plain_fold_gives_on_any_view(
        made in made(),
        cut in 0..26_u64,
        known in 0..40_i64,
        about in -1..21_i64,
        pointer in prop_oneof![Just(""), Just("/a"), Just("/b/c"), Just("/c/a/b"), Just("/a/0"), Just("/a/1")],
    ) {
        let world = World::new(1);
        let store = world.open();
        let events = fill(&store, &world, &made);
        let all = store.view();
        check(&all, &expected(&events, |_| true, pointer), pointer);
        let view = all.as_of(AsOf::Position(Position::new(cut))).unwrap();
        check(&view, &expected(&events, |index| (index as u64) < cut, pointer), pointer);
        let view = all.as_of(AsOf::Recorded(at(known))).unwrap();
        check(&view, &expected(&events, |index| events[index].2 <= at(known), pointer), pointer);
        let view = all.as_of(AsOf::Occurred(at(about))).unwrap();
        check(&view, &expected(&events, |index| events[index].1 <= at(about), pointer), pointer);
        let both = view.as_of(AsOf::Recorded(at(known))).unwrap();
        let shown = |index: usize| events[index].1 <= at(about) && events[index].2 <= at(known);
        check(&both, &expected(&events, shown, pointer), pointer);
    }

    #[test]
    fn the_changes_between_two_states_lead_from_one_to_the_other(from in patches(), to in patches()) {
        let found = changes(Some(&from), Some(&to));
        prop_assert_eq!(found.is_empty(), from == to);
        for change in found {
            let change = serde_json::to_value(&change).unwrap();
            let path = change["path"].as_str().unwrap();
            prop_assert_eq!(change.get("from"), from.pointer(path));
            prop_assert_eq!(change.get("to"), to.pointer(path));
        }
    }
}

#[test]
fn absent_null_and_value_are_told_apart() {
    let world = World::new(2);
    let store = world.open();
    let data = [r#"{"a":1}"#, "null", "[null]", "[1]", "[]", r#"{"a":null}"#];
    let events = data.map(|data| NewEvent::json("t", data));
    store.append("s", Expected::NoStream, &events).unwrap();
    let view = store.view();
    let history = |pointer| -> Vec<(u64, Option<Value>, Option<Value>)> {
        let entries = view.history("s", pointer).unwrap().map(Result::unwrap);
        entries.map(|entry| (entry.version.get(), entry.from, entry.to)).collect()
    };
    let (null, one) = (Some(Value::Null), Some(json!(1)));
    assert_eq!(
        history("/0"),
        [(3, None, null.clone()), (4, null.clone(), one.clone()), (5, one.clone(), None)]
    );
    assert_eq!(history("")[0], (1, None, Some(json!({"a": 1}))));
    assert_eq!(history("")[1], (2, Some(json!({"a": 1})), null));
    assert_eq!(history("/a"), [(1, None, one.clone()), (2, one, None)]);
}

#[test]
fn a_stream_without_events_has_an_empty_document_and_no_history() {
    let store = World::new(3).open();
    assert_eq!(store.view().document("none").unwrap(), Document::default());
    assert_eq!(store.view().history("none", "").unwrap().count(), 0);
    let error = store.view().history("none", "amount").unwrap_err();
    assert!(matches!(&error, DocumentError::Pointer { pointer } if pointer == "amount"), "{error}");
}

#[test]
fn an_event_that_is_no_json_ends_a_history_with_its_place_and_what_came_before_it_stands() {
    let store = World::new(4).open();
    let mut broken = NewEvent::json("t", "{");
    store.append("s", Expected::Any, &[NewEvent::json("t", "1"), broken.clone()]).unwrap();
    let view = store.view();
    let mut history = view.history("s", "").unwrap();
    assert_eq!(history.next().unwrap().unwrap().to, Some(json!(1)));
    let error = history.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("position 2 (version 2)"), "{error}");
    assert!(history.next().is_none());
    broken.content_type = ContentType::CBOR;
    store.append("other", Expected::Any, &[broken]).unwrap();
    let error = store.view().document("other").unwrap_err();
    assert!(matches!(error, DocumentError::NotJson { content_type: ContentType::CBOR, .. }), "{error}");
}

/// What did we know on day A about day B?
#[test]
fn what_was_known_on_one_day_about_another_takes_both_clocks() {
    let world = World::new(5);
    let store = world.open();
    let day = |number: i64| at(number * 86_400);
    let record = |known: i64, occurred: i64, cents: i64| {
        world.clock.set(day(known));
        let event = NewEvent::json("balanced", json!({ "cents": cents }).to_string()).at(day(occurred));
        store.append("account-1", Expected::Any, &[event]).unwrap();
    };
    record(1, 1, 500);
    record(5, 5, 900);
    // A correction that comes on day 9: on day 3 it had been 450 already.
    record(9, 3, 450);
    let cents = |known: i64, about: i64| {
        let view = store.view().as_of(AsOf::Recorded(day(known))).unwrap();
        let view = view.as_of(AsOf::Occurred(day(about))).unwrap();
        view.document("account-1").unwrap().value().map(|state| state["cents"].clone())
    };
    assert_eq!(cents(6, 3), Some(json!(500)), "on day 6, of day 3, the correction was not known");
    assert_eq!(cents(9, 3), Some(json!(450)), "on day 9 it was");
    assert_eq!(cents(9, 0), None, "nothing had happened yet");
    assert_eq!(cents(0, 9), None, "nothing was known yet");
}
