//! `history`: how one value in the state of a stream came to be what it is.

use crate::args::filters::{AsOfArgs, must_exist};
use crate::args::values::parse_stream;
use crate::failure::Usage;
use crate::output::{Facts, Out};
use crate::table::{Column, Table, number, text};
use crate::time;
use crate::tool::Tool;
use annals::{DocumentError, HistoryEntry, View};
use anyhow::Result;
use serde_json::Value;

/// Show how one value in the state of a stream changed, event by event
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The state is the JSON merge patch of the data of all events, as `annals state` shows it. Each event that \
    changed the value is shown with the value before and after. Where the value was not there, the table has `-`, and the \
    JSON has no key `from` or `to`.\n\n\
    Examples:\n  \
    annals history --stream account-7 --pointer /cents\n  \
    annals history --stream order-1 --pointer /items/0/price --recorded-as-of 2024-05-01T00:00:00Z"
)]
pub(crate) struct Args {
    /// The stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// Which value: a JSON pointer such as /items/0/price, or "" for the whole state
    #[arg(long, value_name = "POINTER")]
    pointer: String,
    #[command(flatten)]
    moment: AsOfArgs,
}

const COLUMNS: &[Column] =
    &[number("version"), number("position"), text("time"), text("type"), text("from"), text("to")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = store.view();
    must_exist(&view, &args.stream)?;
    let view = args.moment.narrow(view)?;
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    let result = list(&mut out, &mut table, &view, args);
    // Also what came before an event that cannot be read.
    table.flush(&mut out)?;
    out.flush()?;
    result
}

fn list(out: &mut Out, table: &mut Table, view: &View, args: &Args) -> Result<()> {
    let history = view.history(&args.stream, &args.pointer).map_err(|error| match error {
        DocumentError::Pointer { .. } => Usage(error.to_string()).into(),
        other => anyhow::Error::from(other),
    })?;
    for entry in history {
        let entry = entry?;
        if out.is_table() { table.row(out, cells(&entry))? } else { out.line(facts(&entry).json())? }
    }
    Ok(())
}

fn cells(entry: &HistoryEntry) -> Vec<String> {
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    vec![
        entry.version.to_string(),
        entry.position.to_string(),
        time::show(entry.occurred_at).to_string(),
        entry.event_type.clone(),
        value(&entry.from),
        value(&entry.to),
    ]
}

fn facts(entry: &HistoryEntry) -> Facts {
    let facts = Facts::new()
        .number("version", entry.version)
        .number("position", entry.position)
        .text("time", time::show(entry.occurred_at))
        .text("recorded", time::show(entry.recorded_at))
        .text("type", &entry.event_type);
    let values = [("from", &entry.from), ("to", &entry.to)];
    values.into_iter().fold(facts, |facts, (key, value)| match value {
        Some(value) => facts.number(key, value),
        None => facts,
    })
}
