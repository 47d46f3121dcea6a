//! W5: random streams of the data set, those of 100 events and those of 9 or 10 apart.

use super::WARM;
use crate::Outcome;
use crate::data_set::DataSet;
use crate::engine::{Engine, Purpose, Reader};
use crate::measure::{Figures, repeat};
use annals_benches::workload::{Draws, PAYLOAD_BYTES, stream_name};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long streams are read beforehand.
const WARM_READS: Duration = Duration::from_secs(2);

/// Reads streams and checks the stream, the version and the length of every event, and how many there are.
///
/// # Errors
/// What the engine says; an answer that is not as planned.
pub fn read<E: Engine>(folder: &Path, set: &DataSet, time: Duration) -> Outcome<Figures> {
    let engine = E::open(folder, Purpose::Read)?;
    let mut reader = engine.reader()?;
    let names: Vec<String> = (0..set.streams()).map(stream_name).collect();
    // Beforehand what a short time is enough for, so that little is read from the disk, verified or set up while it is
    // measured.
    let begun = Instant::now();
    for number in (0..set.streams()).take_while(|_| begun.elapsed() < WARM_READS) {
        read_stream(&mut reader, set, number, &names[usize::try_from(number)?])?;
    }
    let mut figures = Figures::new();
    for (prefix, long) in [("long_", true), ("short_", false)] {
        let mut draws = Draws::new(7);
        let measured = repeat(WARM, time, || {
            let word = draws.draw();
            let number = if long { set.long_stream(word) } else { set.short_stream(word) };
            read_stream(&mut reader, set, number, &names[usize::try_from(number)?])?;
            Ok(1)
        })?;
        measured.into_figures(prefix, &mut figures);
    }
    drop(reader);
    engine.close()?;
    Ok(figures)
}

/// Reads one stream and checks it.
pub(super) fn read_stream(reader: &mut impl Reader, set: &DataSet, number: u64, name: &str) -> Outcome {
    let (mut count, mut wrong) = (0, 0);
    reader.stream(number, name, |event| {
        count += 1;
        let as_planned = event.stream == name.as_bytes() && event.version == count;
        wrong += u64::from(!as_planned || event.data.len() != PAYLOAD_BYTES);
    })?;
    if wrong > 0 || count != set.length(number) {
        let length = set.length(number);
        return Err(format!("{name}: {count} events instead of {length}, {wrong} of them wrong").into());
    }
    Ok(())
}
