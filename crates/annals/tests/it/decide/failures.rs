//! Decisions whose outcome does not become durable, and what they have staged.

use super::{counted, increment, newest};
use crate::common::World;
use crate::slow::SlowDisk;
use annals::vfs::{Call, FaultyDisk, When};
use annals::{AppendError, Batch, DecideError, Expected, NewEvent, Options, Store};
use std::io;
use std::sync::Arc;
use std::thread;

fn failing(world: &World) -> (FaultyDisk, Options) {
    let disk = FaultyDisk::new(Arc::new(world.disk()));
    (disk.clone(), world.options_over(Arc::new(disk)))
}

#[test]
fn if_the_flush_of_a_decision_fails_its_outcome_is_unknown_and_its_answer_is_not_told() {
    for call in [Call::SyncData, Call::Write] {
        let world = World::new(10);
        let (disk, options) = failing(&world);
        let store = options.open("memory").unwrap();
        assert_eq!(store.decide(&newest(), increment).unwrap().answer, 1);
        disk.arm(When::nth(call, 1), annals::vfs::Fault::Error(io::ErrorKind::Other));
        let outcome = store.decide(&newest(), increment);
        let Err(DecideError::Append(AppendError::DurabilityUnknown { source })) = outcome else {
            panic!("{call:?}: {outcome:?}")
        };
        assert!(source.is_some(), "the first who is told learns why");
        let later = store.decide(&newest(), increment);
        assert!(matches!(later, Err(DecideError::Append(AppendError::Poisoned))), "{later:?}");
        assert_eq!(counted(&store), [1], "what is not durable is not shown");
        assert!(matches!(store.sync(), Err(AppendError::Poisoned)));
        drop(store);
        let left: Vec<u64> = counted(&world.open());
        assert!(left == [1] || left == [1, 2], "{left:?}");
    }
}

/// Eight decisions that all see or stage something while the disk has failed for good at some sync: whoever was given an
/// answer finds it after a crash, and whoever saw an event that is not there was given none.
#[test]
fn nothing_that_a_lost_event_has_led_to_is_ever_told() {
    let mut unknown = 0;
    for nth in 1..12 {
        let world = World::new(11 + nth);
        let disk = FaultyDisk::new(SlowDisk::over(world.disk()));
        // All of it in one segment, so that the syncs are those of batches.
        let options = world.options_over(Arc::new(disk.clone())).segment_bytes(1 << 20);
        let store = options.open("memory").unwrap();
        store.decide(&newest(), increment).unwrap();
        disk.arm(
            When::nth(Call::SyncData, nth).from_then_on(),
            annals::vfs::Fault::Error(io::ErrorKind::Other),
        );
        let told = thread::scope(|scope| {
            let handles: Vec<_> = (0..8)
                .map(|thread| {
                    let store = &store;
                    scope.spawn(move || decide_until_it_fails(store, thread))
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
        });
        unknown += told.iter().filter(|(_, unknown)| *unknown).count();
        drop(store);
        let after = World::on(world.disk().crash(annals::vfs::Survival::Synced), 99);
        let left = counted(&after.open());
        assert!(left.iter().copied().eq(1..=left.len() as u64), "{left:?}");
        for (highest, _) in told {
            assert!(highest <= left.len() as u64, "sync {nth}: {highest} was told, and {left:?} is left");
        }
    }
    assert!(unknown > 0, "no decision has met the failing sync");
}

/// The highest number that it was told, and whether it ended in not knowing.
fn decide_until_it_fails(store: &Store, thread: u64) -> (u64, bool) {
    let mut highest = 0;
    for round in 0.. {
        let decided = match (round + thread) % 3 {
            // Only looks.
            0 => store.decide(&newest(), |situation| Ok((Batch::new(), increment(situation)?.1 - 1))),
            // Refuses, which says as much.
            1 => {
                let refused = store.decide(&newest(), |situation| {
                    let seen = increment(situation).unwrap().1 - 1;
                    Err::<(Batch, u64), u64>(seen)
                });
                match refused {
                    Err(DecideError::Refused(seen)) => {
                        highest = highest.max(seen);
                        continue;
                    }
                    Err(DecideError::Append(error)) => Err(DecideError::Append(error)),
                    other => panic!("{other:?}"),
                }
            }
            _ => store.decide(&newest(), increment),
        };
        match decided {
            Ok(decided) => highest = highest.max(decided.answer),
            Err(DecideError::Append(AppendError::DurabilityUnknown { .. })) => return (highest, true),
            Err(DecideError::Append(AppendError::Poisoned)) => return (highest, false),
            Err(other) => panic!("{other:?}"),
        }
    }
    unreachable!("the disk fails at some time")
}

/// Decisions, appends, syncs and marks all at once, and then the end.
#[test]
fn whoever_comes_next_writes_what_decisions_have_staged() {
    let world = World::new(30);
    let store = world.options_over(SlowDisk::over(world.disk())).background(true).open("memory").unwrap();
    thread::scope(|scope| {
        for thread in 0..6_u64 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..40 {
                    match (thread, round % 4) {
                        (0, 0) => store.mark_durable().unwrap(),
                        (0, _) => store.sync().unwrap(),
                        (1, _) => {
                            let large = NewEvent::new("large", vec![7; 3000]);
                            store.append("large", Expected::Any, &[large]).unwrap();
                        }
                        (2, 0) => store.maintain().unwrap(),
                        _ => drop(store.decide(&newest(), increment).unwrap()),
                    }
                }
            });
        }
    });
    let other = store.clone();
    let closing = thread::spawn(move || other.close());
    let mut last = 0;
    loop {
        match store.decide(&newest(), increment) {
            Ok(decided) => last = decided.answer,
            Err(DecideError::Append(AppendError::Closed)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    closing.join().unwrap().unwrap();
    drop(store);
    let left = counted(&world.open());
    assert!(left.iter().copied().eq(1..=left.len() as u64));
    assert!(left.len() as u64 >= last.max(3 * 40 + 30));
}
