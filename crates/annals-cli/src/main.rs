//! `annals`: the command line tool over an Annals store.
//!
//! Each command is a file in `commands` with its arguments and its work. What they share: `args` (arguments and
//! what they mean), `json` (events as JSON), `output`, `table` and `terminal` (standard output), `failure` (errors and exit
//! statuses). The tool holds no knowledge about files of a store: that is the library's.

mod args;
mod commands;
mod failure;
mod input;
mod json;
mod output;
mod progress;
mod reduce;
mod saved;
mod table;
mod terminal;
mod time;
mod tool;

use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(not_parsed(&error)),
    };
    match cli.run() {
        Ok(()) => ExitCode::from(failure::DONE),
        Err(error) => {
            let status = failure::status(&error);
            if status != failure::DONE {
                output::note(failure::line(&error));
            }
            ExitCode::from(status)
        }
    }
}

/// Help and version go out as they are, wrong usage in one line.
fn not_parsed(error: &clap::Error) -> u8 {
    match failure::usage_line(error) {
        Some(line) if error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output::note(line)
        }
        _ => drop(error.print()),
    }
    if error.use_stderr() { failure::USAGE } else { failure::DONE }
}
