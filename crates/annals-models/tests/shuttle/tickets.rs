//! Batches that are submitted, beside appends and a close.

use crate::world::{Told, World, look};
use annals::{AppendError, Batch, Expected, Store, Ticket};
use annals_models::{explore, switch};
use shuttle::thread;

fn submit(world: &World, store: &Store, mark: [u8; 2]) -> Ticket {
    let mut batch = Batch::new();
    world.push(&mut batch, "submitted", mark);
    store.submit(batch).unwrap()
}

/// Waits, and keeps what was acknowledged; `false` if the store was closed before.
fn wait(world: &World, store: &Store, ticket: Ticket, mark: [u8; 2]) -> bool {
    match ticket.wait() {
        Ok(appended) => {
            assert!(store.last_position() >= appended.last_position, "told and not visible");
            world.acknowledge(Told {
                position: appended.first_position.get(),
                stream: "submitted".to_owned(),
                version: appended.streams[0].first_version.get(),
                mark,
            });
            true
        }
        Err(AppendError::Closed) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_was_submitted_is_told_in_order_and_what_was_told_survives() {
    explore(1_500, || {
        let world = World::of_small_events();
        let store = world.open();
        let submitter = {
            let (world, store) = (world.clone(), store.clone());
            thread::spawn(move || {
                let tickets: Vec<_> = (0..3).map(|number| submit(&world, &store, [1, number])).collect();
                for (number, ticket) in (0..3).zip(tickets).rev() {
                    // The last one first: what was submitted before it has been told, too.
                    assert!(number == 2 || ticket.is_done());
                    assert!(wait(&world, &store, ticket, [1, number]));
                }
            })
        };
        let appender = {
            let (world, store) = (world.clone(), store.clone());
            thread::spawn(move || world.append(&store, "own", Expected::Any, [2, 0]).unwrap())
        };
        switch();
        world.lose_power().check();
        submitter.join().unwrap();
        appender.join().unwrap();
        assert_eq!(look(&store.view()).len(), 4);
        store.close().unwrap();
        assert_eq!(world.lose_power().check().0.len(), 4);
    });
}

#[test]
fn what_is_submitted_beside_a_close_is_told_and_there_or_refused() {
    explore(1_500, || {
        let world = World::of_small_events();
        let store = world.open();
        let submitter = {
            let (world, store) = (world.clone(), store.clone());
            thread::spawn(move || {
                let tickets: Vec<_> = (0..3).map(|number| submit(&world, &store, [1, number])).collect();
                let told = (0..)
                    .zip(tickets)
                    .filter_map(|(number, ticket)| wait(&world, &store, ticket, [1, number]).then_some(()));
                told.count()
            })
        };
        switch();
        store.close().unwrap();
        let (events, clean) = world.lose_power().check();
        assert!(clean, "closed in good order");
        assert_eq!(submitter.join().unwrap(), events.len(), "there and not told");
    });
}
