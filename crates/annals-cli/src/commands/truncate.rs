//! `truncate`: let the beginning of a stream go.

use crate::args::filters::must_exist;
use crate::args::values::parse_stream;
use crate::output::Facts;
use crate::saved::SavedDocuments;
use crate::tool::Tool;
use annals::Version;
use anyhow::Result;

/// Let the first events of a stream go: they are hidden at once, and do not come back
#[derive(Debug, clap::Args)]
#[command(
    after_help = "With --below-snapshot the state that `annals state` shows is saved first, durably, and what came before its last \
    event goes: the state stays what it was, as long as the snapshot is there.\n\n\
    JSON: stream, floor (the first version that can be read), position (of the event that says so; 0 if it was so before), already.\n\n\
    Examples:\n  \
    annals truncate --stream session-7 --before 100\n  \
    annals truncate --stream order-1 --below-snapshot",
    group(clap::ArgGroup::new("what").required(true).args(["before", "below_snapshot"])),
)]
pub(crate) struct Args {
    /// The stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// The first version that stays
    #[arg(long, value_name = "V", value_parser = clap::value_parser!(u64).range(1..))]
    before: Option<u64>,
    /// Save the state first, and let go what it has
    #[arg(long)]
    below_snapshot: bool,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    let store = tool.writing_existing()?;
    must_exist(&store.view(), &args.stream)?;
    let change = match args.before {
        Some(before) => store.retention().truncate(&args.stream, Version::new(before))?,
        None => SavedDocuments::of(&store).aggregates().truncate_below_snapshot(&args.stream)?,
    };
    let floor = store.view().floor(&args.stream)?;
    store.close()?;
    let facts = Facts::new()
        .text("stream", &args.stream)
        .number("floor", floor)
        .number("position", change.position)
        .number("already", change.already);
    tool.tell(&facts)
}
