//! `delete`: let all events of a stream go.

use crate::args::values::{parse_expected, parse_stream};
use crate::output::Facts;
use crate::tool::Tool;
use annals::Expected;
use anyhow::Result;

/// Let all events of a stream go: they are hidden at once, and do not come back
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A deleted stream counts as one that does not exist. It can be continued, and its versions go on; with --tombstone \
    its name is closed for good, and appends to it end with status 3.\n\n\
    JSON: stream, deleted (the version of the last event that was), tombstoned, position (of the event that says so; 0 if it was so \
    before), already.\n\n\
    Exit status 3 if the stream is not at the expected version, or closed.\n\n\
    Examples:\n  \
    annals delete --stream session-7\n  \
    annals delete --stream customer-3 --expect 12 --tombstone"
)]
pub(crate) struct Args {
    /// The stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// Close the name for good; one that was never used can be closed, too
    #[arg(long)]
    tombstone: bool,
    /// What the stream must be at: any, exists, no-stream or the version of its last event
    #[arg(long, value_name = "EXPECTED", default_value = "any", value_parser = parse_expected)]
    expect: Expected,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.writing_existing()?;
    let retention = store.retention();
    let change = if args.tombstone {
        retention.tombstone(&args.stream, args.expect)?
    } else {
        retention.delete(&args.stream, args.expect)?
    };
    let holds = retention.effective(&args.stream)?;
    drop(retention);
    store.close()?;
    let facts = Facts::new()
        .text("stream", &args.stream)
        .json_and("deleted", number(holds.deleted), number(holds.deleted))
        .number("tombstoned", holds.tombstoned)
        .number("position", change.position)
        .number("already", change.already);
    tool.tell(&facts)
}

fn number(version: Option<annals::Version>) -> String {
    version.map_or_else(|| "null".to_owned(), |version| version.to_string())
}
