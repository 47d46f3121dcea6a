//! The commit queue before a toy sink. That nobody is left asleep is seen by the scheduler: then nothing can go on.

use annals_models::{explore, switch};
use annals_wal::{CommitQueue, Flight, GroupSink, SyncGroup};
use shuttle::thread;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The item at which the sink panics.
const BREAKS: u64 = 99;

/// Keeps the items in the order of their groups.
#[derive(Default)]
struct Toy {
    items: Vec<u64>,
    groups: Vec<usize>,
    at_work: bool,
    written: usize,
    landed: Arc<AtomicUsize>,
}

/// Somebody else goes on during the sync; what was written first lands first.
struct Trip {
    number: usize,
    landed: Arc<AtomicUsize>,
}

impl Flight for Trip {
    type Outcome = Outcome;
    type Sync = Sync;

    fn take_sync(&mut self) -> Option<Sync> {
        Some(Sync)
    }

    fn land(self, result: io::Result<()>, _: &mut [Outcome]) {
        assert!(result.is_ok());
        assert_eq!(self.landed.fetch_add(1, Ordering::SeqCst) + 1, self.number, "lands before its turn");
        switch();
    }
}

struct Sync;

impl SyncGroup for Sync {
    fn sync(self, _: usize) -> io::Result<()> {
        switch();
        Ok(())
    }
}

/// The item itself, and its place in the order; `None` if its group was given up.
type Outcome = Option<(u64, usize)>;

impl GroupSink for Toy {
    type Item = u64;
    type Outcome = Outcome;
    type Flight = Trip;

    fn commit(&mut self, group: Vec<u64>, outcomes: &mut Vec<Outcome>) -> Option<Trip> {
        assert!(!std::mem::replace(&mut self.at_work, true), "two groups at once");
        self.groups.push(group.len());
        for item in group {
            switch();
            if item == BREAKS {
                self.at_work = false;
                // Without the panic hook, which would print the schedule.
                resume_unwind(Box::new("the item that breaks the sink"));
            }
            outcomes.push(Some((item, self.items.len())));
            self.items.push(item);
        }
        self.at_work = false;
        self.written += 1;
        Some(Trip { number: self.written, landed: Arc::clone(&self.landed) })
    }

    fn abandoned() -> Outcome {
        None
    }
}

type Queue = Arc<CommitQueue<Toy>>;

fn queue() -> Queue {
    Arc::new(CommitQueue::new(Toy::default()))
}

/// Each item in its own thread's order: returns what became of each.
fn committers(queue: &Queue, items: &[&'static [u64]]) -> Vec<thread::JoinHandle<Vec<Outcome>>> {
    let commit = |items: &'static [u64]| {
        let queue = Arc::clone(queue);
        move || items.iter().map(|item| queue.commit(*item)).collect()
    };
    items.iter().map(|items| thread::spawn(commit(items))).collect()
}

#[test]
fn every_item_has_exactly_one_outcome_its_own_and_groups_keep_the_order_of_each_caller() {
    explore(6_000, || {
        let items: [&'static [u64]; 3] = [&[10, 11], &[20, 21], &[30, 31]];
        let queue = queue();
        let handles = committers(&queue, &items);
        let mut places = Vec::new();
        for (handle, items) in handles.into_iter().zip(items) {
            let outcomes: Vec<(u64, usize)> =
                handle.join().unwrap().into_iter().map(|outcome| outcome.expect("given up")).collect();
            assert!(outcomes.iter().map(|(item, _)| item).eq(items), "somebody else's outcome");
            assert!(outcomes.is_sorted_by_key(|(_, place)| *place), "what came later is before");
            places.extend(outcomes);
        }
        queue.with_sink(|sink| {
            assert!(places.iter().all(|(item, place)| sink.items[*place] == *item));
            assert_eq!((sink.items.len(), sink.groups.iter().sum()), (6, 6_usize));
        });
    });
}

#[test]
fn a_group_in_which_the_sink_panics_is_given_up_and_the_others_go_on() {
    explore(6_000, || {
        let queue = queue();
        let tries: Vec<_> = [&[10, BREAKS, 11][..], &[20, 21], &[30, 31]]
            .into_iter()
            .map(|items: &'static [u64]| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    let commit = |item: &u64| {
                        let result = catch_unwind(AssertUnwindSafe(|| queue.commit(*item)));
                        (*item, result.map_err(drop))
                    };
                    items.iter().map(commit).collect::<Vec<_>>()
                })
            })
            .collect();
        let tries: Vec<_> = tries.into_iter().flat_map(|handle| handle.join().unwrap()).collect();
        queue.with_sink(|sink| {
            for (item, outcome) in &tries {
                let place = sink.items.iter().position(|committed| committed == item);
                match outcome {
                    Ok(Some(own)) => assert_eq!(Some(*own), place.map(|place| (*item, place))),
                    // Given up; or it led the group, and what it got was the panic.
                    Ok(None) => assert_eq!(place, None, "{item} was done and given up"),
                    Err(()) => {}
                }
            }
            assert!(sink.items.len() >= 4, "at most one group with an item of each thread is given up");
        });
        assert_eq!(
            tries.iter().filter(|(_, outcome)| outcome.is_err()).count(),
            1,
            "the panic is one caller's"
        );
        assert!(queue.commit(40).is_some(), "the queue does not go on");
    });
}

#[test]
fn who_is_alone_with_the_sink_finds_it_between_groups() {
    explore(4_000, || {
        let queue = queue();
        let handles = committers(&queue, &[&[10, 11], &[20, 21]]);
        let look = |sink: &mut Toy| {
            switch();
            assert!(!sink.at_work);
            assert_eq!(sink.items.len(), sink.groups.iter().sum::<usize>());
            sink.items.len()
        };
        let impatient = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || (0..3).filter_map(|_| queue.with_sink_within(Duration::ZERO, look)).max())
        };
        let seen: Vec<usize> = (0..2).map(|_| queue.with_sink(look)).collect();
        assert!(seen.is_sorted());
        assert!(impatient.join().unwrap() <= Some(4));
        assert!(handles.into_iter().all(|handle| handle.join().unwrap().iter().all(Option::is_some)));
        assert_eq!(queue.with_sink(look), 4);
    });
}

#[test]
fn what_is_submitted_has_an_outcome_when_serving_has_ended_whoever_led_it() {
    explore(6_000, || {
        let queue = queue();
        let servers: Vec<_> = (0..2)
            .filter(|_| queue.begin_serving())
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.serve())
            })
            .collect();
        let other = committers(&queue, &[&[20, 21]]);
        let pending: Vec<_> = (10..14).map(|item| queue.submit(item, 1)).collect();
        queue.wait_for(&pending[1]);
        assert!(pending[0].is_settled(), "what was submitted before has its outcome before");
        queue.end_serving();
        servers.into_iter().for_each(|server| server.join().unwrap());
        let outcomes: Vec<_> = pending
            .iter()
            .map(|pending| {
                // Who serves leaves nothing behind that was there when it ended, but it may be on its way.
                queue.wait_for(pending);
                pending.take().flatten().expect("given up")
            })
            .collect();
        assert!(outcomes.iter().map(|(item, _)| *item).eq(10..14));
        assert!(outcomes.is_sorted_by_key(|(_, place)| *place));
        assert!(other.into_iter().all(|handle| handle.join().unwrap().iter().all(Option::is_some)));
    });
}
