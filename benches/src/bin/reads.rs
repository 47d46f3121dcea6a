//! Warm reads against the raw floor, in the same run: `cargo run --release -p annals-benches --bin reads`. Streams of a
//! hundred and of ten events scattered over the whole log (W5), scans of the whole log by one reader and by two (W6), and
//! the bytes that an event takes on disk (W8).
//!
//! The events are read from a store that was closed and opened again, in which all of them are in sealed segments, and
//! from one in which all of them are in a live one. Every event is verified, and its stream and version are compared. The
//! floor reads the same payloads through one mapping, at offsets that it knows, with one checksum each.

use annals::{Batch, Durability, NewEvent, Position, Query, Store, View};
use annals_benches::floor::FloorLog;
use annals_benches::workload::{EVENT_TYPE, PAYLOAD_BYTES, Scattered, mix, spread};
use clap::Parser;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Instant;

/// How many streams of each kind are read in a round, at most.
const STREAMS: usize = 20_000;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Reads streams and the whole log, warm, against the raw floor.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many rounds.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many events there are.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Where the stores are made and left; what is there already is used again. Otherwise a folder in the current one, which
    /// is removed at the end.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Only the workloads whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> Outcome {
    let arguments = Arguments::parse();
    // The current folder, not the temporary one: what that lies on is not what is to be measured.
    let temporary = tempfile::tempdir_in(".")?;
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder)?;
    let scattered = Scattered::new(arguments.events, 1);
    let sealed = Stored::sealed(&folder.join("sealed"), &scattered)?;
    let live = Stored::live(&folder.join("live"), &scattered)?;
    let floor = Floor::create(&folder.join("floor"), &scattered)?;
    let per_event = sealed.bytes_per_event;
    println!("{per_event:.1} bytes per event, {:.3} of the payload\n", per_event / PAYLOAD_BYTES as f64);
    println!("| workload | Annals | floor | ratio | range of the ratio |\n|---|---|---|---|---|");
    for (kind, stored) in [("sealed", &sealed), ("live", &live)] {
        let compared = Compared { arguments: &arguments, scattered: &scattered, kind, floor: &floor };
        compared.streams(&stored.store.view())?;
        compared.scans(&stored.store.view())?;
    }
    Ok(())
}

/// What is read, and against what.
struct Compared<'a> {
    arguments: &'a Arguments,
    scattered: &'a Scattered,
    kind: &'a str,
    floor: &'a Floor,
}

impl Compared<'_> {
    fn streams(&self, view: &View) -> Outcome {
        for (name, long) in [("streams of 100", true), ("streams of 10", false)] {
            let streams = some_streams(self.scattered, long);
            let names: Vec<String> = streams.iter().map(|stream| Scattered::name(*stream)).collect();
            let own = || names.iter().try_for_each(|name| read_stream(view, name, long));
            let raw = || streams.iter().try_for_each(|stream| self.floor.read_stream(*stream));
            self.line(name, names.len() as u64, &own, &raw)?;
        }
        Ok(())
    }

    fn scans(&self, view: &View) -> Outcome {
        let events = self.arguments.events;
        let (own, raw) = (|| scan(view, events), || self.floor.scan());
        let (two, two_raw) = (|| twice(&own), || twice(&raw));
        self.line("full scan, events", events, &own, &raw)?;
        self.line("two full scans at once, events", 2 * events, &two, &two_raw)?;
        if self.is_wanted("two readers against one") {
            let (two, one) = measure(self.arguments.rounds, &two, &own)?;
            let gains = two.iter().zip(&one).map(|(two, one)| 2.0 * one / two).collect();
            let ((gain, least, most), kind) = (spread(gains), self.kind);
            println!("| {kind}: two readers against one | | | {gain:.2} | {least:.2} to {most:.2} |");
        }
        Ok(())
    }

    fn is_wanted(&self, name: &str) -> bool {
        format!("{}: {name}", self.kind).contains(&self.arguments.only)
    }

    /// Does both in turn, and prints a line of the table.
    fn line(&self, name: &str, count: u64, own: &dyn Fn() -> Outcome, raw: &dyn Fn() -> Outcome) -> Outcome {
        if !self.is_wanted(name) {
            return Ok(());
        }
        let (ours, theirs) = measure(self.arguments.rounds, own, raw)?;
        let ratios = theirs.iter().zip(&ours).map(|(raw, own)| raw / own).collect();
        let rate = |times: Vec<f64>| spread(times.into_iter().map(|time| count as f64 / time).collect()).0;
        let ((ratio, least, most), kind) = (spread(ratios), self.kind);
        let (own, raw) = (rate(ours), rate(theirs));
        println!("| {kind}: {name}/s | {own:.0} | {raw:.0} | {ratio:.2} | {least:.2} to {most:.2} |");
        Ok(())
    }
}

