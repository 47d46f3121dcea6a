//! `schema list`: what is registered.

use crate::output::{Facts, Out};
use crate::table::{Column, Table, number, text};
use crate::tool::Tool;
use annals::{RegisteredSchema, Registration};
use anyhow::Result;

/// List what is registered, in the order in which that was done
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    annals schema list\n  \
    annals schema list --type Deposited --format jsonl")]
pub(crate) struct Args {
    /// Only this event type
    #[arg(long = "type", value_name = "T")]
    event_type: Option<String>,
}

const COLUMNS: &[Column] = &[
    number("position"),
    text("type"),
    number("version"),
    text("compat"),
    text("schema"),
    text("upcast"),
    text("description"),
];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    for schema in store.schemas()? {
        let event_type = schema.registration.as_ref().map(Registration::event_type);
        if args.event_type.is_none() || args.event_type.as_deref() == event_type {
            show(&mut out, &mut table, &schema)?;
        }
    }
    if out.is_table() {
        table.flush(&mut out)?;
    }
    out.flush()
}

fn show(out: &mut Out, table: &mut Table, schema: &RegisteredSchema) -> Result<()> {
    let RegisteredSchema { position, registration, problem, .. } = schema;
    if !out.is_table() {
        let registered = registration.as_ref().map_or_else(|| "null".to_owned(), Registration::to_json);
        let facts = Facts::new()
            .number("position", position)
            .number("registered", registered)
            .maybe("problem", problem.as_ref());
        return out.line(facts.json());
    }
    let has = |is: bool| if is { "yes" } else { "-" }.to_owned();
    let mut cells = match registration {
        Some(of) => vec![
            position.to_string(),
            of.event_type().to_owned(),
            of.schema_version().to_string(),
            of.mode().to_string(),
            has(of.json_schema().is_some()),
            has(of.upcast_step().is_some()),
            of.about().unwrap_or_default().to_owned(),
        ],
        None => [&position.to_string(), "?", "?", "?", "?", "?", ""].map(str::to_owned).to_vec(),
    };
    if let (Some(problem), Some(last)) = (problem, cells.last_mut()) {
        *last = format!("not in use: {problem}");
    }
    table.row(out, cells)
}
