//! Random streams, warm, on one core: against mapped reads at known offsets, and where the time goes.

use super::Outcome;
use super::layout::{Layout, Place, distinct_pages, manifest_of, page_bytes};
use super::plan::Plan;
use super::show::{head, line, number, per, ratios};
use crate::workload::rate;
use annals::{Position, Query, Store, View};
use annals_format::names;
use annals_index::{Run, RunIdentity, TermKind};
use annals_vfs::Access;
use clap::Args;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How `read` measures.
#[derive(Args, Debug)]
pub(crate) struct Read {
    /// A store that `build` made.
    #[arg(long)]
    store: PathBuf,
    /// How many streams are read in each round.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    streams: u64,
    /// How many rounds.
    #[arg(long, default_value_t = 7)]
    rounds: u64,
}

/// Reads one stream and checks every event of it; gives their positions to `each`.
pub(crate) fn read_stream(view: &View, plan: &Plan, name: &str, mut each: impl FnMut(Position)) -> Outcome {
    let mut count = 0;
    for event in view.read(Query::stream(name))? {
        let event = event?;
        count += 1;
        if event.stream != name || event.version.get() != count {
            let (stream, version) = (event.stream, event.version);
            return Err(format!("version {version} of {stream} instead of {count} of {name}").into());
        }
        each(event.position);
    }
    let (least, most) = plan.events_of_a_stream();
    if !(least..=most).contains(&count) {
        return Err(format!("{name} has {count} events, not {least} to {most}").into());
    }
    Ok(())
}

impl Read {
    pub(crate) fn run(&self) -> Outcome {
        let plan = Plan::of(&self.store)?;
        let streams = plan.some_streams(self.streams, 12);
        let names: Vec<String> = streams.into_iter().map(Plan::name).collect();
        let (layout, runs) = (Layout::of(&self.store)?, Runs::open(&self.store)?);
        let store = Store::options().create(false).read_only(true).open(&self.store)?;
        let view = store.view();
        let floor = prepare(&view, &plan, &layout, &names)?;
        let places: Vec<Place> = floor.iter().flatten().map(|record| record.place).collect();
        let pages = per(distinct_pages(&places), self.streams);
        println!(
            "events per stream {}, pages per stream {}",
            number(per(places.len() as u64, self.streams)),
            number(pages)
        );
        println!(
            "runs {}, which hold {} of the events",
            runs.runs.len(),
            number(per(runs.events, view.position().get()))
        );
        println!("bytes of the events' pages {}\n", page_bytes(distinct_pages(&places)));

        let positions: Vec<Position> = floor.iter().flatten().map(|record| record.position).collect();
        let absent: Vec<String> = names.iter().map(|name| format!("{name}-")).collect();
        let whole = || names.iter().try_for_each(|name| read_stream(&view, &plan, name, |_| {}));
        let known = || read_floor(&layout, floor.iter().flatten());
        let events = || read_events(&view, &positions);
        let (find, found) = (|| runs.find(&names, false), || runs.find(&names, true));
        let missing = || absent.iter().try_for_each(|name| read_nothing(&view, name));
        let [whole, known, events, find, found, missing] =
            measure([&whole, &known, &events, &find, &found, &missing], self.rounds, self.streams)?;
        head();
        line("streams read and checked, streams/s", &whole);
        line("floor: records at known offsets, streams/s", &known);
        line("ratio of the two", &ratios(&whole, &known));
        println!("\nwhere the time of a stream goes, microseconds");
        head();
        let times = |rates: &[f64]| rates.iter().map(|rate| 1e6 / rate).collect::<Vec<f64>>();
        line("the whole", &times(&whole));
        if runs.events > 0 {
            line("the name looked up in all runs", &times(&find));
            line("that, and its positions", &times(&found));
        }
        line("its events, at known positions", &times(&events));
        line("its records' bytes, at known offsets", &times(&known));
        line("a stream that is not there", &times(&missing));
        Ok(())
    }
}

/// Does all work in turn, round by round, whoever begins changing; streams per second of each round.
pub(crate) fn measure<const N: usize>(
    work: [&dyn Fn() -> Outcome; N],
    rounds: u64,
    streams: u64,
) -> Outcome<[Vec<f64>; N]> {
    // A first round that does not count: pages are mapped, pages of runs are verified.
    work.iter().try_for_each(|work| work())?;
    let mut rates = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let index = (turn + usize::try_from(round)?) % N;
            let started = Instant::now();
            work[index]()?;
            rates[index].push(rate(streams, started.elapsed()));
        }
    }
    Ok(rates)
}

/// Where a record lies, and the checksum of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    position: Position,
    place: Place,
    checksum: u32,
}

impl Known {
    /// The record of the event at a position, its bytes taken as they are.
    pub(crate) fn at(layout: &Layout, position: Position) -> Outcome<Self> {
        let place = layout.place(position)?;
        Ok(Known { position, place, checksum: crc32fast::hash(layout.bytes(place)?) })
    }
}

fn prepare(view: &View, plan: &Plan, layout: &Layout, names: &[String]) -> Outcome<Vec<Vec<Known>>> {
    let of_stream = |name: &String| {
        let mut positions = Vec::new();
        read_stream(view, plan, name, |position| positions.push(position))?;
        positions.into_iter().map(|position| Known::at(layout, position)).collect()
    };
    names.iter().map(of_stream).collect()
}

/// Every record read where it is known to lie, its bytes checked with one checksum.
pub(crate) fn read_floor<'a>(layout: &Layout, floor: impl IntoIterator<Item = &'a Known>) -> Outcome {
    for record in floor {
        if crc32fast::hash(layout.bytes(record.place)?) != record.checksum {
            return Err("the bytes of a record have changed".into());
        }
    }
    Ok(())
}

fn read_events(view: &View, positions: &[Position]) -> Outcome {
    for position in positions {
        black_box(view.event_at(*position)?.ok_or("an event is not there")?);
    }
    Ok(())
}

fn read_nothing(view: &View, name: &str) -> Outcome {
    match view.read(Query::stream(name))?.next() {
        None => Ok(()),
        Some(_) => Err(format!("{name} is there").into()),
    }
}

/// The runs of a store, asked without the store.
struct Runs {
    runs: Vec<Run>,
    events: u64,
}

impl Runs {
    fn open(store: &Path) -> Outcome<Self> {
        let (manifest, disk) = manifest_of(store)?;
        let mut runs = Vec::new();
        for entry in &manifest.runs {
            let identity = RunIdentity {
                run_id: entry.id,
                first_position: entry.first_position,
                count: entry.count,
                length: entry.length,
                trailer_checksum: entry.trailer_checksum,
            };
            let mapping = disk.open(&names::run(entry.id), Access::Read)?.map(entry.length)?;
            runs.push(Run::open(mapping, &manifest.store_id, &identity)?);
        }
        Ok(Runs { runs, events: manifest.runs.iter().map(|entry| entry.count).sum() })
    }

    fn find(&self, names: &[String], positions: bool) -> Outcome {
        let mut found = Vec::new();
        for name in names {
            for run in &self.runs {
                let Some(postings) = run.find(TermKind::Stream, name)? else { continue };
                if positions {
                    found.clear();
                    run.positions(&postings, 0, usize::try_from(postings.count())?, &mut found)?;
                }
                black_box((&postings, &found));
            }
        }
        Ok(())
    }
}
