//! `diff`: what changed in the state of a stream between two moments.

use crate::args::filters::{as_of, must_exist};
use crate::args::shown::Shown;
use crate::args::values::{ClockName, Moment, parse_stream};
use crate::output::Out;
use crate::saved::{Saved, SavedDocuments};
use crate::table;
use crate::tool::Tool;
use annals::{Change, Version, View, changes};
use anyhow::Result;
use serde::Serialize;

/// Show what changed in the state of a stream between two moments
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The state is the JSON merge patch of the data of all events, as `annals state` shows it.\n\n\
    Examples:\n  \
    annals diff --stream order-1 --from 2024-05-01T00:00:00Z --to 2024-06-01T00:00:00Z\n  \
    annals diff --stream order-1 --from 2024-05-01T00:00:00Z --to 2024-06-01T00:00:00Z \\\n      \
    --recorded-as-of 2024-05-20T00:00:00Z   (as it was known then)"
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
    /// Both states as the store knew them at a time on the recorded clock, or after the event at a position
    #[arg(long, value_name = "T|POSITION")]
    recorded_as_of: Option<Moment>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Serialize)]
struct Report<'a> {
    stream: &'a str,
    from_version: u64,
    to_version: u64,
    /// The first version that the states have, where others are hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<u64>,
    changes: Vec<Change<'a>>,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let mut view = store.view();
    must_exist(&view, &args.stream)?;
    if let Some(moment) = args.recorded_as_of {
        view = view.as_of(as_of(moment, ClockName::Recorded))?;
    }
    let saved = SavedDocuments::of(&store);
    let from = state_at(&saved, &view, args, args.from)?;
    let to = state_at(&saved, &view, args, args.to)?;
    let report = Report {
        stream: &args.stream,
        from_version: from.version.get(),
        to_version: to.version.get(),
        floor: from.floor.max(to.floor).map(Version::get),
        changes: changes(from.document.value(), to.document.value()),
    };
    let mut out = tool.out();
    if out.is_table() {
        show(&mut out, &report)?
    } else {
        out.line(serde_json::to_string(&report)?)?
    }
    out.flush()
}

fn state_at(saved: &SavedDocuments, view: &View, args: &Args, moment: Moment) -> Result<Saved> {
    saved.load(&view.as_of(as_of(moment, args.clock))?, &args.stream, args.shown)
}

fn show(out: &mut Out, report: &Report<'_>) -> Result<()> {
    let (from, to) = (report.from_version, report.to_version);
    let since = report.floor.map(|floor| format!(", of events from version {floor} on")).unwrap_or_default();
    let title = format!("{} from version {from} to version {to}{since}", table::printable(report.stream));
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
