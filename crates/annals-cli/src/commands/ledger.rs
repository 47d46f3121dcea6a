//! `ledger`: what was removed, when and why.

use crate::output::{Facts, Out};
use crate::table::{Column, number, text};
use crate::time;
use crate::tool::Tool;
use annals::LedgerEntry;
use anyhow::Result;

/// Show what was removed, when and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "One line for each step of a compaction: between which positions events went, how many for which reason, and what\n\
    that gave back. What stays in the store itself is in the stream $annals.ledger.\n\n\
    Example:\n  annals ledger"
)]
pub(crate) struct Args {}

const COLUMNS: &[Column] = &[
    number("compaction"),
    text("at"),
    number("events"),
    text("reasons"),
    number("first"),
    number("last"),
    number("bytes before"),
    number("bytes after"),
    number("dropped"),
    number("rewritten"),
    number("merged"),
];

pub(crate) fn run(tool: &Tool, _: &Args) -> Result<()> {
    let entries = tool.reading()?.ledger()?;
    let mut out = tool.out();
    let mut table = out.table(COLUMNS);
    for entry in &entries {
        if out.is_table() {
            table.row(&mut out, row(entry))?;
        } else {
            line(&mut out, entry)?;
        }
    }
    if out.is_table() {
        table.flush(&mut out)?;
    }
    out.flush()
}

fn reasons(entry: &LedgerEntry, between: &str) -> Vec<String> {
    entry.removed.iter().map(|removed| format!("{}{between}{}", removed.reason, removed.events)).collect()
}

fn row(entry: &LedgerEntry) -> Vec<String> {
    vec![
        entry.compaction.to_string(),
        time::show(entry.at).to_string(),
        entry.events().to_string(),
        reasons(entry, " ").join(", "),
        entry.first_position.to_string(),
        entry.last_position.to_string(),
        entry.bytes_before.to_string(),
        entry.bytes_after.to_string(),
        entry.segments_dropped.to_string(),
        entry.segments_rewritten.to_string(),
        entry.segments_merged.to_string(),
    ]
}

fn line(out: &mut Out, entry: &LedgerEntry) -> Result<()> {
    let mut removed = serde_json::Map::new();
    for reason in &entry.removed {
        removed.insert(reason.reason.clone(), reason.events.into());
    }
    let removed = serde_json::Value::Object(removed).to_string();
    let facts = Facts::new()
        .number("compaction", entry.compaction)
        .text("at", time::show(entry.at))
        .number("events", entry.events())
        .json_and("removed", removed, reasons(entry, " ").join(", "))
        .number("first", entry.first_position)
        .number("last", entry.last_position)
        .number("bytes_before", entry.bytes_before)
        .number("bytes_after", entry.bytes_after)
        .number("segments_dropped", entry.segments_dropped)
        .number("segments_rewritten", entry.segments_rewritten)
        .number("segments_merged", entry.segments_merged);
    out.line(facts.json())
}
