//! `ledger`: what was removed and erased, when and why.

use crate::output::Facts;
use crate::table::{self, Column, number};
use crate::time;
use crate::tool::Tool;
use annals::{ErasedEvent, LedgerEntry};
use anyhow::Result;

/// Show what was removed and erased, when and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "One line for each step of a compaction or an erasure: between which positions events went, how many for which reason, \
    how many lost their payloads, and what that gave back; with --erased one for each of these. It is in the stream $annals.ledger.\n\n\
    JSON: compaction (its number), at, events (that went), removed (how many for which reason), first and last (positions between \
    which they stood), erased (payloads), bytes_before and bytes_after (of the segments), segments_dropped, segments_rewritten, \
    segments_merged. With --erased: position, stream, version, type, recorded, erased (when), data_bytes, metadata_bytes, sha256, \
    compaction, request (its number), asked_by, reason; null is what is not known or was not said.\n\n\
    Examples:\n  \
    annals ledger\n  \
    annals ledger --erased"
)]
pub(crate) struct Args {
    /// Show each event of which the payload was erased, with what is known of it
    #[arg(long)]
    erased: bool,
}

const COLUMNS: &[Column] = &[
    number("compaction"),
    table::text("at"),
    number("events"),
    table::text("reasons"),
    number("first"),
    number("last"),
    number("erased"),
    number("bytes before"),
    number("bytes after"),
    number("dropped"),
    number("rewritten"),
    number("merged"),
];

const ERASED: &[Column] = &[
    number("position"),
    table::text("stream"),
    number("version"),
    table::text("type"),
    table::text("recorded"),
    table::text("erased"),
    number("data bytes"),
    number("request"),
    table::text("asked by"),
    table::text("reason"),
];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    if args.erased {
        return tool.list(ERASED, tool.reading()?.erased_events(), erased_row, erased_facts);
    }
    let entries = tool.reading()?.ledger()?;
    tool.list(COLUMNS, entries.into_iter().map(anyhow::Ok), row, facts)
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
        entry.erased.to_string(),
        entry.bytes_before.to_string(),
        entry.bytes_after.to_string(),
        entry.segments_dropped.to_string(),
        entry.segments_rewritten.to_string(),
        entry.segments_merged.to_string(),
    ]
}

fn facts(entry: &LedgerEntry) -> Facts {
    let mut removed = serde_json::Map::new();
    for reason in &entry.removed {
        removed.insert(reason.reason.clone(), reason.events.into());
    }
    let removed = serde_json::Value::Object(removed).to_string();
    Facts::new()
        .number("compaction", entry.compaction)
        .text("at", time::show(entry.at))
        .number("events", entry.events())
        .json_and("removed", removed, reasons(entry, " ").join(", "))
        .number("first", entry.first_position)
        .number("last", entry.last_position)
        .number("erased", entry.erased)
        .number("bytes_before", entry.bytes_before)
        .number("bytes_after", entry.bytes_after)
        .number("segments_dropped", entry.segments_dropped)
        .number("segments_rewritten", entry.segments_rewritten)
        .number("segments_merged", entry.segments_merged)
}

fn erased_row(event: &ErasedEvent) -> Vec<String> {
    vec![
        event.position.to_string(),
        event.stream.clone(),
        event.version.to_string(),
        event.event_type.clone(),
        time::show(event.recorded_at).to_string(),
        time::show(event.erasure.erased_at).to_string(),
        event.erasure.data_bytes.to_string(),
        event.request.to_string(),
        event.asked_by.clone(),
        event.reason.clone(),
    ]
}

fn erased_facts(event: &ErasedEvent) -> Facts {
    let hash =
        event.erasure.sha256.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Facts::new()
        .number("position", event.position)
        .text("stream", &event.stream)
        .number("version", event.version)
        .text("type", &event.event_type)
        .text("recorded", time::show(event.recorded_at))
        .text("erased", time::show(event.erasure.erased_at))
        .number("data_bytes", event.erasure.data_bytes)
        .number("metadata_bytes", event.erasure.metadata_bytes)
        .maybe("sha256", hash)
        .number("compaction", event.compaction)
        .number("request", event.request)
        .maybe("asked_by", said(&event.asked_by))
        .maybe("reason", said(&event.reason))
}
