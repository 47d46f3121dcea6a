//! What compressed segments cost and gain: `compressed [FILE...]`, each a file of JSON Lines, plain or `.gz`, with `stream`, `type`, `data`
//! and `metadata`; without any, events that are made up. Prints a row of a table for each.
//!
//! The same store is read before and after it was recompressed: everything in order, and single events at random places, each time
//! with every byte of the payloads looked at. Of five rounds the fastest counts.

use annals::{Batch, Compression, NewEvent, PayloadBuffer, Position, Query, Store};
use annals_benches::workload::mix;
use serde_json::value::RawValue;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 5;
/// Single events that are read in a round.
const READS: u64 = 200_000;
const BATCH: usize = 1000;
const MADE_UP: u64 = 200_000;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[derive(serde::Deserialize)]
struct Line<'a> {
    stream: String,
    r#type: String,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// What is measured of a store.
struct Figures {
    /// Bytes of its sealed segments.
    bytes: u64,
    /// Nanoseconds for each event.
    scan: f64,
    scan_names: f64,
    one: f64,
}

fn main() -> Outcome {
    println!(
        "| set | payload | payloads stored | log | recompress | scan of payloads, plain | compressed | ratio | scan without | compressed | one event, plain | compressed | ratio |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        return measure("made up", |add| {
            (0..MADE_UP).try_for_each(|number| {
                let data =
                    format!("{{\"account\":{},\"cents\":{}}}", mix(number) % 9000, mix(number) % 99_999);
                add(&format!("account-{}", mix(number) % 9000), "deposited", &data, "{\"by\":\"teller-7\"}")
            })
        });
    }
    for path in &files {
        let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        measure(&name, |add| {
            let file = File::open(path)?;
            let reader: Box<dyn Read> = match path.ends_with(".gz") {
                true => Box::new(flate2::read::MultiGzDecoder::new(file)),
                false => Box::new(file),
            };
            for line in BufReader::new(reader).lines() {
                let line = line?;
                let line: Line<'_> = serde_json::from_str(&line)?;
                add(&line.stream, &line.r#type, line.data.get(), line.metadata.get())?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

type Add<'a> = dyn FnMut(&str, &str, &str, &str) -> Outcome + 'a;

fn measure(name: &str, events: impl FnOnce(&mut Add<'_>) -> Outcome) -> Outcome {
    let directory = tempfile::tempdir_in(".")?;
    let path = directory.path().join("store");
    let store = Store::open(&path)?;
    let (mut batch, mut payload, mut count) = (Batch::new(), 0_u64, 0_u64);
    events(&mut |stream, event_type, data, metadata| {
        let event = NewEvent::json(event_type, data).with_metadata(metadata.as_bytes());
        batch.push(stream, &event)?;
        (payload, count) = (payload + (data.len() + metadata.len()) as u64, count + 1);
        if batch.len() == BATCH {
            store.append_batch(std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    if !batch.is_empty() {
        store.append_batch(batch)?;
    }
    // A close seals what was appended.
    store.close()?;
    let store = Store::open(&path)?;
    let plain = figures(&store, count)?;
    let start = Instant::now();
    let report =
        store.compaction().compression(Compression::Lz4).recompress(true).bytes_per_second(None).run()?;
    let taken = start.elapsed().as_nanos() as f64 / count as f64 / 1000.0;
    store.close()?;
    let store = Store::open(&path)?;
    let packed =
        Figures { bytes: plain.bytes - report.bytes_before + report.bytes_after, ..figures(&store, count)? };
    let saved = plain.bytes - packed.bytes;
    println!(
        "| {name} | {:.1} bytes | {:.3} | {:.3} | {taken:.1} µs | {:.0} ns | {:.0} ns | {:.2} | {:.0} ns | {:.0} ns | {:.0} ns | {:.0} ns | {:.2} |",
        payload as f64 / count as f64,
        (payload - saved) as f64 / payload as f64,
        packed.bytes as f64 / plain.bytes as f64,
        plain.scan,
        packed.scan,
        plain.scan / packed.scan,
        plain.scan_names,
        packed.scan_names,
        plain.one,
        packed.one,
        packed.one / plain.one,
    );
    store.close()?;
    Ok(())
}

fn figures(store: &Store, count: u64) -> Outcome<Figures> {
    let (view, mut buffer) = (store.view(), PayloadBuffer::new());
    let scan = fastest(count, || {
        for event in view.read(Query::all().to_position(Position::new(count)))? {
            let event = event?;
            let event = event.plain_in(&mut buffer)?;
            black_box((sum(&event.data()?), sum(&event.metadata()?)));
        }
        Ok(())
    })?;
    let scan_names = fastest(count, || {
        for event in view.read(Query::all().to_position(Position::new(count)))? {
            black_box(event?.event_type);
        }
        Ok(())
    })?;
    let one = fastest(READS, || {
        for number in 0..READS {
            let position = Position::new(mix(number) % count + 1);
            let event = view.event_at(position)?.ok_or("an event that is not there")?;
            let event = event.plain_in(&mut buffer)?;
            black_box((sum(&event.data()?), sum(&event.metadata()?)));
        }
        Ok(())
    })?;
    Ok(Figures { bytes: store.stats()?.log_bytes, scan, scan_names, one })
}

/// Looks at every byte.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

/// Nanoseconds for each of so many things.
fn fastest(things: u64, mut round: impl FnMut() -> Outcome) -> Outcome<f64> {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round()?;
        best = best.min(start.elapsed().as_nanos() as f64 / things as f64);
    }
    Ok(best)
}
