//! The tool as its users meet it: arguments in, standard output, standard error and exit status out.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod append;
#[cfg(feature = "archive")]
mod archive;
mod backup;
mod bad_input;
mod common;
mod demo;
mod erase;
mod explore;
mod export;
mod golden;
mod history;
mod import;
mod keys;
mod lists;
mod names;
mod no_ids;
mod opening;
mod output;
mod read;
mod repair;
mod replay;
mod retention;
mod schema;
mod snapshot;
mod state;
mod tail;
mod times;
mod verify;
