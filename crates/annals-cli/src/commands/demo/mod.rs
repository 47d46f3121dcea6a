//! `demo`: a small story that shows what the engine does, and leaves a store to explore.

mod crash;
mod place;
mod speed;
mod story;

use crate::output::{Format, Out};
use crate::tool::Tool;
use anyhow::Result;
use std::path::PathBuf;

/// Show what Annals does, in a few seconds, and leave a store to explore
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A directory that an earlier demo has made is made anew; any other is left alone. The demo does \
    not touch the store of --store or ANNALS_STORE.\n\n\
    Example:\n  annals demo"
)]
pub(crate) struct Args {
    /// The directory of the demo's store
    #[arg(long, value_name = "DIR", default_value = "./annals-demo")]
    dir: PathBuf,
}

pub(crate) fn run(_tool: &Tool, args: &Args) -> Result<()> {
    let mut out = Out::new(Some(Format::Table));
    let store = place::fresh_store(&args.dir)?;
    out.line(format_args!("A bank and a shop keep their events in {}.", args.dir.display()))?;
    story::tell(&mut out, &store)?;
    store.close()?;
    crash::show(&mut out, &args.dir)?;
    speed::show(&mut out, &args.dir)?;
    next_steps(&mut out, &args.dir)?;
    out.flush()
}

/// The head of a part of the demo. What was written before is shown at once.
fn head(out: &mut Out, text: &str) -> Result<()> {
    out.line(format_args!("\n{}", console::style(text).bold().cyan()))?;
    out.flush()
}

fn next_steps(out: &mut Out, dir: &std::path::Path) -> Result<()> {
    head(out, "Explore the store")?;
    let annals = std::env::args_os().next().unwrap_or_else(|| "annals".into());
    let (annals, dir) = (annals.display(), dir.display());
    for command in [
        "streams",
        "read --stream account-ada",
        "read --type OrderShipped --since 2024-05-01T00:00:00Z",
        "state --stream order-1001 --as-of 2024-05-04T00:00:00Z",
        "diff --stream order-1001 --from 2024-05-04T00:00:00Z --to 2024-06-01T00:00:00Z",
        "tail -n 3 --stream terminal-7",
        "verify",
    ] {
        out.line(format_args!("  {annals} --store {dir} {command}"))?;
    }
    Ok(())
}
