//! `diff`: what changed in the state of a stream between two moments.

use super::state::fold_shown;
use crate::args::filters::{as_of, must_exist};
use crate::args::shown::Shown;
use crate::args::values::{ClockName, Moment, parse_stream};
use crate::json::diff::{Change, changes};
use crate::output::Out;
use crate::reduce::Reduce;
use crate::table;
use crate::tool::Tool;
use annals::{Query, Version, View};
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

/// Show what changed in the state of a stream between two moments
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The state is the JSON merge patch of the data of all events, as `annals state` shows it.\n\n\
    Example:\n  \
    annals diff --stream order-1 --from 2024-05-01T00:00:00Z --to 2024-06-01T00:00:00Z"
)]
pub(crate) struct Args {
    /// The stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// The first moment: a time, inclusive, or a position
    #[arg(long, value_name = "T|POSITION")]
    from: Moment,
    /// The second moment: a time, inclusive, or a position
    #[arg(long, value_name = "T|POSITION")]
    to: Moment,
    /// The clock that times are on
    #[arg(long, value_enum, default_value_t, value_name = "CLOCK")]
    clock: ClockName,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Serialize)]
struct Report<'a> {
    stream: &'a str,
    from_version: u64,
    to_version: u64,
    changes: Vec<Change<'a>>,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = store.view();
    must_exist(&view, &args.stream)?;
    let (from_version, from) = state_at(&view, args, args.from)?;
    let (to_version, to) = state_at(&view, args, args.to)?;
    let report = Report {
        stream: &args.stream,
        from_version: from_version.get(),
        to_version: to_version.get(),
        changes: changes(from.as_ref(), to.as_ref()),
    };
    let mut out = tool.out();
    if out.is_table() {
        show(&mut out, &report)?
    } else {
        out.line(serde_json::to_string(&report)?)?
    }
    out.flush()
}

fn state_at(view: &View, args: &Args, moment: Moment) -> Result<(Version, Option<Value>)> {
    let view = view.as_of(as_of(moment, args.clock))?;
    let fold = fold_shown(&view, Query::stream(&args.stream), &Reduce::Merge, args.shown)?;
    Ok((fold.version(), fold.into_merged()))
}

fn show(out: &mut Out, report: &Report<'_>) -> Result<()> {
    let (from, to) = (report.from_version, report.to_version);
    let title = format!("{} from version {from} to version {to}", table::printable(report.stream));
    out.line(console::style(title).bold())?;
    if report.changes.is_empty() {
        return out.line("no change");
    }
    for change in &report.changes {
        let line = match change {
            Change::Add { path, to } => console::style(format!("+ {path}  {to}")).green(),
            Change::Remove { path, from } => console::style(format!("- {path}  {from}")).red(),
            Change::Replace { path, from, to } => {
                console::style(format!("~ {path}  {from} -> {to}")).yellow()
            }
        };
        out.line(line)?;
    }
    Ok(())
}