/// The seconds that both take in each round, in turn, after one that does not count.
fn measure(
    rounds: usize,
    own: &dyn Fn() -> Outcome,
    raw: &dyn Fn() -> Outcome,
) -> Outcome<(Vec<f64>, Vec<f64>)> {
    let timed = |work: &dyn Fn() -> Outcome| -> Outcome<f64> {
        let started = Instant::now();
        work()?;
        Ok(started.elapsed().as_secs_f64())
    };
    own()?;
    raw()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            ours.push(timed(own)?);
            theirs.push(timed(raw)?);
        } else {
            theirs.push(timed(raw)?);
            ours.push(timed(own)?);
        }
    }
    Ok((ours, theirs))
}

/// Does the same on two threads, which begin together.
fn twice(work: &(dyn Fn() -> Outcome + Sync)) -> Outcome {
    let barrier = Barrier::new(2);
    let begin = || {
        barrier.wait();
        work()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(begin);
        begin().and(other.join().map_err(|_| "a reader panicked")?)
    })
}

/// Long or short streams in a random order.
fn some_streams(scattered: &Scattered, long: bool) -> Vec<u32> {
    let of_kind = (0..scattered.streams()).filter(|stream| Scattered::is_long(*stream) == long);
    let mut streams: Vec<u32> = of_kind.collect();
    streams.sort_by_key(|stream| mix(u64::from(*stream) + 77));
    streams.truncate(STREAMS);
    streams
}

fn read_stream(view: &View, name: &str, long: bool) -> Outcome {
    let mut version = 0;
    for event in view.read(Query::stream(name))? {
        let event = event?;
        version += 1;
        if event.stream != name || event.version.get() != version {
            return Err(format!("version {} of {}", event.version, event.stream).into());
        }
        black_box(event.data()?);
    }
    let right = if long { version == 100 } else { (9..=10).contains(&version) };
    if right { Ok(()) } else { Err(format!("{name} has {version} events").into()) }
}

fn scan(view: &View, events: u64) -> Outcome {
    let (mut count, mut bytes) = (0, 0);
    for event in view.read(Query::all().to_position(Position::new(events)))? {
        bytes += event?.data()?.len();
        count += 1;
    }
    if count == events && bytes as u64 == events * PAYLOAD_BYTES as u64 {
        return Ok(());
    }
    Err(format!("{count} events with {bytes} bytes").into())
}

/// The events in a store.
struct Stored {
    store: Store,
    bytes_per_event: f64,
}

impl Stored {
    /// Appends the events to a store, closes it, and opens it again: then all of them are in sealed segments. One that was
    /// made before is used again.
    fn sealed(path: &Path, scattered: &Scattered) -> Outcome<Self> {
        let options = || Store::options().durability(Durability::Os);
        if !path.exists() {
            let store = options().open(path)?;
            fill(&store, scattered)?;
            store.settle()?;
            store.close()?;
        }
        let bytes: u64 =
            ["log", "index"].iter().map(|name| bytes_in(&path.join(name))).sum::<Outcome<u64>>()?;
        let store = options().open(path)?;
        let events = store.last_position().get();
        Ok(Stored { store, bytes_per_event: bytes as f64 / events as f64 })
    }

    /// Appends the events to a store with one segment for all of them, which stays live, and to an index in memory.
    fn live(path: &Path, scattered: &Scattered) -> Outcome<Self> {
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
        let options =
            Store::options().durability(Durability::Os).segment_bytes(4 << 30).index_memory(1 << 30);
        let store = options.open(path)?;
        fill(&store, scattered)?;
        Ok(Stored { store, bytes_per_event: f64::NAN })
    }
}

fn fill(store: &Store, scattered: &Scattered) -> Outcome {
    let names: Vec<String> = (0..scattered.streams()).map(Scattered::name).collect();
    let events: Vec<(u32, &[u8])> = scattered.events().collect();
    for events in events.chunks(1000) {
        let mut batch = Batch::new();
        for (stream, data) in events {
            batch.push(&names[*stream as usize], &NewEvent::new(EVENT_TYPE, *data))?;
        }
        store.append_batch(batch)?;
    }
    Ok(())
}

/// Bytes of the files in a folder.
fn bytes_in(folder: &Path) -> Outcome<u64> {
    let length = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.metadata()?.len());
    fs::read_dir(folder)?.map(length).sum()
}

/// The events as the floor has them, and where those of each stream are.
struct Floor {
    log: FloorLog,
    of_stream: Vec<Vec<usize>>,
}

impl Floor {
    fn create(path: &Path, scattered: &Scattered) -> Outcome<Self> {
        let mut events = scattered.events();
        let mut of_stream = vec![Vec::new(); scattered.streams() as usize];
        let log = FloorLog::create(path, events.len() as u64, |push| {
            if let Some((stream, data)) = events.next() {
                push(&Scattered::name(stream), data);
            }
        })?;
        for (index, (stream, _)) in scattered.events().enumerate() {
            of_stream[stream as usize].push(index);
        }
        Ok(Floor { log, of_stream })
    }

    fn read_stream(&self, stream: u32) -> Outcome {
        for index in &self.of_stream[stream as usize] {
            black_box(self.log.read(*index).ok_or("a checksum of the floor is wrong")?);
        }
        Ok(())
    }

    fn scan(&self) -> Outcome {
        black_box(self.log.scan().ok_or("a checksum of the floor is wrong")?);
        Ok(())
    }
}
