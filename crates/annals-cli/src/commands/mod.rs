//! The commands, each in a file of its own: its arguments, its example and its work.

mod append;
#[cfg(feature = "archive")]
mod archive;
mod backup;
mod compact;
mod completions;
mod delete;
mod demo;
mod diff;
mod erase;
mod events;
mod explore;
mod export;
mod get;
mod history;
mod import;
mod inspect;
mod keys;
mod ledger;
mod read;
mod repair;
mod replay;
mod restore;
mod retention;
mod schema;
mod snapshot;
mod state;
mod stats;
mod streams;
mod tail;
mod truncate;
mod types;
mod verify;

use crate::tool::Tool;
use anyhow::Result;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Import(import::Args),
    Append(append::Args),
    Read(read::Args),
    Get(get::Args),
    State(state::Args),
    Diff(diff::Args),
    History(history::Args),
    Replay(replay::Args),
    Explore(explore::Args),
    Snapshot(snapshot::Args),
    Streams(streams::Args),
    Types(types::Args),
    Tail(tail::Args),
    Schema(schema::Args),
    Retention(retention::Args),
    Truncate(truncate::Args),
    Delete(delete::Args),
    Compact(compact::Args),
    Erase(erase::Args),
    Ledger(ledger::Args),
    Keys(keys::Args),
    Stats(stats::Args),
    Verify(verify::Args),
    Repair(repair::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    #[cfg(feature = "archive")]
    Archive(archive::Args),
    Export(export::Args),
    Inspect(inspect::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self, tool: &Tool) -> Result<()> {
        match self {
            Command::Demo(args) => demo::run(tool, &args),
            Command::Import(args) => import::run(tool, &args),
            Command::Append(args) => append::run(tool, &args),
            Command::Keys(args) => keys::run(tool, &args),
            Command::Read(args) => read::run(tool, &args),
            Command::Get(args) => get::run(tool, &args),
            Command::State(args) => state::run(tool, &args),
            Command::Diff(args) => diff::run(tool, &args),
            Command::History(args) => history::run(tool, &args),
            Command::Replay(args) => replay::run(tool, &args),
            Command::Explore(args) => explore::run(tool, &args),
            Command::Snapshot(args) => snapshot::run(tool, &args),
            Command::Streams(args) => streams::run(tool, &args),
            Command::Types(args) => types::run(tool, &args),
            Command::Tail(args) => tail::run(tool, &args),
            Command::Schema(args) => schema::run(tool, &args),
            Command::Retention(args) => retention::run(tool, &args),
            Command::Truncate(args) => truncate::run(tool, &args),
            Command::Delete(args) => delete::run(tool, &args),
            Command::Compact(args) => compact::run(tool, &args),
            Command::Erase(args) => erase::run(tool, &args),
            Command::Ledger(args) => ledger::run(tool, &args),
            Command::Stats(args) => stats::run(tool, &args),
            Command::Verify(args) => verify::run(tool, &args),
            Command::Repair(args) => repair::run(tool, &args),
            Command::Backup(args) => backup::run(tool, &args),
            Command::Restore(args) => restore::run(tool, &args),
            #[cfg(feature = "archive")]
            Command::Archive(args) => archive::run(tool, &args),
            Command::Export(args) => export::run(tool, &args),
            Command::Inspect(args) => inspect::run(&args, tool),
            Command::Completions(args) => completions::run(&args),
        }
    }
}
