//! The program of an engine: does one thing, and prints its figures as a line of JSON.

use crate::Outcome;
use crate::data_set::{DataSet, load};
use crate::engine::{Appends, Engine, Event, Purpose, Tickets};
use crate::measure::Figures;
use crate::work::{self, Waiting};
use crate::workload::{Work, Workload};
use annals_benches::workload::{Draws, Source};
use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// One engine of the comparison. Started by `compare`.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does a workload.
    Measure {
        /// Its name.
        workload: String,
        /// Where.
        folder: PathBuf,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 1.5)]
        seconds: f64,
        /// How many events the data set in the folder has.
        #[arg(long, default_value_t = 0)]
        events: u64,
    },
    /// Writes the data set.
    Load {
        /// Where.
        folder: PathBuf,
        /// How many events.
        events: u64,
    },
    /// Appends behind the data set until it is killed.
    AppendUntilKilled {
        /// Where.
        folder: PathBuf,
        /// How many events the data set has.
        events: u64,
    },
    /// Appends single events, and writes a line to the output as each is acknowledged.
    Acknowledge {
        /// Where.
        folder: PathBuf,
        /// How many events.
        appends: u64,
    },
}

/// What measures tickets.
type MeasureTickets = fn(&Path, usize, Waiting, Duration) -> Outcome<Figures>;

/// Runs the program of an engine that has no tickets.
#[must_use]
pub fn main<E: Engine>() -> ExitCode {
    finish::<E>(|_, _, _, _| Ok(Figures::new()))
}

/// Runs the program of an engine that has tickets.
#[must_use]
pub fn main_with_tickets<E: Tickets>() -> ExitCode {
    finish::<E>(work::tickets::<E>)
}

fn finish<E: Engine>(tickets: MeasureTickets) -> ExitCode {
    match run::<E>(Arguments::parse().command, tickets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", E::NAME);
            ExitCode::FAILURE
        }
    }
}

fn run<E: Engine>(command: Command, tickets: MeasureTickets) -> Outcome {
    match command {
        Command::Measure { workload, folder, seconds, events } => {
            let workload =
                Workload::named(&workload).ok_or_else(|| format!("there is no workload {workload}"))?;
            if matches!(workload.work, Work::Read | Work::Scan | Work::Open) {
                crate::size::read_all(&folder)?;
            }
            let (set, time) = (|| DataSet::new(events), Duration::try_from_secs_f64(seconds)?);
            let figures = match workload.work {
                Work::Append(appends, batch) => work::append::<E>(&folder, appends, batch, time)?,
                Work::Read => work::read::<E>(&folder, &set(), time)?,
                Work::Scan => work::scan::<E>(&folder, &set(), time)?,
                Work::Open => work::open::<E>(&folder, &set())?,
                Work::Expected(threads) => work::expected::<E>(&folder, threads, time)?,
                Work::Tickets(in_flight, waiting) => tickets(&folder, in_flight, waiting, time)?,
                Work::Size => crate::size::size(&folder, events)?,
            };
            print(&figures)
        }
        Command::Load { folder, events } => {
            let begun = Instant::now();
            let engine = E::open(&folder, Purpose::Load)?;
            load(&engine, &DataSet::new(events))?;
            engine.settle()?;
            engine.close()?;
            print(&Figures::from([("seconds".to_owned(), begun.elapsed().as_secs_f64())]))
        }
        Command::AppendUntilKilled { folder, events } => {
            work::append_until_killed::<E>(&folder, &DataSet::new(events))
        }
        Command::Acknowledge { folder, appends } => acknowledge::<E>(&folder, appends),
    }
}

fn print(figures: &Figures) -> Outcome {
    println!("{}", serde_json::to_string(figures)?);
    Ok(())
}

/// Appends events so that somebody who traces this process sees what lies between two acknowledgements.
fn acknowledge<E: Engine>(folder: &Path, appends: u64) -> Outcome {
    let engine = E::open(folder, Purpose::Append(Appends { threads: 1, synced: true, direct: false }))?;
    let (source, mut draws) = (Source::new(1), Draws::new(1));
    let mut out = std::io::stdout();
    // What an engine lays out at its first append is no part of the others.
    for append in 0..=appends {
        let event: Event<'_> = source.event(draws.draw());
        engine.append(&[event])?;
        out.write_all(if append == 0 { b"begin\n" } else { b"ack\n" })?;
        out.flush()?;
    }
    engine.close()
}
