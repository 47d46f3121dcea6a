//! Building a store.

use super::Outcome;
use super::feed::feed;
use super::files::log_and_index_bytes;
use super::plan::{Figures, Plan};
use super::show::{mebibytes, milliseconds, number, per};
use crate::memory::Memory;
use crate::workload::rate;
use annals::{Durability, Store};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is built.
#[derive(Args, Debug)]
pub(crate) struct Build {
    /// Directory of the store, which is created; its plan is put beside it.
    #[arg(long)]
    store: PathBuf,
    /// How many events.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// Over how many streams they are spread evenly.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    streams: u64,
    /// Bytes of data of each event.
    #[arg(long, default_value_t = 256)]
    payload: u64,
    /// Two tags per event: one of a tenth as many customers as events, one of 50 regions.
    #[arg(long)]
    tags: bool,
    /// A random id per event.
    #[arg(long)]
    ids: bool,
    /// Events of a stream at random distances, instead of one in each round over all streams.
    #[arg(long)]
    shuffle: bool,
    /// What an append survives.
    #[arg(long, default_value = "os")]
    durability: Durability,
    /// Events per batch.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// At which size a segment of the log is full, in bytes; the store's default unless told otherwise.
    #[arg(long)]
    segment_bytes: Option<u64>,
    /// Merges the index before it is closed, as it is merged when nobody appends for a while.
    #[arg(long)]
    settle: bool,
    /// Decides the events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Build {
    pub(crate) fn run(&self) -> Outcome {
        let Build { events, streams, payload, tags, ids, shuffle, seed, .. } = *self;
        if streams > events {
            return Err("each stream has an event at least".into());
        }
        if self.store.exists() {
            return Err(format!("{} is there already", self.store.display()).into());
        }
        let figures = Figures { events, streams, payload, tags, ids, shuffle, seed };
        let plan = Plan::new(figures);
        let mut options = Store::options().durability(self.durability);
        if let Some(bytes) = self.segment_bytes {
            options = options.segment_bytes(bytes);
        }
        let store = options.open(&self.store)?;
        let (started, mut time, mut anonymous) = (Instant::now(), Duration::ZERO, 0);
        println!("{:>14} {:>12} {:>16} {:>16}", "events", "events/s", "anonymous MiB", "peak MiB");
        let tenth = events.div_ceil(10);
        let mut from = 0;
        while from < events {
            let to = events.min(from + tenth);
            let fed = feed(&store, &plan, from..to, self.batch)?;
            (time, anonymous) = (time + fed.time, anonymous.max(fed.anonymous));
            let (rate, peak) = (rate(to - from, fed.time), mebibytes(Memory::now()?.peak));
            println!("{to:>14} {rate:>12.0} {:>16.1} {peak:>16.1}", mebibytes(fed.anonymous));
            from = to;
        }
        if self.settle {
            let settling = Instant::now();
            store.settle()?;
            println!("settle, ms                    {}", number(milliseconds(settling.elapsed())));
        }
        let closing = Instant::now();
        store.close()?;
        let closed = closing.elapsed();
        figures.save(&self.store)?;
        let (log, index) = log_and_index_bytes(&self.store)?;
        println!("append rate, events/s         {}", number(rate(events, time)));
        println!("with making events, events/s  {}", number(rate(events, started.elapsed())));
        println!("close, ms                     {}", number(milliseconds(closed)));
        println!("peak anonymous memory, MiB    {}", number(mebibytes(anonymous)));
        println!("peak resident (VmHWM), MiB    {}", number(mebibytes(Memory::now()?.peak)));
        println!("log, bytes per event          {}", number(per(log, events)));
        println!("index, bytes per event        {}", number(per(index, events)));
        Ok(())
    }
}
