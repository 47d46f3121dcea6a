//! Figures for an index that scales: `cargo run --release -p annals-benches --bin scale -- COMMAND --store DIR ...`;
//! `--help` names the commands.

use annals_benches::scale::{Arguments, run};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
