//! Events of older schema versions, read as the newest.

mod chains;
mod failures;
mod model;
mod queries;

use crate::common::World;
use annals::{Expected, NewEvent, Query, Store, UpcastEvent, Upcasters, View};

/// A store with these upcasters, in memory.
fn store(upcasters: &Upcasters) -> Store {
    World::new(1).options().upcasters(upcasters.clone()).open("memory").unwrap()
}

fn append(store: &Store, stream: &str, event_type: &str, schema_version: u32, data: &str) {
    let event = NewEvent::json(event_type, data).with_schema_version(schema_version);
    store.append(stream, Expected::Any, &[event]).unwrap();
}

/// One line: position, part, type, schema version and data.
fn line(event: &UpcastEvent<'_>) -> String {
    let shown = event.event();
    let data = shown.data().unwrap();
    let data = String::from_utf8_lossy(&data);
    format!("{}.{} {}/{} {data}", shown.position, event.part(), shown.event_type, shown.schema_version)
}

fn lines(view: &View, query: Query) -> Vec<String> {
    view.read_upcast(query).unwrap().map(|event| line(&event.unwrap())).collect()
}
