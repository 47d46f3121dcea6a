//! The stores that scenes begin with: made once, without a failure.

use super::seen::Seen;
use crate::suite::Failure;
use crate::world::{START, World};
use annals::vfs::MemoryDisk;
use annals::{
    BackupOptions, Batch, Compression, EraseTarget, NewEvent, RetentionRule, RetentionScope, Store, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const SEGMENT_BYTES: u64 = 16 << 10;
/// Batches of four events, which fill more than two segments.
const BATCHES: u64 = 16;
/// The stream whose payloads are erased.
pub(super) const ERASED: &str = "order-1";

type Image = BTreeMap<String, Vec<u8>>;

/// What scenes begin with, and what they have to end with.
#[derive(Debug)]
pub(super) struct Prepared {
    /// A store with events that its rules hide, none of which is removed.
    pub(super) full: Image,
    /// The same after a compaction, an erasure, and more events.
    pub(super) compacted: Image,
    /// A backup of the first, and what it has.
    pub(super) backup: Image,
    pub(super) of_full: Seen,
    /// A backup of the second, and what it has.
    pub(super) backup_of_compacted: Image,
    pub(super) of_compacted: Seen,
    /// How many events a compaction of the first removes.
    pub(super) removed: u64,
}

static PREPARED: LazyLock<Result<Prepared, Failure>> = LazyLock::new(prepare);

/// What was made.
///
/// # Errors
/// That the engine cannot make it.
pub(super) fn prepared() -> Result<&'static Prepared, Failure> {
    PREPARED.as_ref().map_err(Clone::clone)
}

/// The surroundings of a store with these files.
pub(super) fn world(image: &Image) -> Result<World, Failure> {
    let disk = MemoryDisk::from_image(image.clone()).map_err(failed)?;
    let world = World::on(disk, 30, SEGMENT_BYTES);
    world.clock.set(time(BATCHES * 2));
    Ok(world)
}

/// Removes everything that rules let go, and compresses what stays.
///
/// # Errors
/// As the store says.
pub(super) fn compact(store: &Store) -> Result<u64, annals::CompactError> {
    let compaction = store.compaction().all(true).bytes_per_second(None).compression(Compression::Lz4);
    compaction.run().map(|report| report.events_removed)
}

/// Erases the payloads of a stream.
///
/// # Errors
/// As the store says.
pub(super) fn erase(store: &Store) -> Result<u64, annals::EraseError> {
    let erase = store.erase(EraseTarget::Stream(ERASED.into())).reason("a letter").bytes_per_second(None);
    erase.run().map(|report| report.events_erased)
}

fn prepare() -> Result<Prepared, Failure> {
    let world = World::new(30, SEGMENT_BYTES);
    let store = world.open().map_err(failed)?;
    append(&world, &store, 0..BATCHES)?;
    store.maintain().map_err(failed)?;
    let rule = RetentionRule::new().max_count(3);
    store.retention().set(&RetentionScope::category("account"), &rule).map_err(failed)?;
    let backup = MemoryDisk::new();
    back_up(&world, &store, &backup)?;
    let backup_of_full = backup.image();
    store.close().map_err(failed)?;
    let full = world.disk.image();
    let store = world.open().map_err(failed)?;
    let removed = compact(&store).map_err(failed)?;
    erase(&store).map_err(failed)?;
    append(&world, &store, BATCHES..BATCHES + 3)?;
    back_up(&world, &store, &backup)?;
    store.close().map_err(failed)?;
    Ok(Prepared {
        of_full: Seen::of(&world.after(MemoryDisk::from_image(backup_of_full.clone()).map_err(failed)?))?,
        of_compacted: Seen::of(&world.after(backup.clone()))?,
        compacted: world.disk.image(),
        backup: backup_of_full,
        backup_of_compacted: backup.image(),
        full,
        removed,
    })
}

fn back_up(world: &World, store: &Store, to: &MemoryDisk) -> Result<(), Failure> {
    let env = world.env_over(Arc::new(to.clone()));
    store.backup_in(&env, &BackupOptions::new(), &mut |_| {}).map(drop).map_err(failed)
}

fn append(world: &World, store: &Store, numbers: std::ops::Range<u64>) -> Result<(), Failure> {
    for number in numbers {
        world.clock.set(time(number));
        let mut batch = Batch::new();
        for index in 0..4 {
            let stream = format!("{}-{}", ["account", "order"][index % 2], index / 2);
            let text = format!(
                "{{\"number\":{number},\"note\":\"{}\"}}",
                format!("{index} of {number} ").repeat(60)
            );
            batch.push(&stream, &NewEvent::json("moved", text)).map_err(failed)?;
        }
        store.append_batch(batch).map_err(failed)?;
    }
    Ok(())
}

fn time(number: u64) -> Timestamp {
    Timestamp::from_nanos(START + 1_000_000 * i64::try_from(number).unwrap_or(0))
}

fn failed(error: impl std::fmt::Debug) -> Failure {
    Failure::new(format!("a scene cannot be prepared: {error:?}"))
}
