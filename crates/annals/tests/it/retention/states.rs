//! States of streams whose first events are hidden: from a snapshot, or not at all, and never another state.

use super::{fill, version};
use crate::common::World;
use crate::said::{Said, Saying};
use annals::{
    Aggregates, AsOf, Clock, Expected, Handle, LoadError, NewEvent, Position, RetentionRule, RetentionScope,
    SaveError, SnapshotPolicy, Store, TruncateError,
};
use std::convert::Infallible;

struct Say(u64);

impl Handle<Say> for Said {
    type Error = Infallible;

    fn handle(&self, Say(number): &Say) -> Result<Vec<Saying>, Infallible> {
        Ok(vec![Saying::Said(*number)])
    }
}

fn plain(store: &Store) -> Aggregates<Said> {
    store.aggregates()
}

fn saving(store: &Store) -> Aggregates<Said> {
    store.aggregates().with_snapshots("said/1", SnapshotPolicy::only_when_told())
}

fn numbers(numbers: std::ops::RangeInclusive<u64>) -> Said {
    Said(numbers.collect())
}

fn is_below_floor(error: LoadError, floor: u64) -> String {
    match error {
        LoadError::BelowFloor { floor: told, reason, .. } => {
            assert_eq!(told, version(floor));
            reason
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_truncated_stream_is_loaded_from_a_snapshot_at_its_floor_or_behind_or_not_at_all() {
    let world = World::new(41);
    let store = world.open();
    fill(&store, "s", 10);
    let saving = saving(&store);
    let mut four = saving.load_at_version("s", version(4)).unwrap();
    saving.save(&mut four).unwrap();
    store.retention().truncate("s", version(6)).unwrap();
    let reason = is_below_floor(saving.load("s").unwrap_err(), 6);
    assert_eq!(reason, "there is none", "the one at version 4 lacks version 5");
    is_below_floor(plain(&store).load("s").unwrap_err(), 6);

    let world = World::new(42);
    let store = world.open();
    fill(&store, "s", 10);
    let saving = self::saving(&store);
    let mut five = saving.load_at_version("s", version(5)).unwrap();
    saving.save(&mut five).unwrap();
    store.retention().truncate("s", version(6)).unwrap();
    let loaded = saving.load("s").unwrap();
    assert_eq!(
        (loaded.state(), loaded.snapshot(), loaded.floor()),
        (&numbers(1..=10), Some(version(5)), None)
    );
    assert_eq!(saving.load_at_version("s", version(5)).unwrap().state(), &numbers(1..=5));
    is_below_floor(saving.load_at_version("s", version(4)).unwrap_err(), 6);
    // Of earlier moments nothing is known, and certainly not that there was nothing.
    for position in [0, 1, 4] {
        let past = saving.load_as_of("s", AsOf::Position(Position::new(position)));
        is_below_floor(past.unwrap_err(), 6);
    }
    assert_eq!(saving.load_as_of("s", AsOf::Position(Position::new(7))).unwrap().state(), &numbers(1..=7));
    let other = store.aggregates::<Said>().with_snapshots("said/2", SnapshotPolicy::only_when_told());
    is_below_floor(other.load("s").unwrap_err(), 6);
    let executed = saving.execute("s", &Say(11)).unwrap();
    assert_eq!(executed.loaded.state(), &numbers(1..=11));
}

#[test]
fn truncating_below_a_snapshot_keeps_the_state_over_reopening_and_tells_when_it_is_lost() {
    let world = World::new(43);
    let store = world.open();
    fill(&store, "s", 9);
    assert!(matches!(plain(&store).truncate_below_snapshot("s"), Err(TruncateError::Save(SaveError::NoTag))));
    assert!(matches!(saving(&store).truncate_below_snapshot("none"), Err(TruncateError::Retention(_))));
    assert_eq!(store.view().floor("s").unwrap(), version(1), "nothing was truncated");
    saving(&store).truncate_below_snapshot("s").unwrap();
    assert_eq!(store.view().floor("s").unwrap(), version(9));
    fill(&store, "s", 3);
    store.close().unwrap();
    let store = world.open();
    let loaded = saving(&store).load("s").unwrap();
    assert_eq!((loaded.version(), loaded.events_read()), (version(12), 3));
    assert_eq!(loaded.state().0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]);
    store.prune_snapshots(0).unwrap();
    is_below_floor(saving(&store).load("s").unwrap_err(), 9);
}

#[test]
fn a_snapshot_that_cannot_be_read_is_named_in_the_error() {
    let world = World::new(44);
    let store = world.open();
    fill(&store, "s", 9);
    saving(&store).truncate_below_snapshot("s").unwrap();
    drop(store);
    let file = world.files("snapshots/").remove(0);
    let length = world.disk().image()[&file].len();
    for byte in (0..length).rev().step_by(7) {
        let damaged = World::on(world.disk().crash(annals::vfs::Survival::All), 44);
        damaged.flip(&file, byte, 3);
        let store = damaged.open();
        match saving(&store).load("s") {
            Ok(loaded) => assert_eq!(loaded.state(), &numbers(1..=9), "byte {byte}"),
            Err(error) => drop(is_below_floor(error, 9)),
        }
    }
}

#[test]
fn a_deleted_stream_begins_anew_and_snapshots_of_its_former_life_are_not_used() {
    let world = World::new(45);
    let store = world.open();
    fill(&store, "s", 6);
    let saving = saving(&store);
    let mut six = saving.load("s").unwrap();
    saving.save(&mut six).unwrap();
    store.retention().delete("s", Expected::Any).unwrap();
    for aggregates in [plain(&store), saving.clone()] {
        let nothing = aggregates.load("s").unwrap();
        assert_eq!((nothing.version(), nothing.state()), (version(0), &Said::default()));
    }
    is_below_floor(saving.load_at_version("s", version(6)).unwrap_err(), 7);
    let executed = saving.execute("s", &Say(100)).unwrap();
    assert_eq!((executed.loaded.version(), &executed.loaded.state().0[..]), (version(7), &[100][..]));
    saving.execute("s", &Say(101)).unwrap();
    assert_eq!(saving.load("s").unwrap().state().0, [100, 101]);
    let past = saving.load_as_of("s", AsOf::Position(Position::new(6))).unwrap();
    assert_eq!(past.version(), version(0), "it is deleted from the past, too");
    // Deleted and continued between loading and appending.
    struct Behind(Store);
    impl Handle<Behind> for Said {
        type Error = Infallible;

        fn handle(&self, Behind(store): &Behind) -> Result<Vec<Saying>, Infallible> {
            if self.0.len() == 2 {
                store.retention().delete("s", Expected::Any).unwrap();
                fill(store, "s", 1);
            }
            Ok(vec![Saying::Said(self.0.len() as u64)])
        }
    }
    let executed = saving.execute("s", &Behind(store.clone())).unwrap();
    assert_eq!((executed.loaded.state().0.as_slice(), executed.attempts), (&[1, 1][..], 2));
}

#[test]
fn a_state_of_what_a_limit_leaves_is_given_only_to_who_allows_it() {
    let world = World::new(46);
    let store = world.open();
    fill(&store, "s", 8);
    let rule = RetentionRule::new().max_count(3);
    store.retention().set(&RetentionScope::Store, &rule).unwrap();
    is_below_floor(plain(&store).load("s").unwrap_err(), 6);
    let allowed = saving(&store).from_floor();
    let mut loaded = allowed.load("s").unwrap();
    assert_eq!(
        (loaded.state(), loaded.floor(), loaded.version()),
        (&numbers(6..=8), Some(version(6)), version(8))
    );
    assert!(matches!(allowed.save(&mut loaded), Err(SaveError::FromFloor { floor }) if floor == version(6)));
    let executed = allowed.execute("s", &Say(9)).unwrap();
    assert_eq!(executed.loaded.version(), version(9));
    assert_eq!(allowed.load("s").unwrap().state(), &numbers(7..=9));
    assert_eq!(store.snapshots("").unwrap().count(), 0);
    // A stream of which everything is left is what it always was.
    fill(&store, "t", 3);
    let whole = allowed.load("t").unwrap();
    assert_eq!((whole.floor(), whole.state()), (None, &numbers(1..=3)));
    assert_eq!(plain(&store).load("t").unwrap().state(), &numbers(1..=3));
}

#[test]
fn events_that_are_hidden_one_by_one_are_missed() {
    let world = World::new(47);
    let store = world.open();
    let at = |seconds: i64| annals::Timestamp::from_nanos(crate::common::START + seconds * 1_000_000_000);
    let events: Vec<_> = [0, -100, 0]
        .iter()
        .map(|seconds| NewEvent::json("Said", (seconds + 200).to_string()).at(at(*seconds)))
        .collect();
    store.append("s", Expected::Any, &events).unwrap();
    let rule = RetentionRule::new().max_age(super::age(50, Clock::Occurred));
    store.retention().set(&RetentionScope::stream("s"), &rule).unwrap();
    assert!(matches!(plain(&store).load("s"), Err(LoadError::BelowFloor { .. })));
    assert_eq!(plain(&store).load_at_version("s", version(1)).unwrap().state().0, [200]);
    assert_eq!(plain(&store).from_floor().load("s").unwrap().state().0, [200, 200]);
}
