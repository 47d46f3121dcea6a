//! `retention guard`: consumers for whom events are kept until they have read them.

use crate::output::Facts;
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::{GuardInfo, Position, RetentionChange};
use anyhow::Result;

/// Keep events for a consumer until it has read them
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "A guard is a name and the position up to which its consumer is done. Compaction keeps every segment with events above \
    it, unless it is told to --override it.\n\n\
    JSON: name, guarded_above (the position), position (of the event that says so; 0 if it was so before), already. Of show: name, \
    guarded_above, segments_kept, bytes_kept.\n\n\
    Examples:\n  \
    annals retention guard set --name mails --position 120000\n  \
    annals retention guard show\n  \
    annals retention guard remove --name mails"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Set(Set),
    Show(Show),
    Remove(Remove),
}

/// Set a guard, or move it further on; it never goes back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals retention guard set --name mails --position 120000")]
struct Set {
    /// The consumer, in 1 to 256 bytes
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The last position that it is done with; 0 for nothing yet
    #[arg(long, value_name = "P")]
    position: u64,
}

/// Show all guards, and how much they keep
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals retention guard show")]
struct Show {}

/// Remove a guard: nothing is kept for it any more
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals retention guard remove --name mails")]
struct Remove {
    /// The consumer
    #[arg(long, value_name = "NAME")]
    name: String,
}

const COLUMNS: &[Column] = &[text("name"), number("position"), number("segments kept"), number("bytes kept")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    match &args.command {
        Command::Set(args) => set(tool, args),
        Command::Show(_) => show(tool),
        Command::Remove(args) => remove(tool, args),
    }
}

fn set(tool: &Tool, args: &Set) -> Result<()> {
    let store = tool.writing_existing()?;
    let change = store.guards().set(&args.name, Position::new(args.position))?;
    store.close()?;
    changed(tool, Facts::new().text("name", &args.name).number("guarded_above", args.position), change)
}

fn remove(tool: &Tool, args: &Remove) -> Result<()> {
    let store = tool.writing_existing()?;
    let change = store.guards().remove(&args.name)?;
    store.close()?;
    changed(tool, Facts::new().text("name", &args.name), change)
}

fn changed(tool: &Tool, facts: Facts, change: RetentionChange) -> Result<()> {
    let facts = facts.number("position", change.position).number("already", change.already);
    tool.tell(&facts)
}

fn show(tool: &Tool) -> Result<()> {
    let guards = tool.reading()?.guards().list()?;
    tool.list(COLUMNS, guards.into_iter().map(anyhow::Ok), row, facts)
}

fn row(GuardInfo { name, position, segments, bytes, .. }: &GuardInfo) -> Vec<String> {
    vec![name.clone(), position.to_string(), segments.to_string(), bytes.to_string()]
}

fn facts(guard: &GuardInfo) -> Facts {
    Facts::new()
        .text("name", &guard.name)
        .number("guarded_above", guard.position)
        .number("segments_kept", guard.segments)
        .number("bytes_kept", guard.bytes)
}
