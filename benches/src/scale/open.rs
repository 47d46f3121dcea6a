//! Opening a store in a process of its own, after a close in good order and after a kill.

use super::Outcome;
use super::files::drop_from_page_cache;
use super::plan::Plan;
use super::process::{again, figures_of};
use super::show::{head, line, mebibytes, milliseconds, ratios};
use crate::memory::Memory;
use crate::workload::{EVENT_TYPE, Payloads};
use annals::{Batch, NewEvent, Query, Store, Version};
use clap::Args;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How `open` measures.
#[derive(Args, Debug)]
pub(crate) struct Open {
    /// A store that `build` made.
    #[arg(long)]
    store: PathBuf,
    /// How many rounds.
    #[arg(long, default_value_t = 11)]
    rounds: u64,
    /// Also after a process was killed in the middle of appending, for so many seconds, to this very store. It grows.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    kill: Option<f64>,
    /// Drops the store's files from the page cache before each opening.
    #[arg(long)]
    cold: bool,
}

/// How the child of `open` opens.
#[derive(Args, Debug)]
pub(crate) struct OpenOnce {
    #[arg(long)]
    store: PathBuf,
    /// Which stream is read.
    #[arg(long)]
    stream: u64,
}

/// Where the child of `open --kill` appends.
#[derive(Args, Debug)]
pub(crate) struct AppendForever {
    #[arg(long)]
    store: PathBuf,
}

/// The figures of a round, and what they are called in the table.
const FIGURES: [(&str, &str); 8] = [
    ("open", "until open returned, ms"),
    ("first", "from there until a stream's first event was read, ms"),
    ("resident_before", "resident before, MiB"),
    ("resident_opened", "resident when open, MiB"),
    ("anonymous_opened", "  of that anonymous, MiB"),
    ("file_opened", "  of that files, MiB"),
    ("resident_read", "resident when the event was read, MiB"),
    ("peak", "peak resident, MiB"),
];

type Round = BTreeMap<String, f64>;

impl Open {
    pub(crate) fn run(&self) -> Outcome {
        let plan = Plan::of(&self.store)?;
        let streams = plan.some_streams(2 * self.rounds + 1, 11);
        // Whatever state the store is in: from here on it was closed in good order.
        self.once(streams[0])?;
        let (mut clean, mut killed) = (Vec::new(), Vec::new());
        for pair in streams[1..].chunks(2) {
            clean.push(self.once(pair[0])?);
            if let Some(seconds) = self.kill {
                self.kill_an_appender(Duration::try_from_secs_f64(seconds)?)?;
                killed.push(self.once(pair[1])?);
            }
        }
        println!("closed in good order, {} rounds", self.rounds);
        let clean = print(&clean);
        if !killed.is_empty() {
            println!("\nkilled while appending, {} rounds", self.rounds);
            let killed = print(&killed);
            line("time until open returned, killed to clean", &ratios(&killed, &clean));
        }
        Ok(())
    }

    fn once(&self, stream: u64) -> Outcome<Round> {
        if self.cold {
            drop_from_page_cache(&self.store)?;
        }
        let store = self.store.as_os_str().to_owned();
        let arguments: [OsString; 5] =
            ["open-once".into(), "--store".into(), store, "--stream".into(), stream.to_string().into()];
        figures_of(again(arguments)?)
    }

    fn kill_an_appender(&self, after: Duration) -> Outcome {
        let mut child =
            again(["append-forever".as_ref(), "--store".as_ref(), self.store.as_os_str()])?.spawn()?;
        let output = child.stdout.take().ok_or("the child has no output")?;
        let begun = BufReader::new(output).read_line(&mut String::new());
        std::thread::sleep(after);
        let ended_by_itself = child.try_wait()?;
        child.kill()?;
        child.wait()?;
        if begun? == 0 || ended_by_itself.is_some() {
            return Err("the child did not append until it was killed".into());
        }
        Ok(())
    }
}

/// Prints a table; returns the times until open returned.
fn print(rounds: &[Round]) -> Vec<f64> {
    let all = |key: &str| rounds.iter().filter_map(|round| round.get(key).copied()).collect::<Vec<f64>>();
    head();
    for (key, name) in FIGURES {
        line(name, &all(key));
    }
    all("open")
}

impl OpenOnce {
    pub(crate) fn run(&self) -> Outcome {
        let before = Memory::now()?;
        let started = Instant::now();
        let store = Store::options().create(false).open(&self.store)?;
        let open = started.elapsed();
        let opened = Memory::now()?;
        let name = Plan::name(self.stream);
        let reading = Instant::now();
        let view = store.view();
        let event = view.read(Query::stream(&name).limit(1))?.next().ok_or("the stream is not there")??;
        let first = reading.elapsed();
        if event.stream != name || event.version != Version::FIRST {
            return Err(format!(
                "version {} of {} instead of the first of {name}",
                event.version, event.stream
            )
            .into());
        }
        let read = Memory::now()?;
        drop(view);
        store.close()?;
        let figures = [
            milliseconds(open),
            milliseconds(first),
            mebibytes(before.resident),
            mebibytes(opened.resident),
            mebibytes(opened.anonymous),
            mebibytes(opened.file),
            mebibytes(read.resident),
            mebibytes(read.peak),
        ];
        for ((key, _), figure) in FIGURES.iter().zip(figures) {
            println!("{key} {figure}");
        }
        Ok(())
    }
}

impl AppendForever {
    pub(crate) fn run(&self) -> Outcome {
        let store = Store::options().create(false).open(&self.store)?;
        let payloads = Payloads::new(3, 256);
        let mut out = std::io::stdout();
        for number in 0_u64.. {
            let mut batch = Batch::new();
            for event in 0..100 {
                let stream = format!("late-{}", crate::workload::mix(number * 100 + event) % 10_000);
                batch.push(&stream, &NewEvent::new(EVENT_TYPE, payloads.of(crate::workload::mix(event))))?;
            }
            store.append_batch(batch)?;
            if number == 0 {
                writeln!(out, "begun")?;
                out.flush()?;
            }
        }
        Ok(())
    }
}
