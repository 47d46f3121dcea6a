//! `read`: the events of a stream or of the store.

use super::events::Printer;
use crate::args::filters::Filters;
use crate::args::shown::Shown;
use crate::tool::Tool;
use anyhow::Result;

/// Read events: of one stream or of all, filtered, as of any moment
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    annals read --stream account-7\n  \
    annals read --type Deposited --since 2024-05-01T00:00:00Z --limit 10\n  \
    annals read --all --as-of 2024-05-01T00:00:00+02:00 --backwards")]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    shown: Shown,
    /// Newest first
    #[arg(long)]
    backwards: bool,
    /// At most so many events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = args.filters.view(&store)?;
    let mut query = args.filters.query()?;
    if args.backwards {
        query = query.backwards();
    }
    if let Some(limit) = args.limit {
        query = query.limit(limit);
    }
    let mut out = tool.out();
    let mut printer = Printer::new(&out);
    printer.shown(&mut out, &view, query, args.shown, 0)?;
    printer.flush(&mut out)
}
