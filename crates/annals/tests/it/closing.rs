//! Closing: what is durable after it, and that nobody waits for more.

use crate::common::{World, events_of, verified};
use annals::vfs::{Fate, Fault, FaultyDisk, MemoryDisk, Survival, Unsynced, When};
use annals::{AppendError, Durability, Expected, NewEvent, Store};
use std::sync::{Arc, mpsc};
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

/// A close seals the active segment. Whatever call of it fails, once or from then on, and whatever a loss of power leaves of
/// it: all events are there, nothing looks damaged, and they are found by name.
#[test]
fn a_close_that_fails_anywhere_while_it_seals_leaves_a_log_that_is_whole() {
    let large = |world: &World| world.options().segment_bytes(4 << 20);
    let world = World::new(18);
    let store = large(&world).open("memory").unwrap();
    for _ in 0..6 {
        store.append("s", Expected::Any, &[NewEvent::new("t", vec![7; 250_000])]).unwrap();
    }
    let events = events_of(&store);
    std::mem::forget(store);
    let image = world.disk().image();
    let mut fired = true;
    let mut states = 0;
    for fault_at in 1.. {
        if !fired {
            break;
        }
        for lasting in [false, true] {
            let world = World::on(MemoryDisk::from_image(image.clone()).unwrap(), 19);
            let disk = FaultyDisk::new(Arc::new(world.disk()));
            let options = world.options_over(Arc::new(disk.clone())).segment_bytes(4 << 20);
            let store = options.open("memory").unwrap();
            let when = When::nth_of_all(fault_at);
            disk.arm(if lasting { when.from_then_on() } else { when }, Fault::Os(5));
            let closed = store.close();
            fired = disk.fired();
            for keep in [true, false] {
                let mut fate = |_: &Unsynced<'_>| if keep { Fate::Kept } else { Fate::Lost };
                let context = format!("call {fault_at}, lasting {lasting}, kept {keep}, {closed:?}");
                let world = World::on(world.disk().crash(Survival::Chosen(&mut fate)), 20);
                assert_eq!(verified(&world.disk()), [] as [String; 0], "{context}");
                let store = large(&world).open("memory").unwrap();
                assert_eq!(events_of(&store), events, "{context}");
                assert!(fired || store.recovery().clean, "{context}");
                let next = store.append("s", Expected::Any, &[NewEvent::new("t", vec![1])]).unwrap();
                assert_eq!(next.streams[0].first_version.get(), events.len() as u64 + 1, "{context}");
                states += 1;
            }
        }
    }
    assert!(states > 40, "{states}");
}
