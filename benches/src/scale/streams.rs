//! Ever new streams against few: how the rate of appends goes on as streams come.
//!
//! Only one of the two stores is open at a time, so that its background work is done in its own windows and not in those
//! of the other one.

use super::Outcome;
use super::feed::{Fed, feed};
use super::plan::{Figures, Plan};
use super::show::{head, line, mebibytes, number, ratios};
use crate::workload::rate;
use annals::{Durability, Store};
use clap::Args;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How `streams` measures.
#[derive(Args, Debug)]
pub(crate) struct Streams {
    /// Directory for the two stores, which is created.
    #[arg(long)]
    store: PathBuf,
    /// How many streams of one event are made, and how many events the other store gets.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// Over how many streams the other store spreads them.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    few: u64,
    /// Events per window; a twentieth of them unless told otherwise.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    window: Option<u64>,
    /// Bytes of data of each event.
    #[arg(long, default_value_t = 256)]
    payload: u64,
    /// What an append survives.
    #[arg(long, default_value = "os")]
    durability: Durability,
    /// Events per batch.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// Decides the events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leaves the stores there.
    #[arg(long)]
    keep: bool,
}

/// A window in one of the stores.
#[derive(Clone, Copy, Debug)]
struct Window {
    fed: Fed,
    /// From the opening to the end of the close, without the making of events.
    whole: Duration,
}

impl Streams {
    pub(crate) fn run(&self) -> Outcome {
        fs::create_dir(&self.store)?;
        let (many, few) = (self.store.join("many"), self.store.join("few"));
        let plans = (self.plan(self.events), self.plan(self.few.min(self.events)));
        println!(
            "{:>14} {:>12} {:>12} {:>8} {:>14} {:>16}",
            "events", "many/s", "few/s", "ratio", "ratio, whole", "anonymous MiB"
        );
        let length = self.window.unwrap_or(self.events.div_ceil(20));
        let (mut rates, mut wholes) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let (mut from, mut turn) = (0, 0);
        while from < self.events {
            let to = self.events.min(from + length);
            let (one, other) = if turn % 2 == 0 {
                let one = self.window(&many, &plans.0, from..to)?;
                (one, self.window(&few, &plans.1, from..to)?)
            } else {
                let other = self.window(&few, &plans.1, from..to)?;
                (self.window(&many, &plans.0, from..to)?, other)
            };
            let (own, peer) = (rate(to - from, one.fed.time), rate(to - from, other.fed.time));
            let (whole, whole_peer) = (rate(to - from, one.whole), rate(to - from, other.whole));
            let memory = mebibytes(one.fed.anonymous.max(other.fed.anonymous));
            let (ratio, ratio_whole) = (own / peer, whole / whole_peer);
            println!("{to:>14} {own:>12.0} {peer:>12.0} {ratio:>8.2} {ratio_whole:>14.2} {memory:>16.1}");
            rates.0.push(own);
            rates.1.push(peer);
            wholes.0.push(whole);
            wholes.1.push(whole_peer);
            (from, turn) = (to, turn + 1);
        }
        println!();
        report("events/s", &rates.0, &rates.1);
        report("events/s with opening and closing", &wholes.0, &wholes.1);
        if !self.keep {
            fs::remove_dir_all(&self.store)?;
        }
        Ok(())
    }

    fn plan(&self, streams: u64) -> Plan {
        let Streams { events, payload, seed, .. } = *self;
        Plan::new(Figures { events, streams, payload, tags: false, ids: false, shuffle: false, seed })
    }

    fn window(&self, path: &Path, plan: &Plan, events: Range<u64>) -> Outcome<Window> {
        let opening = Instant::now();
        let store = Store::options().durability(self.durability).open(path)?;
        let opened = opening.elapsed();
        let fed = feed(&store, plan, events, self.batch)?;
        let closing = Instant::now();
        store.close()?;
        Ok(Window { fed, whole: opened + fed.time + closing.elapsed() })
    }
}

/// All windows, and the last quarter of them, where the streams are many.
fn report(what: &str, many: &[f64], few: &[f64]) {
    head();
    line(&format!("many streams, {what}"), many);
    line(&format!("few streams, {what}"), few);
    let ratios = ratios(many, few);
    line("ratio", &ratios);
    line("ratio in the last quarter", &ratios[ratios.len() * 3 / 4..]);
    // The windows have the same number of events, so the sums of their times are in the ratio of these sums.
    let time = |rates: &[f64]| rates.iter().map(|rate| 1.0 / rate).sum::<f64>();
    println!("{:<52} {:>14}\n", "ratio over everything", number(time(few) / time(many)));
}
