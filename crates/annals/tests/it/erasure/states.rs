//! States of what was erased: no snapshot outlives it, and none comes back.

use super::{SECRET, erase, files_with, fill, tag};
use crate::common::World;
use annals::{
    Aggregate, Aggregates, EraseError, EraseTarget, EventError, EventRef, Expected, LoadError, NewEvent,
    PayloadError, SaveError, SnapshotPolicy, Store, Version,
};
use serde::{Deserialize, Serialize};

/// The notes of all visits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Notes(Vec<String>);

impl Aggregate for Notes {
    type Event = Visited;

    fn apply(&mut self, Visited::Visited { note, .. }: Visited) {
        self.0.push(note);
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Visited {
    Visited { note: String },
}

/// The same, where erased visits count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Lenient(Vec<String>);

impl Aggregate for Lenient {
    type Event = Visited;

    fn apply(&mut self, Visited::Visited { note }: Visited) {
        self.0.push(note);
    }

    fn apply_erased(&mut self, _: &EventRef<'_>, reason: PayloadError) -> Result<(), EventError> {
        assert!(reason.is_erased());
        self.0.push("gone".into());
        Ok(())
    }
}

fn notes(store: &Store) -> Aggregates<Notes> {
    store.aggregates().with_snapshots("notes/1", SnapshotPolicy::only_when_told())
}

fn lenient(store: &Store) -> Aggregates<Lenient> {
    store.aggregates().with_snapshots("notes/1", SnapshotPolicy::only_when_told())
}

/// Saves the state of a stream, durably.
pub(super) fn save(store: &Store, stream: &str) {
    let notes = notes(store);
    let mut loaded = notes.load(stream).unwrap();
    notes.save(&mut loaded).unwrap();
    store.sync_snapshots().unwrap();
}

/// The state of a stream; `Err` if events of it are erased.
pub(super) fn load(store: &Store, stream: &str) -> Result<Vec<String>, ()> {
    match notes(store).load(stream) {
        Ok(loaded) => Ok(loaded.into_state().0),
        Err(LoadError::NoPayload { .. }) => Err(()),
        Err(error) => panic!("{error}"),
    }
}

fn versions(store: &Store, stream: &str) -> Vec<u64> {
    store.snapshots(stream).unwrap().map(|info| info.unwrap().version.get()).collect()
}

#[test]
fn snapshots_from_the_first_erased_version_on_go_and_others_stay() {
    let world = World::new(41);
    let store = world.open();
    fill(&store, 2, 3);
    save(&store, "visit-1");
    save(&store, "visit-2");
    let third = store.append("visit-1", Expected::Any, &[note("plain")]).unwrap();
    save(&store, "visit-1");
    let report = erase(&store, EraseTarget::Position(third.first_position));
    assert_eq!((report.events, report.snapshots_dropped), (1, 1));
    assert_eq!((versions(&store, "visit-1"), versions(&store, "visit-2")), (vec![3], vec![3]));
    assert_eq!(load(&store, "visit-1"), Err(()));
    let loaded = lenient(&store).load("visit-1").unwrap();
    assert_eq!(loaded.state().0.last().unwrap(), "gone");
    let report = erase(&store, tag(1));
    assert_eq!((report.events, report.snapshots_dropped), (3, 1));
    assert_eq!((versions(&store, "visit-1"), versions(&store, "visit-2")), (vec![], vec![3]));
    assert_eq!(files_with(&world, &format!("{SECRET}-1-")), [] as [String; 0]);
    assert!(!files_with(&world, &format!("{SECRET}-2-")).is_empty());
    // A state without it can be saved again.
    let lenient = lenient(&store);
    let mut loaded = lenient.load("visit-1").unwrap();
    assert_eq!(loaded.state().0, ["gone"; 4]);
    lenient.save(&mut loaded).unwrap();
    assert_eq!(lenient.load("visit-1").unwrap().snapshot(), Some(Version::new(4)));
}

fn note(text: &str) -> NewEvent<'static> {
    NewEvent::json("visited", format!("{{\"note\":{text:?}}}"))
}

#[test]
fn a_state_that_was_loaded_before_is_not_saved_behind_the_erasure() {
    let world = World::new(42);
    let store = world.open();
    fill(&store, 2, 3);
    let (notes, mut old) = (notes(&store), Vec::new());
    for stream in ["visit-1", "visit-2"] {
        old.push(notes.load(stream).unwrap());
    }
    erase(&store, tag(1));
    assert!(matches!(notes.save(&mut old[0]), Err(SaveError::ErasedSince)));
    notes.save(&mut old[1]).unwrap();
    store.sync_snapshots().unwrap();
    assert_eq!(versions(&store, ""), [3]);
    store.close().unwrap();
    assert_eq!(files_with(&world, &format!("{SECRET}-1-")), [] as [String; 0]);
}

#[test]
fn a_snapshot_that_waits_for_its_events_does_not_come_behind_the_erasure() {
    let world = World::new(43);
    let store = world.options().durability(annals::Durability::Os).open("memory").unwrap();
    fill(&store, 1, 3);
    let notes = notes(&store);
    let mut loaded = notes.load("visit-1").unwrap();
    notes.save(&mut loaded).unwrap();
    erase(&store, tag(1));
    store.close().unwrap();
    assert_eq!(files_with(&world, &format!("{SECRET}-1-")), [] as [String; 0]);
}

#[test]
fn below_a_floor_a_state_is_not_thrown_away_unless_that_is_said() {
    let world = World::new(44);
    let store = world.open();
    fill(&store, 2, 4);
    notes(&store).truncate_below_snapshot("visit-1").unwrap();
    let before = load(&store, "visit-1").unwrap();
    match store.erase(tag(1)).run() {
        Err(EraseError::StateWouldGo { stream, version, floor }) => {
            assert_eq!((stream.as_str(), version.get(), floor.get()), ("visit-1", 4, 4));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(load(&store, "visit-1").unwrap(), before);
    assert!(store.view().read(annals::Query::stream("$annals.erasure")).unwrap().next().is_none());
    // Where the stream is deleted nobody needs the state.
    let report = store.erase(tag(1)).forget_states(true).run().unwrap();
    assert_eq!((report.events, report.snapshots_dropped), (4, 1));
    assert!(matches!(notes(&store).load("visit-1"), Err(LoadError::BelowFloor { .. })));
    notes(&store).truncate_below_snapshot("visit-2").unwrap();
    store.retention().delete("visit-2", Expected::Any).unwrap();
    let report = erase(&store, tag(2));
    assert_eq!((report.events, report.snapshots_dropped), (4, 1));
    store.close().unwrap();
    assert_eq!(files_with(&world, SECRET), [] as [String; 0]);
}

#[test]
fn compaction_drops_the_states_of_streams_that_are_deleted_closed_or_truncated_behind_them() {
    let world = World::new(45);
    let store = world.open();
    fill(&store, 5, 3);
    for stream in ["visit-1", "visit-2", "visit-3", "visit-4", "visit-5"] {
        save(&store, stream);
    }
    let retention = store.retention();
    retention.tombstone("visit-1", Expected::Any).unwrap();
    retention.delete("visit-2", Expected::Any).unwrap();
    retention.delete("visit-3", Expected::Any).unwrap();
    // One that is continued keeps what it has saved since.
    store.append("visit-3", Expected::NoStream, &[note("anew")]).unwrap();
    save(&store, "visit-3");
    store.append("visit-4", Expected::Any, &[note("more")]).unwrap();
    notes(&store).truncate_below_snapshot("visit-4").unwrap();
    assert_eq!(["visit-3", "visit-4"].map(|stream| versions(&store, stream)), [[4, 3], [4, 3]]);
    let report = store.compaction().bytes_per_second(None).run().unwrap();
    let left = ["visit-1", "visit-2", "visit-3", "visit-4", "visit-5"].map(|stream| versions(&store, stream));
    assert_eq!(left, [vec![], vec![], vec![4], vec![4, 3], vec![3]]);
    assert_eq!(report.snapshots_dropped, 3);
    store.retention().truncate("visit-4", Version::new(4)).unwrap();
    store.append("visit-4", Expected::Any, &[note("and more")]).unwrap();
    notes(&store).truncate_below_snapshot("visit-4").unwrap();
    assert_eq!(store.compaction().bytes_per_second(None).run().unwrap().snapshots_dropped, 1);
    assert_eq!(versions(&store, "visit-4"), [5, 4]);
    assert_eq!(load(&store, "visit-4").unwrap().len(), 5);
    let again = store.compaction().bytes_per_second(None).run().unwrap();
    assert_eq!(again.snapshots_dropped, 0);
    store.close().unwrap();
    let has = |text: &str| files_with(&world, text).iter().any(|path| path.starts_with("snapshots/"));
    let left = [1, 2, 3, 4, 5].map(|patient| has(&format!("{SECRET}-{patient}-")));
    assert_eq!(left, [false, false, false, true, true]);
}
