//! `types`: the event types that are there.

use crate::args::filters::AsOfArgs;
use crate::output::Facts;
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::TypeInfo;
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
    let row = |info: &TypeInfo| vec![info.event_type.clone(), info.events.to_string()];
    let facts = |info: &TypeInfo| Facts::new().text("type", &info.event_type).number("events", info.events);
    tool.list(COLUMNS, types.into_iter().map(anyhow::Ok), row, facts)
}
