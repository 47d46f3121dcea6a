//! What of its events an aggregate is told, and what is saved of their state.

use super::{Account, AccountEvent, Deposit, Open};
use crate::common::World;
use annals::{
    Aggregate, AsOf, Codec, CommandContext, EventError, EventRef, ExecuteError, Expected, Handle, NewEvent,
    Position, Query, SaveError, SnapshotOutcome, SnapshotPolicy, Timestamp, Version,
};
use serde::{Deserialize, Serialize};

#[test]
fn metadata_tags_and_time_go_with_the_events() {
    let store = World::new(3).open();
    let context = CommandContext::new().metadata("m").tag("branch:7").at(Timestamp::EPOCH);
    store.aggregates::<Account>().execute_with("account-1", &Open("Ada"), &context).unwrap();
    let view = store.view();
    let event =
        view.read(Query::all().tagged("owner:Ada").tagged("branch:7")).unwrap().next().unwrap().unwrap();
    assert_eq!(
        (&*event.metadata().unwrap(), event.occurred_at, event.schema_version),
        (&b"m"[..], Timestamp::EPOCH, 1)
    );
}

#[test]
fn an_event_that_is_not_understood_is_named_and_loses_nothing() {
    let store = World::new(6).open();
    let accounts = store.aggregates::<Account>();
    accounts.execute("account-1", &Open("Ada")).unwrap();
    store.append("account-1", Expected::Any, &[NewEvent::json("deposited", r#"{"cents":-5}"#)]).unwrap();
    let error = accounts.load("account-1").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("event 2 of stream \"account-1\" (type \"deposited\", schema version 1, position 2)")
    );
    assert!(matches!(accounts.execute("account-1", &Deposit(1)), Err(ExecuteError::Load(_))));
    assert_eq!(
        accounts.load_at_version("account-1", Version::FIRST).unwrap().state().owner.as_deref(),
        Some("Ada")
    );
    assert_eq!(store.last_position(), Position::new(2));
}

/// Its events are written in a form that they are not read in.
#[derive(Debug, Default)]
pub(super) struct Lopsided;

#[derive(Serialize, Deserialize)]
pub(super) enum LopsidedEvent {
    #[serde(rename(serialize = "written", deserialize = "read"))]
    One(u8),
}

impl Aggregate for Lopsided {
    type Event = LopsidedEvent;
    fn apply(&mut self, _: LopsidedEvent) {}
}

impl Handle<u8> for Lopsided {
    type Error = std::convert::Infallible;
    fn handle(&self, command: &u8) -> Result<Vec<LopsidedEvent>, Self::Error> {
        Ok(vec![LopsidedEvent::One(*command)])
    }
}

#[test]
fn an_event_that_could_not_be_read_again_is_not_stored() {
    let store = World::new(7).open();
    let error = store.aggregates::<Lopsided>().execute("s", &1).unwrap_err();
    assert!(matches!(error, ExecuteError::Event { index: 0, .. }), "{error:?}");
    assert_eq!(store.last_position(), Position::ZERO);
}

/// When it last heard of something, which only the event as it was read tells.
#[derive(Debug, Default)]
struct LastHeard(Option<Timestamp>);

impl Aggregate for LastHeard {
    type Event = AccountEvent;

    fn apply(&mut self, _: AccountEvent) {}

    fn apply_stored(&mut self, event: &EventRef<'_>) -> Result<(), EventError> {
        self.0 = self.0.max(Some(event.occurred_at));
        Ok(())
    }
}

#[test]
fn a_state_may_know_when_its_events_occurred() {
    let store = World::new(9).open();
    let events = [5, 9, 7].map(|nanos| NewEvent::json("any", "").at(Timestamp::from_nanos(nanos)));
    store.append("s", Expected::Any, &events).unwrap();
    let heard = store.aggregates::<LastHeard>().load("s").unwrap();
    assert_eq!(heard.state().0, Some(Timestamp::from_nanos(9)));
}

#[test]
fn a_snapshot_that_is_too_large_is_told_and_keeps_no_command_from_succeeding() {
    let store = World::new(42).options().snapshot_bytes(10).open("memory").unwrap();
    let accounts = store.aggregates::<Account>().with_snapshots("account/1", SnapshotPolicy::every(1));
    let mut executed = accounts.execute("account-1", &Open("Ada")).unwrap();
    let SnapshotOutcome::Failed(error) = executed.loaded.snapshot_outcome() else { panic!("saved") };
    assert_eq!(error.to_string(), "a snapshot in this store has at most 10 bytes, this one has 25");
    assert!(matches!(accounts.save(&mut executed.loaded), Err(SaveError::Snapshot(_))));
    let unnamed = store.aggregates::<Account>().with_snapshots("", SnapshotPolicy::only_when_told());
    assert!(unnamed.save(&mut executed.loaded).unwrap_err().to_string().contains("1 to 128 bytes"));
    assert!(accounts.save(&mut accounts.load("account-2").unwrap()).is_err(), "nothing to save");
    let as_of = store.aggregates::<Account>().load_as_of("account-1", AsOf::Occurred(Timestamp::MAX));
    assert!(matches!(accounts.save(&mut as_of.unwrap()), Err(SaveError::NotOfAVersion)));
}

#[test]
fn snapshots_in_all_codecs_are_used_and_those_of_other_tags_are_not() {
    let store = World::new(43).open();
    let plain = store.aggregates::<Account>();
    plain.execute("account-1", &Open("Ada")).unwrap();
    plain.execute("account-1", &Deposit(5)).unwrap();
    for (version, codec) in [(1, Codec::Bincode), (2, Codec::Postcard)] {
        let saving = plain.clone().with_snapshots_in(codec, "account/1", SnapshotPolicy::only_when_told());
        saving.save(&mut plain.load_at_version("account-1", Version::new(version)).unwrap()).unwrap();
    }
    let saving = |tag: &str| plain.clone().with_snapshots(tag, SnapshotPolicy::only_when_told());
    for version in [1, 2].map(Version::new) {
        let loaded = saving("account/1").load_at_version("account-1", version).unwrap();
        assert_eq!((loaded.snapshot(), loaded.events_read()), (Some(version), 0));
        assert_eq!(loaded.state(), plain.load_at_version("account-1", version).unwrap().state());
        assert_eq!(saving("account/2").load_at_version("account-1", version).unwrap().snapshot(), None);
    }
    let codecs: Vec<String> =
        store.snapshots("").unwrap().map(|info| Codec::name_of(info.unwrap().codec)).collect();
    assert_eq!(codecs, ["postcard", "bincode"]);
    assert_eq!(store.prune_snapshots(1).unwrap().dropped, 1);
    assert_eq!(store.stats().unwrap().snapshots, 1);
}
