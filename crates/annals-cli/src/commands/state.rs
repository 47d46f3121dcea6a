//! `state`: a stream folded into one value.

use crate::args::filters::{AsOfArgs, must_exist};
use crate::args::shown::Shown;
use crate::args::values::parse_stream;
use crate::json::text;
use crate::output::Out;
use crate::reduce::{Fold, Reduce};
use crate::saved::{SavedDocuments, floor};
use crate::table;
use crate::tool::Tool;
use annals::{Query, Store, Version, View};
use anyhow::{Result, bail};

/// Show the state of a stream: its events folded into one JSON value
#[derive(Debug, clap::Args)]
#[command(after_help = "Folds:\n  \
    merge         JSON merge patch (RFC 7396) of the data of all events, in order\n  \
    last          the data of the last event\n  \
    count         the number of events\n  \
    sum:POINTER   the exact sum of the numbers at a JSON pointer, e.g. sum:/amount\n\n\
    Examples:\n  \
    annals state --stream order-1\n  \
    annals state --stream account-7 --reduce sum:/cents --as-of 2024-05-01T00:00:00+02:00")]
pub(crate) struct Args {
    /// The stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// As it stood at this version
    #[arg(long, value_name = "V", conflicts_with_all = ["as_of", "recorded_as_of"], help_heading = "As of")]
    at_version: Option<u64>,
    #[command(flatten)]
    moment: AsOfArgs,
    /// The fold
    #[arg(long, value_name = "FOLD", default_value = "merge")]
    reduce: Reduce,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.reading()?;
    let view = store.view();
    must_exist(&view, &args.stream)?;
    let version = args.at_version.map(Version::new);
    if let Some(version) = version {
        must_reach(&view, &args.stream, version)?;
    }
    let (fold, floor) = state(&store, &args.moment.narrow(view)?, args, version)?;
    show(&mut tool.out(), &args.stream, fold, floor)
}

/// Folds the events of the stream, up to a version; from a snapshot, where there is one. Tells the first version, if the state lacks
/// those before it.
fn state(
    store: &Store,
    view: &View,
    args: &Args,
    version: Option<Version>,
) -> Result<(Fold, Option<Version>)> {
    if args.reduce == Reduce::Merge && version.is_none() {
        let saved = SavedDocuments::of(store).load(view, &args.stream, args.shown)?;
        return Ok((Fold::of_document(saved.version, saved.document), saved.floor));
    }
    let query = Query::stream(&args.stream);
    let query = version.map_or(query.clone(), |version| query.to_version(version));
    Ok((fold(view, query, &args.reduce, args.shown)?, floor(view, &args.stream)?))
}

/// Folds the events that the query selects.
pub(crate) fn fold(view: &View, query: Query, reduce: &Reduce, shown: Shown) -> Result<Fold> {
    let mut fold = Fold::new(reduce);
    shown.each(view, query, |event, _| fold.apply(event))?;
    Ok(fold)
}

/// Checks that a stream has come to a version.
fn must_reach(view: &View, stream: &str, version: Version) -> Result<()> {
    let last = view.stream(stream)?.map_or(Version::ZERO, |info| info.last_version);
    if version > last {
        bail!("stream {stream:?} has not reached version {version}: its last event has version {last}");
    }
    let floor = view.floor(stream)?;
    if version < floor && version > Version::ZERO {
        bail!(
            "stream {stream:?} begins at version {floor} by its rules of retention, version {version} is hidden"
        );
    }
    Ok(())
}

fn show(out: &mut Out, stream: &str, fold: Fold, floor: Option<Version>) -> Result<()> {
    let version = fold.version();
    let state = fold.into_json();
    if out.is_table() {
        let since = floor.map(|floor| format!(", of events from version {floor} on")).unwrap_or_default();
        out.line(console::style(format!("{} at version {version}{since}", table::printable(stream))).bold())?;
        match serde_json::from_str::<serde_json::Value>(&state) {
            Ok(state) => out.line(format_args!("{state:#}"))?,
            Err(_) => out.line(state)?,
        }
    } else {
        let mut line = b"{\"stream\":".to_vec();
        text::push_string(&mut line, stream);
        let floor = floor.map(|floor| format!(",\"floor\":{floor}")).unwrap_or_default();
        line.extend_from_slice(format!(",\"version\":{version}{floor},\"state\":{state}}}\n").as_bytes());
        out.bytes(&line)?;
    }
    out.flush()
}
