//! `schema`: what is registered about the data of events.

mod check;
mod given;
mod list;
mod register;

use crate::tool::Tool;
use anyhow::Result;

/// Register what the data of events look like, and how older ones become newer ones
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Examples:\n  \
    annals schema register --type Deposited --version 1 --schema deposited.json\n  \
    annals schema check --type Deposited --version 2 --upcast rules.json\n  \
    annals schema list"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Register(register::Args),
    List(list::Args),
    Check(check::Args),
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    match &args.command {
        Command::Register(args) => register::run(tool, args),
        Command::List(args) => list::run(tool, args),
        Command::Check(args) => check::run(tool, args),
    }
}
