//! `snapshot`: saved states of streams.

use crate::args::filters::{AsOfArgs, must_exist};
use crate::args::values::{ClockName, Moment, parse_stream};
use crate::failure::Usage;
use crate::output::Facts;
use crate::saved::{SavedDocuments, TAG};
use crate::table::{Column, number, text};
use crate::time;
use crate::tool::Tool;
use annals::{Codec, SnapshotInfo, Version};
use anyhow::Result;

/// Save the state of a stream, list what is saved, or remove what is superseded
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A snapshot only saves time: states are the same without it. This tool saves the state that `annals state` \
    shows (schema tag annals.document/1) and uses it there; programs save their own.\n\n\
    Examples:\n  \
    annals snapshot create --stream order-1\n  \
    annals snapshot list --stream order-1\n  \
    annals snapshot prune --keep 2"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Save the state of a stream
    Create(Create),
    /// List the snapshots
    List(List),
    /// Remove all but the newest snapshots of each stream and schema tag, and give their space back
    Prune(Prune),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "JSON: stream, tag, version, position.\n\nExample:\n  annals snapshot create --stream order-1"
)]
struct Create {
    /// The stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: String,
    /// As it stood at this version
    #[arg(long, value_name = "V", conflicts_with_all = ["as_of", "recorded_as_of"], help_heading = "As of")]
    at_version: Option<u64>,
    #[command(flatten)]
    moment: AsOfArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "JSON: stream, tag, version, position, taken (when), bytes, codec, file, offset.\n\n\
    Example:\n  annals snapshot list --stream order-1")]
struct List {
    /// Only the snapshots of this stream
    #[arg(long, value_name = "S", value_parser = parse_stream)]
    stream: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "JSON: removed (how many), bytes_before, bytes_after.\n\nExample:\n  annals snapshot prune --keep 2"
)]
struct Prune {
    /// How many snapshots of each stream and schema tag are kept; 0 removes all, damaged ones included
    #[arg(long, value_name = "N")]
    keep: u64,
}

pub(crate) fn run(tool: &Tool, args: &Args) -> Result<()> {
    match &args.what {
        What::Create(args) => create(tool, args),
        What::List(args) => list(tool, args),
        What::Prune(args) => prune(tool, args),
    }
}

fn create(tool: &Tool, args: &Create) -> Result<()> {
    if matches!((args.moment.as_of, args.moment.clock), (Some(Moment::Time(_)), ClockName::Occurred)) {
        let told = "a state as of a time on the occurred clock may lack events in between, and a snapshot is of a version: \
            say --at-version, --as-of POSITION or --recorded-as-of";
        return Err(Usage(told.into()).into());
    }
    let store = tool.writing_existing()?;
    must_exist(&store.view(), &args.stream)?;
    let saved = SavedDocuments::of(&store);
    let documents = saved.aggregates();
    let mut loaded = match args.at_version.map(Version::new) {
        Some(version) => documents.load_at_version(&args.stream, version)?,
        None => documents.load_from(&args.moment.narrow(store.view())?, &args.stream)?,
    };
    documents.save(&mut loaded)?;
    let facts = Facts::new()
        .text("stream", &args.stream)
        .text("tag", TAG)
        .number("version", loaded.version())
        .number("position", loaded.position());
    store.close()?;
    tool.tell(&facts)
}

const COLUMNS: &[Column] = &[
    text("stream"),
    text("tag"),
    number("version"),
    number("position"),
    text("taken"),
    number("bytes"),
    text("codec"),
];

fn list(tool: &Tool, args: &List) -> Result<()> {
    let store = tool.reading()?;
    if let Some(stream) = &args.stream {
        must_exist(&store.view(), stream)?;
    }
    let wanted = |info: &SnapshotInfo| args.stream.as_ref().is_none_or(|stream| *stream == info.stream);
    let infos = store.snapshots(args.stream.as_deref().unwrap_or_default())?;
    let infos = infos.filter(|info| info.as_ref().map_or(true, wanted));
    tool.list(COLUMNS, infos.take(args.limit.unwrap_or(usize::MAX)), row, facts)
}

fn row(info: &SnapshotInfo) -> Vec<String> {
    vec![
        info.stream.clone(),
        info.tag.clone(),
        info.version.to_string(),
        info.position.to_string(),
        time::show(info.taken_at).to_string(),
        info.bytes.to_string(),
        Codec::name_of(info.codec),
    ]
}

fn facts(info: &SnapshotInfo) -> Facts {
    Facts::new()
        .text("stream", &info.stream)
        .text("tag", &info.tag)
        .number("version", info.version)
        .number("position", info.position)
        .text("taken", time::show(info.taken_at))
        .number("bytes", info.bytes)
        .text("codec", Codec::name_of(info.codec))
        .text("file", &info.file)
        .number("offset", info.offset)
}

fn prune(tool: &Tool, args: &Prune) -> Result<()> {
    let store = tool.writing_existing()?;
    let pruned = store.prune_snapshots(args.keep)?;
    store.close()?;
    let facts = Facts::new()
        .number("removed", pruned.dropped)
        .number("bytes_before", pruned.bytes_before)
        .number("bytes_after", pruned.bytes_after);
    tool.tell(&facts)
}
