//! Payloads that are encrypted under the keys of their subjects.

use crate::common::{World, events_of, verified};
use annals::serde_json::{from_slice, json};
use annals::vfs::{Env, MemoryDisk};
use annals::{
    Aggregates, AppendError, Batch, Document, Encrypt, Expected, KeyFile, LoadError, NewEvent, OpenError,
    PayloadError, Position, Query, Registration, SaveError, SnapshotOutcome, SnapshotPolicy, Store, Uuid,
    Version,
};
use std::sync::Arc;

const NAME: &str = r#"{"name":"Ada Lovelace"}"#;

fn keys(world: &World, disk: &MemoryDisk) -> KeyFile {
    let env = Env { disk: Arc::new(disk.clone()), clock: world.clock.clone(), random: world.random.clone() };
    KeyFile::open_in(env, "keys").unwrap()
}

fn open(world: &World, keys: &KeyFile) -> Store {
    let options = world.options().keys(keys.clone());
    let rules = [Encrypt::Category("user".into()), Encrypt::Tagged("subject:".into())];
    rules.into_iter().fold(options, annals::Options::encrypt).open("memory").unwrap()
}

fn registered() -> NewEvent<'static> {
    NewEvent::json("registered", NAME)
        .with_metadata(&br#"{"by":"Ada Lovelace"}"#[..])
        .with_id(Uuid::from_u128(7))
}

fn holds(disk: &MemoryDisk, part: &[u8]) -> bool {
    disk.image().values().any(|bytes| bytes.windows(part.len()).any(|window| window == part))
}

