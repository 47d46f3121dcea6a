//! The log written around the system's cache, through it, and the raw floor, in turn in the same run: `cargo run --release -p
//! annals-benches --bin direct [ROUNDS [NAME]]`. Prints the table that stands in decision 0013, or the lines whose names have NAME in them.

use annals::Store;
use annals_benches::appends::{append, floor_rate};
use annals_benches::workload::{Workload, rate, spread};
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
                    2 => floor_rate(folder.path(), threads * events, TIME)?,
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
        let start = |mut workload: Workload| {
            scope.spawn(move || append(own, &mut workload, batch_events, (started, TIME)))
        };
        let running: Vec<_> = workloads.into_iter().map(start).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?).collect()
    });
    let figure = rate(events?.into_iter().sum(), started.elapsed());
    store.close()?;
    std::fs::remove_dir_all(path)?;
    Ok(figure)
}
