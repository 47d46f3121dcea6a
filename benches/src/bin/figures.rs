//! First figures of the store against the raw floor, in the same run: `cargo run --release -p annals-benches --bin
//! figures [ROUNDS]`. Prints the table that stands in `docs/performance.md`.

use annals::{Batch, NewEvent, Query, Store};
use annals_benches::appends::{append, floor_rate};
use annals_benches::floor::FloorLog;
use annals_benches::workload::{EVENT_TYPE, Workload, rate, spread};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a write workload runs in each round.
const WRITE_TIME: Duration = Duration::from_millis(1500);
/// How many events the read workloads read.
const READ_EVENTS: u64 = 1_000_000;

type Figures = Result<f64, Box<dyn Error + Send + Sync>>;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(5), |rounds| rounds.parse())?;
    // The current folder, not the temporary one: that may be memory, where a sync costs nothing.
    let folder = tempfile::tempdir_in(".")?;
    let reader = Readers::create(folder.path())?;
    println!("| workload | Annals | floor | ratio | range of the ratio |\n|---|---|---|---|---|");
    for (name, batch) in [
        ("one durable append at a time", 1),
        ("durable batches of 100", 100),
        ("durable batches of 1000", 1000),
    ] {
        let floor = || floor_rate(folder.path(), batch, WRITE_TIME);
        compare(rounds, name, &|| append_rate(folder.path(), batch), &floor)?;
    }
    compare(rounds, "full scan", &|| reader.scan(), &|| reader.scan_floor())?;
    Ok(())
}

/// Runs both in turn, whoever begins changing, and prints a line of the table.
fn compare(
    rounds: usize,
    name: &str,
    annals: &dyn Fn() -> Figures,
    floor: &dyn Fn() -> Figures,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (own, raw) = if round % 2 == 0 {
            let own = annals()?;
            (own, floor()?)
        } else {
            let raw = floor()?;
            (annals()?, raw)
        };
        ours.push(own);
        theirs.push(raw);
        ratios.push(own / raw);
    }
    let ((own, ..), (raw, ..), (ratio, least, most)) = (spread(ours), spread(theirs), spread(ratios));
    println!("| {name}, events/s | {own:.0} | {raw:.0} | {ratio:.2} | {least:.2} to {most:.2} |");
    Ok(())
}

fn append_rate(folder: &Path, batch_events: u64) -> Figures {
    let path = folder.join("store");
    let store = Store::open(&path)?;
    let (mut workload, started) = (Workload::new(1), Instant::now());
    let events = append(&store, &mut workload, batch_events, (started, WRITE_TIME))?;
    let figure = rate(events, started.elapsed());
    store.close()?;
    std::fs::remove_dir_all(path)?;
    Ok(figure)
}

/// The same events in a store and in a floor's log.
struct Readers {
    store: Store,
    log: FloorLog,
}

impl Readers {
    fn create(folder: &Path) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let store = Store::open(folder.join("read-store"))?;
        let mut workload = Workload::new(2);
        for _ in 0..READ_EVENTS / 1000 {
            let mut batch = Batch::new();
            for _ in 0..1000 {
                let (stream, data) = workload.event();
                batch.push(stream, &NewEvent::new(EVENT_TYPE, data))?;
            }
            store.append_batch(batch)?;
        }
        let mut workload = Workload::new(2);
        let log = FloorLog::create(&folder.join("read-floor"), READ_EVENTS, |push| {
            let (stream, data) = workload.event();
            push(stream, data);
        })?;
        Ok(Readers { store, log })
    }

    fn scan(&self) -> Figures {
        let view = self.store.view();
        let started = Instant::now();
        let (mut events, mut bytes) = (0, 0);
        for event in view.read(Query::all())? {
            bytes += event?.data()?.len();
            events += 1;
        }
        assert_eq!(events, READ_EVENTS);
        black_box(bytes);
        Ok(rate(events, started.elapsed()))
    }

    fn scan_floor(&self) -> Figures {
        let started = Instant::now();
        black_box(self.log.scan().ok_or("a checksum of the floor is wrong")?);
        Ok(rate(READ_EVENTS, started.elapsed()))
    }
}
