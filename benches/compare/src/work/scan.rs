//! W6: all events of the data set in their order, by one thread and by two.

use crate::Outcome;
use crate::data_set::DataSet;
use crate::engine::{Engine, Purpose, Reader};
use crate::measure::{Figures, Measured};
use annals_benches::workload::PAYLOAD_BYTES;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Scans the data set again and again, the threads each its share of the positions.
///
/// # Errors
/// What the engine says; another number of events or bytes than there are.
pub fn scan<E: Engine>(folder: &Path, set: &DataSet, time: Duration) -> Outcome<Figures> {
    if !E::SCAN {
        return Ok(Figures::new());
    }
    let engine = E::open(folder, Purpose::Read)?;
    engine.reader().and_then(|mut reader| scan_part(&mut reader, 1, set.events))?;
    let mut figures = Figures::new();
    for (prefix, threads) in [("", 1), ("two_", 2)] {
        scan_by(&engine, set, threads, time)?.into_figures(prefix, &mut figures);
    }
    engine.close()?;
    Ok(figures)
}

/// Scans until the time is over; each scan counts as one operation of all events.
fn scan_by<E: Engine>(engine: &E, set: &DataSet, threads: u64, time: Duration) -> Outcome<Measured> {
    let barrier = Barrier::new(usize::try_from(threads)?);
    let part = set.events / threads;
    thread::scope(|scope| {
        let scanner = |thread: u64| {
            let barrier = &barrier;
            move || -> Outcome<Measured> {
                let (mut reader, mut measured) = (engine.reader()?, Measured::new()?);
                barrier.wait();
                let begun = Instant::now();
                while begun.elapsed() < time {
                    let scanning = Instant::now();
                    scan_part(&mut reader, thread * part + 1, part)?;
                    measured.count(part, scanning.elapsed());
                }
                measured.seconds = begun.elapsed().as_secs_f64();
                Ok(measured)
            }
        };
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(scanner(thread))).collect();
        let mut all = scanner(0)()?;
        for other in others {
            all.add(&other.join().map_err(|_| "a reader panicked")??)?;
        }
        Ok(all)
    })
}

fn scan_part(reader: &mut impl Reader, first: u64, count: u64) -> Outcome {
    let (mut events, mut bytes) = (0, 0);
    reader.scan(first, first + count - 1, |event| {
        events += 1;
        bytes += event.data.len() as u64;
    })?;
    if events != count || bytes != count * PAYLOAD_BYTES as u64 {
        return Err(format!("{events} events of {bytes} bytes were scanned instead of {count}").into());
    }
    Ok(())
}
