//! `retention apply`: enforce limits of bytes.

use crate::output::Facts;
use crate::tool::Tool;
use anyhow::Result;

/// Enforce limits of bytes: measure what they are about, and truncate what is beyond
#[derive(Debug, clap::Args)]
#[command(after_help = "Limits of age and number hold without this.\n\n\
    JSON: log_truncated (the position up to which events go by the limit of the store, or null), streams_measured, streams_truncated.\n\n\
    Example:\n  \
    annals retention apply")]
pub(crate) struct Args {}

pub(crate) fn run(tool: &Tool, _: &Args) -> Result<()> {
    let store = tool.writing_existing()?;
    let round = store.retention().apply()?;
    store.close()?;
    let through = round.log_truncated.map_or_else(|| "null".to_owned(), |position| position.to_string());
    let facts = Facts::new()
        .number("log_truncated", through)
        .number("streams_measured", round.streams_measured)
        .number("streams_truncated", round.streams_truncated);
    tool.tell(&facts)
}
