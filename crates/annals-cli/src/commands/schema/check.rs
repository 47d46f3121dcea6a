//! `schema check`: what would fail if something were registered.

use super::given::Given;
use crate::output::{Facts, Out};
use crate::table::{Column, Table, number, text};
use crate::tool::Tool;
use annals::DryRunFailure;
use anyhow::{Result, bail};

/// Try a registration on all stored events, without registering it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Lists the events that could not be upcast or would not keep to the schema; the exit status is 1 if there \
    are any.\n\n\
    Examples:\n  \
    annals schema check --type Deposited --version 2 --schema deposited-2.json --upcast rules.json\n  \
    annals schema check --type Deposited --version 1 --schema deposited-1.json --format jsonl"
)]
pub(crate) struct Args {
    #[command(flatten)]
    given: Given,
}

const COLUMNS: &[Column] =
    &[number("position"), text("stream"), text("type"), number("version"), text("place"), text("reason")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let registration = args.given.registration()?;
    let store = tool.reading()?;
    let view = store.view();
    let mut run = view.check_schema(&registration)?;
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    let mut failed = 0u64;
    for failure in run.by_ref() {
        failed += 1;
        show(&mut out, &mut table, &failure?)?;
    }
    if out.is_table() {
        table.flush(&mut out)?;
    }
    let looked_at = run.looked_at();
    if failed > 0 {
        out.flush()?;
        bail!(
            "{failed} failures in {looked_at} events: mend the rules or the schema, or register with --skip-check"
        );
    }
    out.facts(&Facts::new().number("looked_at", looked_at).number("failed", failed))?;
    out.flush()
}

fn show(out: &mut Out, table: &mut Table, failure: &DryRunFailure) -> Result<()> {
    let DryRunFailure { position, stream, event_type, schema_version, pointer, reason, .. } = failure;
    if out.is_table() {
        let cells = [&position.to_string(), stream, event_type, &schema_version.to_string(), pointer, reason];
        return table.row(out, cells.map(ToOwned::to_owned).to_vec());
    }
    let part = failure.part.map_or_else(|| "null".to_owned(), |part| part.to_string());
    let facts = Facts::new()
        .number("position", position)
        .text("stream", stream)
        .text("type", event_type)
        .number("schema_version", schema_version)
        .number("part", part)
        .text("pointer", pointer)
        .text("reason", reason);
    out.line(facts.json())
}
