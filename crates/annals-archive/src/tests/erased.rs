//! What is left of a subject in a store and in all its copies, once its key is destroyed.

use super::{Place, in_memory};
use crate::archive::Archive;
use crate::progress::ShipperOptions;
use crate::shipper::Shipper;
use annals::{
    BackupOptions, Document, Encrypt, EraseTarget, Expected, KeyFile, LoadError, NewEvent, Options,
    PayloadError, Query, RestoreTo, SnapshotPolicy, Store, restore,
};
use std::path::Path;

const SECRET: &str = "what seven wanted nobody to know";
const ERASED: &str = "user-7";

/// The data of all events, by their streams; none where it is erased.
fn data(store: &Store) -> Vec<(String, Option<Vec<u8>>)> {
    let (view, mut all) = (store.view(), Vec::new());
    for event in view.read(Query::all()).unwrap() {
        let event = event.unwrap();
        let data = match event.data() {
            Ok(data) => Some(data.to_vec()),
            Err(PayloadError::KeyDestroyed { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        all.push((event.stream.to_owned(), data));
    }
    all
}

fn holds(directory: &Path, part: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, part);
        }
        std::fs::read(&path).unwrap().windows(part.len()).any(|window| window == part)
    })
}

#[test]
fn once_a_key_is_destroyed_its_payloads_are_unreadable_in_the_store_and_in_all_its_copies() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let keys = KeyFile::open(path("keys")).unwrap();
    let options = Options::new().background(false).segment_bytes(16 << 10);
    let options = options.keys(keys.clone()).encrypt(Encrypt::Category("user".into()));
    let store = options.open(path("store")).unwrap();
    for number in 0..50 {
        for (stream, text) in [(ERASED, SECRET), ("user-8", "of eight"), ("order-1", "of nobody")] {
            let data = format!(r#"{{"number":{number},"text":"{text}"}}"#);
            store.append(stream, Expected::Any, &[NewEvent::json("told", data)]).unwrap();
        }
    }
    store.maintain().unwrap();
    let load = |store: &Store, stream: &str| {
        store.aggregates::<Document>().with_snapshots("d/1", SnapshotPolicy::every(1)).load(stream)
    };
    let streams = [ERASED, "user-8", "order-1"];
    streams.iter().for_each(|stream| drop(load(&store, stream).unwrap()));

    // All the copies that there are.
    let quick = BackupOptions::new();
    store.backup(path("backup"), &quick, &mut |_| {}).unwrap();
    restore(path("backup"), path("restored"), RestoreTo::End, &quick, &mut |_| {}).unwrap();
    let archive = in_memory();
    Shipper::once(&store, &archive, path("staging"), &ShipperOptions::new()).unwrap();
    archive.restore(path("shipped"), RestoreTo::End, &quick, &mut |_| {}).unwrap();
    drop(store);
    let open = |name: &str| {
        let keys = KeyFile::open_read_only(path("keys")).unwrap();
        Options::new().read_only(true).keys(keys).open(path(name)).unwrap()
    };
    let copies = ["store", "backup", "restored", "shipped", "staging"];
    let before = data(&open("store"));
    assert!(before.iter().all(|(_, data)| data.is_some()));
    for name in copies {
        let copy = open(name);
        assert!(data(&copy) == before, "{name}");
        // A restored store has those of the backup; an archive has none.
        let has_snapshot = load(&copy, ERASED).unwrap().snapshot().is_some();
        assert_eq!(has_snapshot, name != "shipped", "{name}");
    }

    keys.destroy(ERASED).unwrap();
    drop(keys);
    for name in copies {
        let copy = open(name);
        for ((stream, data), (_, old)) in data(&copy).into_iter().zip(&before) {
            assert!(if stream == ERASED { data.is_none() } else { data == *old }, "{name}: {stream}");
        }
        let refused = load(&copy, ERASED).unwrap_err();
        assert!(matches!(refused, LoadError::NoPayload { .. }), "{name}: {refused:?}");
        for stream in ["user-8", "order-1"] {
            assert_eq!(load(&copy, stream).unwrap().state().value().unwrap()["number"], 49, "{name}");
        }
    }
    assert!(!holds(directory.path(), SECRET.as_bytes()), "nor in any file");
    assert!(holds(directory.path(), b"of nobody"));
}

#[test]
fn what_was_erased_from_the_log_is_gone_from_the_archive_when_it_was_shipped_again() {
    let place = Place::new();
    let archive = Archive::at(&format!("file://{}", place.path("objects").display())).unwrap();
    let mut shipment = place.shipment(&archive, "staging");
    for number in 0..60 {
        for (stream, text) in [(ERASED, SECRET), ("user-8", "of eight")] {
            let data = format!(r#"{{"number":{number},"text":"{text}"}}"#);
            place.store.append(stream, Expected::Any, &[NewEvent::json("told", data)]).unwrap();
        }
    }
    place.append(20);
    shipment.ship().unwrap();
    assert!(holds(&place.path("objects"), SECRET.as_bytes()));
    let target = EraseTarget::Stream(ERASED.into());
    let report = place.store.erase(target).reason("a letter").bytes_per_second(None).run().unwrap();
    assert_eq!(report.events, 60, "{report:?}");
    shipment.ship().unwrap();
    for directory in ["store", "staging", "objects"] {
        assert!(!holds(&place.path(directory), SECRET.as_bytes()), "{directory}");
    }
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}
