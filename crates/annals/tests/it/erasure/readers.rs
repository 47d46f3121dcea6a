//! Readers beside and behind an erasure.

use super::{SECRET, check_erased, erase, files_with, fill, listed, own, tag};
use crate::common::{World, events_of, verified};
use annals::{Expected, NewEvent, PayloadError, Query};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn a_view_reads_on_what_it_was_promised_and_the_old_files_go_with_it() {
    let world = World::new(51);
    let store = world.open();
    fill(&store, 3, 20);
    let before = own(&store);
    let view = store.view();
    erase(&store, tag(2));
    let read: Vec<_> = view.read(Query::all()).unwrap().map(|event| event.unwrap().to_event()).collect();
    assert!(read == before, "the view shows something else than before");
    assert!(!files_with(&world, &format!("{SECRET}-2-")).is_empty());
    drop(view);
    assert_eq!(files_with(&world, &format!("{SECRET}-2-")), [] as [String; 0]);
    check_erased(&before, &own(&store), 2, "a view of now");
}

#[test]
fn the_past_and_every_other_way_to_read_say_that_it_is_erased() {
    let world = World::new(52);
    let store = world.open();
    fill(&store, 2, 4);
    let id = own(&store)[1].id;
    let cut = store.last_position();
    erase(&store, tag(2));
    let view = store.view().as_of(annals::AsOf::Position(cut)).unwrap();
    let gone = |event: annals::EventRef<'_>| matches!(event.plain(), Err(PayloadError::Erased { .. }));
    assert!(gone(view.event(id).unwrap().unwrap()));
    assert!(gone(view.event_at(annals::Position::new(2)).unwrap().unwrap()));
    assert!(view.read(Query::stream("visit-2").backwards()).unwrap().all(|event| gone(event.unwrap())));
    assert!(view.document("visit-2").is_err() && view.document("visit-1").is_ok());
    let seen = store.decide(&Query::stream("visit-2"), |situation| {
        let erased = situation
            .events()
            .unwrap()
            .filter(|event| event.as_ref().is_ok_and(|event| gone(*event)))
            .count();
        Ok::<_, std::convert::Infallible>((annals::Batch::new(), erased))
    });
    assert_eq!(seen.unwrap().answer, 4);
}

#[test]
fn a_reader_beside_the_writer_does_not_show_it_any_more_once_it_has_looked_for_news() {
    let world = World::new(53);
    let store = world.open();
    fill(&store, 3, 20);
    store.mark_durable().unwrap();
    let before = own(&store);
    let reader = world.options().read_only(true).open("memory").unwrap();
    let last = reader.last_position();
    assert_eq!(reader.erase(tag(2)).plan().unwrap().events, 20);
    erase(&store, tag(2));
    store.mark_durable().unwrap();
    assert!(reader.wait_beyond(last, Duration::ZERO).unwrap(), "the ledger is news");
    check_erased(&before, &own(&reader), 2, "reader");
    assert_eq!((reader.erasures_under_way(), listed(&reader).len()), (0, 20));
}

#[test]
fn writers_and_readers_go_on_while_something_is_erased_again_and_again() {
    let world = World::new(55);
    let store = world.options().background(true).open("memory").unwrap();
    fill(&store, 3, 10);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..200 {
                let event = NewEvent::json("visited", format!("[{number},{:?}]", "y".repeat(200)))
                    .with_tag("patient:9");
                store.append("visit-9", Expected::Any, &[event]).unwrap();
            }
        });
        let reader = scope.spawn(|| {
            loop {
                let last_one = done.load(Ordering::Relaxed);
                let view = store.view();
                let (mut last, mut erased, mut shown) = (0, 0, 0);
                for event in view.read(Query::all()).unwrap() {
                    let event = event.unwrap();
                    assert_eq!(event.position.get(), last + 1);
                    last = event.position.get();
                    if event.stream == "visit-2" {
                        *(if event.data().is_ok() { &mut shown } else { &mut erased }) += 1;
                    }
                }
                assert!(shown == 0 || erased == 0, "{shown} shown and {erased} erased at once");
                if last_one {
                    break;
                }
            }
        });
        for patient in [2, 9, 1, 9, 9] {
            erase(&store, tag(patient));
        }
        writer.join().unwrap();
        erase(&store, tag(9));
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(listed(&store).iter().filter(|event| event.stream == "visit-9").count(), 200);
    let left =
        events_of(&store).iter().filter(|event| event.stream == "visit-9" && event.payload.is_ok()).count();
    assert_eq!(left, 0);
    store.close().unwrap();
    assert_eq!(files_with(&world, "yyyyyyyyyy"), [] as [String; 0]);
    assert_eq!(verified(&world.disk()), [] as [String; 0]);
}
