//! Random streams with nothing in the page cache: what is read from the disk for them, against the pages that their events
//! lie on.

use super::Outcome;
use super::files::{drop_all_caches, drop_from_page_cache};
use super::layout::{Layout, Place, distinct_pages, page_bytes};
use super::plan::Plan;
use super::process::DiskReads;
use super::read::read_stream;
use super::show::{head, line, mebibytes, milliseconds, per, ratios};
use annals::{Position, Store};
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;

/// How `cold` measures.
#[derive(Args, Debug)]
pub(crate) struct Cold {
    /// A store that `build` made.
    #[arg(long)]
    store: PathBuf,
    /// How many streams are read in each round, other ones each time.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    streams: u64,
    /// How many rounds.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Drops the page cache of the whole machine, not only the store's files from it. Only root may.
    #[arg(long)]
    drop_all: bool,
}

/// What one round found.
#[derive(Clone, Copy, Debug)]
struct Round {
    opening: DiskReads,
    reading: DiskReads,
    milliseconds: f64,
    pages: u64,
    events: u64,
}

impl Cold {
    pub(crate) fn run(&self) -> Outcome {
        let plan = Plan::of(&self.store)?;
        let rounds = (0..self.rounds).map(|round| self.round(&plan, round)).collect::<Outcome<Vec<_>>>()?;
        let each = |figure: &dyn Fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<f64>>();
        let read = each(&|round| mebibytes(round.reading.bytes));
        let least = each(&|round| mebibytes(page_bytes(round.pages)));
        println!("{} streams in each of {} rounds", self.streams, self.rounds);
        head();
        line("read from the disk to open, MiB", &each(&|round| mebibytes(round.opening.bytes)));
        line("read from the disk for the streams, MiB", &read);
        line("the pages that their events lie on, MiB", &least);
        line("ratio of the two", &ratios(&read, &least));
        line("events per stream", &each(&|round| per(round.events, self.streams)));
        line("pages of events per stream", &each(&|round| per(round.pages, self.streams)));
        line("bytes read per stream", &each(&|round| per(round.reading.bytes, self.streams)));
        line("major faults per stream", &each(&|round| per(round.reading.major_faults, self.streams)));
        line("time per stream, ms", &each(&|round| round.milliseconds * per(1, self.streams)));
        if rounds.iter().all(|round| round.opening.bytes + round.reading.bytes == 0) {
            return Err(
                "nothing was read from the disk: its page cache was not dropped, or it is in memory".into()
            );
        }
        Ok(())
    }

    fn round(&self, plan: &Plan, round: u64) -> Outcome<Round> {
        let streams = plan.some_streams(self.streams, 100 + round);
        let names: Vec<String> = streams.into_iter().map(Plan::name).collect();
        drop_from_page_cache(&self.store)?;
        if self.drop_all {
            drop_all_caches()?;
        }
        let before = DiskReads::now()?;
        let store = Store::options().create(false).read_only(true).open(&self.store)?;
        let opened = DiskReads::now()?;
        let mut positions: Vec<Position> = Vec::new();
        let started = Instant::now();
        let view = store.view();
        for name in &names {
            read_stream(&view, plan, name, |position| positions.push(position))?;
        }
        let milliseconds = milliseconds(started.elapsed());
        let reading = DiskReads::now()?.since(opened);
        drop(view);
        drop(store);
        // Looking for the places reads pages too: only behind the measuring, and unmapped before the next round.
        let layout = Layout::of(&self.store)?;
        let places =
            positions.iter().map(|position| layout.place(*position)).collect::<Outcome<Vec<Place>>>()?;
        let (pages, events) = (distinct_pages(&places), places.len() as u64);
        Ok(Round { opening: opened.since(before), reading, milliseconds, pages, events })
    }
}
