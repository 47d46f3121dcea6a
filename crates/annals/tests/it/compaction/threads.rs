//! Compaction beside writers and readers.

use super::{compact, fill, filled, keep, seen};
use crate::common::{World, verified};
use annals::{Expected, NewEvent, Query};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_view_reads_on_what_it_was_promised_and_its_files_go_with_it() {
    let (world, store) = filled(31);
    // Nothing of it was read yet, so no file is mapped.
    store.close().unwrap();
    let store = world.open();
    let view = store.view();
    let before = world.files("log/");
    compact(&store);
    let held: Vec<String> = world.files("log/");
    assert!(before.iter().all(|file| held.contains(file)), "files of the view are gone");
    let promised: Vec<u64> =
        view.read(Query::all()).unwrap().map(|event| event.unwrap().position.get()).collect();
    let shown: Vec<u64> = seen(&store).iter().map(|event| event.position.get()).collect();
    assert_eq!(promised, shown);
    assert!(view.event_at(annals::Position::FIRST).is_err_and(|error| error.to_string().contains("hidden")));
    drop(view);
    let left = world.files("log/");
    assert!(before.iter().filter(|file| left.contains(file)).count() < before.len(), "{left:?}");
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}

#[test]
fn a_reader_beside_the_writer_finds_the_new_files_when_it_looks_for_news() {
    let (world, store) = filled(33);
    store.mark_durable().unwrap();
    let reader = world.options().read_only(true).open("memory").unwrap();
    let last = reader.last_position();
    compact(&store);
    // What it had not read before is not there any more, and that is told.
    let gone = reader.view().read(Query::all()).unwrap().find_map(Result::err);
    let gone = gone.map(|error| std::error::Error::source(&error).map(ToString::to_string));
    assert!(gone.is_some(), "it has read files that are not there");
    store.mark_durable().unwrap();
    assert!(reader.wait_beyond(last, std::time::Duration::ZERO).unwrap(), "the ledger is news");
    assert_eq!(seen(&reader), seen(&store));
    let again = reader.last_position();
    store
        .retention()
        .set(&annals::RetentionScope::category("session"), &annals::RetentionRule::new().max_count(1))
        .unwrap();
    store.mark_durable().unwrap();
    assert!(reader.wait_beyond(again, std::time::Duration::ZERO).unwrap());
    assert_eq!(seen(&reader), seen(&store));
}

#[test]
fn writers_and_readers_go_on_while_the_store_is_compacted_again_and_again() {
    let world = World::new(32);
    let store = world.options().background(true).open("memory").unwrap();
    fill(&store, 4, 10);
    keep(&store, 3);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..150 {
                        let event = NewEvent::json("said", format!("[{number},{:?}]", "y".repeat(200)));
                        store.append(&format!("session-w{writer}"), Expected::Any, &[event]).unwrap();
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let view = store.view();
                let mut last = 0;
                for event in view.read(Query::all()).unwrap() {
                    let event = event.unwrap();
                    assert!(event.position.get() > last);
                    last = event.position.get();
                }
                for stream in view.streams("session-") {
                    let stream = stream.unwrap();
                    let versions: Vec<u64> = view
                        .read(Query::stream(&*stream.stream))
                        .unwrap()
                        .map(|event| event.unwrap().version.get())
                        .collect();
                    assert_eq!(versions.last(), Some(&stream.last_version.get()));
                    assert_eq!(versions.len() as u64, stream.events.min(3));
                    assert!(versions.windows(2).all(|pair| pair[0] + 1 == pair[1]));
                }
                reads += 1;
            }
            reads
        });
        while writers.iter().any(|writer| !writer.is_finished()) {
            compact(&store);
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    compact(&store);
    assert_eq!(store.view().count(Query::all().category("session")).unwrap(), 7 * 3);
    store.close().unwrap();
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}
