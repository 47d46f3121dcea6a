//! `streams`: the streams that are there.

use crate::args::filters::AsOfArgs;
use crate::output::Facts;
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::StreamInfo;
use anyhow::Result;

/// List the streams with the number of their events and their last version
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals streams --prefix order- --limit 20")]
pub(crate) struct Args {
    /// Only streams whose name begins so
    #[arg(long, value_name = "P", default_value = "", hide_default_value = true)]
    prefix: String,
    /// At most so many streams
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    moment: AsOfArgs,
}

const COLUMNS: &[Column] = &[text("stream"), number("events"), number("last_version")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = args.moment.narrow(store.view())?;
    let streams = view.streams(&args.prefix).take(args.limit.unwrap_or(usize::MAX));
    tool.list(COLUMNS, streams, row, facts)
}

fn row(info: &StreamInfo) -> Vec<String> {
    vec![info.stream.clone(), info.events.to_string(), info.last_version.to_string()]
}

fn facts(info: &StreamInfo) -> Facts {
    Facts::new()
        .text("stream", &info.stream)
        .number("events", info.events)
        .number("last_version", info.last_version)
}
