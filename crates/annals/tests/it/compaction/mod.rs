//! Removing what rules of retention hide for good: what stays, what is told of the rest, and what a crash leaves.
//!
//! That every way to read says the same before and behind it is in `retention::history`.

mod compressed;
mod crashes;
mod removed;
mod threads;
mod windows;
mod worker;

use crate::common::{World, events_of};
use annals::vfs::MemoryDisk;
use annals::{Event, Expected, NewEvent, RetentionRule, RetentionScope, Store};

/// Streams of a category, of which each has so many events, one batch each, in turn, and between them some of another one.
pub(crate) fn fill(store: &Store, streams: u64, events: u64) {
    for number in 1..=events {
        for stream in 1..=streams {
            let data = format!("{{\"number\":{number},\"pad\":{:?}}}", "x".repeat(90));
            let event = NewEvent::json("said", data).with_tag(format!("s:{stream}"));
            store.append(&format!("session-{stream}"), Expected::Any, &[event]).unwrap();
        }
        store.append("account-1", Expected::Any, &[NewEvent::json("opened", number.to_string())]).unwrap();
    }
    store.maintain().unwrap();
}

/// Has only the newest events of each stream shown.
pub(crate) fn keep(store: &Store, count: u64) {
    store
        .retention()
        .set(&RetentionScope::category("session"), &RetentionRule::new().max_count(count))
        .unwrap();
}

/// Events that a reader sees, but for those of the ledger.
fn seen(store: &Store) -> Vec<Event> {
    events_of(store).into_iter().filter(|event| event.stream != "$annals.ledger").collect()
}

/// Has no segment that is laid out and not full: each of these events takes more than the usual size.
pub(crate) fn fill_last_segment(disk: &MemoryDisk) {
    let store = World::on(disk.clone(), 31).open();
    store.maintain().unwrap();
    for _ in 0..2 {
        store.append("account-1", Expected::Any, &[NewEvent::new("opened", vec![7; 16 << 10])]).unwrap();
    }
    store.close().unwrap();
}

pub(crate) fn compact(store: &Store) -> annals::CompactionReport {
    store.compaction().all(true).bytes_per_second(None).run().unwrap()
}

/// A store of several segments whose streams keep their last two events.
pub(crate) fn filled(seed: u64) -> (World, Store) {
    let world = World::new(seed);
    let store = world.open();
    fill(&store, 7, 40);
    keep(&store, 2);
    (world, store)
}
