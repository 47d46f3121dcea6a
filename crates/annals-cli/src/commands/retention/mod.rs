//! `retention`: rules for what may go.

mod apply;
mod guard;
pub(super) mod plan;
mod set;
mod show;

use crate::tool::Tool;
use anyhow::Result;

/// Set and show rules for what may go, and guards that keep it for who has not read it
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "What a rule lets go is hidden at once. Limits of bytes are enforced by `annals retention apply`.\n\n\
    Examples:\n  \
    annals retention set --category session --max-age 30d\n  \
    annals retention show --stream session-7\n  \
    annals retention guard set --name mails --position 0\n  \
    annals retention plan"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Set(set::Args),
    Show(show::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Guard(guard::Args),
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    match &args.command {
        Command::Set(args) => set::run(tool, args),
        Command::Show(args) => show::run(tool, args),
        Command::Plan(args) => plan::run(tool, args),
        Command::Apply(args) => apply::run(tool, args),
        Command::Guard(args) => guard::run(tool, args),
    }
}
