//! Closing: what is durable after it, and that nobody waits for more.

use crate::common::World;
use annals::vfs::Survival;
use annals::{AppendError, Durability, Expected, NewEvent, Store};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// After this long, who was to be let go never will be.
const PATIENCE: Duration = Duration::from_secs(60);

/// Five events that no sync covers.
fn unsynced(world: &World) -> Store {
    let store = world.options().durability(Durability::Os).open("memory").unwrap();
    for _ in 0..5 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 100])]).unwrap();
    }
    store
}

#[test]
fn what_was_appended_without_a_sync_is_durable_once_the_store_is_closed() {
    let world = World::new(15);
    unsynced(&world).close().unwrap();
    let world = World::on(world.disk().crash(Survival::Synced), 17);
    let store = world.open();
    assert!(store.recovery().clean);
    assert_eq!(store.last_position().get(), 5);
}

#[test]
fn a_close_whose_sync_fails_does_not_say_that_what_was_appended_is_durable() {
    let world = World::new(16);
    let store = unsynced(&world);
    world.disk().fail_sync(1);
    assert!(matches!(store.close(), Err(AppendError::DurabilityUnknown { .. })));
    let world = World::on(world.disk().crash(Survival::Synced), 17);
    assert!(!world.open().recovery().clean);
}

/// The first to be asked waits, perhaps, when the store is closed; the second asks a store that is closed.
#[test]
fn nobody_waits_for_events_of_a_closed_store() {
    for read_only in [false, true] {
        let world = World::new(18);
        drop(unsynced(&world));
        let store = world.options().read_only(read_only).open("memory").unwrap();
        let last = store.last_position();
        let (told, answers) = mpsc::channel();
        let clone = store.clone();
        thread::spawn(move || {
            for after in [last, last, last.previous()] {
                told.send(clone.wait_beyond(after, Duration::MAX).unwrap()).unwrap();
            }
        });
        store.close().unwrap();
        let answers: Vec<bool> = (0..3).map_while(|_| answers.recv_timeout(PATIENCE).ok()).collect();
        assert_eq!(answers, [false, false, true], "read only: {read_only}");
    }
}
