//! `retention show`: what was set, and what holds.

use crate::args::values::parse_stream;
use crate::output::Facts;
use crate::table::{Column, number, text};
use crate::tool::Tool;
use annals::{Clock, InScope, MaxAge, RetentionEntry, Version};
use anyhow::Result;

/// Show all rules, and what was truncated or deleted; or what holds for one stream
#[derive(Debug, clap::Args)]
#[command(
    after_help = "JSON: scope (store, category or stream), name, rule, deleted (the version of the last event that was), tombstoned. With \
    --stream: stream, floor (the first version that can be read), max_age, max_count, max_bytes (each with limit, and scope, which says \
    whose rule it is), deleted, tombstoned.\n\n\
    Examples:\n  \
    annals retention show\n  \
    annals retention show --stream session-7"
)]
pub(crate) struct Args {
    /// What holds for this stream, by all rules together
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", conflicts_with = "stream")]
    limit: Option<usize>,
}

const COLUMNS: &[Column] =
    &[text("scope"), text("name"), text("rule"), number("deleted"), text("tombstoned")];

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let retention = store.retention();
    let Some(stream) = &args.stream else {
        let entries = retention.list()?.take(args.limit.unwrap_or(usize::MAX));
        return tool.list(COLUMNS, entries, row, facts);
    };
    let holds = retention.effective(stream)?;
    let facts = Facts::new()
        .text("stream", stream)
        .number("floor", holds.floor)
        .number("max_age", limit(holds.limits.max_age, age))
        .number("max_count", limit(holds.limits.max_count, |count| count.to_string()))
        .number("max_bytes", limit(holds.limits.max_bytes, |bytes| bytes.to_string()))
        .number("deleted", number_or_null(holds.deleted))
        .number("tombstoned", holds.tombstoned);
    tool.tell(&facts)
}

fn row(entry: &RetentionEntry) -> Vec<String> {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        entry.scope.kind().to_string(),
        dash(entry.scope.name().map(str::to_owned)),
        entry.rule.to_json(),
        dash(entry.deleted.map(|version| version.to_string())),
        if entry.tombstoned { "yes" } else { "-" }.to_owned(),
    ]
}

fn facts(entry: &RetentionEntry) -> Facts {
    Facts::new()
        .text("scope", entry.scope.kind())
        .maybe("name", entry.scope.name())
        .number("rule", entry.rule.to_json())
        .number("deleted", number_or_null(entry.deleted))
        .number("tombstoned", entry.tombstoned)
}

/// A limit and where it comes from, as JSON.
fn limit<T>(limit: Option<InScope<T>>, show: impl Fn(T) -> String) -> String {
    match limit {
        None => "null".to_owned(),
        Some(InScope { limit, scope }) => {
            format!("{{\"limit\":{},\"scope\":\"{scope}\"}}", show(limit))
        }
    }
}

fn age(age: MaxAge) -> String {
    let clock = match age.clock() {
        Clock::Occurred => "occurred",
        Clock::Recorded => "recorded",
    };
    format!("{{\"seconds\":{},\"clock\":\"{clock}\"}}", age.seconds())
}

fn number_or_null(version: Option<Version>) -> String {
    version.map_or_else(|| "null".to_owned(), |version| version.to_string())
}
