//! States as of random moments, on both clocks, with and without snapshots, against a fold of a plain list.

use crate::common::{START, World};
use annals::{
    Aggregate, AsOf, Durability, EventError, EventRef, Expected, NewEvent, Position, SnapshotPolicy, Store,
    Timestamp, Version,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Which events a state has, in order: two states that are alike came from the same events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen(Vec<u64>);

#[derive(Serialize, Deserialize)]
enum Anything {
    Happened(u64),
}

impl Aggregate for Seen {
    type Event = Anything;

    fn apply(&mut self, Anything::Happened(number): Anything) {
        self.0.push(number);
    }

    fn apply_stored(&mut self, event: &EventRef<'_>) -> Result<(), EventError> {
        self.0.push(event.position.get());
        Ok(())
    }
}

/// An event of the plain list.
#[derive(Clone, Copy, Debug)]
struct Happened {
    stream: u8,
    position: u64,
    version: u64,
    recorded: i64,
    occurred: i64,
}

/// What is done between looking.
#[derive(Clone, Debug)]
enum Step {
    /// Events of some streams, at some times, recorded so many seconds after the last ones.
    Append { later: i64, events: Vec<(u8, i64)> },
    /// Loads a state as of a moment, which may save it.
    Load(u8, Moment),
    /// The store is closed and opened again.
    Reopen,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    position: Option<u64>,
    recorded: Option<i64>,
    occurred: Option<i64>,
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_nanos(START + number * 1_000_000_000)
}

fn moments() -> impl Strategy<Value = Moment> {
    let position = prop::option::weighted(0.3, 0..60_u64);
    let recorded = prop::option::weighted(0.3, -1..40_i64);
    let occurred = prop::option::weighted(0.4, -25..25_i64);
    (position, recorded, occurred).prop_map(|(position, recorded, occurred)| Moment {
        position,
        recorded,
        occurred,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (0..3_i64, prop::collection::vec((0..2_u8, -20..20_i64), 1..6))
        .prop_map(|(later, events)| Step::Append { later, events });
    let load = (0..3_u8, moments()).prop_map(|(stream, moment)| Step::Load(stream, moment));
    prop::collection::vec(prop_oneof![4 => append, 5 => load, 1 => Just(Step::Reopen)], 1..24)
}

/// The plain answer.
fn expected(events: &[Happened], stream: u8, moment: Moment) -> (Vec<u64>, u64) {
    let shown = events.iter().filter(|event| {
        event.stream == stream
            && moment.position.is_none_or(|position| event.position <= position)
            && moment.recorded.is_none_or(|time| event.recorded <= time)
            && moment.occurred.is_none_or(|time| event.occurred <= time)
    });
    let (positions, versions): (Vec<u64>, Vec<u64>) =
        shown.map(|event| (event.position, event.version)).unzip();
    (positions, versions.last().copied().unwrap_or(0))
}

fn as_of(store: &Store, moment: Moment) -> annals::View {
    let mut view = store.view();
    if let Some(position) = moment.position {
        view = view.as_of(AsOf::Position(Position::new(position))).unwrap();
    }
    if let Some(time) = moment.recorded {
        view = view.as_of(AsOf::Recorded(second(time))).unwrap();
    }
    if let Some(time) = moment.occurred {
        view = view.as_of(AsOf::Occurred(second(time))).unwrap();
    }
    view
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_state_at_a_moment_has_the_events_that_it_had_then(steps in steps(), every in 1..5_u64, os in any::<bool>()) {
        let world = World::new(11);
        // With `os` durability snapshots wait for a sync, and are used meanwhile.
        let durability = if os { Durability::Os } else { Durability::Sync };
        let open = || world.options().durability(durability).open("memory").unwrap();
        let mut store = open();
        let (mut events, mut now) = (Vec::<Happened>::new(), 0);
        for step in steps {
            match step {
                Step::Append { later, events: new } => {
                    now += later;
                    world.clock.set(second(now));
                    for (stream, occurred) in new {
                        let event = NewEvent::json("Happened", "1").at(second(occurred));
                        store.append(&format!("s-{stream}"), Expected::Any, &[event]).unwrap();
                        let version = 1 + events.iter().filter(|event| event.stream == stream).count() as u64;
                        let position = events.len() as u64 + 1;
                        events.push(Happened { stream, position, version, recorded: now, occurred });
                    }
                }
                Step::Load(stream, moment) => {
                    let view = as_of(&store, moment);
                    let (positions, version) = expected(&events, stream, moment);
                    let plain = store.aggregates::<Seen>();
                    let saving = plain.clone().with_snapshots("seen/1", SnapshotPolicy::every(every));
                    for aggregates in [plain, saving] {
                        let loaded = aggregates.load_from(&view, &format!("s-{stream}")).unwrap();
                        prop_assert_eq!(&loaded.state().0, &positions);
                        prop_assert_eq!(loaded.version(), Version::new(version));
                        prop_assert!(loaded.ignored_snapshots().is_empty());
                    }
                }
                Step::Reopen => {
                    store.close().unwrap();
                    store = open();
                }
            }
        }
    }
}
