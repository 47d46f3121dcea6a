//! The power fails while many threads append: what any of them was told is true.

use crate::common::{World, events_of};
use crate::slow::SlowDisk;
use crate::workload::fates;
use annals::vfs::{Call, Fault, FaultyDisk, Survival, When};
use annals::{AppendError, Batch, Durability, NewEvent, Position, Store};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::thread;

const THREADS: usize = 4;
/// Events in a batch, of as many streams.
const EVENTS: usize = 3;

/// Appends until the disk stops; says which batches were acknowledged, and where they are.
fn append_until_it_stops(store: &Store, thread: usize) -> BTreeMap<usize, Position> {
    let mut acknowledged = BTreeMap::new();
    for number in 0..60 {
        let mut batch = Batch::new();
        for event in 0..EVENTS {
            let stream = if event == 1 { "shared".to_owned() } else { format!("s-{thread}-{event}") };
            let new = NewEvent::new(format!("{thread}:{number}:{event}"), vec![7; 150 * event]);
            batch.push(&stream, &new).unwrap();
        }
        match store.append_batch(batch) {
            Ok(appended) => {
                assert!(store.last_position() >= appended.last_position);
                acknowledged.insert(number, appended.first_position);
            }
            Err(AppendError::DurabilityUnknown { .. } | AppendError::Poisoned | AppendError::Io { .. }) => {
                break;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    acknowledged
}

/// Every batch is whole, and each thread's are its first ones, in order.
fn check(store: &Store, acknowledged: &[BTreeMap<usize, Position>], context: &str) {
    let events = events_of(store);
    let mut next = [0; THREADS];
    let whole = events.chunks(EVENTS);
    for batch in whole {
        let name = batch[0].event_type.rsplit_once(':').unwrap().0;
        let (thread, number) = name.split_once(':').unwrap();
        let (thread, number): (usize, usize) = (thread.parse().unwrap(), number.parse().unwrap());
        assert_eq!(number, next[thread], "{context}: batches of a thread are not in order");
        next[thread] += 1;
        let types = (0..EVENTS).map(|event| format!("{thread}:{number}:{event}"));
        assert!(types.eq(batch.iter().map(|event| event.event_type.clone())), "{context}: half a batch");
        if let Some(position) = acknowledged[thread].get(&number) {
            assert_eq!(batch[0].position, *position, "{context}");
        }
    }
    for (thread, acknowledged) in acknowledged.iter().enumerate() {
        assert!(next[thread] >= acknowledged.len(), "{context}: thread {thread} was told more");
    }
    let shared = store.view().stream("shared").unwrap().map_or(0, |info| info.events);
    assert_eq!(shared as usize, events.len() / EVENTS);
}

fn stop_at(nth: u64, durability: Durability, direct: bool) -> (World, Vec<BTreeMap<usize, Position>>) {
    let world = World::new(nth);
    let disk = FaultyDisk::new(SlowDisk::over(world.disk()));
    let store =
        world.options_over(Arc::new(disk.clone())).durability(durability).direct_io(direct).background(true);
    let store = store.open("memory").unwrap();
    let when = When { calls: Call::CHANGING, nth, from_then_on: true };
    disk.arm(when, Fault::Error(ErrorKind::Other));
    let acknowledged = thread::scope(|scope| {
        let store = &store;
        let append = |thread: usize| scope.spawn(move || append_until_it_stops(store, thread));
        let handles: Vec<_> = (0..THREADS).map(append).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    (world, acknowledged)
}

#[test]
fn what_each_of_many_threads_was_told_is_true_after_a_crash() {
    for (nth, direct) in (1..240).step_by(3).flat_map(|nth| [(nth, false), (nth, true)]) {
        let (world, acknowledged) = stop_at(nth, Durability::Sync, direct);
        for kind in 0..4 {
            let context = format!("call {nth}, direct {direct}, crash {kind}");
            let disk = match kind {
                0 => world.disk().crash(Survival::All),
                1 => world.disk().crash(Survival::Synced),
                seed => world.disk().crash(Survival::Chosen(&mut fates(seed * 1000 + nth, true))),
            };
            let left = World::on(disk, 1);
            check(&left.open(), &acknowledged, &context);
            check(&left.open(), &acknowledged, &context);
        }
    }
}

#[test]
fn without_syncs_a_kill_loses_nothing_that_any_thread_was_told() {
    for nth in (1..120).step_by(7) {
        let (world, acknowledged) = stop_at(nth, Durability::Os, false);
        let killed = World::on(world.disk().crash(Survival::All), 1);
        check(&killed.open(), &acknowledged, &format!("call {nth}"));
        let nobody = vec![BTreeMap::new(); THREADS];
        for seed in 0..3 {
            let disk = world.disk().crash(Survival::Chosen(&mut fates(seed * 1000 + nth, true)));
            check(&World::on(disk, 1).open(), &nobody, &format!("call {nth}, crash {seed}"));
        }
    }
}
