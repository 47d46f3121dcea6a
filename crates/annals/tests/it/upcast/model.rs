//! Reading through a chain gives what a plain fold of the same rules gives.

use super::store;
use annals::serde_json::{self, Value, json};
use annals::{Expected, NewEvent, Outcome, Query, Rule, UpcastStep, Upcasters};
use proptest::prelude::*;

/// What the model knows of an event: type, version, data.
type Fact = (&'static str, u32, Value);

/// A(1) -> A(2) -> B(1); B(1) -> B(2), C(1); C(1) -> C(2), or nothing for odd numbers.
fn upcasters() -> Upcasters {
    Upcasters::builder()
        .rules(UpcastStep::of("A", 1).into_type("A", 2, [Rule::move_field("/n", "/number")]))
        .rules(UpcastStep::of("A", 2).into_type("B", 1, [Rule::set_default("/via", "A")]))
        .rules(UpcastStep::of("B", 1).into_type("B", 2, []).into_type("C", 1, [Rule::remove("/via")]))
        .step("C", 1, |payload| {
            let data = payload.into_json()?;
            Ok(if data["number"].as_u64() == Some(1) { Outcome::nothing() } else { Outcome::one(data) })
        })
        .build()
        .unwrap()
}

/// The same, by hand and without looking at the chain's way of doing it.
fn fold((event_type, version, mut data): Fact) -> Vec<Fact> {
    match (event_type, version) {
        ("A", 1) => {
            if let Some(number) = data.as_object_mut().unwrap().remove("n") {
                data["number"] = number;
            }
            fold(("A", 2, data))
        }
        ("A", 2) => {
            if data.get("via").is_none() {
                data["via"] = json!("A");
            }
            fold(("B", 1, data))
        }
        ("B", 1) => {
            let mut other = data.clone();
            other.as_object_mut().unwrap().remove("via");
            [vec![("B", 2, data)], fold(("C", 1, other))].concat()
        }
        ("C", 1) if data["number"] == 1 => Vec::new(),
        ("C", 1) => vec![("C", 2, data)],
        ended => vec![(ended.0, ended.1, data)],
    }
}

fn fact() -> impl Strategy<Value = Fact> {
    let kind =
        prop::sample::select(vec![("A", 1), ("A", 2), ("B", 1), ("B", 2), ("C", 1), ("C", 2), ("D", 5)]);
    (kind, 0..3u64, any::<bool>()).prop_map(|((event_type, version), number, via)| {
        let name = if (event_type, version) == ("A", 1) { "n" } else { "number" };
        let mut data = json!({ name: number });
        if via && event_type != "C" {
            data["via"] = json!("x");
        }
        (event_type, version, data)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_chain_gives_event_by_event_what_a_fold_gives(
        facts in prop::collection::vec(fact(), 1..40),
        wanted in prop::sample::subsequence(vec!["A", "B", "C", "D"], 0..3),
        backwards: bool,
        limit in 0..60u64,
    ) {
        let store = store(&upcasters());
        for (number, (event_type, version, data)) in facts.iter().enumerate() {
            let event = NewEvent::json(*event_type, data.to_string()).with_schema_version(*version);
            store.append(&format!("s-{}", number % 3), Expected::Any, &[event]).unwrap();
        }
        let mut expected: Vec<(u64, usize, Fact)> = Vec::new();
        for (position, fact) in (1..).zip(facts) {
            expected.extend(fold(fact).into_iter().enumerate().map(|(part, fact)| (position, part, fact)));
        }
        expected.retain(|(_, _, (event_type, ..))| wanted.is_empty() || wanted.contains(event_type));
        if backwards {
            expected.reverse();
        }
        expected.truncate(usize::try_from(limit).unwrap());

        let query = wanted.iter().fold(Query::all(), |query, name| query.of_type(*name)).limit(limit);
        let query = if backwards { query.backwards() } else { query };
        let view = store.view();
        let read: Vec<_> = view.read_upcast(query).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), expected.len());
        for (event, (position, part, (event_type, version, data))) in read.iter().zip(expected) {
            let shown = event.event();
            prop_assert_eq!((shown.position.get(), event.part()), (position, part));
            prop_assert_eq!((shown.event_type, shown.schema_version), (event_type, version));
            prop_assert_eq!(serde_json::from_slice::<Value>(&shown.data().unwrap()).unwrap(), data);
        }
    }
}
