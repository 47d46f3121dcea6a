//! How long the slowest of durable appends of one event take: with a segment that is never full; with one of the default
//! size that becomes full, so that it is sealed meanwhile; and with small ones, so that rolling over, sealing and merging
//! go on all the time. Beside the raw floor, in turn: `cargo run --release -p annals-benches --bin stalls [ROUNDS]`.

use annals::{Batch, Expected, NewEvent, Store};
use annals_benches::floor::Floor;
use annals_benches::workload::{EVENT_TYPE, Workload};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each runs in a round.
const TIME: Duration = Duration::from_secs(2);
/// Small segments: full after 3,300 events, three times a second.
const SMALL_BYTES: u64 = 1 << 20;

/// Events that leave room for half a second of appends in a segment of the default size, and how many are appended at once.
const NEARLY_FULL: u64 = 206_000;
const BATCH: u64 = 1000;

/// Times of appends in microseconds.
type Times = Result<Vec<f64>, Box<dyn Error>>;
/// What is measured once in a round, in files of its own.
type Run<'a> = &'a dyn Fn(&Path, u64) -> Times;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: u64 = std::env::args().nth(1).map_or(Ok(5), |rounds| rounds.parse())?;
    // The current folder, not the temporary one: that may be memory, where a sync costs nothing.
    let folder = tempfile::tempdir_in(".")?;
    let default = || Store::options();
    let runs: [(&str, Run<'_>); 4] = [
        ("floor", &|path, seed| floor(path, seed)),
        ("no segment is full", &|path, seed| store(&default().open(path)?, seed, 0)),
        ("one of 64 MiB becomes full", &|path, seed| store(&default().open(path)?, seed, NEARLY_FULL)),
        ("segments of 1 MiB", &|path, seed| {
            store(&default().segment_bytes(SMALL_BYTES).open(path)?, seed, 0)
        }),
    ];
    let mut times: [Vec<f64>; 4] = Default::default();
    for round in 0..rounds {
        for turn in 0..runs.len() {
            let which = (turn + usize::try_from(round)?) % runs.len();
            // Nothing is removed before the end: the disk may be told of it while others are measured.
            let path = folder.path().join(format!("{which}-{round}"));
            times[which].append(&mut runs[which].1(&path, round)?);
        }
    }
    println!("| one durable append, µs | p50 | p99 | p99.9 | p99.9 to the floor's | longest | appends |");
    println!("|---|---|---|---|---|---|---|");
    let raw = at(&mut times[0], 0.999);
    for ((name, _), times) in runs.iter().zip(&mut times) {
        let shares = [0.5, 0.99, 0.999, 1.0].map(|share| at(times, share));
        let [middle, p99, p999, longest] = shares;
        let (ratio, count) = (p999 / raw, times.len());
        println!("| {name} | {middle:.0} | {p99:.0} | {p999:.0} | {ratio:.2} | {longest:.0} | {count} |");
    }
    Ok(())
}

/// The time that this share of the appends did not exceed.
fn at(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index below the length"
    )]
    let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or(f64::NAN)
}

fn floor(path: &Path, seed: u64) -> Times {
    let mut floor = Floor::create(path)?;
    let mut workload = Workload::new(seed);
    timed(|| {
        let (stream, data) = workload.event();
        floor.push(stream, data);
        Ok(floor.commit(true)?)
    })
}

fn store(store: &Store, seed: u64, filled: u64) -> Times {
    let mut workload = Workload::new(seed);
    for _ in 0..filled / BATCH {
        let mut batch = Batch::new();
        for _ in 0..BATCH {
            let (stream, data) = workload.event();
            batch.push(stream, &NewEvent::new(EVENT_TYPE, data))?;
        }
        store.append_batch(batch)?;
    }
    let segments = || -> Result<u64, Box<dyn Error>> { Ok(store.stats()?.segments) };
    let before = segments()?;
    let times = timed(|| {
        let (stream, data) = workload.event();
        store.append(stream, Expected::Any, &[NewEvent::new(EVENT_TYPE, data)])?;
        Ok(())
    })?;
    if filled > 0 && segments()? == before {
        return Err("no segment became full meanwhile".into());
    }
    store.clone().close()?;
    Ok(times)
}

fn timed(mut append: impl FnMut() -> Result<(), Box<dyn Error>>) -> Times {
    let (started, mut times) = (Instant::now(), Vec::with_capacity(1 << 16));
    while started.elapsed() < TIME {
        let one = Instant::now();
        append()?;
        times.push(one.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}
