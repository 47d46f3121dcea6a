//! `types`: the event types that are there.

use crate::args::filters::AsOfArgs;
use crate::output::Facts;
use crate::table::{Column, number, text};
use crate::tool::Tool;
use anyhow::Result;

/// List the event types with the number of their events
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals types --as-of 2024-05-01T00:00:00Z")]
pub(crate) struct Args {
    #[command(flatten)]
    moment: AsOfArgs,
}

const COLUMNS: &[Column] = &[text("type"), number("events")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let types = args.moment.narrow(store.view())?.types()?;
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    for info in types {
        if out.is_table() {
            table.row(&mut out, vec![info.event_type, info.events.to_string()])?;
        } else {
            out.line(Facts::new().text("type", info.event_type).number("events", info.events).json())?;
        }
    }
    if out.is_table() {
        table.flush(&mut out)?;
    }
    out.flush()
}
