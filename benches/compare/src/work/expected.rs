//! W9: appends that expect what their stream is, against appends that expect nothing, of the same engine in turn.

use super::WARM;
use crate::Outcome;
use crate::engine::{Appends, Engine, Event, Purpose};
use crate::measure::{Figures, Measured, repeat};
use annals_benches::workload::{Draws, STREAMS, Source, mix};
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

/// In which order both kinds are measured, in quarters of the time: what drifts falls on both.
const TURNS: [bool; 4] = [true, false, false, true];

/// Appends single events into an empty folder, by so many threads which have streams of their own.
///
/// # Errors
/// What the engine says; that it took an append which expected what is no longer so, or refused one which did not.
pub fn expected<E: Engine>(folder: &Path, threads: usize, time: Duration) -> Outcome<Figures> {
    let engine = E::open(folder, Purpose::Append(Appends { threads, synced: true, direct: false }))?;
    let source = Source::new(1);
    refuses_what_is_stale(&engine)?;
    let barrier = Barrier::new(threads);
    let (with, without) = thread::scope(|scope| -> Outcome<(Measured, Measured)> {
        let writer = |share| {
            let (engine, source, barrier) = (&engine, &source, &barrier);
            let writer = Writer { engine, source, share, parties: threads as u64 };
            move || writer.both(barrier, time)
        };
        let threads: Vec<_> = (0..threads as u64).map(|share| scope.spawn(writer(share))).collect();
        let (mut with, mut without) = (Measured::new()?, Measured::new()?);
        for thread in threads {
            let (own_with, own_without) = thread.join().map_err(|_| "a writer panicked")??;
            with.add(&own_with)?;
            without.add(&own_without)?;
        }
        Ok((with, without))
    })?;
    engine.close()?;
    let mut figures = Figures::new();
    figures.insert("to_unconditional".into(), with.rate() / without.rate());
    with.into_figures("", &mut figures);
    without.into_figures("unconditional_", &mut figures);
    Ok(figures)
}

/// A number of a stream that no writer draws.
const OTHER: u64 = STREAMS;

fn refuses_what_is_stale<E: Engine>(engine: &E) -> Outcome {
    let event = Event { number: OTHER, stream: "other-000000", data: b"data" };
    let first = engine.append_expecting(event, 0)?.ok_or("a stream that is not there was refused")?;
    if engine.append_expecting(event, 0)?.is_some() {
        return Err("an append was taken that expected no stream where there is one".into());
    }
    let second = engine.append_expecting(event, first)?.ok_or("what was just seen was refused")?;
    if engine.append_expecting(event, first)?.is_some() || second <= first {
        return Err("an append was taken that expected what is no longer so".into());
    }
    Ok(())
}

struct Writer<'a, E> {
    engine: &'a E,
    source: &'a Source,
    share: u64,
    parties: u64,
}

impl<E: Engine> Writer<'_, E> {
    fn both(&self, barrier: &Barrier, time: Duration) -> Outcome<(Measured, Measured)> {
        // What was appended without a look is not known any more: each kind has every other of this thread's streams.
        let mut seen = vec![0; usize::try_from(STREAMS / self.parties / 2)?];
        let mut draws = Draws::new(mix(self.share));
        let (mut with, mut without) = (Measured::new()?, Measured::new()?);
        for expects in TURNS {
            barrier.wait();
            let measured = repeat(WARM / 2, time / 2, || {
                let word = draws.draw();
                let share = self.share + u64::from(expects) * self.parties;
                let event = self.source.event_of_share(word, share, 2 * self.parties);
                if !expects {
                    self.engine.append(&[event])?;
                    return Ok(1);
                }
                let seen = &mut seen[usize::try_from(event.number / (2 * self.parties))?];
                *seen = self
                    .engine
                    .append_expecting(event, *seen)?
                    .ok_or_else(|| format!("{} was refused, seen {seen}", event.stream))?;
                Ok(1)
            })?;
            if expects { with.append(&measured)? } else { without.append(&measured)? }
        }
        Ok((with, without))
    }
}
