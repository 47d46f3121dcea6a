//! W7: from the call that opens the data set to the first answer, and the memory that it takes.

use crate::Outcome;
use crate::data_set::DataSet;
use crate::engine::{Engine, Event, Purpose};
use crate::measure::Figures;
use crate::work::read::read_stream;
use annals_benches::memory::Memory;
use annals_benches::workload::{Draws, Source, stream_name};
use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime};

/// Opens what is there and reads one random short stream.
///
/// # Errors
/// What the engine says; an answer that is not as planned.
pub fn open<E: Engine>(folder: &Path, set: &DataSet) -> Outcome<Figures> {
    // Another stream each time: its pages are not in the processor's caches.
    let seed = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let number = set.short_stream(Draws::new(seed).draw());
    let name = stream_name(number);
    let before = Memory::now().map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let engine = E::open(folder, Purpose::Read)?;
    let opened = begun.elapsed();
    let mut reader = engine.reader()?;
    read_stream(&mut reader, set, number, &name)?;
    let ready = begun.elapsed();
    let after = Memory::now().map_err(|error| error.to_string())?;
    drop(reader);
    engine.close()?;
    let figures = [
        ("opened_ms", 1e3 * opened.as_secs_f64()),
        ("ready_ms", 1e3 * ready.as_secs_f64()),
        ("resident_mib", mebibytes(after.resident.saturating_sub(before.resident))),
        ("peak_mib", mebibytes(after.peak)),
    ];
    Ok(figures.map(|(name, figure)| (name.to_owned(), figure)).into())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Appends durable batches behind the data set, to streams that are not in it, until the process is killed. Says on its
/// output when the first is there.
///
/// # Errors
/// What the engine says.
pub fn append_until_killed<E: Engine>(folder: &Path, set: &DataSet) -> Outcome {
    let engine = E::open(folder, Purpose::Load)?;
    let (source, mut draws) = (Source::new(3), Draws::new(3));
    let batch = if E::LOADING == crate::engine::Loading::Batches { 100 } else { 1 };
    for round in 0_u64.. {
        let words: Vec<u64> = (0..batch).map(|_| draws.draw()).collect();
        let late: Vec<u64> = words.iter().map(|word| set.streams() + word % 10_000).collect();
        let names: Vec<String> = late.iter().map(|number| stream_name(*number)).collect();
        let events: Vec<Event<'_>> = words
            .iter()
            .zip(late)
            .zip(&names)
            .map(|((word, number), stream)| Event { number, stream, ..source.event(*word) })
            .collect();
        engine.append(&events)?;
        if round == 0 {
            let mut out = std::io::stdout();
            writeln!(out, "begun")?;
            out.flush()?;
        }
    }
    Ok(())
}
