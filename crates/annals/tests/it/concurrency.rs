//! Many threads: one winner for each version, dense views, an end that leaves nobody waiting.

use crate::common::{SEGMENT_BYTES, World, events_of};
use crate::slow::SlowDisk;
use annals::{AppendError, Batch, Expected, NewEvent, Options, Position, Query, Store, Uuid, Version};
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const THREADS: usize = 8;

/// With a thread of its own, and a disk so slow that appends meet in groups.
fn busy(world: &World) -> Options {
    world.options_over(SlowDisk::over(world.disk())).background(true)
}

#[test]
fn of_many_appends_that_expect_the_same_version_exactly_one_wins() {
    let world = World::new(1);
    let store = busy(&world).open("memory").unwrap();
    let rounds = 25;
    let start = Barrier::new(THREADS);
    let wins: Vec<Vec<(u64, u64)>> = thread::scope(|scope| {
        let append = |thread: usize| {
            let mut wins = Vec::new();
            for round in 0..rounds {
                let stream = format!("shared-{}", round % 3);
                let expected = Version::new(round / 3);
                start.wait();
                let data = vec![u8::try_from(thread).unwrap(); 300];
                match store.append(&stream, Expected::Exact(expected), &[NewEvent::new("t", data)]) {
                    Ok(appended) => {
                        assert_eq!(appended.streams[0].first_version, expected.next());
                        wins.push((round, appended.first_position.get()));
                    }
                    Err(AppendError::Conflict(conflict)) => assert_eq!(conflict.actual, expected.next()),
                    Err(other) => panic!("{other:?}"),
                }
            }
            wins
        };
        let handles: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || append(thread))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let mut won = BTreeMap::new();
    for (thread, wins) in wins.iter().enumerate() {
        for (round, position) in wins {
            assert!(won.insert(*round, (thread, *position)).is_none(), "two won round {round}");
        }
    }
    assert!(won.keys().copied().eq(0..rounds), "nobody won a round: {won:?}");
    for (event, (thread, position)) in events_of(&store).iter().zip(won.values()) {
        assert_eq!((event.position.get(), usize::from(event.data().unwrap()[0])), (*position, *thread));
    }
}

#[test]
fn each_threads_batches_keep_their_order_and_views_are_dense_and_stay_as_they_are() {
    let world = World::new(2);
    let store = busy(&world).open("memory").unwrap();
    let (batches, done) = (60, AtomicBool::new(false));
    thread::scope(|scope| {
        let (store, done) = (&store, &done);
        let writers: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || write_in_order(store, thread, batches))).collect();
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(move || watch(store, done))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        let views: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert!(views > 10, "the readers have hardly looked: {views}");
    });
    assert!(store.stats().unwrap().segments > 4);
    assert_eq!(events_of(&store).len(), THREADS * batches * 3);
    store.close().unwrap();
    assert_eq!(events_of(&world.open()).len(), THREADS * batches * 3);
}

/// Batches over an own and a shared stream; what one thread appended is behind what it appended before.
fn write_in_order(store: &Store, thread: usize, batches: usize) {
    let own = format!("own-{thread}");
    let mut last = Position::ZERO;
    for number in 0..batches {
        let mut batch = Batch::new();
        let event = NewEvent::new(format!("{thread}:{number}"), vec![7; 200]);
        batch.push(&own, &event).unwrap();
        batch.push("shared", &event).unwrap();
        batch.push(&own, &event).unwrap();
        batch.expect(&own, Expected::Exact(Version::new(2 * number as u64))).unwrap();
        let appended = store.append_batch(batch).unwrap();
        assert!(appended.first_position > last);
        assert_eq!(appended.last_position.get() - appended.first_position.get(), 2);
        last = appended.last_position;
        assert!(store.last_position() >= last, "acknowledged and not visible");
        let seen = store.view().stream(&own).unwrap().unwrap();
        assert_eq!(seen.events, 2 * (number as u64 + 1), "a writer reads what it has written");
    }
}

