//! The log written around the system's cache, through it, and the raw floor, in turn in the same run: `cargo run --release -p
//! annals-benches --bin direct [ROUNDS [NAME]]`. Prints the table that stands in decision 0013, or the lines whose names have NAME in them.

use annals::{Batch, Expected, NewEvent, Store};
use annals_benches::floor::Floor;
use annals_benches::workload::{EVENT_TYPE, Workload, rate, spread};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each workload runs in each round.
const TIME: Duration = Duration::from_millis(1500);

type Figures = Result<f64, Box<dyn Error + Send + Sync>>;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(5), |rounds| rounds.parse())?;
    let wanted = std::env::args().nth(2).unwrap_or_default();
    let folder = tempfile::tempdir_in(".")?;
    println!("| workload | cached | direct | floor | cached / floor | direct / floor | direct / cached |");
    println!("|---|---|---|---|---|---|---|");
    for (name, threads, events) in [
        ("one durable append at a time", 1, 1),
        ("16 threads, one event each", 16, 1),
        ("64 threads, one event each", 64, 1),
        ("durable batches of 100", 1, 100),
        ("durable batches of 1000", 1, 1000),
    ] {
        if !name.contains(&wanted) {
            continue;
        }
        let mut figures = [const { Vec::new() }; 6];
        for round in 0..rounds {
            let mut own = [0.0; 3];
            for turn in 0..3 {
                let which = (turn + round) % 3;
                own[which] = match which {
                    2 => floor(folder.path(), threads * events)?,
                    direct => annals(folder.path(), direct == 1, threads, events)?,
                };
            }
            let [cached, direct, floor] = own;
            let all = [cached, direct, floor, cached / floor, direct / floor, direct / cached];
            figures.iter_mut().zip(all).for_each(|(figures, figure)| figures.push(figure));
        }
        let [cached, direct, floor, ratios @ ..] = figures.map(spread);
        print!("| {name}, events/s | {:.0} | {:.0} | {:.0}", cached.0, direct.0, floor.0);
        ratios.iter().for_each(|(ratio, least, most)| print!(" | {ratio:.2} ({least:.2} to {most:.2})"));
        println!(" |");
    }
    Ok(())
}

fn annals(folder: &Path, direct: bool, threads: u64, batch_events: u64) -> Figures {
    let path = folder.join("store");
    let store = Store::options().direct_io(direct).open(&path)?;
    // Made before anything is measured.
    let workloads: Vec<Workload> = (0..threads).map(Workload::new).collect();
    let (started, own) = (Instant::now(), &store);
    let events: Result<Vec<u64>, Box<dyn Error + Send + Sync>> = std::thread::scope(|scope| {
        let start = |workload| scope.spawn(move || append(own, workload, started, batch_events));
        let running: Vec<_> = workloads.into_iter().map(start).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?).collect()
    });
    let figure = rate(events?.into_iter().sum(), started.elapsed());
    store.close()?;
    std::fs::remove_dir_all(path)?;
    Ok(figure)
}

/// Appends until the time is over; says how many events.
fn append(
    store: &Store,
    mut workload: Workload,
    started: Instant,
    batch_events: u64,
) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let mut events = 0;
    while started.elapsed() < TIME {
        if batch_events == 1 {
            let (stream, data) = workload.event();
            store.append(stream, Expected::Any, &[NewEvent::new(EVENT_TYPE, data)])?;
        } else {
            let mut batch = Batch::new();
            for _ in 0..batch_events {
                let (stream, data) = workload.event();
                batch.push(stream, &NewEvent::new(EVENT_TYPE, data))?;
            }
            store.append_batch(batch)?;
        }
        events += batch_events;
    }
    Ok(events)
}

/// One thread that writes so many events with each sync.
fn floor(folder: &Path, batch_events: u64) -> Figures {
    let path = folder.join("floor");
    let mut floor = Floor::create(&path)?;
    let mut workload = Workload::new(1);
    let (started, mut events) = (Instant::now(), 0);
    while started.elapsed() < TIME {
        for _ in 0..batch_events {
            let (stream, data) = workload.event();
            floor.push(stream, data);
        }
        floor.commit(true)?;
        events += batch_events;
    }
    let figure = rate(events, started.elapsed());
    std::fs::remove_file(path)?;
    Ok(figure)
}
