//! Backups while the store is written at full speed.

use annals::{BackupOptions, Expected, NewEvent, Options, Query, Store, verify};
use std::sync::atomic::{AtomicBool, Ordering};

fn all(store: &Store) -> Vec<(u64, Vec<u8>)> {
    let view = store.view();
    let events = view.read(Query::all()).unwrap();
    events.map(|event| event.map(|event| (event.position.get(), event.data.to_vec())).unwrap()).collect()
}

#[test]
fn backups_of_a_store_that_is_written_at_full_speed_are_sound_prefixes_and_go_forward() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = Options::new().segment_bytes(64 << 10).open(path("store")).unwrap();
    let stop = AtomicBool::new(false);
    let mut taken = Vec::new();
    std::thread::scope(|threads| {
        let writers: Vec<_> = (0..2_u8)
            .map(|writer| {
                let (store, stop) = (&store, &stop);
                threads.spawn(move || {
                    let mut count = 0;
                    while !stop.load(Ordering::Relaxed) && count < 4000 {
                        let events = [1, 2].map(|_| NewEvent::new("t", vec![writer; 700]));
                        store.append(&format!("s-{writer}"), Expected::Any, &events).unwrap();
                        count += 1;
                    }
                })
            })
            .collect();
        for round in 0..8 {
            let durable = store.last_position();
            let to = path(if round % 2 == 0 { "even" } else { "odd" });
            let options = BackupOptions::new().links(round % 2 == 0);
            let report = store.backup(&to, &options, &mut |_| {}).unwrap();
            assert!(report.position >= durable && taken.last().is_none_or(|last| *last <= report.position));
            taken.push(report.position);
            let found = verify(&to, &mut |_| {}).unwrap();
            assert_eq!((found.findings, found.last_position), (vec![], report.position));
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    let whole = all(&store);
    for name in ["even", "odd"] {
        let copy = all(&Store::open(path(name)).unwrap());
        assert!(whole.starts_with(&copy) && !copy.is_empty());
    }
}
