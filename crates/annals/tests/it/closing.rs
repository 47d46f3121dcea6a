//! What is durable when a store without syncs is closed.

use crate::common::World;
use annals::vfs::Survival;
use annals::{AppendError, Durability, Expected, NewEvent, Store};

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
