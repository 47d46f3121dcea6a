//! Whole directories: a sound store whose files were edited is opened, read, verified, appended to.

mod edits;
mod reads;
mod seeds;

use super::golden::{SEGMENT_BYTES, batch, golden};
use crate::world::World;
use annals::vfs::MemoryDisk;
use annals::{Event, Position, Query, Store, verify_in};
use edits::edited;
use reads::Reader;
use std::sync::Arc;

pub(super) use seeds::seeds;
// Run by ordinary tests.
pub use seeds::manifest_words;

/// Several times what the files have after all edits.
const CAPACITY: u64 = 4 << 20;

/// A store with edited files. What it answers is exact or an error; if files were resealed, what is wrong may look
/// right, and all that is asked is that it answers, in bounded time and memory.
///
/// # Panics
/// If the store does what it must not do.
pub fn directory(input: &[u8]) {
    let (image, resealed) = edited(golden(), input);
    let disk = MemoryDisk::from_image(image).expect("memory for a few small files");
    // A manifest may ask for segments of 4 GiB.
    disk.set_capacity(Some(CAPACITY));
    let world = World::on(disk, 1, SEGMENT_BYTES);
    let exact = !resealed;
    check_verify(&world);
    if let Ok(store) = world.options().read_only(true).open("read only") {
        check_store(&store, &golden().events, exact);
    }
    if let Ok(store) = world.open() {
        check_store(&store, &golden().events, exact);
        append_and_reopen(&world, store, exact);
    }
    check_verify(&world);
}

fn check_verify(world: &World) {
    let env = world.env_over(Arc::new(world.disk.clone()));
    let mut done = 0;
    let found = verify_in(&env, &mut |progress| {
        assert!(progress.bytes_done >= done, "verifying went backwards");
        done = progress.bytes_done;
    });
    if let Ok(found) = found {
        assert!(found.findings.len() < 10_000, "{} findings", found.findings.len());
    }
}

/// Reads all that can be read; `events` are those that the store may have, in order.
fn check_store(store: &Store, events: &[Event], exact: bool) {
    let last = usize::try_from(store.last_position().get()).unwrap_or(usize::MAX);
    assert!(!exact || last <= events.len(), "{last} events of {}", events.len());
    Reader { view: &store.view(), events: &events[..last.min(events.len())], exact }.everything();
    let stats = store.stats();
    if exact && let Ok(stats) = stats {
        assert_eq!(stats.events, last as u64);
    }
}

/// What is appended to a store that could be opened is there afterwards, behind what was there before.
fn append_and_reopen(world: &World, store: Store, exact: bool) {
    let last = store.last_position();
    let Ok(appended) = store.append_batch(batch(999)) else { return };
    let _ = store.maintain();
    if exact {
        assert_eq!(appended.first_position, last.next());
    }
    let new = events_from(&store, appended.first_position, exact);
    let closed = store.close().is_ok();
    let Ok(store) = world.open() else {
        return assert!(!exact || !closed, "a store that took events and was closed cannot be opened");
    };
    if exact {
        assert_eq!(events_from(&store, appended.first_position, exact), new);
        let before = usize::try_from(last.get()).expect("a few events");
        let events = [&golden().events[..before], &new].concat();
        Reader { view: &store.view(), events: &events, exact }.all();
    }
}

/// The events that were just appended.
fn events_from(store: &Store, first: Position, exact: bool) -> Vec<Event> {
    let view = store.view();
    let Ok(events) = view.read(Query::all().from_position(first).limit(100)) else { return Vec::new() };
    let events: Vec<Event> = events.map_while(Result::ok).map(|event| event.to_event()).collect();
    assert!(!exact || events.len() == batch(999).len(), "of a batch {} events are there", events.len());
    events
}
