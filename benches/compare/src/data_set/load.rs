//! Writing the data set into an engine.

use super::DataSet;
use crate::Outcome;
use crate::engine::{Engine, Event, Loading};
use annals_benches::workload::stream_name;
use std::thread;

const BATCH_EVENTS: usize = 1000;
const THREADS: u64 = 64;

/// Writes all events.
///
/// # Errors
/// What the engine says.
pub fn load<E: Engine>(engine: &E, set: &DataSet) -> Outcome {
    match E::LOADING {
        Loading::Batches => in_batches(engine, set),
        Loading::Singles => one_by_one(engine, set),
    }
}

fn in_batches<E: Engine>(engine: &E, set: &DataSet) -> Outcome {
    let all: Vec<u64> = (0..set.events).collect();
    for numbers in all.chunks(BATCH_EVENTS) {
        let streams: Vec<(u64, String)> = numbers
            .iter()
            .map(|event| set.stream_of(*event))
            .map(|stream| (stream, stream_name(stream)))
            .collect();
        let events: Vec<Event<'_>> = numbers
            .iter()
            .zip(&streams)
            .map(|(event, (number, stream))| Event { number: *number, stream, data: set.data(*event) })
            .collect();
        engine.append(&events)?;
    }
    Ok(())
}

fn one_by_one<E: Engine>(engine: &E, set: &DataSet) -> Outcome {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || -> Outcome {
                    for event in 0..set.events {
                        let number = set.stream_of(event);
                        if number % THREADS == thread {
                            let stream = &stream_name(number);
                            engine.append(&[Event { number, stream, data: set.data(event) }])?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a loading thread panicked")?)
    })
}
