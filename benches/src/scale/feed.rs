//! Appending the events of a plan, batch by batch; only the store's part of it is measured.

use super::Outcome;
use super::plan::Plan;
use crate::memory::Memory;
use annals::Store;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Every so many batches memory is looked at.
const LOOK_EVERY: u64 = 64;

/// What an append of many events took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fed {
    /// Time in the store, encoding included.
    pub(crate) time: Duration,
    /// The most anonymous memory that was seen.
    pub(crate) anonymous: u64,
}

/// Appends a range of the plan's events in batches of `batch_events`.
pub(crate) fn feed(store: &Store, plan: &Plan, events: Range<u64>, batch_events: u64) -> Outcome<Fed> {
    let mut fed = Fed::default();
    let (mut from, mut batches) = (events.start, 0);
    while from < events.end {
        let to = events.end.min(from + batch_events);
        let drawn = plan.draw(from..to);
        let started = Instant::now();
        let appended = store.append_batch(plan.batch(&drawn)?)?;
        fed.time += started.elapsed();
        if appended.first_position.get() != from + 1 {
            return Err(format!("event {from} got position {}", appended.first_position).into());
        }
        if batches % LOOK_EVERY == 0 {
            fed.anonymous = fed.anonymous.max(Memory::now()?.anonymous);
        }
        (from, batches) = (to, batches + 1);
    }
    Ok(fed)
}
