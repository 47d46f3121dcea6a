//! Figures for an index that scales: many streams, many events, much more than fits into memory.
//!
//! Stores are built from a plan that computes each event from its number, so every answer can be checked. Figures are
//! ratios against a floor or a peer of the same run, over several rounds, with median and range.

mod build;
mod cold;
mod conditions;
mod feed;
mod files;
mod ids;
mod layout;
mod open;
mod plan;
mod process;
mod read;
mod show;
mod streams;

use annals::{Clause, Criteria};
use clap::{Parser, Subcommand};
use std::error::Error;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Makes the figures for an index that scales.
#[derive(Debug, Parser)]
#[command(name = "scale")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds a store: rate, memory, bytes of log and index per event, time to close.
    Build(build::Build),
    /// Opens the store in fresh processes: time and memory until it is open and until a first event was read.
    Open(open::Open),
    /// Appends to a store of ever new streams and to one of few, in turn.
    Streams(streams::Streams),
    /// Reads random streams, warm, against mapped reads at known offsets.
    Read(read::Read),
    /// Reads random streams with nothing in the page cache, against the pages that the events lie on.
    Cold(cold::Cold),
    /// Looks up random ids over all history.
    Ids(ids::Ids),
    /// Appends with and without a condition over two tags, in turn: alone, and from 64 threads.
    Conditions(conditions::Conditions),
    /// What `open` runs in a process of its own.
    #[command(hide = true)]
    OpenOnce(open::OpenOnce),
    /// What `open --kill` runs in a process of its own, until it is killed.
    #[command(hide = true)]
    AppendForever(open::AppendForever),
}

/// Does what the arguments say.
///
/// # Errors
/// What went wrong, in particular an answer of the store that is not as planned.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    match &arguments.command {
        Command::Build(build) => build.run(),
        Command::Open(open) => open.run(),
        Command::Streams(streams) => streams.run(),
        Command::Read(read) => read.run(),
        Command::Cold(cold) => cold.run(),
        Command::Ids(ids) => ids.run(),
        Command::Conditions(conditions) => conditions.run(|batch, tags, after| {
            let clause = Clause::new().tagged(&tags[0]).tagged(&tags[1]);
            Ok(batch.fail_if(Criteria::any_of([clause])?, after)?)
        }),
        Command::OpenOnce(once) => once.run(),
        Command::AppendForever(forever) => forever.run(),
    }
}
