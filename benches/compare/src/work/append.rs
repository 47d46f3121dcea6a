//! W1 to W4: appends of events to random streams, by one or more threads.

use super::WARM;
use crate::Outcome;
use crate::engine::{Appends, Engine, Event, Purpose};
use crate::measure::{Figures, Measured, repeat};
use annals_benches::workload::{Draws, Source, mix};
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Appends batches of `batch` events into an empty folder.
///
/// # Errors
/// What the engine says.
pub fn append<E: Engine>(folder: &Path, appends: Appends, batch: usize, time: Duration) -> Outcome<Figures> {
    if (!appends.synced && !E::UNSYNCED) || (appends.direct && !E::DIRECT) {
        return Ok(Figures::new());
    }
    let engine = E::open(folder, Purpose::Append(appends))?;
    let source = Source::new(1);
    let barrier = Barrier::new(appends.threads);
    let measured = thread::scope(|scope| -> Outcome<Measured> {
        let writer = |seed| {
            let (engine, source, barrier) = (&engine, &source, &barrier);
            move || {
                barrier.wait();
                write(engine, source, seed, batch, time)
            }
        };
        let threads: Vec<_> = (0..appends.threads as u64).map(|seed| scope.spawn(writer(seed))).collect();
        let mut all = Measured::new()?;
        for thread in threads {
            all.add(&thread.join().map_err(|_| "a writer panicked")??)?;
        }
        Ok(all)
    })?;
    let mut figures = Figures::new();
    if !appends.synced {
        let begun = Instant::now();
        engine.sync()?;
        let seconds = measured.seconds + begun.elapsed().as_secs_f64();
        figures.insert("with_sync_per_s".into(), measured.rate() * measured.seconds / seconds);
    }
    engine.close()?;
    measured.into_figures("", &mut figures);
    Ok(figures)
}

fn write<E: Engine>(
    engine: &E,
    source: &Source,
    seed: u64,
    batch: usize,
    time: Duration,
) -> Outcome<Measured> {
    let mut draws = Draws::new(mix(seed));
    let mut events: Vec<Event<'_>> = Vec::with_capacity(batch);
    repeat(WARM, time, || {
        events.clear();
        events.extend((0..batch).map(|_| source.event(draws.draw())));
        engine.append(&events)?;
        Ok(batch as u64)
    })
}
