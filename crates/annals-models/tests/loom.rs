//! The watermark, the table of offsets and the commit queue, with everything that the memory model allows: loads of weak
//! orderings may find older values, and what orders them has to be in the code. All orders are tried, none at random,
//! with so many turns cut short at most as the model says.

use annals_types::Position;
use annals_wal::{CommitQueue, Flight, GroupSink, SyncGroup};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

// The engine's own files: what is private in its crate is the subject here.
#[path = "../../annals-wal/src/offsets.rs"]
#[expect(dead_code, reason = "not all of it is modelled")]
mod offsets;
#[path = "../../annals-wal/src/watermark.rs"]
#[expect(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod watermark;

use offsets::OffsetTable;
use watermark::Watermark;

fn explore(turns: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(turns);
    builder.check(model);
}

#[test]
fn who_sees_a_position_finds_its_offset_whatever_the_memory_does() {
    explore(3, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let table = Arc::new(OffsetTable::new(8));
        let reader = {
            let (mark, table) = (Arc::clone(&mark), Arc::clone(&table));
            thread::spawn(move || {
                let visible = mark.visible();
                for position in 0..visible.get() {
                    assert_eq!(table.get(position), Some(100 + u32::try_from(position).unwrap()));
                }
                assert!(mark.durable() >= visible, "visible and not durable");
            })
        };
        // Over the border of a chunk.
        for position in 1..=3_u32 {
            table.set(u64::from(position) - 1, 99 + position);
            if position != 2 {
                mark.set_durable(Position::new(position.into()));
                mark.publish(Position::new(position.into()));
            }
        }
        reader.join().unwrap();
    });
}

#[test]
fn no_publication_is_slept_through_whatever_the_memory_does() {
    explore(3, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiter = {
            let mark = Arc::clone(&mark);
            thread::spawn(move || assert!(mark.wait_beyond(Position::ZERO, Duration::MAX)))
        };
        mark.publish(Position::new(1));
        waiter.join().unwrap();
    });
}

#[test]
fn the_end_is_not_slept_through_whatever_the_memory_does() {
    explore(3, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiter = {
            let mark = Arc::clone(&mark);
            thread::spawn(move || assert!(!mark.wait_beyond(Position::new(1), Duration::MAX)))
        };
        mark.publish(Position::new(1));
        mark.end();
        waiter.join().unwrap();
    });
}

#[test]
fn two_who_wait_are_both_woken_whatever_the_memory_does() {
    explore(2, || {
        let mark = Arc::new(Watermark::new(Position::ZERO));
        let waiters: Vec<_> = (0..2)
            .map(|after| {
                let mark = Arc::clone(&mark);
                thread::spawn(move || assert!(mark.wait_beyond(Position::new(after), Duration::MAX)))
            })
            .collect();
        mark.publish(Position::new(1));
        mark.publish(Position::new(2));
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[derive(Default)]
struct Counter(u64);

impl GroupSink for Counter {
    type Item = u64;
    type Outcome = Option<(u64, u64)>;
    type Flight = Trip;

    fn commit(&mut self, group: Vec<u64>, outcomes: &mut Vec<Self::Outcome>) -> Option<Trip> {
        for item in group {
            self.0 += 1;
            outcomes.push(Some((item, self.0)));
        }
        Some(Trip)
    }

    fn abandoned() -> Self::Outcome {
        None
    }
}

/// What is left to be done takes no time.
struct Trip;

impl Flight for Trip {
    type Outcome = Option<(u64, u64)>;
    type Sync = Trip;

    fn take_sync(&mut self) -> Option<Trip> {
        Some(Trip)
    }

    fn land(self, result: std::io::Result<()>, _: &mut [Self::Outcome]) {
        assert!(result.is_ok());
    }
}

impl SyncGroup for Trip {
    fn sync(self, _: usize) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn of_callers_that_meet_each_has_its_outcome_whatever_the_memory_does() {
    explore(2, || {
        let queue = Arc::new(CommitQueue::new(Counter::default()));
        let others: Vec<_> = (1..=2)
            .map(|item| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.commit(item).unwrap())
            })
            .collect();
        let mut outcomes = vec![queue.commit(0).unwrap()];
        outcomes.extend(others.into_iter().map(|other| other.join().unwrap()));
        assert!(outcomes.iter().map(|(item, _)| *item).eq(0..3), "somebody else's outcome");
        let mut places: Vec<u64> = outcomes.into_iter().map(|(_, place)| place).collect();
        places.sort_unstable();
        assert_eq!(places, [1, 2, 3]);
    });
}