/// Looks again and again; says how often.
fn watch(store: &Store, done: &AtomicBool) -> usize {
    let mut kept = Vec::new();
    let (mut views, mut last) = (0, 0);
    while !done.load(Ordering::SeqCst) {
        let view = store.view();
        let events: Vec<_> = view.read(Query::all()).unwrap().map(Result::unwrap).collect();
        assert_eq!(events.len() as u64, view.position().get());
        assert!(events.len() >= last, "a later view shows less");
        last = events.len();
        let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
        for (event, position) in events.iter().zip(1..) {
            assert_eq!(event.position.get(), position);
            let version = versions.entry(event.stream).or_default();
            *version += 1;
            assert_eq!(event.version.get(), *version);
        }
        assert_eq!(events.len() % 3, 0, "half a batch is visible");
        for (stream, count) in &versions {
            assert_eq!(view.stream(stream).unwrap().unwrap().events, *count);
            let backwards = view.read(Query::stream(*stream).backwards()).unwrap();
            let read: Vec<_> = backwards.map(|event| event.unwrap().version.get()).collect();
            assert!(read.into_iter().eq((1..=*count).rev()));
        }
        assert_eq!(view.streams("").count(), versions.len());
        views += 1;
        if views % 7 == 0 {
            drop(events);
            let shown: Vec<_> =
                view.read(Query::all()).unwrap().map(|event| event.unwrap().to_event()).collect();
            kept.push((view, shown));
        }
    }
    for (view, shown) in &kept {
        let again = view.read(Query::all()).unwrap().map(|event| event.unwrap().to_event());
        assert!(again.eq(shown.iter().cloned()), "a view has changed");
    }
    views
}

#[test]
fn the_same_batch_from_many_threads_is_stored_once() {
    let world = World::new(3);
    let store = busy(&world).open("memory").unwrap();
    for (round, expected) in [Expected::Any, Expected::NoStream, Expected::Any].into_iter().enumerate() {
        let stream = format!("s-{round}");
        let event = |index: usize| {
            NewEvent::new("t", &b"same"[..]).with_id(Uuid::from_u128((round * 10 + index) as u128 + 1))
        };
        let start = Barrier::new(THREADS);
        let results: Vec<_> = thread::scope(|scope| {
            let append = || {
                start.wait();
                store.append(&stream, expected, &[event(0), event(1)]).unwrap()
            };
            let handles: Vec<_> = (0..THREADS).map(|_| scope.spawn(append)).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|appended| !appended.already_applied).count(), 1);
        let first = Position::new(2 * round as u64 + 1);
        assert!(results.iter().all(|appended| appended.first_position == first));
        assert!(results.iter().all(|appended| appended.streams == results[0].streams));
        assert!(results.iter().all(|appended| appended.recorded_at == results[0].recorded_at));
    }
    assert_eq!(events_of(&store).len(), 6);
}

#[test]
fn closing_during_appends_leaves_nobody_waiting_and_everything_acknowledged_is_there() {
    for round in 0..20 {
        let world = World::new(4);
        let store = busy(&world).open("memory").unwrap();
        let acknowledged: Vec<u64> = thread::scope(|scope| {
            let append = |thread: usize| {
                let store = store.clone();
                move || {
                    for number in 0.. {
                        let stream = format!("s-{thread}");
                        match store.append(&stream, Expected::Any, &[NewEvent::new("t", vec![1; 300])]) {
                            Ok(appended) => assert_eq!(appended.streams[0].last_version.get(), number + 1),
                            Err(AppendError::Closed) => return number,
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    unreachable!()
                }
            };
            let handles: Vec<_> = (0..4).map(|thread| scope.spawn(append(thread))).collect();
            thread::sleep(std::time::Duration::from_millis(round));
            // Two at once: when either returns, the store is closed.
            let closers: Vec<_> = (0..2)
                .map(|_| {
                    let store = store.clone();
                    let world = &world;
                    scope.spawn(move || {
                        store.close().unwrap();
                        assert!(world.options().read_only(true).open("memory").unwrap().recovery().clean);
                    })
                })
                .collect();
            closers.into_iter().for_each(|closer| closer.join().unwrap());
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        assert!(matches!(
            store.append("late", Expected::Any, &[NewEvent::json("t", "1")]),
            Err(AppendError::Closed)
        ));
        let view = store.view();
        drop(store);
        let again = world.open();
        assert!(again.recovery().clean);
        for (thread, count) in acknowledged.iter().enumerate() {
            let stream = format!("s-{thread}");
            let events = |view: &annals::View| view.stream(&stream).unwrap().map_or(0, |info| info.events);
            assert_eq!((events(&again.view()), events(&view)), (*count, *count));
        }
    }
}

#[test]
fn a_batch_larger_than_a_segment_has_its_place_among_small_ones_of_many_threads() {
    let world = World::new(5);
    let store = busy(&world).open("memory").unwrap();
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..15_u64 {
                    let bytes = if number % 5 == 4 { SEGMENT_BYTES as usize * 2 } else { 500 };
                    let stream = format!("s-{thread}");
                    let event = NewEvent::new("t", vec![thread; bytes]);
                    store.append(&stream, Expected::Exact(Version::new(number)), &[event]).unwrap();
                }
            });
        }
    });
    store.close().unwrap();
    let events = events_of(&world.open());
    assert_eq!(events.len(), 60);
    assert!(events.iter().all(|event| event.stream == format!("s-{}", event.data().unwrap()[0])));
}
