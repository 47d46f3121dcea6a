//! `streams`: the streams that are there.

use crate::args::filters::AsOfArgs;
use crate::output::{Facts, Out};
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::View;
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
    let mut out = tool.out();
    list(&mut out, &view, args)?;
    out.flush()
}

fn list(out: &mut Out, view: &View, args: &Args) -> Result<()> {
    let mut table = out.table(COLUMNS);
    for info in view.streams(&args.prefix).take(args.limit.unwrap_or(usize::MAX)) {
        let info = info?;
        if out.is_table() {
            table.row(out, vec![info.stream, info.events.to_string(), info.last_version.to_string()])?;
        } else {
            let facts = Facts::new()
                .text("stream", info.stream)
                .number("events", info.events)
                .number("last_version", info.last_version);
            out.line(facts.json())?;
        }
    }
    if out.is_table() { table.flush(out) } else { Ok(()) }
}