#[test]
fn what_is_encrypted_is_read_as_it_was_given_and_is_nowhere_in_the_log() {
    let world = World::new(1);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    let tagged = NewEvent::json("ordered", r#"{"to":"Lovelace Street"}"#).with_tag("a").with_tag("subject:9");
    let plain = NewEvent::json("ordered", r#"{"to":"a shop"}"#);
    store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    store.append("order-1", Expected::NoStream, &[tagged, plain]).unwrap();
    let events = events_of(&store);
    assert_eq!(events[0].data().unwrap(), NAME.as_bytes());
    assert_eq!(events[0].metadata().unwrap(), br#"{"by":"Ada Lovelace"}"#);
    assert_eq!(events[1].data().unwrap(), br#"{"to":"Lovelace Street"}"#);
    assert!(!holds(&world.disk(), b"Lovelace") && holds(&world.disk(), b"a shop"));
    let names: Vec<_> = keys.list().into_iter().filter_map(|key| key.name).collect();
    assert_eq!(names, ["user-7", "subject:9"]);
    // Also once the segment is sealed, and from a store that is opened again.
    store.close().unwrap();
    let store = open(&world, &keys);
    assert_eq!(events_of(&store), events);
    assert!(verified(&world.disk()).is_empty());
}

#[test]
fn events_of_sealed_segments_are_read_with_the_same_keys() {
    let world = World::new(2);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    let data = |number: u64| format!(r#"{{"n":{number},"text":"{}"}}"#, "x".repeat(900));
    for number in 1..=60u64 {
        store.append("user-7", Expected::Any, &[NewEvent::json("t", data(number))]).unwrap();
    }
    store.maintain().unwrap();
    assert!(store.stats().unwrap().segments > 2);
    let read = |store: &Store| {
        for (event, number) in store.view().read(Query::stream("user-7")).unwrap().zip(1..) {
            assert_eq!(*event.unwrap().data().unwrap(), *data(number).as_bytes());
        }
        let view = store.view();
        let event = view.event_at(Position::new(3)).unwrap().unwrap();
        assert_eq!(*event.data().unwrap(), *data(3).as_bytes());
    };
    read(&store);
    store.close().unwrap();
    read(&open(&world, &keys));
    let without = world.open();
    let event = without.view().event_at(Position::new(3)).unwrap().unwrap().to_event();
    let id = keys.list()[0].id;
    assert_eq!(event.data(), Err(PayloadError::KeyMissing { position: Position::new(3), key: id }));
}

#[test]
fn a_destroyed_key_erases_all_of_its_subject_and_nothing_else() {
    let world = World::new(3);
    let key_disk = MemoryDisk::new();
    let keys = keys(&world, &key_disk);
    let store = open(&world, &keys);
    store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    store.append("user-8", Expected::NoStream, &[NewEvent::json("registered", "8")]).unwrap();
    let view = store.view();
    keys.destroy("user-7").unwrap();
    let error = view.event_at(Position::new(1)).unwrap().unwrap().data().unwrap_err();
    assert!(error.is_erased() && matches!(error, PayloadError::KeyDestroyed { .. }), "{error}");
    assert_eq!(*view.event_at(Position::new(2)).unwrap().unwrap().data().unwrap(), *b"8");
    assert_eq!(view.read(Query::stream("user-7")).unwrap().count(), 1, "the event is still there");
    // Appending it again does not bring it back, and what comes later has a key of its own.
    let again = store.append("user-7", Expected::Any, &[registered()]).unwrap();
    assert!(again.already_applied);
    store.append("user-7", Expected::Any, &[NewEvent::json("came back", "1")]).unwrap();
    let events = events_of(&store);
    assert!(events[0].data().is_err());
    assert_eq!(events[2].data().unwrap(), b"1");
    store.close().unwrap();
    drop(view);
    assert!(events_of(&open(&world, &keys))[0].data().unwrap_err().is_erased());
}

#[test]
fn a_repetition_of_an_encrypted_batch_is_known_by_what_it_says() {
    let world = World::new(4);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    let first = store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    let again = store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    assert!(again.already_applied && again.first_position == first.first_position);
    let other = NewEvent { data: b"{}"[..].into(), ..registered() };
    let refused = store.append("user-7", Expected::Any, &[other]);
    assert!(matches!(refused, Err(AppendError::IdTaken { .. })), "{refused:?}");
    // In one group: the second is compared with one that is not written yet.
    let batch = || {
        let mut batch = Batch::new();
        batch.push("user-9", &registered().with_id(Uuid::from_u128(9))).unwrap();
        batch
    };
    let outcomes = store.append_batches(vec![batch(), batch()]);
    assert!(outcomes[1].as_ref().unwrap().already_applied, "{outcomes:?}");
}

#[test]
fn a_decision_reads_and_writes_encrypted_events_also_before_they_are_written() {
    let world = World::new(5);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    let append = || {
        store.decide(&Query::stream("user-7"), |situation| {
            let mut last = 0;
            for event in situation.events()? {
                last = from_slice::<u64>(&event?.data()?).unwrap();
            }
            let mut batch = Batch::new();
            batch.push("user-7", &NewEvent::json("counted", (last + 1).to_string())).unwrap();
            Ok::<_, annals::ReadError>((batch, last + 1))
        })
    };
    assert_eq!([append().unwrap().answer, append().unwrap().answer, append().unwrap().answer], [1, 2, 3]);
}

#[test]
fn schemas_are_held_against_what_is_encrypted() {
    let world = World::new(6);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    let schema = json!({ "type": "object", "required": ["name"] });
    store.register_schema(&Registration::new("registered", 1).schema(schema)).unwrap();
    store.append("user-7", Expected::Any, &[NewEvent::json("registered", NAME)]).unwrap();
    let refused = store.append("user-7", Expected::Any, &[NewEvent::json("registered", "{}")]);
    assert!(matches!(refused, Err(AppendError::SchemaViolation(_))), "{refused:?}");
    let decided = store.decide(&Query::all().limit(0), |_| {
        let mut batch = Batch::new();
        batch.push("user-7", &NewEvent::json("registered", "{}")).unwrap();
        Ok::<_, annals::ReadError>((batch, ()))
    });
    assert!(decided.is_err());
}

fn documents(store: &Store) -> Aggregates<Document> {
    store.aggregates::<Document>().with_snapshots("document/1", SnapshotPolicy::every(1))
}

#[test]
fn a_state_of_one_subject_is_saved_under_its_key_and_goes_with_it() {
    let world = World::new(7);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    store.append("user-8", Expected::NoStream, &[NewEvent::json("registered", r#"{"name":"Bob"}"#)]).unwrap();
    for stream in ["user-7", "user-8"] {
        assert!(matches!(documents(&store).load(stream).unwrap().snapshot_outcome(), SnapshotOutcome::Saved));
    }
    store.append("user-7", Expected::Any, &[NewEvent::json("moved", r#"{"to":"Lovelace Street"}"#)]).unwrap();
    store.close().unwrap();
    assert!(!holds(&world.disk(), b"Lovelace") && !holds(&world.disk(), b"Bob"));

    // Found by whoever has the key, and continued.
    let store = open(&world, &keys);
    let loaded = documents(&store).load("user-7").unwrap();
    assert_eq!((loaded.snapshot(), loaded.events_read()), (Some(Version::FIRST), 1));
    assert_eq!(loaded.state().value().unwrap()["name"], "Ada Lovelace");
    assert!(matches!(loaded.snapshot_outcome(), SnapshotOutcome::Saved), "{loaded:?}");
    // Not by who has it not.
    store.close().unwrap();
    let refused = documents(&world.open()).load("user-7").unwrap_err();
    assert!(matches!(refused, LoadError::NoPayload { .. }), "{refused:?}");

    keys.destroy("user-7").unwrap();
    let store = open(&world, &keys);
    let refused = documents(&store).load("user-7").unwrap_err();
    let erased = |payload: &PayloadError| payload.is_erased();
    assert!(matches!(&refused, LoadError::NoPayload { payload, .. } if erased(payload)), "{refused:?}");
    assert_eq!(documents(&store).load("user-8").unwrap().snapshot(), Some(Version::FIRST));
    assert!(verified(&world.disk()).is_empty());
}

#[test]
fn below_a_floor_a_snapshot_whose_key_was_destroyed_is_told_to_be_gone() {
    let world = World::new(9);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    let loaded = documents(&store).load("user-7").unwrap();
    assert!(matches!(loaded.snapshot_outcome(), SnapshotOutcome::Saved));
    store.append("user-7", Expected::Any, &[NewEvent::json("moved", r#"{"to":"Berlin"}"#)]).unwrap();
    store.retention().truncate("user-7", Version::new(2)).unwrap();
    let loaded = documents(&store).load("user-7").unwrap();
    assert_eq!(loaded.state().value().unwrap()["name"], "Ada Lovelace");
    keys.destroy("user-7").unwrap();
    let id = keys.list()[0].id.to_string();
    let refused = documents(&store).load("user-7").unwrap_err();
    let why = |reason: &str| reason.contains(&id) && reason.contains("destroyed");
    assert!(matches!(&refused, LoadError::BelowFloor { reason, .. } if why(reason)), "{refused:?}");
}

#[test]
fn a_state_of_several_subjects_is_folded_and_not_saved() {
    let world = World::new(10);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    let of = |subject: &str| NewEvent::json("t", r#"{"name":"Ada Lovelace"}"#).with_tag(subject.to_owned());
    store.append("order-1", Expected::NoStream, &[of("subject:1")]).unwrap();
    let one = documents(&store).load("order-1").unwrap();
    assert!(matches!(one.snapshot_outcome(), SnapshotOutcome::Saved));
    store.append("order-1", Expected::Any, &[of("subject:2"), of("subject:1")]).unwrap();
    let loaded = documents(&store).load("order-1").unwrap();
    assert_eq!(loaded.snapshot(), Some(Version::FIRST));
    let outcome = loaded.snapshot_outcome();
    assert!(matches!(outcome, SnapshotOutcome::Failed(SaveError::SeveralKeys)), "{outcome:?}");
    assert!(!holds(&world.disk(), b"Lovelace"));
}

#[test]
fn a_state_whose_key_was_destroyed_meanwhile_is_not_saved() {
    let world = World::new(11);
    let keys = keys(&world, &MemoryDisk::new());
    let store = open(&world, &keys);
    store.append("user-7", Expected::NoStream, &[registered()]).unwrap();
    let documents =
        store.aggregates::<Document>().with_snapshots("document/1", SnapshotPolicy::only_when_told());
    let mut loaded = documents.load("user-7").unwrap();
    let key = keys.list()[0].id;
    keys.destroy("user-7").unwrap();
    let refused = documents.save(&mut loaded);
    assert!(matches!(&refused, Err(SaveError::NoKey { key: missing }) if *missing == key), "{refused:?}");
}

#[test]
fn rules_without_keys_are_refused() {
    let opened = World::new(8).options().encrypt(Encrypt::Category("user".into())).open("memory");
    assert!(matches!(opened, Err(OpenError::InvalidOption(_))));
}

#[test]
fn an_encrypted_payload_is_erased_with_or_without_its_key_and_leaves_no_hash() {
    for has_key in [true, false] {
        let world = World::new(20);
        let keys = keys(&world, &MemoryDisk::new());
        let store = open(&world, &keys);
        store.append("user-7", Expected::Any, &[registered()]).unwrap();
        let log = world.files("log/").pop().unwrap();
        let image = world.disk().image().remove(&log).unwrap();
        let at = image.windows(10).position(|window| window == b"registered").unwrap() + 40;
        let ciphertext = image[at..at + 16].to_vec();
        if !has_key {
            keys.destroy("user-7").unwrap();
        }
        let report = store.erase(annals::EraseTarget::Stream("user-7".into())).run().unwrap();
        assert_eq!(report.events_erased, 1);
        assert!(!holds(&world.disk(), &ciphertext), "the ciphertext is still there");
        let Err(PayloadError::Erased { erasure, .. }) = events_of(&store)[0].payload.clone() else {
            panic!("it is there")
        };
        let known = if has_key { NAME.len() } else { 0 };
        assert_eq!((erasure.sha256, erasure.data_bytes as usize), (None, known));
        let again = store.append("user-7", Expected::Any, &[registered()]).unwrap();
        assert!(again.already_applied, "it is appended again");
        store.close().unwrap();
        assert!(verified(&world.disk()).is_empty());
    }
}
