//! Backups: complete, taken once, never half, and restored to any moment.

mod busy;
mod compacted;
mod crashes;
mod failing;
mod making;
mod places;
mod restoring;

use crate::common::{World, events_of};
use annals::vfs::{Disk, Env, ManualClock, MemoryDisk, SeededRandom};
use annals::{
    BackupError, BackupOptions, BackupReport, Batch, Event, NewEvent, Options, Store, Timestamp, Uuid,
    verify_in,
};
use std::sync::Arc;

pub(crate) fn env_over(disk: Arc<dyn Disk>) -> Env {
    let clock = ManualClock::new(Timestamp::from_nanos(1_800_000_000_000_000_000));
    Env { disk, clock: Arc::new(clock), random: Arc::new(SeededRandom::new(5)) }
}

pub(crate) fn env_of(disk: &MemoryDisk) -> Env {
    env_over(Arc::new(disk.clone()))
}

/// Appends so many batches of one to four events to six streams, a third of the events with ids.
pub(crate) fn append(world: &World, store: &Store, batches: u64) {
    for _ in 0..batches {
        let mut batch = Batch::new();
        let mut position = store.last_position().get() + 1;
        for _ in 0..1 + position % 4 {
            let data = format!("<{position}>").repeat(20 + (position * 7919 % 150) as usize);
            let mut event = NewEvent::new(format!("type-{}", position % 3), data.into_bytes());
            if position.is_multiple_of(3) {
                event = event.with_id(Uuid::from_u128(u128::from(position)));
            }
            batch.push(&format!("s-{}", position % 6), &event).unwrap();
            position += 1;
        }
        store.append_batch(batch).unwrap();
        let now = crate::common::START + position.cast_signed() * 1_000_000;
        world.clock.set(Timestamp::from_nanos(now));
    }
    store.maintain().unwrap();
}

pub(crate) fn back_up(store: &Store, to: &MemoryDisk) -> Result<BackupReport, BackupError> {
    let (mut done, mut total) = (0, 0);
    let report = store.backup_in(&env_of(to), &BackupOptions::new(), &mut |progress| {
        assert!(progress.bytes_done <= progress.bytes_total);
        assert!(progress.bytes_done >= done, "less than before");
        (done, total) = (progress.bytes_done, progress.bytes_total);
    });
    assert!(report.is_err() || done == total, "{done} of {total}");
    report
}

/// What a store on a disk has, read without changing anything; it must be sound.
pub(crate) fn sound_events(disk: &MemoryDisk, context: &str) -> Vec<Event> {
    let copy = MemoryDisk::from_image(disk.image()).unwrap();
    let found = verify_in(&env_of(&copy), &mut |_| {}).unwrap();
    assert!(found.findings.is_empty(), "{context}: {:?}", found.findings);
    let reader = Options::new().env(env_of(&copy)).read_only(true).open("copy").unwrap();
    events_of(&reader)
}

/// Opens a copy of a disk for writing, appends, and closes: it goes on, and everything before stays.
pub(crate) fn goes_on(disk: &MemoryDisk, events: &[Event], context: &str) {
    let copy = MemoryDisk::from_image(disk.image()).unwrap();
    let world = World::on(copy, 77);
    world.clock.set(Timestamp::from_nanos(1_900_000_000_000_000_000));
    let store = world.open();
    assert!(events_of(&store) == *events, "{context}");
    append(&world, &store, 3);
    let all = events_of(&store);
    assert!(all.len() > events.len() && all.starts_with(events), "{context}");
    store.close().unwrap();
    assert!(sound_events(&world.disk(), context) == all, "{context}");
}
