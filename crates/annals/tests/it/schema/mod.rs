//! What is registered: as events, for reads, for appends.

mod appends;
mod compatibility;
mod dry_run;
mod registry;

use annals::serde_json::{Value, json};
use annals::{
    AppendError, Expected, NewEvent, Query, Registration, Rule, SchemaViolation, Store, UpcastStep,
};

/// From the version before, by rules.
fn by_rules(event_type: &str, version: u32, rules: impl IntoIterator<Item = Rule>) -> Registration {
    let step = UpcastStep::of(event_type, version - 1).into_type(event_type, version, rules);
    Registration::new(event_type, version).upcast(step)
}

/// An object with an integer.
fn with_integer(name: &str) -> Value {
    json!({"type": "object", "required": [name], "properties": {name: {"type": "integer"}}})
}

fn append(store: &Store, event_type: &str, version: u32, data: &str) -> Result<(), AppendError> {
    let event = NewEvent::json(event_type, data).with_schema_version(version);
    store.append("s", Expected::Any, &[event]).map(|_| ())
}

fn violation(result: Result<(), AppendError>) -> SchemaViolation {
    match result {
        Err(AppendError::SchemaViolation(violation)) => *violation,
        other => panic!("{other:?}"),
    }
}

/// Type, version and data of all events in the stream, upcast.
fn upcast(store: &Store) -> Vec<String> {
    let view = store.view();
    let events = view.read_upcast(Query::stream("s")).unwrap().map(Result::unwrap);
    let line = |event: annals::UpcastEvent<'_>| {
        let shown = event.event();
        format!(
            "{}/{} {}",
            shown.event_type,
            shown.schema_version,
            String::from_utf8_lossy(&shown.data().unwrap())
        )
    };
    events.map(line).collect()
}
