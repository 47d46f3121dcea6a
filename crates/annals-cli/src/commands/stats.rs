//! `stats`: figures about the store.

use crate::output::Facts;
use crate::time;
use crate::tool::Tool;
use annals::{Stats, Timestamp};
use anyhow::Result;
use indicatif::HumanBytes;

/// Show figures about the store: events, streams, files, bytes, times
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  annals stats --format jsonl")]
pub(crate) struct Args {}

pub(crate) fn run(tool: &Tool, _args: &Args) -> Result<()> {
    let stats = tool.reading()?.stats()?;
    tool.tell(&facts(&stats))
}

fn facts(stats: &Stats) -> Facts {
    let facts = Facts::new()
        .number("events", stats.events)
        .number("lost", stats.lost)
        .number("streams", stats.streams)
        .number("types", stats.types)
        .number("segments", stats.segments)
        .number("segments_compressed", stats.segments_compressed);
    let facts = bytes(facts, "bytes", stats.bytes);
    let facts = bytes(facts, "log_bytes", stats.log_bytes);
    let facts = bytes(facts, "index_bytes", stats.index_bytes)
        .number("runs", stats.runs)
        .number("runs_missing", stats.runs_missing)
        .number("snapshots", stats.snapshots);
    let facts = bytes(facts, "snapshot_bytes", stats.snapshot_bytes)
        .number("erasures_under_way", stats.erasures_under_way)
        .number("ids_indexed", stats.ids_indexed)
        .number("last_position", stats.last_position)
        .number("durable_position", stats.durable_position)
        .maybe("first_recorded", stats.first_recorded.map(shown))
        .maybe("last_recorded", stats.last_recorded.map(shown))
        .maybe("first_occurred", stats.first_occurred.map(shown))
        .maybe("last_occurred", stats.last_occurred.map(shown));
    bytes(facts, "segment_bytes", stats.segment_bytes)
        .text("durability", stats.durability)
        .text("created_at", shown(stats.created_at))
        .text("store_id", stats.store_id)
        .number("format_version", stats.format_version)
}

fn bytes(facts: Facts, key: &'static str, bytes: u64) -> Facts {
    facts.json_and(key, bytes.to_string(), format!("{bytes} ({})", HumanBytes(bytes)))
}

fn shown(time: Timestamp) -> String {
    time::show(time).to_string()
}
