//! Durable appends for as long as they are measured: of a store, and of the raw floor.

use crate::floor::Floor;
use crate::workload::{EVENT_TYPE, Workload, rate};
use annals::{Batch, Expected, NewEvent, Store};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends batches of `batch_events` events until `time` has passed since `started`; says how many events.
///
/// # Errors
/// What the store says.
pub fn append(
    store: &Store,
    workload: &mut Workload,
    batch_events: u64,
    (started, time): (Instant, Duration),
) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let mut events = 0;
    while started.elapsed() < time {
        if batch_events == 1 {
            let (stream, data) = workload.event();
            store.append(stream, Expected::Any, &[NewEvent::new(EVENT_TYPE, data)])?;
        } else {
            let mut batch = Batch::new();
            for _ in 0..batch_events {
                let (stream, data) = workload.event();
                batch.push(stream, &NewEvent::new(EVENT_TYPE, data))?;
            }
            store.append_batch(batch)?;
        }
        events += batch_events;
    }
    Ok(events)
}

/// Events per second of the floor: one thread that writes so many events with each sync.
///
/// # Errors
/// What the system says.
pub fn floor_rate(
    folder: &Path,
    batch_events: u64,
    time: Duration,
) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let path = folder.join("floor");
    let mut floor = Floor::create(&path)?;
    let mut workload = Workload::new(1);
    let (started, mut events) = (Instant::now(), 0);
    while started.elapsed() < time {
        for _ in 0..batch_events {
            let (stream, data) = workload.event();
            floor.push(stream, data);
        }
        floor.commit(true)?;
        events += batch_events;
    }
    let figure = rate(events, started.elapsed());
    std::fs::remove_file(path)?;
    Ok(figure)
}
