//! What compression of payloads gains and costs on real events: `payloads FILE...`, each a file of JSON Lines, plain or `.gz`,
//! with `stream`, `type`, `data` and `metadata`. Prints a row of a table per file.

use annals_benches::events::each_event;
use annals_format::payload::{Compressor, Trainer, plain_payload};
use annals_format::{Binding, FrameBuilder, FrameStamp, parse_record};
use annals_types::{NewEvent, Position, Timestamp, Version};
use std::hint::black_box;
use std::time::Instant;

/// Bytes of records that are compressed with one dictionary: those of a segment.
const SEGMENT_BYTES: usize = 64 << 20;
const READS: usize = 1_000_000;
const AT: Position = Position::FIRST;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    println!(
        "| set | payloads | compressed | records | dictionary | compress | scan | scan, decoded | one | one, decoded |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for path in std::env::args().skip(1) {
        measure(&path)?;
    }
    Ok(())
}

/// The records of a file, stamped.
fn load(path: &str) -> Outcome<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    each_event(path, |line| {
        let event =
            NewEvent::json(line.r#type, line.data.get()).with_metadata(line.metadata.get().as_bytes());
        let mut frame = FrameBuilder::new();
        frame.push(&line.stream, &event)?;
        records.push(stamped(frame));
        Ok(())
    })?;
    Ok(records)
}

fn binding() -> Binding {
    Binding::new(&[1; 16], 1, 7)
}

fn stamped(mut frame: FrameBuilder) -> Vec<u8> {
    let (binding, durable) = (binding(), Position::ZERO);
    let recorded_at = Timestamp::EPOCH;
    frame.stamp(&FrameStamp { binding, first_position: AT, durable, recorded_at }, |_| Version::FIRST);
    frame.record(0).to_vec()
}

fn measure(path: &str) -> Outcome {
    let records = load(path)?;
    let payload = |record: &[u8]| {
        plain_payload(record, AT, None, None)
            .map(|plain| plain.data.len() + plain.metadata.len())
            .unwrap_or_default()
    };
    let (mut plain, mut packed, mut before, mut after) = (0, 0, 0, 0);
    let (mut dictionaries, mut taken) = (0, 0.0);
    let mut stored: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut made: Vec<Compressor> = Vec::new();
    let mut rest = &records[..];
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |record: &&Vec<u8>| {
            bytes += record.len();
            bytes <= SEGMENT_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (segment, others) = rest.split_at(count);
        rest = others;
        let mut trainer = Trainer::new();
        segment.iter().for_each(|record| trainer.show(record));
        let compressor = Compressor::new(trainer.finish());
        dictionaries += compressor.dictionary().bytes().len();
        for record in segment {
            let start = Instant::now();
            let compressed = compressor.compress_record(record);
            taken += start.elapsed().as_secs_f64();
            let mut frame = FrameBuilder::new();
            frame.push_record(compressed.as_deref().unwrap_or(record))?;
            let record_after = stamped(frame);
            plain += payload(record);
            packed += payload(record) + record_after.len() - record.len();
            (before, after) = (before + record.len(), after + record_after.len());
            stored.push((made.len(), record_after));
        }
        made.push(compressor);
    }
    let [scan, one] = times(records.len(), |index| {
        let event = parse_record(&records[index], binding(), AT, 0).ok();
        black_box(event.and_then(|event| event.payload.as_plain()));
    });
    let [scan_decoded, one_decoded] = times(stored.len(), |index| {
        let (segment, record) = &stored[index];
        let event = parse_record(record, binding(), AT, 0).ok();
        if event.is_some_and(|event| event.payload.as_plain().is_none()) {
            black_box(plain_payload(record, AT, Some(made[*segment].dictionary()), None).ok());
        }
    });
    let name = path.rsplit('/').next().unwrap_or(path);
    println!(
        "| {name} | {:.1} bytes | {:.3} | {:.3} | {} KiB | {:.1} µs | {scan:.0} ns | {scan_decoded:.0} ns | {one:.0} ns | {one_decoded:.0} ns |",
        plain as f64 / records.len() as f64,
        (packed + dictionaries) as f64 / plain as f64,
        (after + dictionaries) as f64 / before as f64,
        (dictionaries / made.len()) >> 10,
        taken * 1e6 / records.len() as f64,
    );
    Ok(())
}

/// Nanoseconds for each of some records: in their order, and in a random one.
fn times(records: usize, mut look: impl FnMut(usize)) -> [f64; 2] {
    let rounds = READS.div_ceil(records);
    let start = Instant::now();
    for _ in 0..rounds {
        (0..records).for_each(&mut look);
    }
    let scan = start.elapsed().as_nanos() as f64 / (rounds * records) as f64;
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let start = Instant::now();
    for _ in 0..READS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        look((state >> 33) as usize % records);
    }
    [scan, start.elapsed().as_nanos() as f64 / READS as f64]
}
