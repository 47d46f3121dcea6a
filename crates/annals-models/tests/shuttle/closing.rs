//! Closing at any moment: nobody waits for ever, and what was acknowledged is there.

use crate::world::{World, look};
use annals::{AppendError, Expected};
use annals_models::{explore, switch};
use shuttle::thread;

/// Appends until the store is closed, three times at most; says how often.
fn append_until_closed(world: &World, store: &annals::Store, thread: u8) -> usize {
    for number in 0..3 {
        match world.append(store, &format!("own-{thread}"), Expected::Any, [thread, number]) {
            Ok(_) => {}
            Err(AppendError::Closed) => return number.into(),
            Err(other) => panic!("{other:?}"),
        }
    }
    3
}

#[test]
fn appends_during_a_close_are_acknowledged_and_durable_or_refused() {
    explore(1_500, || {
        let world = World::new();
        let store = world.open();
        let appenders: Vec<_> = (1..=2)
            .map(|thread| {
                let (world, store) = (world.clone(), store.clone());
                thread::spawn(move || append_until_closed(&world, &store, thread))
            })
            .collect();
        let closers: Vec<_> = (0..2)
            .map(|_| {
                let (world, store) = (world.clone(), store.clone());
                thread::spawn(move || {
                    switch();
                    store.close().unwrap();
                    // When either returns, the store is closed: this is all there will ever be.
                    let (events, clean) = world.lose_power().check();
                    assert!(clean);
                    events
                })
            })
            .collect();
        let closed: Vec<_> = closers.into_iter().map(|closer| closer.join().unwrap()).collect();
        let appended: usize = appenders.into_iter().map(|appender| appender.join().unwrap()).sum();
        let late = world.append(&store, "late", Expected::Any, [9, 9]);
        assert!(matches!(late, Err(AppendError::Closed)));
        let shown = look(&store.view());
        assert_eq!(shown.len(), appended, "shown and not acknowledged");
        assert!(closed.into_iter().all(|events| events == shown));
        drop(store);
        assert_eq!(world.lose_power().check(), (shown, true));
    });
}

#[test]
fn the_last_who_lets_go_closes_the_store() {
    explore(1_000, || {
        let world = World::new();
        let store = world.open();
        let handles: Vec<_> = (1..=2)
            .map(|thread| {
                let (world, store) = (world.clone(), store.clone());
                thread::spawn(move || assert_eq!(append_until_closed(&world, &store, thread), 3))
            })
            .collect();
        drop(store);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        let (events, clean) = world.lose_power().check();
        assert_eq!((events.len(), clean), (6, true));
        // Nobody holds it any more.
        world.open().close().unwrap();
    });
}
