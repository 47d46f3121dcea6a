//! Something that is done from the same start again and again, each time with another call of the disk going wrong.

use crate::common::World;
use crate::workload::fates;
use annals::Store;
use annals::vfs::{Fault, FaultyDisk, MemoryDisk, Survival, When};
use std::fmt::Debug;
use std::io::ErrorKind;
use std::sync::Arc;

/// Lets each call fail, by itself and with all behind it, until there are no more: `then` sees what came of it while the store is open
/// and its disk sound again, and `left` the files behind that.
pub(crate) fn with_each_call_failing<T: Debug, E: Debug>(
    start: &MemoryDisk,
    seed: u64,
    work: impl Fn(&Store) -> Result<T, E>,
    then: impl Fn(&Store, &Result<T, E>, &str),
    left: impl Fn(MemoryDisk, &str),
) {
    for (nth, for_good) in (1..).flat_map(|nth| [(nth, false), (nth, true)]) {
        let (memory, faulty, store) = opened(start, seed);
        let when = When::nth_of_all(nth);
        faulty.arm(if for_good { when.from_then_on() } else { when }, Fault::Error(ErrorKind::Other));
        let result = work(&store);
        let fired = faulty.fired();
        faulty.disarm();
        let context = format!("call {nth}, for good: {for_good}: {result:?}");
        then(&store, &result, &context);
        drop(store);
        left(memory.crash(Survival::All), &context);
        if !fired {
            assert!(result.is_ok() && nth > 30, "{context}");
            break;
        }
    }
}

/// Lets each call be the last one before power is lost, until there are no more: `left` sees the files, as so many losses leave them.
pub(crate) fn with_power_lost_at_each_call<T>(
    start: &MemoryDisk,
    seed: u64,
    losses: u64,
    work: impl Fn(&Store) -> T,
    left: impl Fn(MemoryDisk, &str),
) {
    let mut states = 0;
    for nth in 1.. {
        let (memory, faulty, store) = opened(start, seed);
        faulty.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
        let _ = work(&store);
        let fired = faulty.fired();
        std::mem::forget(store);
        for loss in 0..losses {
            left(after_loss(&memory, nth, loss), &format!("call {nth}, loss {loss}"));
            states += 1;
        }
        if !fired {
            break;
        }
    }
    assert!(states > 100, "{states}");
}

/// Leaves more and more room on the disk, of which there is too little at first: `then` sees what came of it on the full disk, and
/// `left` the files when there is room again. Says how often it failed.
pub(crate) fn with_little_room<T: Debug, E: Debug>(
    start: &MemoryDisk,
    seed: u64,
    rooms: impl Iterator<Item = u64>,
    work: impl Fn(&Store) -> Result<T, E>,
    mut then: impl FnMut(&Store, &Result<T, E>, &str),
    left: impl Fn(MemoryDisk, &str),
) -> u32 {
    let bytes_of = |disk: &MemoryDisk| disk.image().values().map(|bytes| bytes.len() as u64).sum::<u64>();
    let mut failed = 0;
    for room in rooms {
        let memory = start.crash(Survival::All);
        let store = World::on(memory.clone(), seed).open();
        memory.set_capacity(Some(bytes_of(&memory).max(bytes_of(start)) + room));
        let result = work(&store);
        failed += u32::from(result.is_err());
        let context = format!("{room} bytes: {result:?}");
        then(&store, &result, &context);
        memory.set_capacity(None);
        drop(store);
        left(memory, &context);
    }
    failed
}

/// Takes steps on a store that is made for them, with each call as the last one before power is lost. `work` says how many of the
/// `steps` it has done; `left` sees that, and the store on what was synced, if there is one by then.
pub(crate) fn with_power_lost_between_steps(
    seed: u64,
    steps: usize,
    work: impl Fn(Arc<FaultyDisk>, &World) -> usize,
    mut left: impl FnMut(usize, &Store, &str),
) {
    let begin = || {
        let world = World::new(seed);
        let disk = Arc::new(FaultyDisk::new(Arc::new(world.disk())));
        (world, disk)
    };
    let (world, disk) = begin();
    assert_eq!(work(disk.clone(), &world), steps);
    let mut seen = vec![0; steps + 1];
    for nth in 1..=disk.total_calls() {
        let (world, disk) = begin();
        disk.arm(When::nth_of_all(nth).from_then_on(), Fault::Error(ErrorKind::Other));
        let done = work(disk, &world);
        seen[done] += 1;
        let after = World::on(world.disk().crash(Survival::Synced), 36);
        if let Ok(store) = after.try_open() {
            left(done, &store, &format!("crash at call {nth}, {done} steps done"));
        }
    }
    let between = &seen[1..steps];
    assert!(between.iter().all(|times| *times > 0), "each step was the last one at some call: {seen:?}");
}

/// What a loss of power leaves: nothing but what was synced, everything, or what chance leaves.
pub(crate) fn after_loss(memory: &MemoryDisk, nth: u64, loss: u64) -> MemoryDisk {
    match loss {
        0 => memory.crash(Survival::Synced),
        1 => memory.crash(Survival::All),
        _ => memory.crash(Survival::Chosen(&mut fates(nth * 4 + loss, true))),
    }
}

/// A store on a copy of a disk, which calls can fail on.
fn opened(start: &MemoryDisk, seed: u64) -> (MemoryDisk, FaultyDisk, Store) {
    let memory = start.crash(Survival::All);
    let faulty = FaultyDisk::new(Arc::new(memory.clone()));
    let store = World::on(memory.clone(), seed).options_over(Arc::new(faulty.clone()));
    (memory, faulty, store.open("memory").unwrap())
}
