//! Rules of retention: what they hide, from whom, and what appends make of it.

mod appends;
mod guards;
mod hidden;
mod history;
mod model;
mod rounds;
mod rules;
mod states;

use crate::common::World;
use annals::{Appended, Clock, Expected, MaxAge, NewEvent, Query, Store, Timestamp, Version, View};

/// Appends so many events to a stream, one batch each.
fn fill(store: &Store, stream: &str, events: u64) -> Appended {
    let append = |number: u64| {
        let event = NewEvent::json("Said", number.to_string());
        store.append(stream, Expected::Any, &[event]).unwrap()
    };
    (1..events).for_each(|number| drop(append(number)));
    append(events)
}

fn versions(view: &View, query: Query) -> Vec<u64> {
    view.read(query).unwrap().map(|event| event.unwrap().version.get()).collect()
}

fn version(number: u64) -> Version {
    Version::new(number)
}

fn age(seconds: u64, clock: Clock) -> MaxAge {
    MaxAge::new(seconds, clock).unwrap()
}

fn pass(world: &World, seconds: i64) {
    let now = annals::vfs::Clock::now(&*world.clock).as_nanos();
    world.clock.set(Timestamp::from_nanos(now + seconds * 1_000_000_000));
}
