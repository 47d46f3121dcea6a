//! `tail`: the newest events, and on as they come.

use super::events::Printer;
use crate::args::filters::Filters;
use crate::args::shown::Shown;
use crate::failure::Usage;
use crate::output::Out;
use crate::tool::Tool;
use annals::{Position, Store, View};
use anyhow::{Result, bail};
use std::time::Duration;

/// How long one wait for new events lasts. Nothing hangs on it: a wait that ends is begun again.
const WAIT: Duration = Duration::from_secs(10);

/// Show the newest events, oldest of them first, and with -f those that come
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    annals tail -n 3\n  \
    annals tail -f --type Deposited   (until interrupted; another process may write)")]
pub(crate) struct Args {
    /// Go on as events come, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// How many of the newest events
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: u64,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    shown: Shown,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let ends = args.filters.to.is_some() || args.filters.until.is_some() || !args.filters.moment.is_now();
    if args.follow && ends {
        bail!(Usage("-f goes on for ever: leave out --to, --until and --as-of".to_owned()));
    }
    let store = tool.reading()?;
    let view = args.filters.view(&store)?;
    let mut out = tool.out();
    let mut printer = Printer::new(&out);
    if let Some((first, left_out)) = first_of_newest(&view, args)? {
        printer.shown(&mut out, &view, args.filters.query_from(first)?, args.shown, left_out)?;
    }
    printer.flush(&mut out)?;
    if args.follow { follow(&store, view.position(), args, &mut printer, &mut out) } else { Ok(()) }
}

/// The position of the first event to show, and how many of those that its stored event became are left out. The events are read
/// twice so that none need be kept.
fn first_of_newest(view: &View, args: &Args) -> Result<Option<(Position, usize)>> {
    let (mut first, mut of_first) = (None, 0);
    args.shown.each(view, args.filters.query()?.backwards().limit(args.lines), |event, _| {
        of_first = if first == Some(event.position) { of_first + 1 } else { 1 };
        first = Some(event.position);
        Ok(())
    })?;
    let Some(first) = first else { return Ok(None) };
    let mut all = 0;
    args.shown.each(view, args.filters.query_from(first)?.to_position(first), |_, _| {
        all += 1;
        Ok(())
    })?;
    Ok(Some((first, all - of_first)))
}

fn follow(
    store: &Store,
    mut seen: Position,
    args: &Args,
    printer: &mut Printer,
    out: &mut Out,
) -> Result<()> {
    loop {
        if store.wait_beyond(seen, WAIT)? {
            let view = store.view();
            printer.shown(out, &view, args.filters.query_from(seen.next())?, args.shown, 0)?;
            printer.flush(out)?;
            seen = view.position();
        }
    }
}
