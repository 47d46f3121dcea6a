//! Upcasters that fail: the event is named, and nothing else suffers.

use super::{append, lines, store};
use annals::{Outcome, Position, Query, ReadError, Rule, Store, UpcastError, UpcastStep, Upcasters};

fn upcasters() -> Upcasters {
    Upcasters::builder()
        .step("t", 1, |payload| {
            let data = payload.into_json()?;
            match data["do"].as_str() {
                Some("fail") => Err(std::io::Error::other("no such currency").into()),
                Some("panic") => panic!("index {} out of bounds", 7),
                Some("stray") => Ok(Outcome::many([("elsewhere", data)])),
                _ => Ok(Outcome::one(data)),
            }
        })
        .rules(UpcastStep::of("r", 1).into_type("r", 2, [Rule::split("/name", " ", ["/first", "/last"])]))
        .build()
        .unwrap()
}

fn failure(store: &Store, position: u64) -> UpcastError {
    let view = store.view();
    let query = Query::all().from_position(Position::new(position)).to_position(Position::new(position));
    let mut events = view.read_upcast(query).unwrap();
    let error = match events.next() {
        Some(Err(ReadError::Upcast(error))) => *error,
        other => panic!("{other:?}"),
    };
    assert!(events.next().is_none(), "an error ends the iteration");
    error
}

#[test]
fn errors_and_panics_name_the_event_and_leave_all_others_readable() {
    let store = store(&upcasters());
    append(&store, "s", "t", 1, r#"{"do":"well"}"#);
    append(&store, "s", "t", 1, r#"{"do":"fail"}"#);
    append(&store, "s", "t", 1, r#"{"do":"panic"}"#);
    append(&store, "s", "t", 1, r#"{"do":"stray"}"#);
    append(&store, "s", "t", 1, "{");
    append(&store, "s", "r", 1, r#"{"name":"Plato"}"#);
    append(&store, "s", "t", 1, r#"{"do":"well"}"#);
    let said = [
        (2, "step from version 1 of \"t\": no such currency"),
        (3, "step from version 1 of \"t\": the upcaster panicked: index 7 out of bounds"),
        (4, "makes it \"elsewhere\", which the step does not lead to"),
        (5, "the data are not JSON"),
        (6, "1 of 2 parts"),
    ];
    for (position, reason) in said {
        let error = failure(&store, position);
        assert!(error.reason.contains(reason), "{error}");
        let place = (error.position.get(), &*error.stream, error.schema_version);
        assert_eq!(place, (position, "s", 1));
        assert!(error.to_string().contains(&format!("position {position} (stream \"s\"")), "{error}");
    }
    let view = store.view();
    let mut events = view.read_upcast(Query::all()).unwrap();
    assert!(events.next().unwrap().is_ok() && events.next().unwrap().is_err() && events.next().is_none());
    assert_eq!(lines(&view, Query::all().from_position(Position::new(7))).len(), 1);
    assert_eq!(
        view.read(Query::all()).unwrap().filter(Result::is_ok).count(),
        7,
        "what is stored is readable"
    );
    append(&store, "s", "t", 1, "{}");
    assert_eq!(store.last_position(), Position::new(8), "and nothing is poisoned");
}

#[test]
fn versions_that_the_chain_does_not_know_are_errors_and_say_which_side_is_behind() {
    let store = store(&upcasters());
    append(&store, "s", "t", 3, "{}");
    append(&store, "s", "t", 0, "{}");
    append(&store, "s", "unchained", 9, "{}");
    let newer = failure(&store, 1);
    assert!(newer.reason.contains("newer program: version 2 of \"t\" is the newest"), "{newer}");
    let older = failure(&store, 2);
    assert!(older.reason.contains("no upcaster leads from version 0"), "{older}");
    let view = store.view();
    assert_eq!(lines(&view, Query::all().from_position(Position::new(3))), ["3.0 unchained/9 {}"]);
    let event = view.event_at(Position::new(1)).unwrap().unwrap();
    assert!(matches!(view.upcast(event), Err(ReadError::Upcast(_))));
}
